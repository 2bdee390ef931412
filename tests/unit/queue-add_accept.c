/* SPDX-License-Identifier: ISC */
/* Acceptance in rounds, driven as a line service drives it. */
#include "../../queue-add/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fds.h"
#include "tap.h"

#define Q1 "01M86GNVVYGA7B4C4WREP6F65E"
#define Q2 "01M86GNVW3CYKQ4TVE9SRRFD7Y"
#define Q3 "01M86GNVW3CYKQ4TVE9SRRFD7Z"
#define Q4 "01M86HNVW3CYKQ4TVE9SRRFD7Z" /* of the next shard */

#define ADD(q)  "add qid=" q " from=<ann@example.org>\n"
#define TO      "to path=<bob@example.org>\n"
#define CONTENT "Subject: x\r\n\r\n.y\r\n"
#define DATA    "data size=18\n" CONTENT "end\n"

static struct store store;
static struct journal journal = { .fd = -1, .program = "test" };
static struct settings settings;

/* The next sync of that name fails but for so many before, once, as the kernel
   tells it. */
static const char *failing;
static int failing_after;

int
fsync(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (failing != NULL &&
	    (n = readlink(link, path, sizeof(path) - 1)) > 0) {
		path[n] = '\0';
		if ((size_t)n >= strlen(failing) &&
		    strcmp(path + n - strlen(failing), failing) == 0 &&
		    failing_after-- == 0) {
			failing = NULL;
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

/* What is read of a file ends early, as before a page that cannot be read. */
static bool reads_short;

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return syscall(SYS_pread64, fd, p, reads_short && n > 1 ? 1 : n, at);
}

static struct client
client_of(int in)
{
	return (struct client){
		.in = in, .out = in, .pass_fd = -1, .outbuf = BUF_INIT(1 << 20)
	};
}

static void
client_end(struct accept *a, struct client *c)
{
	accept_gone(a, c);
	if (c->pass_fd != -1)
		(void)close(c->pass_fd);
	buf_free(&c->outbuf);
}

/* All of in, then the end of the round; false: the client is ended. */
static bool
play(struct accept *a, struct client *c, struct span in)
{
	struct fault f;
	size_t used = 1, requests;
	bool alive = true;

	while (in.len > 0 && used > 0 && alive) {
		alive = accept_take(a, c, in, 256, &used, &requests, &f) == OK;
		in = span_from(in, alive ? used : 0);
	}
	accept_finish(a);
	accept_after(a);
	return alive;
}

static bool
is_file(const char *name)
{
	return access(name, F_OK) == 0;
}

/* Is what lies there what was accepted? Then it goes. */
static bool
is_believed(const char *text, bool apart)
{
	struct store_content c = STORE_CONTENT_NONE;
	struct envelope e;
	struct qid q;
	struct fault f;
	bool good;

	envelope_begin(&e);
	good = qid_parse(span_of(text), &q) &&
	    store_read_envelope(&store, &q, STORE_PLACE_IN, false, &e, &f) ==
	        OK &&
	    e.shape == (apart ? ENVELOPE_APART : ENVELOPE_ONE) &&
	    store_open_content(&store, &e, &c, &f) == OK &&
	    store_check_content(&c, &e, false, &f) == OK && e.dots;
	store_close_content(&c);
	envelope_free(&e);
	if (store_unlink(&store, &q, STORE_PLACE_IN, &f) != OK ||
	    store_unlink(&store, &q, store_content_place(&q), &f) != OK)
		return false;
	return good;
}

static void
test_one(struct accept *a)
{
	struct client c = client_of(-1);

	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO DATA)) &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q1 "\n"),
	    "a message is accepted");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO DATA)) &&
	        span_eq(buf_span(&c.outbuf), "exists qid=" Q1 "\n"),
	    "the same again exists");
	tap_ok(is_believed(Q1, false), "it is one file, and believed");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q1) TO DATA ADD(Q2) "to path=<@>\n" TO DATA ADD(
	               Q3) TO DATA)) &&
	        span_has_prefix(buf_span(&c.outbuf),
	            "ok qid=" Q1 "\nperm qid=" Q2 " code=5.1.3 ") &&
	        strstr(c.outbuf.p, "\nok qid=" Q3 "\n") != NULL,
	    "answers come in order, a refused one harms no other");
	tap_ok(is_believed(Q1, false) && is_believed(Q3, false) &&
	        !is_file("queue/in/" Q2),
	    "and what was refused is not there");
	client_end(a, &c);
}

