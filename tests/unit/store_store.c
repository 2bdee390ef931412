/* SPDX-License-Identifier: ISC */
/* The queue's directories: every change one step, names never replaced. */
#include "../../store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fds.h"
#include "tap.h"

#define A "01M86GNVVYGA7B4C4WREP6F65E"
#define B "01M86GNVW3CYKQ4TVE9SRRFD7Y"

static const struct store_place in = { STORE_IN, 0 }, hold = { STORE_HOLD, 0 };
static const struct store_place retry = { STORE_RETRY1, 1795515150206 };
static const struct store_place aside_content = { STORE_ASIDE_CONTENT, 0 };

/* The disk does not tell what that name is. */
static const char *unreadable;

int
fstatat(int dir, const char *restrict name, struct stat *restrict st, int flags)
{
	if (unreadable != NULL && strcmp(name, unreadable) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_newfstatat, dir, name, st, flags);
}

static struct qid
qid_of(const char *text)
{
	struct qid q;

	if (!qid_parse(span_of(text), &q))
		abort();
	return q;
}

static bool
is_file(const char *name)
{
	return access(name, F_OK) == 0;
}

static bool
put(struct store *s, struct store_place place, const struct qid *q,
    const char *text)
{
	struct store_file file;
	struct fault f;
	bool good = store_create(s, place, q, 0600, &file, &f) == OK &&
	    fds_write_all(file.fd, span_of(text), &f) == OK &&
	    store_publish(s, &file, q, &f) == OK &&
	    store_sync_file(file.fd, &f) == OK;

	store_abandon(s, &file);
	return good;
}

static void
test_open(struct store *s)
{
	struct fault f;
	struct store none;

	tap_ok(store_open(&none, "missing", &f) == PERM,
	    "a missing queue does not look like an empty one");
	tap_ok(mkdir("queue", 0700) == 0 && store_open(s, "queue", &f) == OK &&
	        is_file("queue/in") && is_file("queue/message") &&
	        is_file("queue/retry2") && is_file("queue/aside"),
	    "missing directories are made");
}

static void
test_locks(struct store *s)
{
	struct store other;
	struct fault f;
	struct qid a = qid_of(A), took;

	tap_ok(store_open(&other, "queue", &f) == OK &&
	        store_lock(s, STORE_SHARED, 0, &f) == OK &&
	        store_lock(&other, STORE_SHARED, 0, &f) == OK,
	    "two may run");
	tap_ok(store_lock(&other, STORE_EXCLUSIVE, 0, &f) == TEMP &&
	        f.error == EWOULDBLOCK,
	    "tidying waits until nothing runs");
	tap_ok(store_lock_run(s, 0, &f) == OK &&
	        store_lock_run(&other, 30, &f) == TEMP,
	    "there is one queue-run a queue");
	store_run_takes(s, &a);
	store_close(s);
	tap_ok(store_lock_run(&other, 0, &f) == OK &&
	        store_run_took(&other, &took) && strcmp(took.text, A) == 0,
	    "the next one learns what the last one was taking up");
	store_run_takes(&other, NULL);
	tap_ok(!store_run_took(&other, &took) && store_run_was_cut(&other),
	    "or that it died on nothing that has a name");
	store_run_ends(&other);
	tap_ok(!store_run_took(&other, &took) && !store_run_was_cut(&other),
	    "or that it ended well");
	store_close(&other);
	tap_ok(store_open(s, "queue", &f) == OK, "it opens again");
}

static void
test_names(void)
{
	struct qid a = qid_of(A);
	char name[STORE_NAME_MAX], dir[STORE_DIR_MAX];
	enum store_state state;

	store_name(retry, &a, name);
	tap_ok(strcmp(name, "retry1/20261124T1012/" A) == 0,
	    "a retry lies under its minute");
	store_name(store_content_place(&a), &a, name);
	store_dir_name(store_content_place(&a), dir);
	tap_ok(strcmp(name, "message/01M86G/" A) == 0 &&
	        strcmp(dir, "message/01M86G") == 0,
	    "content lies under its shard");
	store_name(aside_content, &a, name);
	tap_ok(strcmp(name, "aside/" A ".content") == 0,
	    "and when it is set aside, beside its envelope");
	tap_ok(store_state_parse(SPAN_LIT("quarantine"), &state) &&
	        state == STORE_QUARANTINE &&
	        !store_state_parse(SPAN_LIT("../in"), &state) &&
	        !store_state_parse(SPAN_LIT("message"), &state),
	    "the word of a state is read, another is not");
}

