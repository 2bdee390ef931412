/* SPDX-License-Identifier: ISC */
/* receivers.c: names of the journal's files, oldest first. */
#include "receivers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fds.h"
#include "mem.h"

void
receiver_name(uint64_t number, char out[RECEIVER_NAME_MAX])
{
	(void)snprintf(
	    out, RECEIVER_NAME_MAX, "%06llu", (unsigned long long)number);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* A directory of such a name is an archive, of the month 202611 say. */
static bool
is_receiver(DIR *d, const struct dirent *e, uint64_t *n)
{
	struct span name = span_of(e->d_name);
	struct stat st;

	if (name.len < 6 || !num_parse(name, 1, RECEIVER_NUMBER_MAX, n))
		return false;
	return e->d_type == DT_REG ||
	    (e->d_type == DT_UNKNOWN &&
	        fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	        S_ISREG(st.st_mode));
}

enum outcome
receivers_list(int dir, uint64_t **numbers, size_t *count, struct fault *f)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;
	uint64_t n;

	*numbers = NULL;
	*count = 0;
	if (d == NULL) {
		(void)fault_set(f, TEMP, "4.3.0", errno, "list receivers");
		fds_close(&fd);
		return TEMP;
	}
	while ((e = readdir(d)) != NULL) {
		if (!is_receiver(d, e, &n))
			continue;
		*numbers = mem_grow(*numbers, *count + 1, sizeof(n));
		(*numbers)[(*count)++] = n;
	}
	(void)closedir(d);
	if (*count > 1)
		qsort(*numbers, *count, sizeof(n), compare_numbers);
	return OK;
}
