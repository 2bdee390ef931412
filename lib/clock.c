/* SPDX-License-Identifier: ISC */
/* clock.c: wall time for people and files, monotonic time for deadlines. */
#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct timespec
now(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return (struct timespec){ 0, 0 };
	return ts;
}

uint64_t
clock_wall_us(void)
{
	struct timespec ts = now(CLOCK_REALTIME);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

uint64_t
clock_mono_ms(void)
{
	struct timespec ts = now(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#define SECONDS_LEN 19 /* 2026-11-24T03:04:05 */

struct second {
	uint64_t s; /* since 1970 */
	struct tm tm;
	char text[CLOCK_TEXT_MAX];
};

/*
 * gmtime_r() locks and looks at the zone each time; a message and the journal
 * need several texts of the same second, so the last one is kept.
 */
static const struct second *
second_of(uint64_t s)
{
	static struct second last = { .s = UINT64_MAX };
	time_t t = (time_t)s;

	if (s == last.s)
		return &last;
	last.s = s;
	if (gmtime_r(&t, &last.tm) == NULL)
		memset(&last.tm, 0, sizeof(last.tm));
	(void)strftime(
	    last.text, sizeof(last.text), "%Y-%m-%dT%H:%M:%S", &last.tm);
	return &last;
}

/* ".", so many digits, "Z" */
static void
put_fraction(unsigned n, unsigned digits, char *out)
{
	out[0] = '.';
	for (unsigned i = digits; i > 0; i--, n /= 10)
		out[i] = (char)('0' + n % 10);
	out[digits + 1] = 'Z';
	out[digits + 2] = '\0';
}

void
clock_text_ms(uint64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	memcpy(out, second_of(wall_ms / 1000)->text, SECONDS_LEN);
	put_fraction((unsigned)(wall_ms % 1000), 3, out + SECONDS_LEN);
}

void
clock_text_us(uint64_t wall_us, char out[CLOCK_TEXT_MAX])
{
	memcpy(out, second_of(wall_us / 1000000)->text, SECONDS_LEN);
	put_fraction((unsigned)(wall_us % 1000000), 6, out + SECONDS_LEN);
}

void
clock_minute(uint64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	(void)strftime(
	    out, CLOCK_TEXT_MAX, "%Y%m%dT%H%M", &second_of(wall_ms / 1000)->tm);
}

/*
 * Read as far as the C library can, written again by `put`, and compared: so a
 * time has one text. unit: of *out, in a second.
 */
static bool
parse(struct span s, const char *format, uint64_t unit,
    void (*put)(uint64_t, char *), uint64_t *out)
{
	char text[CLOCK_TEXT_MAX], again[CLOCK_TEXT_MAX];
	struct tm tm = { 0 };
	const char *part;

	if (!span_copy(s, text, sizeof(text)) ||
	    (part = strptime(text, format, &tm)) == NULL)
		return false;
	*out = (uint64_t)timegm(&tm) * unit +
	    (*part == '.' ? strtoull(part + 1, NULL, 10) : 0);
	put(*out, again);
	return strcmp(text, again) == 0 && strlen(text) == s.len;
}

bool
clock_parse_ms(struct span s, uint64_t *wall_ms)
{
	return parse(s, "%Y-%m-%dT%H:%M:%S", 1000, clock_text_ms, wall_ms);
}

bool
clock_parse_us(struct span s, uint64_t *wall_us)
{
	return parse(s, "%Y-%m-%dT%H:%M:%S", 1000000, clock_text_us, wall_us);
}

bool
clock_parse_minute(struct span s, uint64_t *wall_ms)
{
	return parse(s, "%Y%m%dT%H%M", 1000, clock_minute, wall_ms);
}

void
clock_rfc5322(uint64_t wall_ms, char out[48])
{
	(void)strftime(out, 48, "%a, %d %b %Y %H:%M:%S +0000",
	    &second_of(wall_ms / 1000)->tm);
}