static void
test_apart(struct accept *a)
{
	struct client c = client_of(-1);

	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO TO DATA)) &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q1 "\n") &&
	        is_file("queue/message/01M86G/" Q1) && is_believed(Q1, true),
	    "two recipients make two files");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q2) TO "data chunked=1\nchunk size=11\n"
	                               "Subject: x\r"
	                               "chunk size=1\n\nchunk size=0\n"
	                               "chunk size=6\n\r\n.y\r\nend\n")) &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q2 "\n") &&
	        is_believed(Q2, true),
	    "chunks make two files, wherever they are cut");
	buf_reset(&c.outbuf);
	reads_short = true;
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q2) TO "data chunked=1\nchunk size=18\n" CONTENT
	                               "end\n")) &&
	        span_has_prefix(
	            buf_span(&c.outbuf), "temp qid=" Q2 " code=4.3.0 "),
	    "a beginning that cannot be read whole is no fault of the message");
	reads_short = false;
	client_end(a, &c);
}

static bool
refused(struct accept *a, struct span in, const char *start)
{
	struct client c = client_of(-1);
	bool good = play(a, &c, in) &&
	    span_has_prefix(buf_span(&c.outbuf), start) &&
	    !is_file("queue/in/" Q1) && !is_file("queue/message/01M86G/" Q1) &&
	    !is_file("queue/message/01M86G/." Q1) && !is_file("queue/in/." Q1);

	client_end(a, &c);
	return good;
}

static void
test_refused(struct accept *a)
{
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data size=3\na\r\nend\n"),
	           "ok") == false,
	    "(the helper can fail)");
	(void)is_believed(Q1, false);
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data size=2\na\nend\n"),
	           "perm qid=" Q1 " code=5.6.0 "),
	    "a bare LF is refused");
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data size=5\na\rb\r\nend\n"),
	           "perm qid=" Q1 " code=5.6.0 "),
	    "a bare CR is refused");
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data size=4\na\r\nbend\n"),
	           "perm qid=" Q1 " code=5.6.0 "),
	    "a last line without an end is refused");
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data size=0\nend\n"),
	           "perm qid=" Q1 " code=5.6.0 "),
	    "no content is refused");
	tap_ok(
	    refused(a,
	        SPAN_LIT(ADD(Q1) TO "data chunked=1\nchunk size=2\na\nend\n"),
	        "perm qid=" Q1 " code=5.6.0 "),
	    "a bare LF in a chunk is refused, and its file goes");
	tap_ok(
	    refused(a, SPAN_LIT(ADD(Q1) DATA), "perm qid=" Q1 " code=5.5.1 "),
	    "nobody to send it to is refused");
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO "data fd=1\n"),
	           "temp qid=" Q1 " code=4.3.5 "),
	    "a descriptor cannot be passed over a pipe");
	a->min_free = UINT64_MAX;
	a->space_asked_ms = 0;
	tap_ok(refused(
	           a, SPAN_LIT(ADD(Q1) TO DATA), "temp qid=" Q1 " code=4.3.1 "),
	    "without room it is temp");
	a->min_free = 0;
	a->recipients_max = 2;
	tap_ok(refused(a, SPAN_LIT(ADD(Q1) TO TO TO TO DATA),
	           "temp qid=" Q1 " code=4.5.3 "),
	    "too many recipients are temp");
	a->recipients_max = 1000;
}

