/* SPDX-License-Identifier: ISC */
/* tap.h: TAP for unit tests; prove(1) reads it. */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

#define tap_ok(cond, ...) tap_ok_at((cond), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5))) static inline bool
tap_ok_at(bool cond, const char *file, int line, const char *format, ...)
{
	__builtin_va_list ap;

	tap_count++;
	printf("%s %d - ", cond ? "ok" : "not ok", tap_count);
	__builtin_va_start(ap, format);
	vprintf(format, ap);
	__builtin_va_end(ap);
	printf("\n");
	if (!cond) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return cond;
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
