/* SPDX-License-Identifier: ISC */
/* Moves, what a crash in the middle of one leaves, and tidying. */
#include "../../queue/tidy.h"
#include "queue-run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "serve.h"
#include "trouble.h"

static const struct store_place in = { STORE_IN, 0 };
static const struct store_place held = { STORE_HOLD, 0 };

static struct fault answered;
static int answers;

static void
take_answer(struct operation *op, const struct fault *f)
{
	free(op);
	answered = *f;
	answers++;
}

/* Ask for it and turn until it is answered. */
static enum outcome
operate(struct run *run, enum operation_word word, const struct qid *qid)
{
	struct operation *op = calloc(1, sizeof(*op));

	op->word = word;
	op->qid = *qid;
	op->answer = take_answer;
	answers = 0;
	requests_begin(run, op);
	for (int i = 0; i < 10 && answers == 0; i++)
		turn_run(run);
	return answers == 1 ? answered.outcome : TEMP;
}

static void
test_hold(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org"), other;

	tap_ok(operate(run, OPERATION_HOLD, &qid) == OK, "it is held");
	tap_ok(test_exists(held, &qid) && !test_exists(in, &qid) &&
	        test_has_content(&qid),
	    "its envelope lies in hold/, its content in message/");
	tap_ok(operate(run, OPERATION_HOLD, &qid) == OK,
	    "holding it again is well");
	tap_ok(operate(run, OPERATION_FLUSH, &qid) == PERM,
	    "what is held is not flushed");
	tap_ok(operate(run, OPERATION_RELEASE, &qid) == OK &&
	        test_exists(in, &qid) && !test_exists(held, &qid),
	    "released, it lies in in/ again");
	tap_ok(operate(run, OPERATION_DELETE, &qid) == OK &&
	        !test_exists(in, &qid) && !test_has_content(&qid),
	    "deleted, envelope and content are gone");
	tap_ok(run->window.held == 0 && run->window.weight == 0,
	    "and nothing of it weighs in the window");
	qid_draw(&other);
	tap_ok(operate(run, OPERATION_DELETE, &other) == PERM,
	    "what is not there cannot be deleted");
	qid = test_one_file("bob@example.org");
	tap_ok(operate(run, OPERATION_DELETE, &qid) == OK &&
	        !test_exists(in, &qid),
	    "one file is deleted too");
}

static bool
journal_has(const struct run *run, const char *code)
{
	char want[8];

	(void)snprintf(want, sizeof(want), "%s time", code);
	return run->journal.pending.len > 0 &&
	    strstr(run->journal.pending.p, want) != NULL;
}

