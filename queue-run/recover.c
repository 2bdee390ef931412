/* SPDX-License-Identifier: ISC */
/*
 * recover.c: a start, and whatever else a listing found: list, sync, and only
 * then believe. A message is checked when it is first handled; what cannot be
 * believed goes to aside/ with an alarm.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"

/* Listed messages that are read in one turn: 64 of 4 KiB are some 3 ms. Ours */
#define LOAD_SHARE 64
/* A service that the supervisor is just starting is asked so often. Ours. */
#define HELLO_TRIES    20
#define HELLO_PAUSE_MS 250
/* Names of messages that a queue-run died on. */
#define DIED_NAME "died"
#define DIED_MAX  4096

/* ---- A start. ---- */

/* How often queue-run has died on this message, this time included. */
static uint64_t
count_death(struct run *run, const struct qid *qid)
{
	struct buf b = BUF_INIT(DIED_MAX);
	struct span rest, line;
	uint64_t deaths = 1;
	int fd, keep = O_TRUNC; /* what has grown too long is begun anew */
	struct fault f;

	if (fds_read_file(run->store.fd, DIED_NAME, &b, &f) == OK) {
		keep = O_APPEND;
		rest = buf_span(&b);
		while (span_next(&rest, '\n', &line))
			deaths += span_eq(line, qid->text);
	}
	buf_free(&b);
	fd = openat(run->store.fd, DIED_NAME,
	    O_WRONLY | O_CREAT | keep | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1) {
		(void)!dprintf(fd, "%s\n", qid->text);
		(void)close(fd);
	}
	return deaths;
}

/*
 * The queue-run before us ended while it read this one. It is not read again
 * after so many deaths: it goes to aside/ as it is, for a person to look at.
 */
static void
judge_taken(struct run *run, const struct qid *qid)
{
	uint64_t deaths = count_death(run, qid);
	struct store_place place;
	struct fault f;

	run_alarm(run, qid, "queue-run died on it, %llu times",
	    (unsigned long long)deaths);
	if (deaths < run->settings->queue.poison_deaths ||
	    store_find_envelope(&run->store, qid, &place, &f) != OK)
		return;
	if (store_set_aside(&run->store, qid, place, &f) != OK ||
	    (store_set_aside_content(&run->store, qid, &f) != OK &&
	        f.error != ENOENT)) {
		run_alarm(run, qid, "%s", f.text);
		return;
	}
	journal_end(&run->journal, run_entry(run, CODE_ASIDE, qid));
	(void)unlinkat(run->store.fd, DIED_NAME, 0);
}

/* A question that waits: only at the start, when nothing else is to be done. */
static enum outcome
ask_deliver(struct run *run, enum deliver_word word, struct fault *f)
{
	struct deliver_req req = { .word = word };
	struct buf b = BUF_INIT(RECORD_MAX);
	struct service *s = &run->stage[STAGE_DELIVER].service;
	enum deliver_how how;
	struct span line;
	enum outcome got;

	got = wire_deliver_put_req(&b, &req, f);
	if (word == DELIVER_SYNC_ALL && s->fd != -1)
		fds_set_timeouts(s->fd, STAGE_SYNC_MS, STAGE_SYNC_MS);
	for (int i = 0; got == OK && i < HELLO_TRIES; i++) {
		struct timespec pause = { 0, HELLO_PAUSE_MS * 1000000L };

		if (service_ask(s, buf_span(&b), true, &line, f) == OK) {
			got = wire_deliver_get_ans(line, &req, &how, f);
			break;
		}
		if (i + 1 == HELLO_TRIES || serve_stopping)
			got = TEMP;
		else
			(void)nanosleep(&pause, NULL);
	}
	buf_free(&b);
	return got;
}

/* The queue's file system and the mailboxes': what is seen is on disk. */
static enum outcome
sync_all(struct run *run, struct fault *f)
{
	/* Nothing of a dead queue-run may still be under way. */
	if (ask_deliver(run, DELIVER_HELLO, f) != OK)
		return f->outcome;
	/* After an error the disk is read from here on. */
	if (ask_deliver(run, DELIVER_SYNC_ALL, f) != OK)
		run_trouble(run, f);
	(void)!run_syncfs(run, f);
	return OK;
}

/* Only moved, nothing delivered: of two names the one that stays must be on
   disk before one goes. */
enum outcome
recover_names(struct run *run, struct fault *f)
{
	if (run_syncfs(run, f) != OK)
		return f->outcome;
	return names_repair(run, f);
}

enum outcome
recover_start(struct run *run, struct fault *f)
{
	struct qid took;

	if (store_run_took(&run->store, &took)) {
		judge_taken(run, &took);
	} else if (!store_run_was_cut(&run->store)) {
		(void)unlinkat(run->store.fd, DIED_NAME, 0);
	}
	run->careful = store_run_was_cut(&run->store);
	store_run_takes(&run->store, NULL);
	if (sync_all(run, f) != OK || names_repair(run, f) != OK)
		return f->outcome;
	run->starting = true;
	schedule_rescan(run);
	schedule_fill(run);
	journal_flush(&run->journal);
	return OK;
}

/* ---- Handling what was listed. ---- */