static void
test_write(struct store *s)
{
	struct qid a = qid_of(A);
	struct store_file file, second;
	struct fault f;

	tap_ok(store_create(s, in, &a, 0400, &file, &f) == OK &&
	        is_file("queue/in/." A) && !is_file("queue/in/" A),
	    "a new file has a dot name");
	tap_ok(store_create(s, in, &a, 0400, &second, &f) == OK &&
	        is_file("queue/in/." A ".1"),
	    "a dot name that is there already is passed over");
	tap_ok(store_publish(s, &file, &a, &f) == OK &&
	        is_file("queue/in/" A) && !is_file("queue/in/." A),
	    "it gets its own name");
	tap_ok(store_publish(s, &second, &a, &f) == TEMP && f.error == EEXIST,
	    "a name that is taken is not replaced");
	store_abandon(s, &second);
	store_abandon(s, &file);
	tap_ok(!is_file("queue/in/." A ".1") && is_file("queue/in/" A),
	    "what is abandoned goes, what is published stays");
	(void)unlink("queue/in/" A);
}

static void
test_moves(struct store *s)
{
	struct qid a = qid_of(A), b = qid_of(B);
	struct fault f;

	tap_ok(
	    put(s, in, &a, "x\n") && put(s, in, &b, "y\n"), "two are written");
	tap_ok(store_link(s, &a, in, retry, &f) == OK &&
	        store_sync(s, retry, &f) == OK &&
	        is_file("queue/retry1/20261124T1012/" A) &&
	        is_file("queue/in/" A),
	    "a link makes the second name, and its directory");
	tap_ok(
	    store_link(s, &a, in, retry, &f) == OK, "to repeat it is harmless");
	tap_ok(store_unlink(s, &a, in, &f) == OK &&
	        store_unlink(s, &a, in, &f) == OK && !is_file("queue/in/" A),
	    "the old name goes, twice is harmless");
	store_remove_part(s, retry);
	tap_ok(is_file("queue/retry1/20261124T1012"),
	    "a directory that is in use stays");
	tap_ok(store_link(s, &a, retry, hold, &f) == OK &&
	        store_unlink(s, &a, retry, &f) == OK,
	    "on it goes");
	store_remove_part(s, retry);
	tap_ok(!is_file("queue/retry1/20261124T1012"), "an empty one goes");
	tap_ok(store_link(s, &b, in, retry, &f) == OK &&
	        is_file("queue/retry1/20261124T1012/" B),
	    "and is made again when it is needed");
	tap_ok(put(s, hold, &b, "z\n") &&
	        store_link(s, &b, in, hold, &f) == TEMP && f.error == EEXIST,
	    "another file under that name is not replaced");
	tap_ok(store_set_aside(s, &b, hold, &f) == OK &&
	        store_set_aside(s, &b, retry, &f) == OK &&
	        is_file("queue/aside/" B) && is_file("queue/aside/" B ".1"),
	    "two of one name find room in aside/");
	tap_ok(store_set_aside(s, &b, retry, &f) == TEMP && f.error == ENOENT,
	    "what is not there cannot be set aside");
	tap_ok(store_unlink(s, &a, hold, &f) == OK &&
	        store_unlink(s, &b, in, &f) == OK,
	    "the rest goes");
}

