/* SPDX-License-Identifier: ISC */
/*
 * schedule.c: what is due, and the bounded window of it that memory holds.
 * The rest stays on disk and is listed later, oldest first. A listing is
 * believed only after a syncfs; a notice at once.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define MINUTE_MS        60000UL
#define LISTING_PAUSE_MS 1000 /* between two listings of in/. Ours */
/* Recipients in memory for each message of the window: so many messages with
   few recipients, or few with many. Ours: 5000 * 4 at 500 octets are 10 MB. */
#define WINDOW_RECIPIENTS 4
/* What is told and what is due again each get this part of a window beside what
   in/ fills: mail that cannot be delivered must not keep back new mail, nor a
   full in/ starve a retry or an operator's flush. Ours. */
#define OWN_PART 4
/* A recycled message keeps its memory up to this. Ours. */
#define KEEP_MAX 4096

/* ---- The window. ---- */

enum outcome
window_begin(struct run *run, struct fault *f)
{
	size_t size = 64;

	while (size < 2 * run->settings->queue.window)
		size *= 2;
	run->hash = calloc(size, sizeof(struct message *));
	run->hash_size = size;
	run->in = (struct scan){ .place = { STORE_IN, 0 } };
	run->retry = (struct scan){ .place = { STORE_RETRY1, 0 } };
	if (run->hash == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "window: no memory");
	return OK;
}

static void
message_free(struct message *m)
{
	envelope_free(&m->envelope);
	buf_free(&m->text);
	buf_free(&m->lines);
	free(m->way);
	free(m);
}

void
window_end(struct run *run)
{
	struct message *m;

	for (size_t i = 0; run->hash != NULL && i < run->hash_size; i++)
		while ((m = run->hash[i]) != NULL) {
			run->hash[i] = m->next_hash;
			free(m->operation);
			message_free(m);
		}
	while ((m = run->spare) != NULL) {
		run->spare = m->next;
		message_free(m);
	}
	free(run->hash);
	free(run->in.name);
	free(run->retry.name);
	run->hash = NULL;
	run->in.name = run->retry.name = NULL;
}

/* The last characters of a qid are random. FNV-1a. */
static struct message **
bucket(struct run *run, const struct qid *qid)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 10; i < QID_LEN; i++)
		h = (h ^ (unsigned char)qid->text[i]) * 1099511628211U;
	return &run->hash[(h ^ h >> 32) & (run->hash_size - 1)];
}

struct message *
window_find(struct run *run, const struct qid *qid)
{
	struct message *m = *bucket(run, qid);

	while (m != NULL && memcmp(m->envelope.qid.text, qid->text, QID_LEN))
		m = m->next_hash;
	return m;
}

struct message *
window_add(struct run *run, const struct qid *qid)
{
	struct message *m = run->spare, **at = bucket(run, qid);

	if (m != NULL) {
		run->spare = m->next;
	} else {
		m = malloc(sizeof(*m));
		if (m == NULL)
			return NULL;
		*m = (struct message){ .text = BUF_INIT(256UL * 1024 * 1024),
			.lines = BUF_INIT(256UL * 1024 * 1024) };
	}
	envelope_begin(&m->envelope);
	m->envelope.qid = *qid;
	m->place = (struct store_place){ STORE_IN, 0 };
	m->next_hash = *at;
	*at = m;
	run->held++;
	run->part[WINDOW_LISTED].held++;
	return m;
}

void
window_count_as(struct run *run, struct message *m, enum window_part part)
{
	run->part[m->part].held--;
	run->part[m->part].weight -= m->weight;
	m->part = part;
	run->part[part].held++;
	run->part[part].weight += m->weight;
}

void
window_weigh(struct run *run, struct message *m)
{
	run->weight += m->envelope.recipients - m->weight;
	run->part[m->part].weight += m->envelope.recipients - m->weight;
	m->weight = m->envelope.recipients;
}

