/* SPDX-License-Identifier: ISC */
/* clock.c: wall time for people and files, monotonic time for deadlines. */
#include "clock.h"

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

/* Days since 1970 of a date of the proleptic Gregorian calendar. */
static uint64_t
days_of(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month <= 2 ? year - 1 : year;
	uint64_t m = month <= 2 ? month + 9 : month - 3; /* March is 0 */

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
	    1 - 719468;
}

/* n digits within min..max at the cursor. */
static bool
take_digits(struct cur *c, size_t n, uint64_t min, uint64_t max, uint64_t *out)
{
	struct span digits = span_head(cur_rest(c), n);

	if (digits.len != n || !num_parse(digits, min, max, out))
		return false;
	c->p += n;
	return true;
}

/* The last part of a second has so many digits, up to `most`. */
static bool
parse_time(struct span s, size_t digits, uint64_t most, uint64_t *out)
{
	struct cur c = cur_over(s);
	uint64_t y, mo, d, h, mi, sec, part;

	if (!take_digits(&c, 4, 1970, 9999, &y) || !cur_eat(&c, '-') ||
	    !take_digits(&c, 2, 1, 12, &mo) || !cur_eat(&c, '-') ||
	    !take_digits(&c, 2, 1, 31, &d) || !cur_eat(&c, 'T') ||
	    !take_digits(&c, 2, 0, 23, &h) || !cur_eat(&c, ':') ||
	    !take_digits(&c, 2, 0, 59, &mi) || !cur_eat(&c, ':') ||
	    !take_digits(&c, 2, 0, 60, &sec) || !cur_eat(&c, '.') ||
	    !take_digits(&c, digits, 0, most, &part) || !cur_eat(&c, 'Z') ||
	    cur_peek(&c) != -1)
		return false;
	*out =
	    (((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60 + sec) * (most + 1) +
	    part;
	return true;
}

bool
clock_parse_ms(struct span s, uint64_t *wall_ms)
{
	return parse_time(s, 3, 999, wall_ms);
}

bool
clock_parse_us(struct span s, uint64_t *wall_us)
{
	return parse_time(s, 6, 999999, wall_us);
}

void
clock_minute(uint64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	struct tm tm;

	broken_down(wall_ms / 1000, &tm);
	(void)strftime(out, CLOCK_TEXT_MAX, "%Y%m%dT%H%M", &tm);
}

bool
clock_parse_minute(struct span s, uint64_t *wall_ms)
{
	struct cur c = cur_over(s);
	uint64_t y, mo, d, h, mi;

	if (!take_digits(&c, 4, 1970, 9999, &y) ||
	    !take_digits(&c, 2, 1, 12, &mo) || !take_digits(&c, 2, 1, 31, &d) ||
	    !cur_eat(&c, 'T') || !take_digits(&c, 2, 0, 23, &h) ||
	    !take_digits(&c, 2, 0, 59, &mi) || cur_peek(&c) != -1)
		return false;
	*wall_ms = ((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60000;
	return true;
}

void
clock_rfc5322(uint64_t wall_ms, char out[48])
{
	struct tm tm;

	broken_down(wall_ms / 1000, &tm);
	(void)strftime(out, 48, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}
