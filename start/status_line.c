/* SPDX-License-Identifier: ISC */
/* status_line.c: a line of `pneu status`, and the words for what it says. */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "prog.h"
#include "record.h"
#include "status.h"

#define LINE_MAX (16UL * RECORD_MAX) /* octets of a line. Chosen */

#define SERVICE_WORDS                                                          \
	"  {name:15} {address:19} {state:8} up {uptime_ms|ms:8} "              \
	"restarts {restarts}  pid {pids}"

/* What has nothing to say in text has no line. */
static const struct {
	const char *what, *kind, *words;
} phrases[] = {
	{ "pneu", "none", "pneu does not run here (`pneu run` starts it)" },
	{ "pneu", NULL,
	    "pneu pid {pid} up {uptime_ms|ms}, configuration {generation}: "
	    "{state}"
	    "[; {behind}{journal_waiting} octets wait for journal-write]" },
	{ "service", "pool",
	    SERVICE_WORDS
	    "  busy {busy} idle {idle} max {max} served {served} refused "
	    "{refused}" },
	{ "service", "replaced",
	    SERVICE_WORDS "  replaced; running {live} max {max}" },
	{ "service", NULL, SERVICE_WORDS },
	{ "total", NULL, "messages in {directory}: {messages}" },
	{ "queue", NULL,
	    "[  {state:10} {messages:8}][ oldest {oldest_ms|ms}]" },
	{ "trouble", NULL,
	    "[{there}  queue/trouble: a write to the disk failed[: "
	    "{text|text}]]" },
	{ "journal", NULL,
	    "journal: {entries} entries[ since {since}]; lost {lost}" },
	{ "deliveries", NULL, "  delivered by link {links}, by copy {copies}" },
	{ "alarms", NULL,
	    "[  alarms {number}; the last, {time}: {last|text}]" },
	{ "refusals", NULL,
	    "[  refused for local errors {number}; the last, {time}: "
	    "{last|text}]" },
	{ "deaths", NULL,
	    "[  processes that died {number}; the last, {time}: {last|text}]" },
	{ "disk", NULL,
	    "disk of {of:8} {type}, {journal|text}; {free|size} free" },
};

static const char *
string_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static const char *
words_of(const json_t *o)
{
	if (json_object_get(o, "error") != NULL)
		return "{what}[ {part}]: {error|text}";
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (strcmp(phrases[i].what, string_of(o, "what")) == 0 &&
		    (phrases[i].kind == NULL ||
		        strcmp(phrases[i].kind, string_of(o, "kind")) == 0))
			return phrases[i].words;
	return "{what}: a supervisor of another version says it";
}

static void
print_text(const json_t *o, bool well)
{
	struct buf b = BUF_INIT(LINE_MAX);

	output_phrase(&b, o, words_of(o));
	if (b.len > 0)
		output_phrase(&b, o, "[  ({advice|text})]");
	if (b.len > 0)
		output_note("%c %s\n", well ? ' ' : '!', b.p);
	buf_free(&b);
}

void
status_put(struct status *s, json_t *o)
{
	/* No memory: what is not seen is not well. */
	bool well = json_is_true(json_object_get(o, "well"));

	s->well = s->well && well;
	output_json(o);
	print_text(o, well);
	json_decref(o);
}

void
status_fail(
    struct status *s, const char *what, const char *part, const struct fault *f)
{
	status_put(s,
	    json_pack("{s:s, s:s*, s:o, s:b}", "what", what, "part", part,
	        "error", json_text(span_of(f->text)), "well", 0));
}