void
window_drop(struct run *run, struct message *m)
{
	struct message **at = bucket(run, &m->envelope.qid);
	struct message empty = { .text = m->text,
		.lines = m->lines,
		.way = m->way,
		.ways_max = m->ways_max };

	while (*at != m)
		at = &(*at)->next_hash;
	*at = m->next_hash;
	run->held--;
	run->weight -= m->weight;
	run->part[m->part].held--;
	run->part[m->part].weight -= m->weight;
	envelope_free(&m->envelope);
	if (m->ways_max > 16 || m->text.cap > KEEP_MAX ||
	    m->lines.cap > KEEP_MAX) {
		message_free(m);
		return;
	}
	buf_reset(&empty.text);
	buf_reset(&empty.lines);
	*m = empty;
	m->next = run->spare;
	run->spare = m;
}

static bool
is_below(size_t held, size_t weight, size_t most)
{
	return held < most && (weight < most * WINDOW_RECIPIENTS || held == 0);
}

bool
window_has_room(const struct run *run, enum window_part part)
{
	size_t window = run->settings->queue.window;

	return is_below(run->held, run->weight, window) ||
	    (part != WINDOW_LISTED &&
	        is_below(run->part[part].held, run->part[part].weight,
	            window / OWN_PART + 1));
}

static enum window_part
part_of(const struct run *run, const struct scan *scan)
{
	return scan == &run->retry ? WINDOW_DUE : WINDOW_LISTED;
}

/* ---- Listings. ---- */

void
schedule_rescan(struct run *run)
{
	char minute[CLOCK_TEXT_MAX];

	clock_minute(
	    clock_wall_ms() + run->settings->queue.retry_max_ms, minute);
	(void)span_copy(
	    span_of(minute), run->ahead_after, sizeof(run->ahead_after));
	run->in.wanted = true;
	run->retry_after[0] = '\0';
	run->due_ms = 1; /* long ago: look */
	run->rescan_ms = clock_mono_ms() + run->settings->queue.rescan_ms;
}

void
schedule_due(struct run *run, uint64_t minute_ms)
{
	char minute[CLOCK_TEXT_MAX];

	if (run->due_ms == 0 || minute_ms < run->due_ms)
		run->due_ms = minute_ms;
	/* That minute may have been listed before. */
	clock_minute(minute_ms, minute);
	if (strcmp(minute, run->retry_after) <= 0)
		run->retry_after[0] = '\0';
}

struct store_place
schedule_retry(const struct settings *settings, uint64_t now_ms, uint32_t tries)
{
	uint64_t delay = settings->queue.retry_min_ms;

	while (tries-- > 0 && delay < settings->queue.retry_max_ms)
		delay *= 2;
	if (delay > settings->queue.retry_max_ms)
		delay = settings->queue.retry_max_ms;
	now_ms += delay; /* a minute at least: not in this minute any more */
	return (
	    struct store_place){ STORE_RETRY1, now_ms - now_ms % MINUTE_MS };
}

/* The next part of a listing; believed when this is OK. */
static enum outcome
scan_list(struct run *run, struct scan *scan, struct fault *f)
{
	char dir[STORE_DIR_MAX];

	if (scan->name == NULL)
		scan->name = calloc(SCAN_NAMES_MAX, sizeof(*scan->name));
	if (scan->name == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "listing");
	store_dir_name(scan->place, dir);
	scan->at = scan->n = 0;
	if (store_list(&run->store, dir, STORE_QIDS, scan->after,
	        SCAN_NAMES_MAX, scan->name, &scan->n, &scan->more, f) != OK) {
		scan->n = 0;
		return f->outcome;
	}
	if (scan->n > 0)
		memcpy(scan->after, scan->name[scan->n - 1].text,
		    sizeof(scan->after));
	/* A name that was seen may not be on disk yet: queue-add is about to
	   sync it, or is dead. Model rows 14 and 15. After an error what is read
	   comes from the disk. */
	if (scan->n > 0)
		(void)!run_syncfs(run, f);
	return OK;
}

static void
scan_failed(struct run *run, struct scan *scan, const struct fault *f)
{
	if (f->error != ENOENT)
		run_alarm(run, NULL, "listing: %s", f->text);
	if (f->error == ENOMEM)
		run_pause(run); /* and then it goes on */
	else
		scan->active = false;
}