static void
test_removed_behind_us(struct store *s)
{
	struct qid a = qid_of(A);
	struct fault f;

	tap_ok(put(s, store_content_place(&a), &a, "c\n") &&
	        store_unlink(s, &a, store_content_place(&a), &f) == OK &&
	        rmdir("queue/message/01M86G") == 0 &&
	        put(s, store_content_place(&a), &a, "c\n"),
	    "a known shard that somebody removed is made again");
	tap_ok(store_link(s, &a, store_content_place(&a), retry, &f) == OK &&
	        store_unlink(s, &a, retry, &f) == OK &&
	        rmdir("queue/retry1/20261124T1012") == 0 &&
	        store_link(s, &a, store_content_place(&a), retry, &f) == OK &&
	        store_unlink(s, &a, retry, &f) == OK,
	    "so is a minute that a link needs");
	(void)unlink("queue/message/01M86G/" A);
}

static void
test_append(struct store *s)
{
	struct qid a = qid_of(A);
	struct buf b = BUF_INIT(4096);
	struct store_file file = STORE_FILE_NONE;
	struct fault f;

	tap_ok(put(s, in, &a, "end\ndone torn") &&
	        store_append(s, &a, in, SPAN_LIT("try x\n"), &file, &f) == OK &&
	        file.fd != -1 && fds_read_file(s->fd, "in/" A, &b, &f) == OK &&
	        span_eq(buf_span(&b), "end\ndone torn\ntry x\n"),
	    "a line is not appended to a torn one");
	fds_close(&file.fd);
	buf_free(&b);
	(void)!store_unlink(s, &a, in, &f);
}

struct seen {
	size_t n;
	struct qid last;
	bool in_order;
};

static enum outcome
see(void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct seen *seen = arg;

	(void)place;
	(void)f;
	seen->in_order &= strcmp(seen->last.text, qid->text) < 0;
	seen->last = *qid;
	seen->n++;
	return OK;
}

static void
test_list(struct store *s)
{
	struct qid out[8], none = { "" };
	struct fault f;
	size_t got;
	bool more, sorted = true;
	char name[64];
	uint64_t minute = 0;
	struct seen seen = { 0, { "" }, true };
	struct qid b = qid_of(B);
	struct store_place found;

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name),
		    "queue/in/01M86GNVVYGA7B4C4WREP6F6%c%c",
		    "0123456789ABCDEFGHJK"[i * 7 % 20], 'A');
		(void)close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	(void)close(open("queue/in/stranger", O_CREAT | O_WRONLY, 0600));
	(void)close(open("queue/in/." A, O_CREAT | O_WRONLY, 0600));
	tap_ok(store_list(s, in, &none, 8, out, &got, &more, &f) == OK &&
	        got == 8 && more,
	    "a window of a directory is listed, dot names and strangers are "
	    "not");
	for (size_t i = 0; i < got; i++)
		sorted = sorted && out[i].text[24] == "0123456789ABCDEFGHJK"[i];
	tap_ok(sorted, "it has the oldest, in order");
	tap_ok(store_list(s, in, &out[7], 8, out, &got, &more, &f) == OK &&
	        got == 8 && out[0].text[24] == '8' && more,
	    "the next window goes on behind it");
	tap_ok(store_list(s, in, &out[7], 8, out, &got, &more, &f) == OK &&
	        got == 4 && !more && out[3].text[24] == 'K',
	    "the last one says that there is no more");
	tap_ok(store_each_qid(s, STORE_IN, see, &seen, &f) == OK &&
	        seen.n == 20 && seen.in_order,
	    "all of them are walked over, in order");
	tap_ok(mkdir("queue/retry1/20261124T1010", 0700) == 0 &&
	        mkdir("queue/retry1/20260231T1010", 0700) == 0 &&
	        close(open("queue/retry1/20261124T1011", O_CREAT | O_WRONLY,
	            0600)) == 0 &&
	        put(s, retry, &b, "x\n"),
	    "minutes, a day that is none, and a file of such a name");
	seen = (struct seen){ 0, { "" }, true };
	tap_ok(store_next_part(s, STORE_RETRY1, &minute, &f) == OK &&
	        minute == 1795515000000 &&
	        store_next_part(s, STORE_RETRY1, &minute, &f) == OK &&
	        minute == 1795515120000 &&
	        store_next_part(s, STORE_RETRY1, &minute, &f) == OK &&
	        minute == 0 &&
	        store_each_qid(s, STORE_RETRY1, see, &seen, &f) == OK &&
	        seen.n == 1,
	    "only minutes are listed");
	unreadable = "retry1/20261124T1012";
	tap_ok(store_find_envelope(s, &b, &found, &f) == OK &&
	        store_is_same_place(found, retry),
	    "one that cannot be looked at now is not passed over");
	unreadable = NULL;
	minute = 0;
	tap_ok(mkdir("queue/retry1/19700101T0000", 0700) == 0 &&
	        store_next_part(s, STORE_RETRY1, &minute, &f) == OK &&
	        minute > 0 && minute < 60000 &&
	        store_next_part(s, STORE_RETRY1, &minute, &f) == OK &&
	        minute == 1795515000000,
	    "the first minute of all is one");
	(void)rmdir("queue/retry1/19700101T0000");
	(void)!store_unlink(s, &b, retry, &f);
	(void)rmdir("queue/retry1/20260231T1010");
	(void)unlink("queue/retry1/20261124T1011");
	store_remove_part(
	    s, (struct store_place){ STORE_RETRY1, 1795515000000 });
	tap_ok(
	    store_list(s, (struct store_place){ STORE_RETRY1, 1795515000000 },
	        &none, 8, out, &got, &more, &f) == TEMP &&
	        f.error == ENOENT,
	    "a directory that is not there says so");
}