/*
 * Is there an empty line between the fields and what is no field? Then the
 * message goes.
 */
static bool
is_parted(const char *file, bool apart)
{
	static const char want[] = "\r\nDelivered-To: bob@example.org\r\n"
	                           "\r\n\t.y\r\n";
	char octets[1024];
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, octets, sizeof(octets) - 1);

	(void)close(fd);
	octets[n < 0 ? 0 : n] = '\0';
	return strstr(octets, want) != NULL &&
	    is_believed(strrchr(file, '/') + 1, apart);
}

static void
test_no_field(struct accept *a)
{
	uint64_t one_file_max = a->one_file_max;
	struct client c = client_of(-1);

	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q1) TO "data size=9\n\t.y\r\n.z\r\nend\n")) &&
	        is_parted("queue/in/" Q1, false),
	    "an empty line parts the fields from what is none");
	a->one_file_max = 0;
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q1) TO "data size=9\n\t.y\r\n.z\r\nend\n")) &&
	        is_parted("queue/message/01M86G/" Q1, true),
	    "and in two files");
	a->one_file_max = one_file_max;
	client_end(a, &c);
	tap_ok(refused(a,
	           SPAN_LIT(ADD(Q1) TO "data chunked=1\nchunk size=1\n "
	                               "chunk size=3\nx\r\nend\n"),
	           "perm qid=" Q1 " code=5.6.0 "),
	    "in chunks, where the fields are written already, it is refused");
}

static void
test_out_of_turn(struct accept *a)
{
	static const char *const bad[] = { "end\n", TO, DATA, "chunk size=1\n",
		"written size=1\n", ADD(Q1) ADD(Q1), ADD(Q1) TO "end\n",
		ADD(Q1) TO "data size=1\naEND\n", "\n", "add\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client c = client_of(-1);

		tap_ok(!play(a, &c, span_of(bad[i])) && c.outbuf.len == 0,
		    "out of turn %zu ends the client", i + 1);
		client_end(a, &c);
	}
}

static void
test_pieces(struct accept *a)
{
	static const char request[] = ADD(Q1) TO DATA;
	struct client c = client_of(-1);
	struct span all = span_of(request);
	size_t used, requests, total = 0, at = 0;
	struct fault f;
	bool good = true;

	/* One octet more each time, from what is not used yet. */
	for (size_t n = 1; n <= all.len; n++) {
		good = good &&
		    accept_take(a, &c, span_from(span_head(all, n), at), 256,
		        &used, &requests, &f) == OK;
		at += used;
		total += requests;
		good = good && (n == all.len || total == 0);
	}
	accept_finish(a);
	tap_ok(good && total == 1 && at == all.len &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q1 "\n") &&
	        is_believed(Q1, false),
	    "a request may come octet by octet");
	client_end(a, &c);
}

static void
test_gone(struct accept *a)
{
	struct client c = client_of(-1);

	tap_ok(
	    play(a, &c,
	        SPAN_LIT(ADD(Q1) TO "data chunked=1\nchunk size=3\na\r\n")) &&
	        is_file("queue/message/01M86G/." Q1),
	    "content that comes has a dot name");
	client_end(a, &c);
	tap_ok(!is_file("queue/message/01M86G/." Q1),
	    "which goes when the client goes");
}

/* Nothing of queue-add removes a shard while it runs; a person may. */
static void
test_shard_removed(struct accept *a)
{
	int pair[2];
	struct client c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	c = client_of(pair[0]);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO TO DATA)) &&
	        is_believed(Q1, true) && rmdir("queue/message/01M86G") == 0,
	    "a shard was used, and removed by hand");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q2) TO "data chunked=1\nchunk size=18\n" CONTENT
	                               "end\n")) &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q2 "\n") &&
	        is_believed(Q2, true) && rmdir("queue/message/01M86G") == 0,
	    "chunks are accepted into a new one");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO "data fd=1\n")) &&
	        span_eq(buf_span(&c.outbuf), "write qid=" Q1 " offset=63\n") &&
	        play(a, &c, SPAN_LIT("drop\n")),
	    "and a descriptor is passed, with one answer");
	client_end(a, &c);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Where names need a sync of their directory. */
