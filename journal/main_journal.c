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
#include <unistd.h>

#include "output.h"
#include "prog.h"
#include "receivers.h"
#include "select.h"
#include "show.h"
#include "story.h"

#define FOLLOW_MS  250 /* --follow looks so often. Chosen */
#define TRACE_MOST 20 /* messages that a trace tells of, unless asked */

enum { /* a bit each, of those that were given, counts from OPT_JSON */
	OPT_JSON = 256,
	OPT_QID,
	OPT_CODE,
	OPT_ADDRESS,
	OPT_ID,
	OPT_IP,
	OPT_PROGRAM,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_FOLLOW,
	OPT_MOST
};
#define INDEX(option) ((option)-OPT_JSON)
#define BIT(option)   (1U << INDEX(option))

static const struct prog_option options[] = {
	{ OPT_JSON, "json", NULL, "one JSON object a line", NULL },
	{ OPT_QID, "qid", "QID", "show: entries of this message", NULL },
	{ OPT_CODE, "code", "CODE", "show: entries of this code or name",
	    NULL },
	{ OPT_ADDRESS, "address", "ADDRESS", "show: entries with this address",
	    NULL },
	{ OPT_ID, "message-id", "ID", "show: entries with this Message-ID",
	    NULL },
	{ OPT_IP, "ip", "IP", "show: entries of this client", NULL },
	{ OPT_PROGRAM, "program", "NAME", "show: entries of this program",
	    NULL },
	{ OPT_SINCE, "since", "TIME", "show: from 2026-11-24T03:04, or 30m ago",
	    NULL },
	{ OPT_UNTIL, "until", "TIME", "show: up to that time", NULL },
	{ OPT_FOLLOW, "follow", NULL, "show: go on as entries come", NULL },
	{ OPT_MOST, "most", "N", "trace: at most the N newest messages", NULL },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "journal",
	.usage = "[-C DIR] [options] show | trace WHAT | verify | rotate",
	.operands = true,
	.summary = "Look at the journal: what happened to every message.",
	.options = options,
	.promises = "stdio rpath wpath cpath", /* of rotate; others only read */
	.more = "trace WHAT tells the story of a message by its queue id, its "
	        "Message-ID or an address.\n",
};

struct asked {
	struct select select;
	const char *what; /* of trace */
	unsigned options; /* bits of those given */
	uint64_t most;
	char since[64], until[64];
};