/* The journal's word about a message is true when it is said. */
static void
test_deleted_entry(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct operation *op = calloc(1, sizeof(*op));
	int ends[2], fd = run->journal.fd;

	if (op == NULL || pipe(ends) != 0)
		abort();
	run->journal.fd = ends[1];
	op->word = OPERATION_DELETE;
	op->qid = qid;
	op->answer = take_answer;
	requests_begin(run, op);
	load_work(run);
	turn_step(run, STEP_REST);
	tap_ok(test_exists(in, &qid) && !journal_has(run, CODE_DELETED),
	    "before its name goes nobody is told that it is deleted");
	turn_step(run, STEP_GO);
	tap_ok(!test_exists(in, &qid) && journal_has(run, CODE_DELETED),
	    "afterwards it is told");
	for (int i = 0; i < 3; i++)
		turn_run(run);
	run->journal.fd = fd;
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* A message that lies in in/, in the window, before its attempt ends. */
static struct message *
under_way(struct run *run, const struct qid *qid)
{
	struct message *m = window_add(&run->window, qid, WINDOW_LISTED);
	struct fault f;

	if (store_read_envelope(
	        &run->store, qid, in, false, &m->envelope, &f) != OK)
		abort();
	status_prepare(m);
	window_weigh(&run->window, m);
	return m;
}

/* Put off for half an hour; where it lies then. */
static struct store_place
put_off(struct run *run, const struct qid *qid)
{
	struct store_place later = { STORE_RETRY1,
		clock_wall_ms() + 30UL * 60000 };
	struct message *m = under_way(run, qid);
	struct fault f;

	fault_set(&f, TEMP, "4.2.1", 0, "mailbox is closed");
	status_end(m, 0, STATUS_DEFERRED, &f);
	history_put(m);
	m->to = later;
	message_go(run, m, STEP_SAVE);
	save_work(run);
	return later;
}

static void
test_flush(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	uint64_t now = clock_wall_ms();
	struct store_place later = put_off(run, &qid), found;
	struct envelope e;
	struct fault f;

	tap_ok(test_exists(later, &qid) && !test_exists(in, &qid) &&
	        test_has_content(&qid) && run->window.held == 0,
	    "put off, it lies in its minute and not in memory");
	envelope_begin(&e);
	tap_ok(store_read_envelope(&run->store, &qid, later, false, &e, &f) ==
	            OK &&
	        e.recipient[0].tries == 1 && e.start > 0,
	    "its envelope knows of the try, and where the content begins");
	envelope_free(&e);
	tap_ok(operate(run, OPERATION_FLUSH, &qid) == OK &&
	        store_find_envelope(&run->store, &qid, &found, &f) == OK &&
	        found.state == STORE_RETRY1 &&
	        found.part_ms / 60000 <= now / 60000 + 1,
	    "flushed, it lies in the minute that is");
	tap_ok(
	    operate(run, OPERATION_HOLD, &qid) == OK && test_exists(held, &qid),
	    "what waits for a retry can be held");
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* An operator is faster than the report about a failure. */
static void
test_report_owed(struct run *run)
{
	struct qid qid = test_one_file("nobody@example.org");
	struct message *m = under_way(run, &qid);
	struct envelope e;
	struct fault f;

	fault_set(&f, PERM, "5.1.1", 0, "no such user");
	status_end(m, 0, STATUS_FAILED, &f);
	message_go(run, m, STEP_REPORT);
	turn_step(run, STEP_REPORT);
	tap_ok(run->stage[STAGE_ADD].n == 1 && m->open == 1,
	    "a report is to be entered");
	tap_ok(operate(run, OPERATION_HOLD, &qid) == OK &&
	        test_exists(held, &qid) && !test_exists(in, &qid),
	    "its message can be held");
	envelope_begin(&e);
	tap_ok(
	    store_read_envelope(&run->store, &qid, held, false, &e, &f) == OK &&
	        envelope_waiting(&e) == 1,
	    "and whose sender was not told still waits");
	envelope_free(&e);
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* The disk is full when the one file is to get its place behind the new
   envelope: here no directory can be made where the shard is to lie. */
static void
test_no_room_for_content(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct store_place later = { STORE_RETRY1, 0 };
	char shard[STORE_DIR_MAX], path[STORE_DIR_MAX + 16];
	struct message *m;

	store_dir_name(store_content_place(&qid), shard);
	(void)snprintf(path, sizeof(path), "queue/%s", shard);
	if (rename(path, "queue/shard") != 0 && errno != ENOENT)
		abort();
	test_write(path, SPAN_LIT("in the way"));
	later = put_off(run, &qid);
	m = window_find(&run->window, &qid);
	tap_ok(m != NULL && m->step == STEP_WAIT, "it waits in memory");
	tap_ok(test_exists(in, &qid) && !test_exists(later, &qid) &&
	        !test_has_content(&qid),
	    "and lies as it lay: no envelope stays that has no content");
	if (unlink(path) != 0 ||
	    (rename("queue/shard", path) != 0 && errno != ENOENT))
		abort();
	tap_ok(operate(run, OPERATION_HOLD, &qid) == OK &&
	        test_exists(held, &qid) && !test_exists(in, &qid) &&
	        test_has_content(&qid),
	    "when there is room again it moves");
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* The directory that it is to go to is missing: it is still there itself. */
static void
test_no_directory(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct message *m;

	if (rename("queue/retry1", "queue/away") != 0)
		abort();
	(void)put_off(run, &qid);
	m = window_find(&run->window, &qid);
	tap_ok(m != NULL && m->step == STEP_WAIT && !run->listing.wanted,
	    "what has nowhere to go is not tried again at once");
	if (rename("queue/away", "queue/retry1") != 0)
		abort();
	(void)operate(run, OPERATION_DELETE, &qid);
	run->listing.wanted = false;
}

/* Something lies where its content is to get its name: it is not ours. */
static void
test_name_taken(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	char name[STORE_NAME_MAX], path[128];
	struct store_place later;

	store_name(store_content_place(&qid), &qid, name);
	(void)snprintf(path, sizeof(path), "queue/%s", name);
	test_make_part(store_content_place(&qid));
	test_write(path, SPAN_LIT("another's"));
	later = put_off(run, &qid);
	tap_ok(test_exists(in, &qid) && !test_exists(later, &qid),
	    "what cannot have its content's name lies as it lay");
	tap_ok(test_has_content(&qid), "and who has the name keeps it");
	(void)unlink(path);
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* There is no room for the line that says what happened. */
static void
test_no_line(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct message *m = under_way(run, &qid);
	int status = 0;
	struct fault f;
	pid_t pid;

	fault_set(&f, TEMP, "4.2.1", 0, "mailbox is closed");
	status_end(m, 0, STATUS_DEFERRED, &f);
	m->lines.max = 10;
	message_go(run, m, STEP_REST);
	pid = fork();
	if (pid == 0) {
		turn_step(run, STEP_REST);
		save_work(run);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	tap_ok(WIFSIGNALED(status) && test_exists(in, &qid) &&
	        !test_has_content(&qid),
	    "what cannot be remembered whole is not remembered by half");
	list_remove(&run->step[STEP_REST], m);
	window_drop(&run->window, m);
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* An operator's word about a message that it has nothing to do for. */
static void
test_let_be(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct store_place later;
	struct envelope e;
	struct message *m;
	struct fault f;

	tap_ok(operate(run, OPERATION_FLUSH, &qid) == OK &&
	        window_find(&run->window, &qid) == NULL &&
	        run->stage[STAGE_RESOLVE].n == 0,
	    "flushed in in/, it waits for a listing that checks it");
	tap_ok(operate(run, OPERATION_RELEASE, &qid) == PERM &&
	        window_find(&run->window, &qid) == NULL &&
	        run->stage[STAGE_RESOLVE].n == 0,
	    "released though not held, too");
	run->listing.wanted = false;

	later = put_off(run, &qid);
	m = window_add(&run->window, &qid, WINDOW_LISTED);
	m->place = later;
	if (store_read_envelope(
	        &run->store, &qid, later, false, &m->envelope, &f) != OK)
		abort();
	status_prepare(m);
	window_weigh(&run->window, m);
	fault_set(&f, TEMP, "4.2.1", 0, "mailbox is still closed");
	status_end(m, 0, STATUS_DEFERRED, &f);
	message_go(run, m, STEP_REST);
	tap_ok(operate(run, OPERATION_RELEASE, &qid) == PERM,
	    "what is under way and not held is not released");
	for (int i = 0; i < 3; i++)
		turn_run(run);
	envelope_begin(&e);
	tap_ok(store_find_envelope(&run->store, &qid, &later, &f) == OK &&
	        store_read_envelope(&run->store, &qid, later, false, &e, &f) ==
	            OK &&
	        e.recipient[0].tries == 2,
	    "and its attempt is remembered");
	envelope_free(&e);
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* Without a queue-run: names move, and nobody is asked for a delivery. */
static void
test_by_hand(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct qid other = test_one_file("bob@example.org");

	(void)put_off(run, &other);
	run->requests_only = true;
	(void)operate(run, OPERATION_HOLD, &qid);
	tap_ok(operate(run, OPERATION_RELEASE, &qid) == OK &&
	        operate(run, OPERATION_FLUSH, &other) == OK,
	    "released, and flushed, by hand");
	for (int i = 0; i < 3; i++)
		turn_run(run);
	tap_ok(run->window.held == 0 && run->stage[STAGE_RESOLVE].n == 0,
	    "they wait for a queue-run");
	run->requests_only = false;
	run->listing.wanted = false;
	run->listing.due_ms = 0;
	(void)operate(run, OPERATION_DELETE, &qid);
	(void)operate(run, OPERATION_DELETE, &other);
}

/* A minute's last other message leaves it between envelope and content. */
static void
test_minute_goes(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct store_place later = put_off(run, &qid);
	struct message *m = window_add(&run->window, &qid, WINDOW_DUE);
	struct fault f = FAULT_NONE;

	m->place = later;
	if (store_read_envelope(
	        &run->store, &qid, later, false, &m->envelope, &f) != OK)
		abort();
	status_prepare(m);
	status_end(m, 0, STATUS_DELIVERED, NULL);
	message_go(run, m, STEP_GO);
	turn_step(run, STEP_GO);
	store_remove_part(&run->store, later);
	run->draining = true; /* at once */
	turn_step(run, STEP_CONTENT);
	run->draining = false;
	tap_ok(!test_exists(later, &qid) && !test_has_content(&qid),
	    "content goes although its minute went before it");
	tap_ok(store_sync(&run->store, later, &f) == OK && f.outcome == OK,
	    "a directory that is gone is no fault");
}

/* The queue-run before this one died on a message that waited for a retry. */
static void
test_died_on_retry(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org");
	struct store_place later = put_off(run, &qid);
	struct store_place aside = { STORE_ASIDE, 0 };
	struct fault f;

	store_run_takes(&run->store, &qid);
	prog.settings.queue.poison_deaths = 1;
	serve_stopping = 1; /* no deliver-mailbox is waited for */
	(void)!start_run(run, &f);
	serve_stopping = 0;
	prog.settings.queue.poison_deaths = 3;
	tap_ok(test_exists(aside, &qid) && !test_exists(later, &qid),
	    "what queue-run died on too often goes to aside from a retry too");
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* At a start the mailboxes' file system has much to write. */
static void
test_slow_sync(struct run *run)
{
	static const char *const says[] = { "ok\n", "ok all=1\n" };
	char line[64];
	struct fault f;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
	    (pid = fork()) == -1)
		abort();
	if (pid == 0) {
		for (int i = 0; i < 2; i++) {
			if (read(ends[1], line, sizeof(line)) <= 0)
				_exit(1);
			(void)usleep(i == 1 ? 2500000 : 0);
			(void)!write(ends[1], says[i], strlen(says[i]));
		}
		_exit(0);
	}
	(void)close(ends[1]);
	run->stage[STAGE_DELIVER].service.fd = ends[0];
	fds_set_timeouts(ends[0], 2000, 2000);
	serve_stopping = 1; /* one try */
	tap_ok(start_run(run, &f) == OK && !store_is_trouble(&run->store),
	    "a sync that takes long is no trouble");
	serve_stopping = 0;
	(void)waitpid(pid, NULL, 0);
	service_close(&run->stage[STAGE_DELIVER].service);
	run->listing.in.active = run->listing.wanted = run->listing.starting =
	    false;
	run->listing.rescan_ms = run->listing.due_ms = 0;
	if (store_trouble_clear(&run->store, &f) != OK)
		abort();
}

/* The envelope file is made, and then the power goes. */
static struct qid
half_moved(struct run *run, struct store_place to, bool torn)
{
	struct qid qid = test_one_file("bob@example.org");
	struct buf b = BUF_INIT(65536);
	char name[STORE_NAME_MAX], path[STORE_NAME_MAX + 8];
	struct envelope e;
	struct fault f;

	envelope_begin(&e);
	if (store_read_envelope(&run->store, &qid, in, false, &e, &f) != OK ||
	    envelope_put_apart(&b, &e, &f) != OK)
		abort();
	if (torn)
		buf_cut(&b, b.len - 10);
	store_name(to, &qid, name);
	(void)snprintf(path, sizeof(path), "queue/%s", name);
	test_write(path, buf_span(&b));
	envelope_free(&e);
	buf_free(&b);
	return qid;
}

/* The version that a held envelope says it is of. */
static void
set_version(const struct qid *qid, char version)
{
	struct buf b = BUF_INIT(65536);
	char path[64], *at;
	struct fault f;

	(void)snprintf(path, sizeof(path), "queue/hold/%s", qid->text);
	if (fds_read_file(AT_FDCWD, path, &b, &f) != OK ||
	    (at = strstr(b.p, "version=")) == NULL)
		abort();
	at[strlen("version=")] = version;
	test_write(path, buf_span(&b));
	buf_free(&b);
}

/* So many that no start mends fill no window: it goes on, or says so. */
static void
test_many_left(struct run *run)
{
	uint64_t window = prog.settings.queue.window;
	struct qid qid[6];
	struct fault f;

	for (int i = 0; i < 6; i++) {
		qid[i] = half_moved(run, held, false);
		set_version(&qid[i], '7');
	}
	prog.settings.queue.window = 10;
	if (names_repair(run, &f) == OK) {
		listing_want_in(run);
		run->listing.listed_ms = 0;
		listing_fill(run);
	}
	tap_ok(!run->listing.wanted,
	    "messages that are left do not keep back all others");
	prog.settings.queue.window = window;
	for (int i = 0; i < 6; i++) {
		struct message *m = window_find(&run->window, &qid[i]);

		if (m != NULL)
			window_drop(&run->window, m);
		set_version(&qid[i], '1');
	}
	if (names_repair(run, &f) != OK)
		abort();
	for (int i = 0; i < 6; i++)
		(void)operate(run, OPERATION_DELETE, &qid[i]);
}

/* One message with two names, and its envelope is of a newer version. */
static void
test_left(struct run *run)
{
	struct qid qid = half_moved(run, held, false);
	struct qid other = half_moved(run, held, false);
	struct fault f;

	set_version(&qid, '7');
	tap_ok(names_repair(run, &f) == OK,
	    "an envelope of a newer version stops no start");
	tap_ok(test_exists(held, &other) && !test_exists(in, &other),
	    "the others are mended");
	tap_ok(test_exists(held, &qid) && test_exists(in, &qid),
	    "it lies as it lay");
	listing_want_in(run);
	run->listing.listed_ms = 0;
	listing_fill(run);
	tap_ok(!run->listing.wanted && run->step[STEP_LOAD].n == 0,
	    "and what is held under the one name is not taken by the other");
	tap_ok(operate(run, OPERATION_RELEASE, &qid) == TEMP &&
	        test_exists(held, &qid),
	    "nor released before the next start");
	window_drop(&run->window, window_find(&run->window, &qid));
	set_version(&qid, '1');
	tap_ok(names_repair(run, &f) == OK && test_exists(held, &qid) &&
	        !test_exists(in, &qid),
	    "when it can be read a start mends it");
	(void)operate(run, OPERATION_DELETE, &qid);
	(void)operate(run, OPERATION_DELETE, &other);
}

static void
test_crash(struct run *run)
{
	struct fault f;
	struct qid qid = half_moved(run, held, false);
	char from[64], to[64];

	tap_ok(names_repair(run, &f) == OK && test_exists(held, &qid) &&
	        !test_exists(in, &qid) && test_has_content(&qid),
	    "an envelope file governs: the one file moves behind it");
	(void)operate(run, OPERATION_DELETE, &qid);

	qid = half_moved(run, held, true);
	tap_ok(names_repair(run, &f) == OK && !test_exists(held, &qid) &&
	        test_exists(in, &qid),
	    "a torn one does not: the one file goes on");
	(void)operate(run, OPERATION_DELETE, &qid);

	qid = test_one_file("bob@example.org");
	(void)operate(run, OPERATION_HOLD, &qid);
	(void)snprintf(from, sizeof(from), "queue/hold/%s", qid.text);
	(void)snprintf(to, sizeof(to), "queue/in/%s", qid.text);
	if (link(from, to) != 0)
		abort();
	tap_ok(names_repair(run, &f) == OK && test_exists(held, &qid) &&
	        !test_exists(in, &qid) && test_has_content(&qid),
	    "of two names of one envelope hold wins over in");
	(void)operate(run, OPERATION_DELETE, &qid);
}

/* A message in in/ under the qid of another, as a careless copy leaves it. */
static void
test_wrong_name(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org"), other;
	struct store_place aside = { STORE_ASIDE, 0 };
	char from[64], to[64];
	struct fault f;

	qid_draw(&other);
	(void)snprintf(from, sizeof(from), "queue/in/%s", qid.text);
	(void)snprintf(to, sizeof(to), "queue/in/%s", other.text);
	if (rename(from, to) != 0)
		abort();
	message_go(
	    run, window_add(&run->window, &other, WINDOW_LISTED), STEP_LOAD);
	load_work(run);
	tap_ok(test_exists(aside, &other) && !test_exists(in, &other),
	    "a message under another's name is set aside");
	tap_ok(run->window.held == 0 && run->window.weight == 0,
	    "and leaves the window as it was");
	(void)!store_unlink(&run->store, &other, aside, &f);
}

/* What is no file at all: nobody waits for it, and it goes out of the way. */
static void
test_no_file(struct run *run)
{
	struct store_place aside = { STORE_ASIDE, 0 };
	static const char *const titles[] = { "a pipe", "a directory",
		"a symbolic link" };

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		char name[64];
		struct envelope e;
		struct fault f;
		struct qid qid;

		qid_draw(&qid);
		(void)snprintf(name, sizeof(name), "queue/in/%s", qid.text);
		if ((i == 0 && mkfifo(name, 0600) != 0) ||
		    (i == 1 && mkdir(name, 0700) != 0) ||
		    (i == 2 && symlink("nowhere", name) != 0))
			abort();
		(void)alarm(60);
		test_envelope(&e, "ann@example.org", "bob@example.org");
		tap_ok(store_read_envelope(
		           &run->store, &qid, in, false, &e, &f) == PERM &&
		        e.recipients == 0,
		    "%s is no envelope, nor the one before", titles[i]);
		envelope_free(&e);
		message_go(run, window_add(&run->window, &qid, WINDOW_LISTED),
		    STEP_LOAD);
		load_work(run);
		(void)alarm(0);
		(void)snprintf(name, sizeof(name), "queue/aside/%s", qid.text);
		tap_ok(!test_exists(in, &qid) && run->window.held == 0 &&
		        (remove(name) == 0 && !test_exists(aside, &qid)),
		    "%s in in/ is set aside", titles[i]);
	}
}

static void
test_tidy(struct run *run)
{
	struct qid settled = test_one_file("bob@example.org");
	struct qid alone = test_one_file("bob@example.org");
	struct qid live = test_one_file("bob@example.org");
	struct store_place aside = { STORE_ASIDE, 0 };
	struct tidied done;
	char name[64], content[STORE_NAME_MAX], text[128];
	struct fault f;

	(void)operate(run, OPERATION_HOLD, &settled);
	(void)operate(run, OPERATION_HOLD, &alone);
	(void)operate(run, OPERATION_HOLD, &live);
	(void)snprintf(name, sizeof(name), "queue/hold/%s", settled.text);
	store_name(store_content_place(&settled), &settled, content);
	if (unlink(name) != 0 || chdir("queue") != 0 ||
	    link(content, "../mailbox") != 0 || chdir("..") != 0)
		abort();
	(void)snprintf(name, sizeof(name), "queue/hold/%s", alone.text);
	if (unlink(name) != 0)
		abort();
	test_write("queue/in/.01J", SPAN_LIT("half a mess"));
	store_trouble_set(&run->store, "test", "fsync\033");
	tap_ok(tidy_queue(&run->store, &run->journal, &done, &f) == OK,
	    "the queue is tidied");
	tap_ok(done.dot_names == 1 && access("queue/in/.01J", F_OK) != 0,
	    "files that were being written go");
	tap_ok(done.contents == 1 && !test_has_content(&settled),
	    "content that lies in a mailbox and has no envelope goes");
	(void)snprintf(
	    name, sizeof(name), "queue/aside/%s.content", alone.text);
	tap_ok(done.aside == 1 && !test_has_content(&alone) &&
	        access(name, F_OK) == 0,
	    "content that lies nowhere else is set aside");
	tap_ok(test_has_content(&live) && test_exists(held, &live),
	    "what is live stays");
	tap_ok(store_is_trouble(&run->store) && !test_exists(aside, &live),
	    "and trouble that a person has not looked at stands");
	tap_ok(trouble_text(run->store.fd, text, sizeof(text)) &&
	        strstr(text, "text=fsync%1B") != NULL,
	    "it is told with nothing that a terminal obeys");
	if (store_trouble_clear(&run->store, &f) != OK)
		abort();
}

/* A release from aside/ that was cut short, and a deletion. */
static void
test_aside(struct run *run)
{
	struct store_place aside = { STORE_ASIDE, 0 };
	struct qid one = test_one_file("bob@example.org");
	struct qid apart = test_one_file("bob@example.org");
	struct tidied done;
	char name[64], content[STORE_NAME_MAX];
	struct fault f;

	if (store_link(&run->store, &one, in, aside, &f) != OK)
		abort();
	tap_ok(names_repair(run, &f) == OK && test_exists(in, &one) &&
	        !test_exists(aside, &one),
	    "of a release that was cut short in/ is the name");
	(void)operate(run, OPERATION_DELETE, &one);
	/* One recipient has it; the envelope lies aside for the other. */
	(void)operate(run, OPERATION_HOLD, &apart);
	store_name(store_content_place(&apart), &apart, content);
	if (store_set_aside(&run->store, &apart, held, &f) != OK ||
	    chdir("queue") != 0 || link(content, "../mailbox2") != 0 ||
	    chdir("..") != 0)
		abort();
	(void)snprintf(
	    name, sizeof(name), "queue/aside/%s.content", apart.text);
	tap_ok(tidy_queue(&run->store, &run->journal, &done, &f) == OK &&
	        access(name, F_OK) == 0 && test_exists(aside, &apart),
	    "content whose envelope lies aside is no settled one");
	tap_ok(operate(run, OPERATION_RELEASE, &apart) == OK &&
	        test_exists(in, &apart) && test_has_content(&apart) &&
	        access(name, F_OK) != 0 && !test_exists(aside, &apart),
	    "released, both lie where they belong");
	if (store_set_aside(&run->store, &apart, in, &f) != OK)
		abort();
	tap_ok(operate(run, OPERATION_DELETE, &apart) == OK &&
	        !test_exists(aside, &apart) && !test_has_content(&apart),
	    "deleted from aside, its content goes too");
}

int
main(void)
{
	static struct run run;

	test_begin(&run);
	test_hold(&run);
	test_deleted_entry(&run);
	test_flush(&run);
	test_report_owed(&run);
	test_no_room_for_content(&run);
	test_no_directory(&run);
	test_name_taken(&run);
	test_no_line(&run);
	test_let_be(&run);
	test_by_hand(&run);
	test_minute_goes(&run);
	test_died_on_retry(&run);
	test_slow_sync(&run);
	test_crash(&run);
	test_left(&run);
	test_many_left(&run);
	test_wrong_name(&run);
	test_no_file(&run);
	test_tidy(&run);
	test_aside(&run);
	return test_end(&run);
}
