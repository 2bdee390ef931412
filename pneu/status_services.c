/* SPDX-License-Identifier: ISC */
/* status_services.c: what the supervisor says of itself and its services. */
#include "control.h"
#include "status.h"

#define FIFO_FULL (1024 * 1024 / 2) /* half of the pipe waits: too slow */

static json_t *
json_numbers(struct span text)
{
	json_t *list = json_array();
	struct span one;
	uint64_t n;

	while (span_next(&text, ',', &one))
		if (num_parse(one, 0, INT64_MAX, &n))
			(void)json_array_append_new(
			    list, json_integer((json_int_t)n));
	return list;
}

/* A record of the supervisor: digits are a number, pids a list of them. */
static json_t *
json_record(const struct record *r)
{
	json_t *o = json_object();
	char key[32];
	uint64_t n;

	(void)json_object_set_new(o, "what", json_text(r->word));
	for (size_t i = 0; i < r->fields; i++) {
		const struct record_field *field = &r->field[i];

		(void)span_copy(field->key, key, sizeof(key));
		for (char *p = key; *p != '\0'; p++)
			if (*p == '-')
				*p = '_';
		(void)json_object_set_new(o, key,
		    span_eq(field->key, "pids") ? json_numbers(field->value)
		        : num_parse(field->value, 0, INT64_MAX, &n)
		        ? json_integer((json_int_t)n)
		        : json_text(field->value));
	}
	return o;
}

#define SERVICE_WORDS                                                          \
	"  {name:15} {address:19} {state:8} up {uptime_ms|ms:8} "              \
	"restarts {restarts}  pid {pids}"

static const char *
words_of(const struct record *r)
{
	if (record_is(r, "pneu"))
		return "pneu pid {pid} up {uptime_ms|ms}, configuration "
		       "{generation}: {state}[; {behind}{journal_waiting} "
		       "octets wait for journal-write]";
	if (!record_is(r, "service"))
		return "{what}: a supervisor of another version says it";
	if (record_value(r, "since").len > 0)
		return "  {name:15} {address:19} {state} by {by} since {since}";
	if (span_eq(record_value(r, "state"), "off"))
		return "  {name:15} {address:19} {state}: autostart = no";
	if (span_eq(record_value(r, "kind"), "pool"))
		return SERVICE_WORDS "  busy {busy} idle {idle} max {max} "
		                     "served {served} refused {refused}"
		                     "[ waiting {waiting}][ leader {leader}]";
	if (span_eq(record_value(r, "kind"), "replaced"))
		return SERVICE_WORDS "  replaced; running {live} max {max}";
	return SERVICE_WORDS;
}

/* Its state is one word; `ready` is how it should be, some others may be. */
static void
put_record(struct status *s, const struct record *r)
{
	json_t *o = json_record(r);
	struct span state = record_value(r, "state");
	bool behind = json_integer_value(
	                  json_object_get(o, "journal_waiting")) > FIFO_FULL;
	bool well = span_is_word(state, "ready retires stopped off");

	(void)json_object_update_new(o,
	    json_pack("{s:s*, s:o*, s:b}", "advice",
	        span_eq(state, "full") ? "raise max?" : NULL, "behind",
	        behind ? json_true() : NULL, "well", (int)(well && !behind)));
	status_put(s, o, words_of(r));
}

/* Nothing runs, or what runs does not answer: two things. */
static void
put_silence(struct status *s, struct fault *why)
{
	struct fault f = FAULT_NONE;
	pid_t pid;

	if (lock_holder(&pid, &f) != OK) {
		status_fail(s, "pneu", NULL, &f);
	} else if (pid != 0) {
		fault_context(
		    why, "pid %ld runs, but does not answer", (long)pid);
		status_fail(s, "pneu", NULL, why);
	} else {
		status_put(s,
		    json_pack("{s:s, s:s, s:b, s:b}", "what", "pneu", "kind",
		        "none", "running", 0, "well", 0),
		    "pneu does not run here (`pneu run` starts it)");
	}
}

void
status_services(struct status *s)
{
	struct buf answer = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	struct record r;
	struct fault f = FAULT_NONE;

	if (control_ask(&answer, &f) != OK) {
		put_silence(s, &f);
		goto out;
	}
	rest = buf_span(&answer);
	while (span_next(&rest, '\n', &line)) {
		if (record_parse(line, &r, &f) != OK)
			status_fail(s, "pneu", NULL, &f);
		else if (!record_is(&r, "end"))
			put_record(s, &r);
	}
out:
	buf_free(&answer);
}
