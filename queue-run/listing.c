/* SPDX-License-Identifier: ISC */
/*
 * listing.c: what is due. It stays on disk and is listed, oldest first, while
 * the window has room. A name that was listed counts only after a syncfs; what
 * queue-add tells counts at once.
 */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "names.h"
#include "run.h"

#define LISTING_PAUSE_MS 1000 /* between two listings of in/. Ours */

void
listing_begin(struct listing *listing)
{
	*listing = (struct listing){ .in = { .place = { STORE_IN, 0 } },
		.retry = { .place = { STORE_RETRY1, 0 } } };
}

void
listing_end(struct listing *listing)
{
	free(listing->in.name);
	free(listing->retry.name);
	listing->in.name = listing->retry.name = NULL;
}

static enum window_part
part_of(const struct run *run, const struct scan *scan)
{
	return scan == &run->listing.retry ? WINDOW_DUE : WINDOW_LISTED;
}

void
listing_want_in(struct run *run)
{
	run->listing.in.wanted = true;
}

void
listing_want_all(struct run *run)
{
	run->listing.in.wanted = true;
	run->listing.retry_after_ms = 0;
	run->listing.due_ms = 1; /* long ago: look */
}

void
listing_rescan(struct run *run)
{
	run->listing.ahead_after_ms =
	    clock_wall_ms() + run->settings->queue.retry_max_ms;
	listing_want_all(run);
	run->listing.rescan_ms =
	    clock_mono_ms() + run->settings->queue.rescan_ms;
}

void
listing_due(struct run *run, uint64_t minute_ms)
{
	if (run->listing.due_ms == 0 || minute_ms < run->listing.due_ms)
		run->listing.due_ms = minute_ms;
	/* That minute may have been listed before. */
	if (minute_ms - minute_ms % 60000 <= run->listing.retry_after_ms)
		run->listing.retry_after_ms = 0;
}

/* The next part of a listing; believed when this is OK. */
static enum outcome
scan_list(struct run *run, struct scan *scan, struct fault *f)
{
	if (scan->name == NULL)
		scan->name = mem_new(SCAN_NAMES_MAX, sizeof(*scan->name));
	scan->at = scan->n = 0;
	if (store_list(&run->store, scan->place, &scan->after, SCAN_NAMES_MAX,
	        scan->name, &scan->n, &scan->more, f) != OK) {
		scan->n = 0;
		return f->outcome;
	}
	if (scan->n > 0)
		scan->after = scan->name[scan->n - 1];
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
		journal_alarm(&run->journal, NULL, "listing: %s", f->text);
	scan->active = false;
}

/* From the start of its place. */
static void
begin_scan(struct scan *scan)
{
	scan->after.text[0] = '\0';
	scan->at = scan->n = 0;
	scan->active = scan->more = true;
}

/* Names of a listing into the window while there is room. */
static void
scan_fill(struct run *run, struct scan *scan)
{
	struct fault f;

	while (
	    scan->active && window_has_room(&run->window, part_of(run, scan))) {
		const struct qid *qid;
		struct message *m;

		if (scan->at == scan->n) {
			if (!scan->more) {
				scan->active = false;
				run->listing.starting &=
				    scan != &run->listing.in;
				break;
			}
			if (scan_list(run, scan, &f) != OK) {
				scan_failed(run, scan, &f);
				break;
			}
			continue;
		}
		qid = &scan->name[scan->at++];
		if (window_find(&run->window, qid) != NULL ||
		    names_are_left(run, qid))
			continue;
		m = window_add(&run->window, qid);
		if (m == NULL) {
			scan->at--;
			run_pause(run);
			break;
		}
		m->place = scan->place;
		m->recovered = run->listing.starting;
		window_count_as(&run->window, m, part_of(run, scan));
		message_go(run, m, STEP_LOAD);
	}
}

/* The first minute of retry1 after *at; 0: there is none. */
static bool
next_minute(struct run *run, uint64_t *at)
{
	struct fault f;

	if (store_next_part(&run->store, STORE_RETRY1, at, &f) == OK)
		return true;
	scan_failed(run, &run->listing.retry, &f);
	return false;
}

/*
 * The earliest minute of retry1 that is due, or the time of the next. What lies
 * further ahead than any retry was put there while the clock was wrong: each
 * rescan takes it for due.
 */
static void
find_minute(struct run *run)
{
	struct listing *l = &run->listing;
	uint64_t now = clock_wall_ms(), *after = &l->retry_after_ms;
	uint64_t next = l->retry_after_ms, at;

	l->due_ms = 0;
	if (!next_minute(run, &next))
		return;
	at = next;
	if ((at == 0 || at > now) && l->ahead_after_ms != 0) {
		after = &l->ahead_after_ms;
		at = l->ahead_after_ms;
		if (!next_minute(run, &at))
			return;
	}
	if (at == 0 || (after == &l->retry_after_ms && at > now)) {
		l->ahead_after_ms = 0;
		l->due_ms = next;
		return;
	}
	*after = l->retry.place.part_ms = at;
	begin_scan(&l->retry);
	l->due_ms = 1; /* and look for the next one after it */
}

/*
 * When in/ may be listed, if it is wanted; monotonic, 0: not now. Not for a
 * few places at a time, and not for each client that ends: each listing reads
 * all names and syncs the file system.
 */
static uint64_t
listing_at(const struct run *run)
{
	if (!run->listing.in.wanted || run->listing.in.active ||
	    run->window.held - run->window.part[WINDOW_DUE].held >
	        run->settings->queue.window / 2)
		return 0;
	return run->listing.listed_ms + LISTING_PAUSE_MS;
}

void
listing_fill(struct run *run)
{
	uint64_t now = clock_mono_ms();

	if (run_is_paused(run))
		return;
	if (run->listing.rescan_ms != 0 && now >= run->listing.rescan_ms) {
		listing_rescan(run);
		run->careful = false; /* what it died on would have come */
	}
	if (listing_at(run) != 0 && listing_at(run) <= now) {
		run->listing.in.wanted = false;
		run->listing.listed_ms = now;
		begin_scan(&run->listing.in);
	}
	if (run->listing.in.active)
		scan_fill(run, &run->listing.in);
	if (!run->listing.retry.active && run->listing.due_ms != 0 &&
	    run->listing.due_ms <= clock_wall_ms())
		find_minute(run);
	if (run->listing.retry.active)
		scan_fill(run, &run->listing.retry);
}

bool
listing_is_active(const struct run *run)
{
	return run->listing.in.active || run->listing.in.wanted ||
	    run->listing.retry.active;
}

uint64_t
listing_next_ms(const struct run *run)
{
	uint64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	uint64_t at = run->listing.rescan_ms;

	if (run->listing.due_ms != 0 && !run->listing.retry.active) {
		uint64_t due = run->listing.due_ms <= wall
		    ? mono
		    : mono + (run->listing.due_ms - wall);

		if (at == 0 || due < at)
			at = due;
	}
	if ((run->listing.in.active &&
	        window_has_room(&run->window, WINDOW_LISTED)) ||
	    (run->listing.retry.active &&
	        window_has_room(&run->window, WINDOW_DUE)))
		at = mono;
	if (listing_at(run) != 0 && (at == 0 || listing_at(run) < at))
		at = listing_at(run);
	return at;
}
