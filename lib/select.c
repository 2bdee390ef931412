/* SPDX-License-Identifier: ISC */
/* select.c: entries of the journal, selected. */
#include "select.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "config.h"
#include "receivers.h"

#define READ_CHUNK (256UL * 1024)

bool
select_set_code(struct select *s, struct span text)
{
	for (const struct code *c = codes; c->code != NULL; c++) {
		if (span_eq(text, c->code) || span_eq(text, c->name)) {
			s->code = span_of(c->code);
			return true;
		}
	}
	return false;
}

/* "90s", "30m", "2h", "7d" ago: what pneu.conf takes for a time, with a unit. */
static bool
parse_age(struct span text, uint64_t *ms)
{
	static const struct setting_row row = { .type = SETTING_TIME,
		.max = 36500 * 86400000ULL };

	return text.len > 0 && !is_digit((unsigned char)text.p[text.len - 1]) &&
	    config_parse_number(&row, text, ms);
}

bool
select_parse_time(struct span text, char *out, size_t size)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddd";
	char now[CLOCK_TEXT_MAX];
	uint64_t age, now_ms;

	if (parse_age(text, &age)) {
		now_ms = clock_wall_ms();
		clock_text_us(now_ms > age ? (now_ms - age) * 1000 : 0, now);
		return span_copy(span_of(now), out, size);
	}
	if (text.len > 0 && text.p[text.len - 1] == 'Z')
		text.len--;
	if (text.len < 4 || text.len >= sizeof(form))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == 'd' ? !is_digit((unsigned char)text.p[i])
		                   : text.p[i] != form[i] &&
		            (form[i] != 'T' || text.p[i] != ' '))
			return false;
	if (!span_copy(text, out, size))
		return false;
	if (text.len > 10)
		out[10] = 'T'; /* a line of the journal shows a space */
	return true;
}

/* Most lines are not wanted: a look for the octets is cheaper than parsing. */
static bool
has_octets(struct span line, struct span needle)
{
	return needle.len == 0 ||
	    memmem(line.p, line.len, needle.p, needle.len) != NULL;
}

static bool
has_value_nocase(const struct record *r, struct span value)
{
	for (size_t i = 0; i < r->fields; i++)
		if (span_same_nocase(r->field[i].value, value))
			return true;
	return false;
}

/* What is asked for is never empty, as the value of a missing field is. */
static bool
has_field(const struct record *r, const char *key, struct span wanted)
{
	return wanted.len == 0 || span_same(record_value(r, key), wanted);
}

/* A limit is as long as what is known of it; an empty one lets all through. */
static int
compare_time(struct span time, struct span limit)
{
	size_t len = time.len < limit.len ? time.len : limit.len;

	return len == 0 ? 0 : memcmp(time.p, limit.p, len);
}

static bool
is_selected(const struct select *s, const struct entry *e)
{
	const struct record *r = &e->record;

	return compare_time(e->time, s->since) >= 0 &&
	    compare_time(e->time, s->until) <= 0 &&
	    (s->code.len == 0 || span_same(r->word, s->code)) &&
	    has_field(r, "qid", s->qid) &&
	    has_field(r, "program", s->program) && has_field(r, "ip", s->ip) &&
	    (s->address.len == 0 || has_value_nocase(r, s->address)) &&
	    (s->message_id.len == 0 || has_value_nocase(r, s->message_id));
}

struct walker {
	struct walk *walk;
	const struct select *select;
	bool (*each)(void *, const struct entry *);
	void (*bad)(void *, const struct entry *, const char *);
	void *arg;
	struct entry entry;
};

/* false: each() wants no more. */
static bool
walk_line(struct walker *w, struct span line)
{
	struct entry *e = &w->entry;
	struct fault f = FAULT_NONE;

	e->line = line;
	e->receiver = w->walk->receiver;
	e->number = ++w->walk->number;
	if (!has_octets(line, w->select->qid))
		return true;
	if (record_parse(line, &e->record, &f) != OK ||
	    !record_take(&e->record, "time", CLOCK_TEXT_MAX, &e->time) ||
	    !clock_parse_us(e->time, &e->us)) {
		if (w->bad != NULL)
			w->bad(w->arg, e, f.outcome == OK ? "no time" : f.text);
		return true;
	}
	return !is_selected(w->select, e) || w->each(w->arg, e);
}

/*
 * The whole lines of b; how many octets are done with. Of a line that is no
 * record for its length only the beginning is looked at, and named as bad.
 */
static size_t
walk_lines(struct walker *w, const struct buf *b, bool *more)
{
	struct span rest = buf_span(b), line;

	while (*more && rest.len > 0) {
		bool ends = span_find(rest, '\n') < rest.len;

		if (!ends && rest.len < RECORD_MAX)
			break;
		(void)span_next(&rest, '\n', &line);
		if (!w->walk->in_long_line)
			*more = walk_line(w, line);
		w->walk->in_long_line = !ends;
	}
	return b->len - rest.len;
}

/* From the walk's offset to the end of one receiver. */
static enum outcome
walk_file(struct walker *w, int fd, struct buf *b, bool *more, struct fault *f)
{
	ssize_t n = 1;

	buf_reset(b);
	while (*more && n > 0) {
		size_t done;

		(void)buf_reserve(b, READ_CHUNK);
		n = pread(fd, b->p + b->len, READ_CHUNK,
		    (off_t)(w->walk->offset + b->len));
		if (n < 0)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "read receiver");
		buf_extend(b, (size_t)n);
		done = walk_lines(w, b, more);
		w->walk->offset += done;
		buf_drop(b, done);
	}
	return OK;
}

static enum outcome
walk_receiver(struct walker *w, uint64_t number, struct buf *b, bool *more,
    struct fault *f)
{
	char name[RECEIVER_NAME_MAX];
	enum outcome got;
	int fd;

	if (number != w->walk->receiver)
		*w->walk =
		    (struct walk){ .dir = w->walk->dir, .receiver = number };
	receiver_name(number, name);
	fd = openat(w->walk->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 && errno == ENOENT)
		return OK; /* removed since it was listed */
	if (fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "open receiver %s", name);
	got = walk_file(w, fd, b, more, f);
	(void)close(fd);
	return got;
}

enum outcome
select_walk(struct walk *walk, const struct select *s,
    bool (*each)(void *, const struct entry *),
    void (*bad)(void *, const struct entry *, const char *), void *arg,
    struct fault *f)
{
	struct walker w = {
		.walk = walk, .select = s, .each = each, .bad = bad, .arg = arg
	};
	struct buf b = BUF_INIT(READ_CHUNK + RECORD_MAX);
	uint64_t *numbers;
	size_t count;
	bool more = true;
	enum outcome got;

	got = receivers_list(walk->dir, &numbers, &count, f);
	for (size_t i = 0; got == OK && more && i < count; i++)
		if (numbers[i] >= walk->receiver)
			got = walk_receiver(&w, numbers[i], &b, &more, f);
	free(numbers);
	buf_free(&b);
	return got;
}
