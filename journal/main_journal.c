/* SPDX-License-Identifier: ISC */
/*
 * journal: show, trace, verify and rotate what journal-write keeps. Reads
 * lines that came from every program, some of them facing the network: each is
 * parsed as a record in a closed sandbox and shown only as text.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "prog.h"
#include "qid.h"
#include "receivers.h"
#include "select.h"
#include "show.h"

#define FOLLOW_MS  250 /* --follow looks so often. Chosen */
#define TRACE_MOST 20 /* messages that a trace tells of, unless asked */

/* NULL: not given. */
static struct {
	const char *qid, *code, *address, *id, *ip, *program;
	const char *since, *until, *follow, *most;
} given;

static const struct prog_option options[] = {
	{ 0, "qid", "QID", "show: entries of this message", &given.qid },
	{ 0, "code", "CODE", "show: entries of this code or name",
	    &given.code },
	{ 0, "address", "ADDRESS", "show: entries with this address",
	    &given.address },
	{ 0, "message-id", "ID", "show: entries with this Message-ID",
	    &given.id },
	{ 0, "ip", "IP", "show: entries of this client", &given.ip },
	{ 0, "program", "NAME", "show: entries of this program",
	    &given.program },
	{ 0, "since", "TIME", "show: from 2026-11-24T03:04, or 30m ago",
	    &given.since },
	{ 0, "until", "TIME", "show: up to that time", &given.until },
	{ 0, "follow", NULL, "show: go on as entries come", &given.follow },
	{ 0, "most", "N", "trace: at most the N newest messages", &given.most },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "journal",
	.usage = "[-C DIR] [options] show | trace WHAT | verify | rotate",
	.operands = true,
	.json = true,
	.summary = "Look at the journal: what happened to every message.",
	.options = options,
	.promises = "stdio rpath wpath cpath", /* of rotate; others only read */
	.more = "trace WHAT tells the story of a message by its queue id, its "
	        "Message-ID or an address.\n",
};

static struct span
text(const char *option)
{
	return span_of(option == NULL ? "" : option);
}

/* What the options select; a wrong one ends it here. */
static struct select
selection(void)
{
	static char since[64], until[64];
	static struct qid qid;
	struct select s = { .qid = text(given.qid),
		.address = text(given.address),
		.message_id = text(given.id),
		.ip = text(given.ip),
		.program = text(given.program) };

	if (given.qid != NULL && qid_parse_typed(given.qid, &qid))
		s.qid = qid_span(&qid);
	if (given.code != NULL && !select_set_code(&s, text(given.code)))
		prog_refuse(
		    "--code: neither a code nor a name; journal(8) has them");
	if ((given.since != NULL &&
	        !select_parse_time(text(given.since), since, sizeof(since))) ||
	    (given.until != NULL &&
	        !select_parse_time(text(given.until), until, sizeof(until))))
		prog_refuse("--since, --until: say 2026-11-24T03:04, or 30m, "
		            "2h, 7d ago");
	s.since = span_of(since);
	s.until = span_of(until);
	return s;
}

static bool
print_entry(void *arg, const struct entry *e)
{
	uint64_t *entries = arg;
	struct buf b = BUF_INIT(65536);

	++*entries;
	if (prog.json) {
		output(show_json(e), NULL);
	} else {
		show_put_line(&b, e);
		(void)fwrite(b.p, 1, b.len, stdout);
		buf_free(&b);
	}
	return !ferror(stdout);
}

static enum outcome
show(int dir, const char *what, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select select = selection();
	uint64_t entries = 0;

	(void)what;
	for (;;) {
		if (select_walk(
		        &walk, &select, print_entry, NULL, &entries, f) != OK)
			return f->outcome;
		(void)fflush(stdout);
		if (given.follow == NULL || ferror(stdout))
			break;
		(void)poll(NULL, 0, FOLLOW_MS);
	}
	/* Silence could be a mistyped option as well. */
	if (entries == 0 && !prog.json)
		prog_warn("no entry matches");
	return OK;
}

struct count {
	uint64_t entries, bad;
};

static bool
count_entry(void *arg, const struct entry *e)
{
	(void)e;
	((struct count *)arg)->entries++;
	return true;
}

