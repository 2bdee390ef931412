/* SPDX-License-Identifier: ISC */
/* status.c: `pneu status`: its parts, and the words for what they say. */
#include "status.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "json_text.h"
#include "phrase.h"
#include "verbs.h"

#define LINE_MAX (4UL * RECORD_MAX) /* octets of a line. Ours */

enum { OPTION_JSON = 256 };

const struct prog_option status_options[] = {
	{ OPTION_JSON, "json", NULL, "one JSON object a line" },
	{ 0, NULL, NULL, NULL },
};

#define SERVICE_WORDS                                                          \
	"  {name:15} {address:19} {state:8} up {uptime_ms|age:8} "             \
	"restarts {restarts}  pid {pids}"

/* No words, no line: what has nothing to say to a person is left out. */
static const struct {
	const char *what, *kind, *words;
} phrases[] = {
	{ "pneu", "none", "pneu does not run here (`pneu run` starts it)" },
	{ "pneu", NULL,
	    "pneu pid {pid} up {uptime_ms|age}, configuration {generation}: "
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
	    "[  {state:10} {messages:8}][ oldest {oldest_ms|age}]" },
	{ "trouble", NULL,
	    "[{there}  queue/trouble: a write to the disk failed[: "
	    "{text|text}]]" },
	{ "journal", NULL,
	    "journal: {entries} entries[ since {since}]; lost {lost}" },
	{ "deliveries", NULL, "  delivered by link {links}, by copy {copies}" },
	{ "alarms", NULL,
	    "[  alarms {number}; the last, {time}: {last|text}]" },
	{ "refusals", NULL,
	    "[  refused for local trouble {number}; the last, {time}: "
	    "{last|text}]" },
	{ "deaths", NULL,
	    "[  processes that died {number}; the last, {time}: {last|text}]" },
	{ "disk", NULL,
	    "disk of {of:8} {type}, {journal|text}; {free|size} free" },
};

/* ---- values ---- */

/* The first three: --json has all. */
static bool
put_list(struct buf *b, const json_t *list)
{
	size_t n = json_array_size(list);

	if (n == 0)
		buf_adds(b, "-");
	for (size_t i = 0; i < n && i < 3; i++)
		buf_addf(b, "%s%lld", i == 0 ? "" : ",",
		    (long long)json_integer_value(json_array_get(list, i)));
	if (n > 3)
		buf_adds(b, ",...");
	return n > 0;
}

/* A phrase_value. What is true has no text of its own; 0 is left out where
   words may be. */
static bool
put_value(const void *object, struct span key, struct buf *b)
{
	char name[32];
	const json_t *v;

	(void)span_copy(key, name, sizeof(name));
	v = json_object_get(object, name);
	if (json_is_integer(v)) {
		buf_addf(b, "%lld", (long long)json_integer_value(v));
		return json_integer_value(v) != 0;
	}
	if (json_is_array(v))
		return put_list(b, v);
	if (json_is_string(v))
		buf_add(b,
		    (struct span){
		        json_string_value(v), json_string_length(v) });
	else if (v == NULL)
		buf_adds(b, "-");
	return json_is_string(v) ? json_string_length(v) > 0 : json_is_true(v);
}

/* ---- lines ---- */

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
print_text(const json_t *o)
{
	struct buf b = BUF_INIT(LINE_MAX);

	phrase_put(&b, words_of(o), put_value, o);
	if (b.len > 0) {
		phrase_put(&b, "[  ({advice|text})]", put_value, o);
		(void)printf("%c %s\n",
		    json_is_true(json_object_get(o, "well")) ? ' ' : '!', b.p);
	}
	buf_free(&b);
}

static void
print(const struct status *s)
{
	size_t i;
	json_t *o;

	json_array_foreach(s->lines, i, o)
	{
		if (!prog.json) {
			print_text(o);
			continue;
		}
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	}
}

void
status_put(struct status *s, json_t *o)
{
	/* No memory: what is not seen is not well. */
	s->well = s->well && json_is_true(json_object_get(o, "well"));
	(void)json_array_append_new(s->lines, o);
}

void
status_fail(
    struct status *s, const char *what, const char *part, const struct fault *f)
{
	status_put(s,
	    json_pack("{s:s, s:s*, s:o, s:b}", "what", what, "part", part,
	        "error", json_text(span_of(f->text)), "well", 0));
}

enum outcome
verb_status(int argc, char *argv[], struct fault *f)
{
	struct status s = { .well = true };
	const char *value;
	int letter;

	while ((letter = prog_option(argc, argv, &value)) != -1)
		prog.json |= letter == OPTION_JSON;
	if (prog_home(f) != OK)
		return f->outcome;
	s.lines = json_array();
	s.now_ms = clock_wall_ms();
	status_services(&s);
	status_queue(&s, prog.settings.queue.directory);
	status_journal(&s);
	status_disk(&s, "queue", prog.settings.queue.directory);
	status_disk(&s, "mail", prog.settings.mail.directory);
	status_disk(&s, "journal", "journal");
	print(&s);
	if (prog.json)
		(void)printf("{\"what\":\"verdict\",\"well\":%s}\n",
		    s.well ? "true" : "false");
	json_decref(s.lines);
	if (!s.well)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "not all is well: see the lines with !");
	return OK;
}
