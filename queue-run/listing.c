/* SPDX-License-Identifier: ISC */
/*
 * listing.c: what is due. It stays on disk and is listed, oldest first, while
 * the window has room. A name that was listed counts only after a syncfs; what
 * queue-add tells counts at once.
 */
#include "listing.h"

#include <errno.h>

#include "clock.h"
#include "mem.h"
#include "run.h"

#define LISTING_PAUSE_MS 1000 /* between two listings of in/. Ours */
#define LONG_AGO         1

void
listing_want_in(struct run *run)
{
	run->listing.wanted = true;
}

void
listing_want_busy(struct run *run)
{
	run->listing.busy_wanted = true;
}

void
listing_want_all(struct run *run)
{
	run->listing.wanted = run->listing.busy_wanted = true;
	run->listing.retry_after_ms = 0;
	run->listing.due_ms = LONG_AGO;
}

void
listing_rescan(struct run *run)
{
	listing_want_all(run);
	run->listing.ahead_after_ms = clock_wall_ms() + run->set->retry_max_ms;
	run->listing.rescan_ms = clock_mono_ms() + run->set->rescan_ms;
}

void
listing_due(struct run *run, uint64_t minute_ms)
{
	if (run->listing.due_ms == 0 || minute_ms < run->listing.due_ms)
		run->listing.due_ms = minute_ms;
	/* That minute may have been listed before. */
	if (minute_ms < run->listing.retry_after_ms + MINUTE_MS)
		run->listing.retry_after_ms = 0;
}

static void
listing_failed(struct run *run, const struct fault *f)
{
	if (f->error != ENOENT)
		journal_alarm(&run->journal, NULL, "listing: %s", f->text);
}

/* ---- One directory. ---- */

static void
begin_scan(struct scan *scan)
{
	scan->after.text[0] = '\0';
	scan->at = scan->n = 0;
	scan->active = scan->more = true;
}

/* The next part of a listing; nothing when it fails. */
static void
scan_list(struct run *run, struct scan *scan)
{
	struct fault f;

	if (scan->name == NULL)
		scan->name = mem_new(SCAN_NAMES_MAX, sizeof(*scan->name));
	scan->at = scan->n = 0;
	if (store_list(&run->store, scan->place, &scan->after, SCAN_NAMES_MAX,
	        scan->name, &scan->n, &scan->more, &f) != OK) {
		listing_failed(run, &f);
		scan->n = 0;
	}
	if (scan->n == 0)
		return;
	scan->after = scan->name[scan->n - 1];
	/* A name that was seen may not be on disk yet: queue-add is about to
	   sync it, or is dead. Model rows 14 and 15. After an error what is read
	   comes from the disk. */
	(void)!run_syncfs(run, &f);
}

/* False: it has no more, and is not active any more. */
static bool
scan_next(struct run *run, struct scan *scan, struct qid *qid)
{
	if (scan->at == scan->n && scan->more)
		scan_list(run, scan);
	if (scan->at < scan->n) {
		*qid = scan->name[scan->at++];
		return true;
	}
	scan->active = false;
	if (scan->after.text[0] == '\0') /* a crash left its minute empty */
		store_remove_part(&run->store, scan->place);
	run->listing.starting &= scan->more || scan != &run->listing.in;
	return false;
}

/* Names of a listing into the window while there is room. */
static void
scan_fill(struct run *run, struct scan *scan, enum window_part part)
{
	struct message *m;
	struct qid qid;

	while (scan->active && window_has_room(&run->window, part) &&
	    scan_next(run, scan, &qid)) {
		if (window_find(&run->window, &qid) != NULL)
			continue;
		m = window_add(&run->window, &qid, part);
		m->place = scan->place;
		m->recovered = run->listing.starting;
		message_go(run, m, STEP_LOAD);
	}
}

/* ---- The minutes of retry1. ---- */

/* The first one after that minute; 0: there is none. */
static uint64_t
next_minute(struct run *run, uint64_t at)
{
	struct fault f;

	if (store_next_part(&run->store, STORE_RETRY1, &at, &f) == OK)
		return at;
	listing_failed(run, &f);
	return 0;
}

