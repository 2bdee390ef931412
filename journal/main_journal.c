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
#define BIT(option) (1U << ((option)-OPT_JSON))

static const struct prog_option options[] = {
	{ OPT_JSON, "json", NULL, "one JSON object a line" },
	{ OPT_QID, "qid", "QID", "show: entries of this message" },
	{ OPT_CODE, "code", "CODE", "show: entries of this code or name" },
	{ OPT_ADDRESS, "address", "ADDRESS",
	    "show: entries with this address" },
	{ OPT_ID, "message-id", "ID", "show: entries with this Message-ID" },
	{ OPT_IP, "ip", "IP", "show: entries of this client" },
	{ OPT_PROGRAM, "program", "NAME", "show: entries of this program" },
	{ OPT_SINCE, "since", "TIME",
	    "show: from 2026-11-24T03:04, or 30m ago" },
	{ OPT_UNTIL, "until", "TIME", "show: up to that time" },
	{ OPT_FOLLOW, "follow", NULL, "show: go on as entries come" },
	{ OPT_MOST, "most", "N", "trace: at most the N newest messages" },
	{ 0, NULL, NULL, NULL },
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
	bool follow;
	uint64_t most;
	char since[64], until[64];
};

static bool
set_option(struct asked *a, int letter, struct span value)
{
	a->options |= BIT(letter);
	switch (letter) {
	case OPT_JSON:
		prog.json = true;
		return true;
	case OPT_FOLLOW:
		a->follow = true;
		return true;
	case OPT_QID:
		a->select.qid = value;
		return true;
	case OPT_CODE:
		return select_set_code(&a->select, value);
	case OPT_ADDRESS:
		a->select.address = value;
		return true;
	case OPT_ID:
		a->select.message_id = value;
		return true;
	case OPT_IP:
		a->select.ip = value;
		return true;
	case OPT_PROGRAM:
		a->select.program = value;
		return true;
	case OPT_SINCE:
		if (!select_parse_time(value, a->since, sizeof(a->since)))
			return false;
		a->select.since = span_of(a->since);
		return true;
	case OPT_UNTIL:
		if (!select_parse_time(value, a->until, sizeof(a->until)))
			return false;
		a->select.until = span_of(a->until);
		return true;
	case OPT_MOST:
		return num_parse(value, 1, 10000, &a->most);
	default:
		return false;
	}
}

/* What would have been right for an option. */
static const char *
want_of(int letter)
{
	switch (letter) {
	case OPT_CODE:
		return "--code: neither a code nor a name; journal(8) has "
		       "them";
	case OPT_MOST:
		return "--most: say a number from 1 to 10000";
	default:
		return "--since, --until: say 2026-11-24T03:04, or 30m, 2h, "
		       "7d ago";
	}
}

struct printer {
	struct buf b;
	uint64_t entries, bad;
};

static bool
print_entry(void *arg, const struct entry *e)
{
	struct printer *p = arg;

	buf_reset(&p->b);
	if (prog.json)
		show_put_json(&p->b, e);
	else
		show_put_line(&p->b, e);
	p->entries++;
	return fwrite(p->b.p, 1, p->b.len, stdout) == p->b.len;
}

static enum outcome
show(int dir, const struct asked *a, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct printer p = { .b = BUF_INIT(65536) };
	enum outcome got;

	do {
		got = select_walk(&walk, &a->select, print_entry, NULL, &p, f);
		(void)fflush(stdout);
		if (a->follow)
			(void)poll(NULL, 0, FOLLOW_MS);
	} while (a->follow && got == OK && !ferror(stdout));
	/* Silence could be a mistyped option as well. */
	if (got == OK && p.entries == 0 && !prog.json)
		prog_warn("no entry is like that");
	buf_free(&p.b);
	return got;
}

static bool
count_entry(void *arg, const struct entry *e)
{
	struct printer *p = arg;

	(void)e;
	p->entries++;
	return true;
}

static void
print_bad(void *arg, const struct entry *e, const char *why)
{
	struct printer *p = arg;
	char name[RECEIVER_NAME_MAX];

	receiver_name(e->receiver, name);
	output(json_pack("{s:s+, s:I, s:o}", "receiver", RECEIVER_DIRECTORY "/",
	           name, "line", (json_int_t)e->number, "text",
	           json_text(span_of(why))),
	    "{receiver}:{line}: {text|text}\n");
	p->bad++;
}

static enum outcome
verify(int dir, const struct asked *a, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	struct printer p = { .b = BUF_INIT(0) };

	(void)a;
	if (select_walk(&walk, &all, count_entry, print_bad, &p, f) != OK)
		return f->outcome;
	output(json_pack("{s:I, s:I}", "entries", (json_int_t)p.entries, "bad",
	           (json_int_t)p.bad),
	    "{entries} entries, {bad} lines that are no entry\n");
	return p.bad == 0 ? OK
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
	return story_trace(dir, span_of(a->what),
	    (size_t)(a->most == 0 ? TRACE_MOST : a->most), prog.json, stdout,
	    f);
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
	struct fault f;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct verb *v = &verbs[i];

		if (!span_eq(name, v->name))
			continue;
		if (argc != 1 + v->operands)
			fault_set(&f, PERM, "5.5.4", 0,
			    v->operands > 0
			        ? "%s: say one queue id, Message-ID or address"
			        : "%s takes options alone, --help lists them",
			    v->name);
		else if ((a->options & ~v->options) == 0)
			return v;
		else
			fault_set(&f, PERM, "5.5.4", 0,
			    "%s does not take all of these options", v->name);
		prog_usage(&f);
	}
	fault_set(
	    &f, PERM, "5.5.4", 0, "say show, trace WHAT, verify or rotate");
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
	struct asked asked = { 0 };
	struct fault f = FAULT_NONE;
	const char *value;
	int letter, dir;

	prog_begin(&about);
	while ((letter = prog_option(argc, argv, &value)) != -1) {
		if (set_option(
		        &asked, letter, span_of(value == NULL ? "" : value)))
			continue;
		fault_set(&f, PERM, "5.5.4", 0, "%s", want_of(letter));
		prog_usage(&f);
	}
	verb = find_verb(&asked, argc - optind, argv + optind);
	asked.what = argv[optind + verb->operands];
	paths[0].rights = verb->rights;
	if (prog_home(&f) != OK)
		prog_exit(&f);
	dir = open(RECEIVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1) {
		fault_set(&f, TEMP, "4.3.0", errno, RECEIVER_DIRECTORY);
		prog_exit(&f);
	}
	if (prog_sandbox(verb->promises, paths, &f) == OK)
		(void)verb->run(dir, &asked, &f);
	prog_exit(&f);
}
