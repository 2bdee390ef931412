/* SPDX-License-Identifier: ISC */
/* queue-run.h: a run over a queue of its own, for the tests of its steps. */
#ifndef TESTS_UNIT_QUEUE_RUN_H
#define TESTS_UNIT_QUEUE_RUN_H

#include <sodium.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../queue-run/requests.h"
#include "../../queue-run/start.h"
#include "../../queue-run/steps.h"
#include "../../queue-run/turn.h"
#include "clock.h"
#include "config.h"
#include "prog.h"
#include "tap.h"

static char test_home[64];

static inline void
test_begin(struct run *run)
{
	struct buf errors = BUF_INIT(4096);
	struct fault f;

	(void)snprintf(test_home, sizeof(test_home), "%s/pneu-unit.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (sodium_init() < 0 || mkdtemp(test_home) == NULL ||
	    chdir(test_home) != 0 || mkdir("queue", 0700) != 0 ||
	    config_load(&prog.settings, NULL, &errors, &f) != OK ||
	    run_begin(run, &prog.settings.queue, "test", &f) != OK ||
	    store_lock_run(&run->store, 0, &f) != OK) {
		printf("Bail out! no queue: %s\n", f.text);
		exit(1);
	}
	buf_free(&errors);
}

static inline int
test_end(struct run *run)
{
	char *argv[] = { (char *)"rm", (char *)"-rf", test_home, NULL };
	pid_t pid;

	run_end(run);
	config_free(&prog.settings);
	if (chdir("/") != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)waitpid(pid, NULL, 0);
	return tap_done();
}

static inline struct path
test_path(const char *text)
{
	struct path path;
	struct fault f;

	if (text[0] == '\0')
		return (struct path){ .len = 0 };
	if (path_parse_bare(span_of(text), &path, &f) != OK)
		abort();
	return path;
}

/* An envelope from `from` to each of the addresses, separated by spaces. */
static inline void
test_envelope(struct envelope *e, const char *from, const char *to)
{
	struct span rest = span_of(to), one;
	char text[PATH_TEXT_MAX + 1];
	struct fault f;

	envelope_begin(e);
	qid_draw(&e->qid);
	e->time_ms = clock_wall_ms();
	e->reverse_path = test_path(from);
	while (span_next(&rest, ' ', &one)) {
		struct path path;

		(void)span_copy(one, text, sizeof(text));
		path = test_path(text);
		if (envelope_add_recipient(
		        e, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
			abort();
	}
}

static inline void
test_write(const char *name, struct span octets)
{
	FILE *file = fopen(name, "w");

	if (file == NULL ||
	    fwrite(octets.p, 1, octets.len, file) != octets.len ||
	    fclose(file) != 0)
		abort();
}

/* A message of one file in queue/in, as queue-add leaves it. */
static inline struct qid
test_one_file(const char *to)
{
	static const char content[] = "Subject: x\r\n\r\nhello\r\n";
	struct buf b = BUF_INIT(4096);
	struct envelope_digest d;
	struct envelope e;
	char name[64];
	struct fault f;
	struct qid qid;

	test_envelope(&e, "ann@example.org", to);
	e.size = sizeof(content) - 1;
	envelope_digest_begin(&d);
	envelope_digest_add(&d, SPAN_LIT(content));
	envelope_digest_end(&d, e.digest);
	if (envelope_put_one(&b, &e, &f) != OK)
		abort();
	buf_adds(&b, content);
	(void)snprintf(name, sizeof(name), "queue/in/%s", e.qid.text);
	test_write(name, buf_span(&b));
	qid = e.qid;
	envelope_free(&e);
	buf_free(&b);
	return qid;
}

/* The directory of a minute or a shard. */
static inline void
test_make_part(struct store_place place)
{
	char dir[STORE_DIR_MAX], path[STORE_DIR_MAX + 8];

	store_dir_name(place, dir);
	(void)snprintf(path, sizeof(path), "queue/%s", dir);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		abort();
}

static inline bool
test_exists(struct store_place place, const struct qid *qid)
{
	char name[STORE_NAME_MAX], path[STORE_NAME_MAX + 8];

	store_name(place, qid, name);
	(void)snprintf(path, sizeof(path), "queue/%s", name);
	return access(path, F_OK) == 0;
}

static inline bool
test_has_content(const struct qid *qid)
{
	char name[STORE_NAME_MAX], path[STORE_NAME_MAX + 8];

	store_name(store_content_place(qid), qid, name);
	(void)snprintf(path, sizeof(path), "queue/%s", name);
	return access(path, F_OK) == 0;
}

#endif
