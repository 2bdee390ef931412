/* SPDX-License-Identifier: ISC */
/*
 * status_journal.c: what the end of the journal tells: entries that were lost,
 * alarms, and how mail came into mailboxes. Copies that nobody expects mean a
 * sandbox or a mount that was set up wrongly.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "record.h"
#include "status.h"

#define LOOK_MAX (4UL * 1024 * 1024) /* octets from the end of the journal */

struct sums {
	uint64_t since_ms; /* older trouble is told, but no longer trouble */
	uint64_t entries, lost, alarms, links, copies;
	uint64_t fresh_lost, fresh_alarms;
	uint64_t refused; /* of late, for trouble of this machine */
	char refusal[256]; /* the last one */
	char alarm[256]; /* the last one */
	char alarm_time[64];
};

#define NAME_SIZE 64 /* of a receiver, with its 0 */
#define FRESH_MS  (60UL * 60 * 1000) /* trouble counts so long. Ours */

/* Receivers are numbered, with leading zeros: the greatest name is newest. */
static bool
is_newer(const char *name, const char *than)
{
	size_t len = strlen(name), other = strlen(than);

	return len > other || (len == other && strcmp(name, than) > 0);
}

/* The newest receiver older than `limit`, into name; "": none. */
static void
find_newest(DIR *d, const char *limit, char name[NAME_SIZE])
{
	struct dirent *e;

	name[0] = '\0';
	rewinddir(d);
	while ((e = readdir(d)) != NULL)
		if (is_digit((unsigned char)e->d_name[0]) &&
		    (limit[0] == '\0' || is_newer(limit, e->d_name)) &&
		    is_newer(e->d_name, name))
			(void)span_copy(span_of(e->d_name), name, NAME_SIZE);
}

static bool
is_fresh(const struct sums *sums, struct record *r, struct span *time)
{
	uint64_t us;

	return !record_take(r, "time", CLOCK_TEXT_MAX, time) ||
	    !clock_parse_us(*time, &us) || us / 1000 >= sums->since_ms;
}

static void
count_delivery(struct sums *sums, struct record *r)
{
	struct span how;

	if (!record_take_optional(r, "how", 32, &how))
		return;
	sums->links += span_eq(how, "link");
	sums->copies += span_eq(how, "copy");
}

static void
keep_alarm(struct sums *sums, struct record *r)
{
	struct span text = SPAN_EMPTY, time = SPAN_EMPTY;

	sums->alarms++;
	sums->fresh_alarms += is_fresh(sums, r, &time);
	(void)record_take_optional(r, "text", RECORD_MAX, &text);
	(void)span_copy(span_head(text, text.len < 200 ? text.len : 200),
	    sums->alarm, sizeof(sums->alarm));
	(void)span_copy(time, sums->alarm_time, sizeof(sums->alarm_time));
}

/* Senders come again, but as long as it lasts nobody's mail comes in. */
static void
keep_refusal(struct sums *sums, struct record *r)
{
	struct span rule, text = SPAN_EMPTY, time;

	if (!record_take_optional(r, "rule", 64, &rule) ||
	    !span_eq(rule, "local-trouble") || !is_fresh(sums, r, &time))
		return;
	sums->refused++;
	(void)record_take_optional(r, "text", RECORD_MAX, &text);
	(void)span_copy(span_head(text, text.len < 200 ? text.len : 200),
	    sums->refusal, sizeof(sums->refusal));
}

/* Most lines are not for us: only those are parsed that are. */
static void
count_line(struct sums *sums, struct span line)
{
	struct record r;
	struct fault f;
	struct span time;
	uint64_t n = 0;
	bool delivery = span_has_prefix(line, CODE_DELIVERED " ");
	bool lost = span_has_prefix(line, CODE_LOST " ");
	bool alarm = span_has_prefix(line, CODE_ALARM " ");
	bool refused = span_has_prefix(line, CODE_REJECTED " ");

	sums->entries++;
	if ((!delivery && !lost && !alarm && !refused) ||
	    record_parse(line, &r, &f) != OK)
		return;
	if (delivery)
		count_delivery(sums, &r);
	else if (alarm)
		keep_alarm(sums, &r);
	else if (refused)
		keep_refusal(sums, &r);
	else if (record_take_num(&r, "n", 0, UINT64_MAX, &n)) {
		sums->lost += n;
		sums->fresh_lost += is_fresh(sums, &r, &time) ? n : 0;
	}
}