/* A one file and an envelope apart with this content. */
static void
make_envelope(struct envelope *e, const char *qid, const char *content)
{
	struct path path;
	struct fault f;
	struct envelope_digest d;

	envelope_begin(e);
	e->qid = qid_of(qid);
	e->size = strlen(content);
	envelope_digest_begin(&d);
	envelope_digest_add(&d, span_of(content));
	envelope_digest_end(&d, e->digest);
	if (path_parse_bare(SPAN_LIT("bob@example.org"), &path, &f) != OK ||
	    envelope_add_recipient(e, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
		abort();
}

static void
test_read_one(struct store *s)
{
	struct envelope e, got;
	struct buf b = BUF_INIT(65536);
	struct store_content c;
	struct store_place place;
	struct qid a = qid_of(A), other = qid_of(B);
	struct fault f;

	make_envelope(&e, A, "Subject: x\r\n\r\ny\r\n");
	envelope_begin(&got);
	if (envelope_put_one(&b, &e, &f) != OK)
		abort();
	buf_adds(&b, "Subject: x\r\n\r\ny\r\n");
	tap_ok(put(s, in, &a, b.p) && put(s, in, &other, b.p) &&
	        store_read_envelope(s, &a, in, true, &got, &f) == OK &&
	        got.start == e.start,
	    "one file is read");
	tap_ok(store_find_envelope(s, &a, &place, &f) == OK &&
	        place.state == STORE_IN,
	    "and found");
	tap_ok(store_read_envelope(s, &other, in, false, &got, &f) == PERM,
	    "under another name it is not believed");
	tap_ok(store_open_content(s, &e, &c, &f) == OK && c.offset == e.start &&
	        strcmp(c.name, "in/" A) == 0 &&
	        store_check_content(&c, &e, true, &f) == OK,
	    "its content is what was accepted");
	store_close_content(&c);
	e.digest[0] ^= 1;
	tap_ok(store_open_content(s, &e, &c, &f) == OK &&
	        store_check_content(&c, &e, false, &f) == PERM,
	    "or is not");
	store_close_content(&c);
	e.digest[0] ^= 1;
	tap_ok(store_link(s, &a, in, store_content_place(&a), &f) == OK &&
	        store_unlink(s, &a, in, &f) == OK,
	    "it moves to message/");
	e.shape = ENVELOPE_APART;
	tap_ok(store_open_content(s, &e, &c, &f) == OK &&
	        strcmp(c.name, "message/01M86G/" A) == 0 &&
	        store_check_content(&c, &e, false, &f) == OK,
	    "and is found there, behind its first line");
	store_close_content(&c);
	tap_ok(store_set_aside(s, &a, store_content_place(&a), &f) == OK &&
	        is_file("queue/aside/" A ".content") &&
	        store_open_content(s, &e, &c, &f) == TEMP && f.error == ENOENT,
	    "an envelope without content is told from all else");
	envelope_free(&e);
	envelope_free(&got);
	buf_free(&b);
	(void)!store_unlink(s, &other, in, &f);
}

static void
test_read_apart(struct store *s)
{
	struct envelope e, got;
	struct buf b = BUF_INIT(65536);
	struct store_content c;
	struct store_place place;
	struct fault f;

	make_envelope(&e, A, "Subject: x\r\n\r\ny\r\n");
	envelope_begin(&got);
	if (envelope_put_apart(&b, &e, &f) != OK)
		abort();
	tap_ok(put(s, in, &e.qid, b.p) &&
	        store_read_envelope(s, &e.qid, in, false, &got, &f) == OK,
	    "an envelope apart is read");
	tap_ok(store_open_content(s, &e, &c, &f) == TEMP && f.error == ENOENT,
	    "an envelope in in/ is no content");
	tap_ok(put(s, store_content_place(&e.qid), &e.qid,
	           "Subject: x\r\n\r\ny\r\n") &&
	        store_has(s, &e.qid, store_content_place(&e.qid)) &&
	        store_open_content(s, &e, &c, &f) == OK && c.offset == 0 &&
	        store_check_content(&c, &e, false, &f) == OK,
	    "its content is found");
	store_close_content(&c);
	tap_ok(store_link(s, &e.qid, in, retry, &f) == OK &&
	        store_unlink(s, &e.qid, in, &f) == OK &&
	        store_find_envelope(s, &e.qid, &place, &f) == OK &&
	        place.state == STORE_RETRY1 && place.part_ms == 1795515120000,
	    "wherever it lies it is found");
	envelope_free(&e);
	envelope_free(&got);
	buf_free(&b);
}

static void
test_trouble(struct store *s)
{
	struct fault f;

	tap_ok(!store_is_trouble(s), "there is no trouble");
	store_trouble_set(s, "queue-add", "fsync: Input/output error");
	store_trouble_set(s, "queue-add", "again");
	tap_ok(store_is_trouble(s), "there is");
	tap_ok(store_trouble_clear(s, &f) == OK && !store_is_trouble(s) &&
	        store_trouble_clear(s, &f) == OK,
	    "it is cleared");
}

/* As when no descriptor is left, or no inode. */
static void
test_trouble_owed(struct store *s)
{
	struct rlimit kept, none;
	struct fault f;

	if (getrlimit(RLIMIT_NOFILE, &kept) != 0)
		abort();
	none = (struct rlimit){ 0, kept.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none) != 0)
		abort();
	store_trouble_set(s, "queue-run", "syncfs: Input/output error");
	tap_ok(!is_file("queue/trouble") && store_is_trouble(s),
	    "trouble that cannot be made stands");
	if (setrlimit(RLIMIT_NOFILE, &kept) != 0)
		abort();
	tap_ok(store_is_trouble(s) && is_file("queue/trouble"),
	    "and is made when it can be");
	tap_ok(store_trouble_clear(s, &f) == OK && !store_is_trouble(s),
	    "then a person clears it");
}

int
main(void)
{
	char dir[] = "/tmp/pneu-store.XXXXXX", command[64];
	struct store s;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		abort();
	test_open(&s);
	test_locks(&s);
	test_names();
	test_write(&s);
	test_moves(&s);
	test_removed_behind_us(&s);
	test_append(&s);
	test_list(&s);
	test_read_one(&s);
	test_read_apart(&s);
	test_trouble(&s);
	test_trouble_owed(&s);
	store_close(&s);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return (system)(command) == 0 ? tap_done() : 1;
}
