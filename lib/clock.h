/* SPDX-License-Identifier: ISC */
/*
 * clock.h: wall time for people and files, monotonic time for deadlines.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include "buf.h"

uint64_t clock_wall_ms(void); /* since 1970, UTC */
uint64_t clock_wall_us(void);
uint64_t clock_mono_ms(void); /* since an unknown instant; never goes back */

#define CLOCK_TEXT_MAX 32 /* "2026-11-24T03:04:05.123Z" and its 0, with room */

/* "2026-11-24T03:04:05.123Z" (RFC 3339); false when not this very form. */
void clock_text_ms(uint64_t wall_ms, char out[CLOCK_TEXT_MAX]);
void clock_text_us(uint64_t wall_us, char out[CLOCK_TEXT_MAX]);
bool clock_parse_ms(struct span, uint64_t *wall_ms);
bool clock_parse_us(struct span, uint64_t *wall_us); /* six digits */
/* "20261124T0304": names of the retry directories, UTC. */
void clock_minute(uint64_t wall_ms, char out[CLOCK_TEXT_MAX]);
bool clock_parse_minute(struct span, uint64_t *wall_ms);
/* "Tue, 24 Nov 2026 03:04:05 +0000" for trace fields. RFC 5322 3.3. */
void clock_rfc5322(uint64_t wall_ms, char out[48]);

#endif