/* Names of a listing into the window while there is room. */
static void
scan_fill(struct run *run, struct scan *scan)
{
	struct fault f;

	while (scan->active && window_has_room(run, part_of(run, scan))) {
		struct message *m;
		struct qid qid;

		if (scan->at == scan->n) {
			if (!scan->more) {
				scan->active = false;
				run->starting &= scan != &run->in;
				break;
			}
			if (scan_list(run, scan, &f) != OK) {
				scan_failed(run, scan, &f);
				break;
			}
			continue;
		}
		if (!qid_parse(span_of(scan->name[scan->at++].text), &qid) ||
		    window_find(run, &qid) != NULL || names_are_left(run, &qid))
			continue;
		m = window_add(run, &qid);
		if (m == NULL) {
			scan->at--;
			run_pause(run);
			break;
		}
		m->place = scan->place;
		m->recovered = run->starting;
		window_count_as(run, m, part_of(run, scan));
		message_go(run, m, STEP_LOAD);
	}
}

/* The first minute of retry1 after `minute`, and its time; 0: there is none. */
static bool
next_minute(struct run *run, char minute[QID_LEN + 1], uint64_t *at)
{
	struct fault f;

	*at = 0;
	if (store_next(&run->store, "retry1", STORE_MINUTES, minute, &f) !=
	    OK) {
		scan_failed(run, &run->retry, &f);
		run->due_ms = f.error == ENOMEM; /* long ago: look again */
		return false;
	}
	(void)clock_parse_minute(span_of(minute), at);
	return true;
}

/*
 * The earliest minute of retry1 that is due, or the time of the next. What lies
 * further ahead than any retry was put there while the clock was wrong: each
 * rescan takes it for due.
 */
static void
find_minute(struct run *run)
{
	char minute[QID_LEN + 1], *after = run->retry_after;
	uint64_t at, next;

	run->due_ms = 0;
	memcpy(minute, after, sizeof(minute));
	if (!next_minute(run, minute, &next))
		return;
	at = next;
	if ((at == 0 || at > clock_wall_ms()) && run->ahead_after[0] != '\0') {
		after = run->ahead_after;
		memcpy(minute, after, sizeof(minute));
		if (!next_minute(run, minute, &at))
			return;
	}
	if (at == 0 || (after == run->retry_after && at > clock_wall_ms())) {
		run->ahead_after[0] = '\0';
		run->due_ms = next;
		return;
	}
	memcpy(after, minute, sizeof(minute));
	run->retry.place.minute_ms = at;
	run->retry.after[0] = '\0';
	run->retry.at = run->retry.n = 0;
	run->retry.active = run->retry.more = true;
	run->due_ms = 1; /* and look for the next one after it */
}

/*
 * When in/ may be listed, if it is wanted; monotonic, 0: not now. Not for a
 * few places at a time, and not for each client that ends: each listing reads
 * all names and syncs the file system.
 */
static uint64_t
listing_at(const struct run *run)
{
	if (!run->in.wanted || run->in.active ||
	    run->held - run->part[WINDOW_DUE].held >
	        run->settings->queue.window / 2)
		return 0;
	return run->listed_ms + LISTING_PAUSE_MS;
}

void
schedule_fill(struct run *run)
{
	uint64_t now = clock_mono_ms();

	if (run_is_paused(run))
		return;
	if (run->rescan_ms != 0 && now >= run->rescan_ms) {
		schedule_rescan(run);
		run->careful = false; /* what it died on would have come */
	}
	if (listing_at(run) != 0 && listing_at(run) <= now) {
		run->in.wanted = false;
		run->listed_ms = now;
		run->in.after[0] = '\0';
		run->in.at = run->in.n = 0;
		run->in.active = run->in.more = true;
	}
	if (run->in.active)
		scan_fill(run, &run->in);
	if (!run->retry.active && run->due_ms != 0 &&
	    run->due_ms <= clock_wall_ms())
		find_minute(run);
	if (run->retry.active)
		scan_fill(run, &run->retry);
}

uint64_t
schedule_next_ms(const struct run *run)
{
	uint64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	uint64_t at = run->rescan_ms;

	if (run->due_ms != 0 && !run->retry.active) {
		uint64_t due =
		    run->due_ms <= wall ? mono : mono + (run->due_ms - wall);

		if (at == 0 || due < at)
			at = due;
	}
	if ((run->in.active && window_has_room(run, WINDOW_LISTED)) ||
	    (run->retry.active && window_has_room(run, WINDOW_DUE)))
		at = mono;
	if (listing_at(run) != 0 && (at == 0 || listing_at(run) < at))
		at = listing_at(run);
	return at;
}
