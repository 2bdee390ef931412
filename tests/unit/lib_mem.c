/* SPDX-License-Identifier: ISC */
/* lib_mem.c: memory, or exit status 111 and a line. */
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void
test_lack(void)
{
	char text[4096] = "";
	int out[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(out) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], 2);
		free(mem_grow(NULL, SIZE_MAX / 2, 3));
		_exit(0);
	}
	(void)close(out[1]);
	while (len < sizeof(text) - 1 &&
	    (n = read(out[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	(void)waitpid(pid, &status, 0);
	(void)close(out[0]);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 111,
	    "lack of memory is exit status 111, also where a size overflows");
	tap_ok(strstr(text, "out of memory\n") != NULL, "and is told");
}

int
main(void)
{
	int *numbers = mem_new(4, sizeof(*numbers));
	char *text = mem_text("text");

	tap_ok(numbers[0] == 0 && numbers[3] == 0, "new memory is zeroed");
	numbers[3] = 7;
	numbers = mem_grow(numbers, 1000, sizeof(*numbers));
	tap_ok(numbers[3] == 7, "grown memory keeps what it had");
	tap_ok(strcmp(text, "text") == 0, "a copy of a text");
	free(text);
	free(numbers);
	test_lack();
	return tap_done();
}