static void
print_bad(void *arg, const struct entry *e, const char *why)
{
	char name[RECEIVER_NAME_MAX];

	receiver_name(e->receiver, name);
	output(json_pack("{s:s+, s:I, s:o}", "receiver", RECEIVER_DIRECTORY "/",
	           name, "line", (json_int_t)e->number, "text",
	           json_text(span_of(why))),
	    "{receiver}:{line}: {text|text}\n");
	((struct count *)arg)->bad++;
}

static enum outcome
verify(int dir, const char *what, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	struct count n = { 0 };

	(void)what;
	if (select_walk(&walk, &all, count_entry, print_bad, &n, f) != OK)
		return f->outcome;
	output(json_pack("{s:I, s:I}", "entries", (json_int_t)n.entries, "bad",
	           (json_int_t)n.bad),
	    "{entries} entries, {bad} lines that are no entry\n");
	return n.bad == 0 ? OK
	                  : fault_set(f, PERM, "5.3.0", 0,
	                        "the journal has lines that are no entry");
}

/* The next file is made here; journal-write attaches it with its next entry. */
static enum outcome
rotate(int dir, const char *what, struct fault *f)
{
	uint64_t *numbers;
	size_t count;
	char name[RECEIVER_NAME_MAX];
	int fd;

	(void)what;
	if (receivers_list(dir, &numbers, &count, f) != OK)
		return f->outcome;
	receiver_name(count == 0 ? 1 : numbers[count - 1] + 1, name);
	free(numbers);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno,
		    "make receiver " RECEIVER_DIRECTORY "/%s", name);
	(void)close(fd);
	output(json_pack("{s:s+}", "receiver", RECEIVER_DIRECTORY "/", name),
	    "next receiver: {receiver}\n");
	return OK;
}

static enum outcome
trace(int dir, const char *what, struct fault *f)
{
	uint64_t most = TRACE_MOST;

	if (given.most != NULL && !num_parse(text(given.most), 1, 10000, &most))
		prog_refuse("--most: say a number from 1 to 10000");
	return story_trace(dir, span_of(what), (size_t)most, f);
}

/* Three of them parse what strangers wrote, and can do no more than read. */
static const struct verb {
	const char *name;
	int operands;
	const char *options; /* those that are for it, besides --json */
	const char *promises, *rights;
	enum outcome (*run)(int dir, const char *what, struct fault *);
} verbs[] = {
	{ "show", 0,
	    "qid code address message-id ip program since until follow",
	    "stdio rpath", "r", show },
	{ "trace", 1, "most", "stdio rpath", "r", trace },
	{ "verify", 0, "", "stdio rpath", "r", verify },
	{ "rotate", 0, "", "stdio rpath wpath cpath", "rwc", rotate },
};

/* A call that is wrong ends here. */
static const struct verb *
find_verb(int argc, char *argv[])
{
	const struct verb *v = verbs, *end = v + sizeof(verbs) / sizeof(*v);

	while (v < end && (argc == 0 || strcmp(argv[0], v->name) != 0))
		v++;
	if (v == end)
		prog_refuse("say show, trace WHAT, verify or rotate");
	if (argc != 1 + v->operands || (argc > 1 && argv[1][0] == '\0'))
		prog_refuse("%s%s", v->name,
		    v->operands > 0
		        ? ": say one queue id, Message-ID or address"
		        : " takes options alone, --help lists them");
	for (const struct prog_option *o = options; o->name != NULL; o++)
		if (*o->value != NULL &&
		    !span_is_word(span_of(o->name), v->options))
			prog_refuse("%s has no --%s", v->name, o->name);
	return v;
}

int
main(int argc, char *argv[])
{
	struct sandbox_path paths[] = {
		{ "!" RECEIVER_DIRECTORY, "rwc" },
		{ NULL, NULL },
	};
	const struct verb *verb;
	struct fault f = FAULT_NONE;
	int dir;

	prog_start(&about, argc, argv);
	verb = find_verb(argc - optind, argv + optind);
	paths[0].rights = verb->rights;
	if (prog_home(&f) != OK)
		prog_exit(&f);
	dir = open(RECEIVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		fault_set(&f, TEMP, "4.3.0", errno, RECEIVER_DIRECTORY);
	else if (prog_sandbox(verb->promises, paths, &f) == OK)
		(void)verb->run(dir, argv[optind + verb->operands], &f);
	prog_exit(&f);
}
