/* SPDX-License-Identifier: ISC */
#include "../../journal/receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fds.h"
#include "prog.h"
#include "tap.h"

#define PATH_SIZE (RECEIVER_NAME_MAX + sizeof("journal/"))
#define LINE      "94 time=2026-11-24T03:04:05.000000Z program=test\n"

static const struct prog_about about = { .name = "journal_receiver" };
static struct settings set;
static pthread_t reader;
static atomic_int syncs, syncs_of_reader, error;

/* Before libc's: who waits for the disk, and what the disk says. */
static int
sync_as_told(int fd, long call)
{
	atomic_fetch_add(&syncs, 1);
	if (pthread_equal(pthread_self(), reader))
		atomic_fetch_add(&syncs_of_reader, 1);
	errno = atomic_load(&error);
	return errno != 0 ? -1 : (int)syscall(call, fd);
}

int
fsync(int fd)
{
	return sync_as_told(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return sync_as_told(fd, SYS_fdatasync);
}

/* And how much room there is. */
static atomic_int is_nearly_full;

int
fstatvfs(int fd, struct statvfs *vfs)
{
	(void)fd;
	*vfs = (struct statvfs){ .f_blocks = 100,
		.f_bavail = atomic_load(&is_nearly_full) ? 5 : 50 };
	return 0;
}

/* The next sync has begun, and is over when the one after it begins. */
static void
wait_for_syncs(struct receiver *r, int n)
{
	int until = atomic_load(&syncs) + n;

	for (int i = 0; i < 1000 && atomic_load(&syncs) < until; i++) {
		receiver_append(r, SPAN_LIT(LINE));
		(void)poll(NULL, 0, 10);
	}
}

static void
path_of(uint64_t number, char out[PATH_SIZE])
{
	memcpy(out, "journal/", sizeof("journal/"));
	receiver_name(number, out + strlen(out));
}

static bool
holds(const char *name, const char *text)
{
	struct buf b = BUF_INIT(16UL * 1024 * 1024);
	struct fault f;
	bool found = fds_read_file(AT_FDCWD, name, &b, &f) == OK &&
	    strstr(b.p, text) != NULL;

	buf_free(&b);
	return found;
}

static void
test_torn_zeros(const char *name)
{
	struct receiver r;
	struct fault f;
	struct stat st;
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)!write(fd, LINE, strlen(LINE));
	(void)!ftruncate(fd, 100000);
	(void)close(fd);
	tap_ok(receiver_open(&r, &set, &f) == OK && stat(name, &st) == 0 &&
	        st.st_size == (off_t)strlen(LINE),
	    "a long run of zeros after a cut of power is cut to whole lines");
	(void)close(r.fd);
	(void)close(r.dir);
}

int
main(void)
{
	char home[] = "/tmp/pneu-unit-receiver.XXXXXX";
	struct receiver r;
	struct fault f;
	uint64_t first;
	char name[PATH_SIZE];
	char now[PATH_SIZE];
	bool found = false;

	prog.about = &about;
	if (mkdtemp(home) == NULL || chdir(home) != 0 ||
	    mkdir("journal", 0700) != 0)
		return 1;
	test_torn_zeros("journal/000001");

	set.journal.rotate_size = 256;
	set.journal.keep = 2;
	set.journal.sync_ms = 10;
	if (receiver_open(&r, &set, &f) != OK || receiver_start(&r, &f) != OK)
		return 1;
	reader = pthread_self();
	first = r.number;
	for (int i = 0; i < 1000 && r.number < first + 4; i++)
		wait_for_syncs(&r, 1);
	tap_ok(r.number >= first + 4 && atomic_load(&syncs_of_reader) == 0,
	    "whoever reads never waits for the disk, at a rotation neither");
	tap_ok(access("journal/000001", F_OK) != 0,
	    "receivers beyond keep are removed meanwhile");

	set.journal.keep_time_ms = 3600000;
	first = r.number;
	for (int i = 0; i < 1000 && r.number < first + 4; i++)
		wait_for_syncs(&r, 1);
	path_of(first + 1, name);
	tap_ok(access(name, F_OK) == 0, "but not those that are young");
	atomic_store(&is_nearly_full, 1);
	first = r.number;
	for (int i = 0; i < 1000 && (!found || r.number < first + 3); i++) {
		wait_for_syncs(&r, 1);
		/* It may have rotated meanwhile. */
		for (uint64_t n = r.number - 1; n <= r.number; n++) {
			path_of(n, now);
			found |= holds(now, "before%20journal.keep_time");
		}
	}
	tap_ok(access(name, F_OK) != 0, "unless the disk is nearly full");
	tap_ok(found, "which is an alarm, since it is history that goes");

	set.journal.rotate_size = UINT64_MAX;
	first = r.number;
	path_of(first, name);
	tap_ok(unlink(name) == 0, "the receiver is removed under us");
	for (int i = 0; i < 1000 && r.number == first; i++)
		wait_for_syncs(&r, 1);
	path_of(first + 1, name);
	tap_ok(r.number == first + 1 && holds(name, LINE) &&
	        holds(name, "taken%20away"),
	    "what comes next is in the one after it, with an alarm");
	atomic_store(&error, EIO);
	wait_for_syncs(&r, 2);
	atomic_store(&error, 0);
	wait_for_syncs(&r, 2);
	path_of(r.number, name);
	tap_ok(holds(name, "XX time=") && holds(name, "sync"),
	    "a failed sync is an alarm in the journal");
	receiver_close(&r);
	for (uint64_t n = 1; n <= r.number; n++) {
		path_of(n, name);
		(void)unlink(name);
	}
	(void)rmdir("journal");
	if (chdir("/") == 0)
		(void)rmdir(home);
	return tap_done();
}
