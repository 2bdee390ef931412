/* SPDX-License-Identifier: ISC */
/* A use that is read and written again is the same use. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct usage u, again;

	if (fd == -1)
		fd = memfd_create("usage", 0);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (!usage_read(fd, &u))
		return 0;
	(void)lseek(fd, 0, SEEK_SET);
	if (!usage_write(fd, &u) || !usage_read(fd, &again) ||
	    u.octets != again.octets || u.messages != again.messages ||
	    u.quota.octets != again.quota.octets)
		abort();
	return 0;
}
