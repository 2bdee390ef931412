/* SPDX-License-Identifier: ISC */
/* wait.c, STEP_WAIT: what could not be saved on disk, until it is due. */
#include "clock.h"
#include "steps.h"

void
wait_work(struct run *run)
{
	struct list *list = &run->step[STEP_WAIT];
	uint64_t now = clock_mono_ms();

	for (size_t n = list->n; n > 0; n--) {
		struct message *m = list_take(list);

		if (m->wait_ms > now && m->operation == NULL) {
			list_add(list, m);
			continue;
		}
		/* Where it lies now is what a listing says. */
		listing_want_all(run);
		window_drop(&run->window, m);
	}
}

uint64_t
wait_next_ms(const struct run *run)
{
	uint64_t at = 0;

	for (const struct message *m = list_first(&run->step[STEP_WAIT]);
	     m != NULL; m = list_next(m))
		at = run_earlier_ms(at, m->wait_ms);
	return at;
}
