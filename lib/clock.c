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

/*
 * gmtime_r() locks and looks at the zone each time; a message needs several
 * texts of the same second, so the last second is kept.
 */
static void
broken_down(uint64_t seconds, struct tm *tm)
{
	static uint64_t last = UINT64_MAX;
	static struct tm kept;

	if (seconds != last) {
		time_t t = (time_t)seconds;

		if (gmtime_r(&t, &kept) == NULL)
			memset(&kept, 0, sizeof(kept));
		last = seconds;
	}
	*tm = kept;
}

#define SECONDS_LEN 19 /* 2026-11-24T03:04:05 */

/* The same for its text: the journal wants it many times a second. */
static void
put_seconds(uint64_t seconds, char out[CLOCK_TEXT_MAX])
{
	static uint64_t last = UINT64_MAX;
	static char kept[CLOCK_TEXT_MAX];
	struct tm tm;

	if (seconds != last) {
		broken_down(seconds, &tm);
		(void)strftime(kept, sizeof(kept), "%Y-%m-%dT%H:%M:%S", &tm);
		last = seconds;
	}
	memcpy(out, kept, SECONDS_LEN);
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
	put_seconds(wall_ms / 1000, out);
	put_fraction((unsigned)(wall_ms % 1000), 3, out + SECONDS_LEN);
}

void
clock_text_us(uint64_t wall_us, char out[CLOCK_TEXT_MAX])
{
	put_seconds(wall_us / 1000000, out);
	put_fraction((unsigned)(wall_us % 1000000), 6, out + SECONDS_LEN);
}

void
clock_minute(uint64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	struct tm tm;

	broken_down(wall_ms / 1000, &tm);
	(void)strftime(out, CLOCK_TEXT_MAX, "%Y%m%dT%H%M", &tm);
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
	struct tm tm;

	broken_down(wall_ms / 1000, &tm);
	(void)strftime(out, 48, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}