static void
test_shard_unsynced(struct accept *a)
{
	struct client c = client_of(-1);
	struct disk disk = store.disk;

	store.disk = (struct disk){ .in_memory = false };
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO TO DATA ADD(Q4) TO TO DATA)) &&
	        is_believed(Q1, true) && is_believed(Q4, true),
	    "two shards are in use");
	buf_reset(&c.outbuf);
	failing = "message/01M86G";
	failing_after = 0;
	tap_ok(play(a, &c,
	           SPAN_LIT(ADD(Q1) TO TO DATA ADD(Q4) TO TO DATA ADD(Q3)
	                   TO TO DATA)) &&
	        failing == NULL &&
	        span_has_prefix(buf_span(&c.outbuf), "temp qid=" Q1) &&
	        strstr(c.outbuf.p, "\nok qid=" Q4 "\n") != NULL &&
	        strstr(c.outbuf.p, "\ntemp qid=" Q3) != NULL,
	    "one that cannot be synced fails all whose names are there, and no "
	    "others");
	tap_ok(!is_file("queue/in/" Q3) && is_believed(Q4, true) &&
	        unlink("queue/aside/" Q1 ".content") == 0 &&
	        unlink("queue/aside/" Q3 ".content") == 0 &&
	        unlink("queue/trouble") == 0,
	    "their contents lie aside, and there is trouble");
	store.disk = disk;
	client_end(a, &c);
}

static void
test_twice_in_a_round(struct accept *a)
{
	struct client c = client_of(-1);
	struct disk disk = store.disk;

	store.disk = (struct disk){ .in_memory = false };
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO DATA ADD(Q1) TO DATA)) &&
	        span_eq(buf_span(&c.outbuf),
	            "ok qid=" Q1 "\nexists qid=" Q1 "\n") &&
	        is_believed(Q1, false),
	    "a message that comes twice in a round exists");
	buf_reset(&c.outbuf);
	failing = "in/" Q1;
	failing_after = 1; /* that of who finds it there succeeds */
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO DATA ADD(Q1) TO DATA)) &&
	        failing == NULL &&
	        span_has_prefix(buf_span(&c.outbuf), "temp qid=" Q1) &&
	        strstr(c.outbuf.p, "\ntemp qid=" Q1) != NULL &&
	        unlink("queue/aside/" Q1) == 0 && unlink("queue/trouble") == 0,
	    "unless its sync fails then");
	store.disk = disk;
	client_end(a, &c);
}

static bool
written(struct buf *b, uint64_t size, const unsigned char *digest, bool dots)
{
	struct add_line line = {
		.word = ADD_WRITTEN, .size = size, .dots = dots
	};
	struct fault f;

	memcpy(line.digest, digest, sizeof(line.digest));
	return wire_add_put_line(b, &line, &f) == OK;
}