/* At most LOOK_MAX octets of its end. */
static void
read_end(int fd, struct buf *b)
{
	struct stat st;
	off_t from;
	ssize_t n;

	buf_reset(b);
	if (fstat(fd, &st) != 0)
		return;
	from = st.st_size > (off_t)LOOK_MAX ? st.st_size - (off_t)LOOK_MAX : 0;
	while (buf_reserve(b, 65536) &&
	    (n = pread(fd, b->p + b->len, 65536, from + (off_t)b->len)) > 0)
		b->len += (size_t)n;
}

static bool
count_receiver(DIR *d, const char *name, struct buf *b, struct sums *sums)
{
	struct span rest, line;
	int fd = openat(dirfd(d), name, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	read_end(fd, b);
	(void)close(fd);
	rest = buf_span(b);
	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			count_line(sums, line);
	return true;
}

static void
put_sums(struct status *s, const struct sums *sums)
{
	status_put(s, sums->fresh_lost == 0,
	    "journal: the last %llu entries; lost %llu",
	    (unsigned long long)sums->entries, (unsigned long long)sums->lost);
	status_put(s, true, "  delivered by link %llu, by copy %llu%s",
	    (unsigned long long)sums->links, (unsigned long long)sums->copies,
	    sums->copies > 0 ? "  (copies: queue and mail are two mounts?)"
	                     : "");
	if (sums->alarms > 0)
		status_put(s, sums->fresh_alarms == 0,
		    "  alarms %llu; the last, %s: %s",
		    (unsigned long long)sums->alarms, sums->alarm_time,
		    sums->alarm);
	if (sums->refused > 0)
		status_put(s, false,
		    "  refused for local trouble in the last hour: %llu; the "
		    "last: %s",
		    (unsigned long long)sums->refused, sums->refusal);
	status_put_json(s,
	    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:s, s:b}",
	        "what", "journal", "entries", (json_int_t)sums->entries, "lost",
	        (json_int_t)sums->lost, "links", (json_int_t)sums->links,
	        "copies", (json_int_t)sums->copies, "alarms",
	        (json_int_t)sums->alarms, "last_alarm", sums->alarm,
	        "last_alarm_time", sums->alarm_time, "local_trouble",
	        (json_int_t)sums->refused, "last_refusal", sums->refusal,
	        "well",
	        (int)(sums->fresh_lost == 0 && sums->fresh_alarms == 0 &&
	            sums->refused == 0)));
}

/* The two newest: a change of receivers must not hide the last hour. */
void
status_journal(struct status *s)
{
	struct buf b = BUF_INIT(LOOK_MAX + 2 * 65536);
	struct sums sums;
	char newest[NAME_SIZE], before[NAME_SIZE] = "";
	DIR *d = opendir("journal");
	bool done = d != NULL;

	memset(&sums, 0, sizeof(sums));
	sums.since_ms = s->now_ms > FRESH_MS ? s->now_ms - FRESH_MS : 0;
	newest[0] = '\0';
	if (done)
		find_newest(d, "", newest);
	if (newest[0] != '\0')
		find_newest(d, newest, before);
	if (before[0] != '\0')
		(void)count_receiver(d, before, &b, &sums); /* or it went */
	if (done && newest[0] != '\0')
		done = count_receiver(d, newest, &b, &sums);
	if (!done)
		status_fail(s, "journal", "journal: %s", strerror(errno));
	else if (newest[0] == '\0')
		status_put(s, true, "journal: no entry yet");
	else
		put_sums(s, &sums);
	if (d != NULL)
		(void)closedir(d);
	buf_free(&b);
}