/*
 * The earliest minute that is due, or the time of the next. What lies further
 * ahead than any retry was put there while the clock was wrong: each rescan
 * takes it for due.
 */
static void
find_minute(struct run *run)
{
	struct listing *listing = &run->listing;
	uint64_t next = next_minute(run, listing->retry_after_ms), at = next;

	if (next != 0 && next <= clock_wall_ms()) {
		listing->retry_after_ms = at;
	} else {
		at = listing->ahead_after_ms == 0
		    ? 0
		    : next_minute(run, listing->ahead_after_ms);
		listing->ahead_after_ms = at;
	}
	if (at == 0) {
		listing->due_ms = next;
		return;
	}
	listing->due_ms = LONG_AGO; /* and look for the next one after it */
	listing->retry.place = (struct store_place){ STORE_RETRY1, at };
	begin_scan(&listing->retry);
}

/* ---- What was parked. ---- */

/* Is there any to be taken up? What comes there while mail is parked waits for
   the next listing. */
static bool
busy_is_due(const struct run *run)
{
	return !run->storage.parks &&
	    (run->listing.busy.active || run->listing.busy_wanted);
}

static void
fill_from_busy(struct run *run)
{
	struct listing *listing = &run->listing;

	if (run->storage.parks && listing->busy.active) {
		listing->busy.active = false;
		listing->busy_wanted = true;
	}
	if (!busy_is_due(run))
		return;
	if (!listing->busy.active) {
		listing->busy_wanted = false;
		listing->busy.place = (struct store_place){ STORE_BUSY, 0 };
		begin_scan(&listing->busy);
	}
	scan_fill(run, &listing->busy, WINDOW_DUE);
}

/* ---- All of them. ---- */

/*
 * When in/ may be listed, if it is wanted; monotonic, 0: not now. Not for a
 * few places at a time, and not for each client that ends: each listing reads
 * all names and syncs the file system.
 */
static uint64_t
listing_at(const struct run *run)
{
	if (!run->listing.wanted || run->listing.in.active ||
	    run->window.held - run->window.part[WINDOW_DUE].held >
	        run->set->window / 2)
		return 0;
	return run->listing.listed_ms + LISTING_PAUSE_MS;
}

void
listing_fill(struct run *run)
{
	struct listing *listing = &run->listing;
	uint64_t now = clock_mono_ms();

	if (listing->rescan_ms != 0 && now >= listing->rescan_ms) {
		listing_rescan(run);
		run->careful = false; /* what it died on would have come */
	}
	if (listing_at(run) != 0 && listing_at(run) <= now) {
		listing->wanted = false;
		listing->listed_ms = now;
		begin_scan(&listing->in);
	}
	scan_fill(run, &listing->in, WINDOW_LISTED);
	if (!listing->retry.active && listing->due_ms != 0 &&
	    listing->due_ms <= clock_wall_ms())
		find_minute(run);
	scan_fill(run, &listing->retry, WINDOW_DUE);
	fill_from_busy(run);
}

bool
listing_is_active(const struct run *run)
{
	return run->listing.in.active || run->listing.wanted ||
	    run->listing.retry.active || busy_is_due(run);
}

uint64_t
listing_next_ms(const struct run *run)
{
	const struct listing *listing = &run->listing;
	uint64_t wall = clock_wall_ms(), mono = clock_mono_ms(), due = 0;

	if ((listing->in.active &&
	        window_has_room(&run->window, WINDOW_LISTED)) ||
	    ((listing->retry.active || busy_is_due(run)) &&
	        window_has_room(&run->window, WINDOW_DUE)))
		return mono;
	if (listing->due_ms != 0 && !listing->retry.active)
		due = listing->due_ms <= wall ? mono
		                              : mono + listing->due_ms - wall;
	return run_earlier_ms(
	    due, run_earlier_ms(listing->rescan_ms, listing_at(run)));
}
