/* SPDX-License-Identifier: ISC */
/* compiled.c: the constant databases that readers map. */
#include "compiled.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

#define CDB_HEAD     2048U /* octets: 256 positions and lengths */
#define CDB_SIZE_MAX 0xFFFFFFFFL /* its positions are 32 bits */

static void
make_seal(const char *purpose, const void *octets, size_t len,
    unsigned char seal[COMPILED_SEAL_LEN])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, COMPILED_SEAL_LEN);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)purpose, strlen(purpose) + 1);
	(void)crypto_generichash_update(&state, octets, len);
	(void)crypto_generichash_final(&state, seal, COMPILED_SEAL_LEN);
}

static bool
is_sealed(const struct compiled *c, const struct cdb *cdb, off_t size)
{
	unsigned char seal[COMPILED_SEAL_LEN];
	const unsigned char *all;
	unsigned len = (unsigned)size;

	all = cdb_get(cdb, len, 0);
	if (all == NULL)
		return false;
	make_seal(c->purpose, all, len - COMPILED_SEAL_LEN, seal);
	return memcmp(seal, all + len - COMPILED_SEAL_LEN, sizeof(seal)) == 0;
}

void
compiled_free(struct compiled *c)
{
	int fd;

	if (!c->open)
		return;
	fd = cdb_fileno(&c->cdb);
	cdb_free(&c->cdb);
	(void)close(fd);
	c->open = false;
}

/* Without an errno what fails is the file's own fault. */
static enum outcome
take(struct compiled *c, struct fault *f)
{
	const char *wrong = NULL;
	struct cdb fresh;
	struct stat st;
	int fd;

	errno = 0;
	fd = open(c->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) != 0)
		wrong = "cannot be opened";
	else if (!S_ISREG(st.st_mode))
		wrong = "not a file";
	else if (st.st_size < CDB_HEAD + COMPILED_SEAL_LEN ||
	    st.st_size > CDB_SIZE_MAX)
		wrong = "not a database";
	else if (cdb_init(&fresh, fd) != 0)
		wrong = "cannot be mapped";
	else if (!is_sealed(c, &fresh, st.st_size)) {
		cdb_free(&fresh);
		errno = 0;
		wrong = "damaged, its seal is wrong";
	}
	if (wrong != NULL) {
		(void)fault_set(f, TEMP, "4.3.0", errno,
		    "%s: %s%s; `pneu directory compile` makes it anew", c->name,
		    wrong, c->open ? ", the one before stays in use" : "");
		fds_close(&fd);
		return TEMP;
	}
	compiled_free(c);
	c->cdb = fresh;
	c->open = true;
	c->mapped = c->seen;
	return OK;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

enum outcome
compiled_look(struct compiled *c, struct fault *f)
{
	uint64_t now_ms;
	struct stat st;
	enum outcome got;

	/* A name that is gone is a file of its own. */
	if (stat(c->name, &st) != 0)
		memset(&st, 0, sizeof(st));
	if (c->looked && is_same(&st, &c->seen))
		return OK;
	c->seen = st;
	/* The file was written to in its place, as cp does: a page that it
	   lost would kill this process. Without a database it is `temp`. */
	if (c->open && st.st_dev == c->mapped.st_dev &&
	    st.st_ino == c->mapped.st_ino)
		compiled_free(c);
	got = take(c, f);
	c->looked = got == OK || f->error == 0;
	if (c->looked) {
		c->told_ms = 0;
		return got;
	}
	/* There is a look before each answer: told once a while. */
	now_ms = clock_mono_ms();
	if (c->told_ms != 0 && now_ms - c->told_ms < COMPILED_TOLD_MS)
		return OK;
	c->told_ms = now_ms;
	return TEMP;
}

enum outcome
compiled_get(
    struct compiled *c, struct span key, struct span *value, struct fault *f)
{
	const void *at;
	int found;

	if (!c->open)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "%s: no database in use; `pneu directory compile` makes "
		    "it",
		    c->name);
	found = cdb_find(&c->cdb, key.p, (unsigned)key.len);
	if (found == 0)
		return PERM;
	at = found > 0 ? cdb_getdata(&c->cdb) : NULL;
	if (at == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "%s: damaged", c->name);
	*value = (struct span){ at, cdb_datalen(&c->cdb) };
	return OK;
}

enum outcome
compiled_bad_value(const struct compiled *c, struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", 0,
	    "%s: a value that `pneu directory compile` does not write",
	    c->name);
}

size_t
compiled_count(struct compiled *c)
{
	unsigned at;
	size_t n = 0;

	cdb_seqinit(&at, &c->cdb);
	while (cdb_seqnext(&at, &c->cdb) > 0)
		n++;
	return n;
}

static void
note_error(struct compiled_maker *m, bool failed)
{
	if (failed && m->error == 0)
		m->error = errno == 0 ? EIO : errno;
}

void
compiled_make_begin(struct compiled_maker *m, int fd, const char *purpose)
{
	m->purpose = purpose;
	m->fd = fd;
	m->error = 0;
	note_error(m, cdb_make_start(&m->make, fd) != 0);
}

void
compiled_make_add(struct compiled_maker *m, struct span key, struct span value)
{
	if (m->error == 0)
		note_error(m,
		    cdb_make_add(&m->make, key.p, (unsigned)key.len, value.p,
		        (unsigned)value.len) != 0);
}

static enum outcome
append_seal(struct compiled_maker *m, struct fault *f)
{
	unsigned char seal[COMPILED_SEAL_LEN];
	off_t size = lseek(m->fd, 0, SEEK_END);
	void *map = MAP_FAILED;

	if (size > CDB_SIZE_MAX)
		return fault_set(f, TEMP, "4.3.0", EFBIG, "seal a database");
	if (size != -1)
		map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, m->fd, 0);
	if (map == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, "seal a database");
	make_seal(m->purpose, map, (size_t)size, seal);
	(void)munmap(map, (size_t)size);
	return fds_write_all(
	    m->fd, (struct span){ (const char *)seal, sizeof(seal) }, f);
}

enum outcome
compiled_make_end(struct compiled_maker *m, struct fault *f)
{
	note_error(m, cdb_make_finish(&m->make) != 0);
	if (m->error != 0)
		return fault_set(
		    f, TEMP, "4.3.0", m->error, "write a database");
	return append_seal(m, f);
}
