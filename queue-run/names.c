/* SPDX-License-Identifier: ISC */
/*
 * names.c: a crash may leave two names of one envelope, or an envelope file
 * whose content still lies in in/. Before a starting queue-run uses what it
 * lists, each message has one name again. Of two names hold wins, then
 * quarantine, then in, then busy; an envelope file governs over the one file, unless it
 * is torn. Source: model, moves.pml, resolve().
 */
#include "start.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool
has_name(struct run *run, const struct qid *qid, struct store_place place,
    struct stat *st)
{
	char name[STORE_NAME_MAX];

	store_name(place, qid, name);
	return fstatat(run->store.fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Remove a name that lost, and sync the directory it left. */
static enum outcome
drop_name(struct run *run, const struct qid *qid, struct store_place place,
    struct fault *f)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	journal_alarm(&run->journal, qid, "mended: a second name in %s", dir);
	if (store_unlink(&run->store, qid, place, f) != OK)
		return f->outcome;
	return store_sync(&run->store, place, f);
}

/* The one file moves to message/, as the round that was cut short meant to. */
static enum outcome
finish_part(struct run *run, const struct qid *qid, struct fault *f)
{
	journal_alarm(
	    &run->journal, qid, "mended: content moved behind its envelope");
	return store_move(
	    &run->store, qid, STORE_PLACE_IN, store_content_place(qid), f);
}

/* in/ has a name of the message that lies in place. */
static enum outcome
mend_in(struct run *run, const struct qid *qid, struct store_place place,
    struct fault *f)
{
	struct envelope e;
	enum outcome got;
	bool one, torn;

	envelope_begin(&e);
	got = store_read_envelope(&run->store, qid, place, true, &e, f);
	torn = got == PERM;
	if (got == OK)
		got = store_read_envelope(
		    &run->store, qid, STORE_PLACE_IN, true, &e, f);
	one = e.shape == ENVELOPE_ONE;
	envelope_free(&e);
	if (torn) /* it does not govern */
		return drop_name(run, qid, place, f);
	if (got == PERM) /* what lies in in/ is judged when it is handled */
		return OK;
	if (got != OK)
		return got;
	if (one)
		return finish_part(run, qid, f);
	if (place.state == STORE_HOLD || place.state == STORE_QUARANTINE)
		place = STORE_PLACE_IN;
	return drop_name(run, qid, place, f);
}

/* Another minute with the same envelope; the later one goes. */
static enum outcome
mend_minutes(struct run *run, const struct qid *qid, struct store_place place,
    const struct stat *st, struct fault *f)
{
	struct store_place other = place;
	struct stat st2;

	for (;;) {
		if (store_next_part(
		        &run->store, other.state, &other.part_ms, f) != OK)
			return f->outcome;
		if (other.part_ms == 0)
			return OK;
		if (has_name(run, qid, other, &st2) &&
		    st2.st_ino == st->st_ino &&
		    drop_name(run, qid, other, f) != OK)
			return f->outcome;
	}
}

/* Is there a name of it in a state before this one? in/ was looked at. */
static bool
is_governed(struct run *run, const struct qid *qid, enum store_state state)
{
	for (size_t i = 0; store_precedence[i] != state; i++) {
		struct store_place before = { store_precedence[i], 0 };

		if (before.state != STORE_IN && before.state != STORE_ASIDE &&
		    !store_has_minutes(before.state) &&
		    store_has(&run->store, qid, before))
			return true;
	}
	return false;
}

static enum outcome
mend(struct run *run, const struct qid *qid, struct store_place place,
    struct fault *f)
{
	struct stat st, other;

	if (!has_name(run, qid, place, &st))
		return OK;
	if (place.state == STORE_ASIDE) /* a release that was cut short */
		return has_name(run, qid, STORE_PLACE_IN, &other) &&
		        other.st_ino == st.st_ino
		    ? drop_name(run, qid, place, f)
		    : OK;
	if (has_name(run, qid, STORE_PLACE_IN, &other))
		return mend_in(run, qid, place, f);
	if (st.st_nlink < 2)
		return OK;
	if (is_governed(run, qid, place.state))
		return drop_name(run, qid, place, f);
	if (store_has_minutes(place.state))
		return mend_minutes(run, qid, place, &st, f);
	return OK;
}

/*
 * It cannot be read or moved now, or is of a newer version: one such message
 * stops no other. It stays as it lies, and neither of its names is used, for
 * the one may be held and the other not. A fourth of the window of them is a
 * broken disk, and would leave the others no room.
 */
static enum outcome
leave(struct run *run, const struct qid *qid, struct fault *f)
{
	journal_alarm(&run->journal, qid,
	    "left until the next start, with two names: %s", f->text);
	if (run->window.held > run->set->window / 4)
		return f->outcome;
	window_add(&run->window, qid, WINDOW_LISTED)->step = STEP_LEFT;
	return OK;
}

static enum outcome
mend_one(
    void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct run *run = arg;

	if (window_find(&run->window, qid) != NULL ||
	    mend(run, qid, place, f) == OK)
		return OK;
	return leave(run, qid, f);
}

enum outcome
names_repair(struct run *run, struct fault *f)
{
	for (size_t i = 0; i < STORE_STATES; i++)
		if (store_precedence[i] != STORE_IN &&
		    store_each_qid(&run->store, store_precedence[i], mend_one,
		        run, f) != OK)
			return f->outcome;
	return OK;
}