/* NULL, or what would have been right. */
static const char *
set_option(struct asked *a, int letter, struct span value)
{
	static const char time[] =
	    "--since, --until: say 2026-11-24T03:04, or 30m, 2h, 7d ago";
	struct select *s = &a->select;
	struct span *const texts[] = { [INDEX(OPT_QID)] = &s->qid,
		[INDEX(OPT_ADDRESS)] = &s->address,
		[INDEX(OPT_ID)] = &s->message_id,
		[INDEX(OPT_IP)] = &s->ip,
		[INDEX(OPT_PROGRAM)] = &s->program };

	a->options |= BIT(letter);
	switch (letter) {
	case OPT_JSON:
		prog.json = true;
		return NULL;
	case OPT_FOLLOW:
		return NULL;
	case OPT_CODE:
		return select_set_code(s, value)
		    ? NULL
		    : "--code: neither a code nor a name; journal(8) has them";
	case OPT_MOST:
		return num_parse(value, 1, 10000, &a->most)
		    ? NULL
		    : "--most: say a number from 1 to 10000";
	case OPT_SINCE:
		return select_parse_time(value, a->since, sizeof(a->since))
		    ? NULL
		    : time;
	case OPT_UNTIL:
		return select_parse_time(value, a->until, sizeof(a->until))
		    ? NULL
		    : time;
	default:
		*texts[INDEX(letter)] = value;
		return NULL;
	}
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
show(int dir, const struct asked *a, struct fault *f)
{
	struct walk walk = { .dir = dir };
	bool follow = (a->options & BIT(OPT_FOLLOW)) != 0;
	uint64_t entries = 0;

	do {
		if (select_walk(&walk, &a->select, print_entry, NULL, &entries,
		        f) != OK)
			return f->outcome;
		(void)fflush(stdout);
		if (follow)
			(void)poll(NULL, 0, FOLLOW_MS);
	} while (follow && !ferror(stdout));
	/* Silence could be a mistyped option as well. */
	if (entries == 0 && !prog.json)
		prog_warn("no entry is like that");
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
verify(int dir, const struct asked *a, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct count n = { 0 };

	if (select_walk(&walk, &a->select, count_entry, print_bad, &n, f) != OK)
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
rotate(int dir, const struct asked *a, struct fault *f)
{
	uint64_t *numbers;
	size_t count;
	char name[RECEIVER_NAME_MAX];
	int fd;

	(void)a;
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
trace(int dir, const struct asked *a, struct fault *f)
{
	return story_trace(dir, span_of(a->what), (size_t)a->most, f);
}

#define SELECTING                                                              \
	(BIT(OPT_QID) | BIT(OPT_CODE) | BIT(OPT_ADDRESS) | BIT(OPT_ID) |       \
	    BIT(OPT_IP) | BIT(OPT_PROGRAM) | BIT(OPT_SINCE) | BIT(OPT_UNTIL))

/* Three of them parse what strangers wrote, and can do no more than read. */
static const struct verb {
	const char *name;
	int operands;
	unsigned options; /* those that are for it */
	const char *promises, *rights;
	enum outcome (*run)(int dir, const struct asked *, struct fault *);
} verbs[] = {
	{ "show", 0, BIT(OPT_JSON) | BIT(OPT_FOLLOW) | SELECTING, "stdio rpath",
	    "r", show },
	{ "trace", 1, BIT(OPT_JSON) | BIT(OPT_MOST), "stdio rpath", "r",
	    trace },
	{ "verify", 0, BIT(OPT_JSON), "stdio rpath", "r", verify },
	{ "rotate", 0, BIT(OPT_JSON), "stdio rpath wpath cpath", "rwc",
	    rotate },
};

/* Ends here when it is no verb, or called wrongly. */
static const struct verb *
find_verb(const struct asked *a, int argc, char *argv[])
{
	struct span name = span_of(argc > 0 ? argv[0] : "");
	const struct verb *v = verbs, *end = v + sizeof(verbs) / sizeof(*v);
	const char *wrong = " takes options alone, --help lists them";
	struct fault f;

	while (v < end && !span_eq(name, v->name))
		v++;
	if (v == end) {
		fault_set(&f, PERM, "5.5.4", 0,
		    "say show, trace WHAT, verify or rotate");
		prog_usage(&f);
	}
	if (argc == 1 + v->operands && (a->options & ~v->options) == 0)
		return v;
	if (argc == 1 + v->operands)
		wrong = " does not take all of these options";
	else if (v->operands > 0)
		wrong = ": say one queue id, Message-ID or address";
	fault_set(&f, PERM, "5.5.4", 0, "%s%s", v->name, wrong);
	prog_usage(&f);
}

int
main(int argc, char *argv[])
{
	struct sandbox_path paths[] = {
		{ "!" RECEIVER_DIRECTORY, "rwc" },
		{ NULL, NULL },
	};
	const struct verb *verb;
	struct asked asked = { .most = TRACE_MOST };
	struct fault f = FAULT_NONE;
	const char *value, *wrong;
	int letter, dir;

	prog_begin(&about);
	while ((letter = prog_option(argc, argv, &value)) != -1) {
		wrong = set_option(
		    &asked, letter, span_of(value == NULL ? "" : value));
		if (wrong == NULL)
			continue;
		fault_set(&f, PERM, "5.5.4", 0, "%s", wrong);
		prog_usage(&f);
	}
	asked.select.since = span_of(asked.since);
	asked.select.until = span_of(asked.until);
	verb = find_verb(&asked, argc - optind, argv + optind);
	asked.what = argv[optind + verb->operands];
	paths[0].rights = verb->rights;
	if (prog_home(&f) != OK)
		prog_exit(&f);
	dir = open(RECEIVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		fault_set(&f, TEMP, "4.3.0", errno, RECEIVER_DIRECTORY);
	else if (prog_sandbox(verb->promises, paths, &f) == OK)
		(void)verb->run(dir, &asked, &f);
	prog_exit(&f);
}
