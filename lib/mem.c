/* SPDX-License-Identifier: ISC */
/* mem.c: memory, or the end of the process. */
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"

static void *
there(void *p)
{
	static const char text[] = "out of memory\n";

	if (p == NULL) {
		/* Nothing that could want memory: no stdio, no atexit(). */
		(void)!write(2, text, sizeof(text) - 1);
		_exit(TEMP);
	}
	return p;
}

void *
mem_new(size_t n, size_t size)
{
	return there(calloc(n == 0 ? 1 : n, size));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	return there(reallocarray(p, n == 0 ? 1 : n, size));
}

char *
mem_text(const char *text)
{
	return there(strdup(text));
}

char *
mem_copy(const char *p, size_t n)
{
	return memcpy(mem_new(n + 1, 1), p, n);
}