static void
test_descriptor(struct accept *a)
{
	int pair[2];
	struct client c;
	struct buf b = BUF_INIT(4096);
	struct envelope_digest d;
	unsigned char digest[ENVELOPE_DIGEST_LEN];
	struct fault f;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	c = client_of(pair[0]);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO "data fd=1\n")) &&
	        c.pass_fd != -1 &&
	        span_eq(buf_span(&c.outbuf), "write qid=" Q1 " offset=63\n"),
	    "a descriptor is passed, behind the fields");
	buf_reset(&c.outbuf);
	envelope_digest_begin(&d);
	envelope_digest_add(&d, SPAN_LIT(CONTENT));
	envelope_digest_end(&d, digest);
	tap_ok(fds_write_all(c.pass_fd, SPAN_LIT(CONTENT), &f) == OK &&
	        written(&b, 18, digest, true),
	    "the client writes");
	wire_add_put_end(&b);
	tap_ok(play(a, &c, buf_span(&b)) &&
	        span_eq(buf_span(&c.outbuf), "ok qid=" Q1 "\n") &&
	        is_believed(Q1, true),
	    "and the message is accepted, apart");
	buf_reset(&b);
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q1) TO "data fd=1\n")) &&
	        fds_write_all(c.pass_fd, SPAN_LIT("\tx: y\r\n"), &f) == OK &&
	        written(&b, 7, digest, false),
	    "what begins with no field is written");
	wire_add_put_end(&b);
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, buf_span(&b)) &&
	        span_has_prefix(
	            buf_span(&c.outbuf), "perm qid=" Q1 " code=5.6.0 ") &&
	        !is_file("queue/message/01M86G/" Q1),
	    "and refused, for our fields stand before it");
	buf_reset(&b);
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q2) TO "data fd=1\n")) &&
	        written(&b, 18, digest, true),
	    "another is begun");
	wire_add_put_end(&b);
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, buf_span(&b)) &&
	        span_has_prefix(
	            buf_span(&c.outbuf), "temp qid=" Q2 " code=4.3.0 ") &&
	        !is_file("queue/message/01M86G/." Q2),
	    "a length that is not true is temp, and the file goes");
	buf_reset(&c.outbuf);
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q2) TO "data fd=1\n")) &&
	        play(a, &c, SPAN_LIT("drop\n" ADD(Q3) TO DATA)) &&
	        strstr(c.outbuf.p, "\nok qid=" Q3 "\n") != NULL &&
	        !is_file("queue/message/01M86G/." Q2) && is_believed(Q3, false),
	    "a message that is dropped goes, and others come");
	tap_ok(!is_file("queue/trouble"), "that is no trouble");
	tap_ok(play(a, &c, SPAN_LIT(ADD(Q2) TO "data fd=1\n")) &&
	        play(a, &c, SPAN_LIT("drop text=write:%20I/O\n")) &&
	        is_file("queue/trouble"),
	    "unless the disk failed it");
	(void)unlink("queue/trouble");
	buf_free(&b);
	client_end(a, &c);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
test_lines(void)
{
	static const char text[] = "a\r\n.b\r\n\r\n";
	struct lines whole = LINES_BEGIN;
	struct lines none = LINES_BEGIN;
	bool all = true;
	struct fault f;

	lines_add(&whole, span_of(text));
	tap_ok(lines_end(&whole, &f) == OK && whole.dots,
	    "lines with CRLF are good");
	lines_add(&none, SPAN_EMPTY);
	tap_ok(lines_end(&none, &f) == PERM && fault_is(&f, "5.6.0"),
	    "nothing is not");
	for (size_t n = 0; n <= 9; n++) {
		struct lines l = LINES_BEGIN;

		lines_add(&l, span_head(span_of(text), n));
		lines_add(&l, span_from(span_of(text), n));
		all = all && lines_end(&l, &f) == OK && l.dots;
	}
	tap_ok(all, "wherever they are cut");
}

int
main(void)
{
	char dir[] = "/tmp/pneu-accept.XXXXXX", command[64];
	struct accept a;
	struct fault f;

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    mkdir("queue", 0700) != 0 || store_open(&store, "queue", &f) != OK)
		abort();
	settings.queue.one_file_max = 65536;
	settings.queue.recipients_max = 1000;
	accept_begin(&a, &store, &journal, &settings);
	test_one(&a);
	test_apart(&a);
	test_refused(&a);
	test_no_field(&a);
	test_out_of_turn(&a);
	test_pieces(&a);
	test_gone(&a);
	test_shard_removed(&a);
	test_shard_unsynced(&a);
	test_twice_in_a_round(&a);
	test_descriptor(&a);
	test_lines();
	accept_end(&a);
	store_close(&store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return (system)(command) == 0 ? tap_done() : 1;
}