/* What cannot be believed, out of the way, with an alarm. */
static void
set_aside(struct run *run, struct message *m, const struct fault *why)
{
	struct record_out out;
	struct fault f;
	bool apart = m->envelope.shape == ENVELOPE_APART;

	run_alarm(run, &m->envelope.qid, "to aside: %s", why->text);
	operate_end(m, why);
	if (store_set_aside(&run->store, &m->envelope.qid, m->place, &f) !=
	    OK) {
		run_alarm(run, &m->envelope.qid, "%s", f.text);
	} else {
		if (apart &&
		    store_set_aside_content(
		        &run->store, &m->envelope.qid, &f) != OK &&
		    f.error != ENOENT)
			run_alarm(run, &m->envelope.qid, "%s", f.text);
		out = run_entry(run, CODE_ASIDE, &m->envelope.qid);
		record_puts(out, "text", why->text);
		journal_end(&run->journal, out);
	}
	window_drop(run, m);
}

static void
journal_taken(struct run *run, const struct message *m)
{
	const char *code = m->place.state == STORE_RETRY1 ? CODE_FROM_RETRY1
	                                                  : CODE_TAKEN_FROM_IN;
	struct record_out out = run_entry(run, code, &m->envelope.qid);

	if (m->told) {
		journal_end(&run->journal, out);
		return;
	}
	record_puts(out, "how", "listed");
	journal_end(&run->journal, out);
	if (!m->recovered)
		return;
	out = run_entry(run, CODE_RECOVERED, &m->envelope.qid);
	record_puts(out, "state", store_state_word(m->place.state));
	record_put(out, "from", path_span(&m->envelope.reverse_path));
	record_put_num(out, "size", m->envelope.size);
	record_put_num(out, "recipients", m->envelope.recipients);
	journal_end(&run->journal, out);
}

void
recover_taken(struct run *run, struct message *m)
{
	struct fault f;

	if (m->operation != NULL) {
		/* An operator asked for it where it lies: no attempt. */
		if (way_prepare(m, &f) == OK) {
			message_go(run, m, STEP_REST);
		} else {
			operate_end(m, &f);
			window_drop(run, m);
		}
		return;
	}
	journal_taken(run, m);
	if (envelope_waiting(&m->envelope) > 0) {
		message_go(run, m, STEP_RESOLVE);
	} else if (way_prepare(m, &f) == OK) {
		message_go(run, m, STEP_GO);
	} else {
		window_drop(run, m);
	}
}

/* The one file whose envelope file was made by a round that a crash cut short
   lies in message/ too, or will: the envelope file governs. */
static bool
is_half_moved(struct run *run, const struct message *m,
    const struct store_content *content)
{
	char name[STORE_NAME_MAX];

	if (m->envelope.shape != ENVELOPE_ONE || content->links < 2)
		return false;
	store_content_name(&m->envelope.qid, name);
	return faccessat(run->store.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum outcome
check(struct run *run, struct message *m, bool trouble, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	enum outcome got;

	if (m->envelope.shape == ENVELOPE_ONE && m->place.state != STORE_IN)
		return fault_set(f, PERM, "5.3.0", 0,
		    "envelope: no such shape in this state");
	if (m->told)
		return OK;
	got = store_open_content(&run->store, &m->envelope, &content, f);
	if (got != OK && f->error == ENOENT)
		return fault_set(
		    f, PERM, "5.3.0", 0, "envelope without content");
	if (got == OK)
		got = store_check_content(&content, &m->envelope, trouble, f);
	if (got == OK && is_half_moved(run, m, &content))
		got = fault_set(f, TEMP, "4.3.0", 0,
		    "half moved: a restart of queue-run mends it");
	/* Alone on the mailboxes' file system it is in no mailbox. */
	m->again = run->mail_is_far || content.links != 1 ||
	    content.device != run->mail_device;
	store_close_content(&content);
	return got;
}

static void
load(struct run *run, struct message *m, bool trouble)
{
	const struct qid qid = m->envelope.qid;
	struct fault f = FAULT_NONE;
	enum outcome got;

	if (!m->told)
		store_run_takes(&run->store, &qid);
	else
		run_takes(run, m);
	got = store_read_envelope(
	    &run->store, &qid, m->place, trouble, &m->envelope, &f);
	m->envelope.qid = qid;
	if (got == OK) {
		window_weigh(run, m);
		got = check(run, m, trouble, &f);
	}
	if (got == PERM) {
		set_aside(run, m, &f);
	} else if (got == OK) {
		recover_taken(run, m);
	} else {
		/* Gone: somebody was faster. Else it stays where it is. */
		if (f.error != ENOENT)
			run_alarm(run, &qid, "%s", f.text);
		operate_end(m, &f);
		window_drop(run, m);
	}
}

void
recover_load(struct run *run)
{
	struct list *list = &run->step[STEP_LOAD];
	bool trouble = store_is_trouble(&run->store);
	bool takes = false;
	struct message *m;

	for (int n = 0; n < LOAD_SHARE && (m = list_take(list)) != NULL; n++) {
		takes |= !m->told;
		load(run, m, trouble);
	}
	if (takes)
		store_run_takes(&run->store, NULL);
}
