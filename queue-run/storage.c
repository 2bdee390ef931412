/* SPDX-License-Identifier: ISC */
/* storage.c: how full the file systems are that mail needs. */
#include "storage.h"

#include <fcntl.h>

#include "clock.h"
#include "codes.h"
#include "run.h"
#include "space.h"

#define LOOK_MS 1000 /* two looks are so far apart at least. Ours */
#define WAIT_MS 5000 /* parked mail waits so long for a look. Ours */

void
storage_open(
    struct run *run, const struct storage_settings *set, const char *mail)
{
	run->storage = (struct storage){ .set = set,
		.mail_fd = open(mail, O_PATH | O_DIRECTORY | O_CLOEXEC) };
}

/* The fuller one of the two, in percent. */
static unsigned
used_pct(const struct run *run, const char **which)
{
	struct space mail, queue;

	*which = "queue";
	if (!space_look(run->store.fd, &queue))
		queue.used_pct = 0;
	if (run->storage.mail_fd == -1 ||
	    !space_look(run->storage.mail_fd, &mail) ||
	    mail.used_pct < queue.used_pct)
		return queue.used_pct;
	*which = "mail";
	return mail.used_pct;
}

static void
begin_parking(struct run *run, unsigned used, const char *which)
{
	const struct storage_settings *set = run->storage.set;

	run->storage.parks = true;
	journal_alarm(&run->journal, NULL,
	    "mail for mailboxes is parked: %u %% of the file system of %s is "
	    "used, and until less than %llu %% is ([storage] high_pct, "
	    "low_pct)",
	    used, which, (unsigned long long)set->low_pct);
}

static void
end_parking(struct run *run, unsigned used, const char *which)
{
	run->storage.parks = false;
	journal_tell(&run->journal, CODE_STORAGE_ROOM, NULL,
	    JOURNAL_FIELDS(
	        JOURNAL_TEXT("of", which), JOURNAL_NUM("used", used)));
	listing_want_busy(run);
}

void
storage_look(struct run *run)
{
	struct storage *s = &run->storage;
	uint64_t now = clock_mono_ms();
	const char *which;
	unsigned used;

	if (s->set == NULL ||
	    (s->looked_ms != 0 && now - s->looked_ms < LOOK_MS))
		return;
	s->looked_ms = now;
	used = used_pct(run, &which);
	if (!s->parks && used >= s->set->high_pct)
		begin_parking(run, used, which);
	else if (s->parks && used < s->set->low_pct)
		end_parking(run, used, which);
}

void
storage_begin(struct run *run)
{
	struct store_place busy = { STORE_BUSY, 0 };
	bool more, has_parked;
	const char *which;
	struct qid qid;
	struct fault f;
	unsigned used;
	size_t n;

	if (run->storage.set == NULL)
		return;
	used = used_pct(run, &which);
	has_parked = store_list(&run->store, busy, &(struct qid){ .text = "" },
	                 1, &qid, &n, &more, &f) == OK &&
	    n > 0;
	if (has_parked && used >= run->storage.set->low_pct)
		begin_parking(run, used, which);
	else
		storage_look(run);
}

uint64_t
storage_next_ms(const struct run *run)
{
	return run->storage.parks ? run->storage.looked_ms + WAIT_MS : 0;
}
