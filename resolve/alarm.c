/* SPDX-License-Identifier: ISC */
/* alarm.c: operator action needed. */
#include "alarm.h"

#include "clock.h"
#include "codes.h"
#include "prog.h"

void
alarm_raise(struct journal *journal, const char *what, const char *text)
{
	struct record_out out = journal_begin(journal, CODE_ALARM, NULL);

	record_puts(out, "what", what);
	record_puts(out, "text", text);
	journal_end(journal, out);
	prog_warn("%s", text);
}

void
alarm_raise_seldom(struct journal *journal, uint64_t *last_ms, const char *what,
    const char *text)
{
	uint64_t now_ms = clock_mono_ms();

	if (*last_ms != 0 && now_ms - *last_ms < ALARM_MS)
		return;
	*last_ms = now_ms;
	alarm_raise(journal, what, text);
}
