/* SPDX-License-Identifier: ISC */
/* maildir.c: names of messages in a mailbox. */
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

void
maildir_make_name(const struct maildir_name *m, char out[MAILDIR_NAME_MAX])
{
	unsigned long long octets = m->octets;

	(void)snprintf(out, MAILDIR_NAME_MAX, "%llu.%sR%u,S=%llu,W=%llu%s",
	    (unsigned long long)(qid_time_ms(&m->qid) / 1000), m->qid.text,
	    m->n, octets, octets, m->dots ? "" : ",D=0");
}

/* 1*DIGIT at the cursor, without needless zeros, up to max. */
static bool
take_number(struct cur *c, uint64_t max, uint64_t *out)
{
	struct span digits = cur_while(c, is_digit);

	return num_parse(digits, 0, max, out) &&
	    (digits.len == 1 || digits.p[0] != '0');
}

static bool
take_word(struct cur *c, struct span word)
{
	if (!span_same(span_head(cur_rest(c), word.len), word))
		return false;
	c->p += word.len;
	return true;
}

bool
maildir_parse_name(struct span name, struct maildir_name *m)
{
	struct cur c = cur_over(maildir_base(name));
	struct span qid;
	uint64_t seconds, n, wire;

	if (!take_number(&c, UINT64_MAX, &seconds) || !cur_eat(&c, '.'))
		return false;
	qid = span_head(cur_rest(&c), QID_LEN);
	if (!qid_parse(qid, &m->qid) || qid_time_ms(&m->qid) / 1000 != seconds)
		return false;
	c.p += QID_LEN;
	if (!cur_eat(&c, 'R') || !take_number(&c, UINT32_MAX, &n) || n == 0 ||
	    !take_word(&c, SPAN_LIT(",S=")) ||
	    !take_number(&c, INT64_MAX, &m->octets) ||
	    !take_word(&c, SPAN_LIT(",W=")) ||
	    !take_number(&c, INT64_MAX, &wire) || wire != m->octets)
		return false;
	m->n = (uint32_t)n;
	m->dots = !take_word(&c, SPAN_LIT(",D=0"));
	return cur_peek(&c) == -1;
}

bool
maildir_named_octets(struct span name, uint64_t *octets)
{
	struct span word;

	name = maildir_base(name);
	(void)span_next(&name, ',', &word); /* what makes it unique */
	while (span_next(&name, ',', &word))
		if (span_has_prefix(word, "S="))
			return num_parse(
			    span_from(word, 2), 0, INT64_MAX, octets);
	return false;
}

struct span
maildir_base(struct span name)
{
	return span_head(name, span_find(name, ':'));
}

static bool
is_same_time(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Would another change now leave the same time behind? */
static bool
is_fresh(const struct stat *st)
{
	uint64_t now = clock_wall_ms();
	uint64_t then = (uint64_t)st->st_mtim.tv_sec * 1000 +
	    (uint64_t)st->st_mtim.tv_nsec / 1000000;

	return then < now + MAILDIR_TICK_MS && now < then + MAILDIR_TICK_MS;
}

static enum outcome
look_at_time(int dir, struct stat *st, struct fault *f)
{
	if (fstat(dir, st) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "list a mailbox");
	return OK;
}

enum outcome
maildir_look(int dir, enum outcome (*look)(void *arg, struct fault *),
    void *arg, struct fault *f)
{
	struct stat before, after;
	bool fresh;

	for (int i = 0; i < MAILDIR_LOOKS; i++) {
		if (look_at_time(dir, &before, f) != OK)
			return f->outcome;
		fresh = is_fresh(&before);
		if (fresh) {
			(void)poll(NULL, 0, MAILDIR_TICK_MS);
			if (look_at_time(dir, &before, f) != OK)
				return f->outcome;
			fresh = is_fresh(&before);
		}
		if (look(arg, f) != OK || look_at_time(dir, &after, f) != OK)
			return f->outcome;
		if (!fresh && is_same_time(&before, &after))
			return OK;
	}
	return fault_set(
	    f, TEMP, "4.3.0", EAGAIN, "a mailbox changes all the time");
}

struct listing {
	int dir;
	bool (*each)(void *arg, const struct dirent *);
	void *arg;
	bool enough;
};

static enum outcome
list_once(void *arg, struct fault *f)
{
	struct listing *l = arg;
	int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	int error = d == NULL ? errno : 0;

	if (d == NULL && fd != -1)
		(void)close(fd);
	while (error == 0 && !l->enough) {
		errno = 0;
		e = readdir(d);
		if (e == NULL) {
			error = errno;
			break;
		}
		l->enough = !l->each(l->arg, e);
	}
	if (d != NULL)
		(void)closedir(d);
	return error == 0
	    ? OK
	    : fault_set(f, TEMP, "4.3.0", error, "list a mailbox");
}

enum outcome
maildir_list(int dir, bool (*each)(void *arg, const struct dirent *), void *arg,
    struct fault *f)
{
	struct listing l = { dir, each, arg, false };

	return list_once(&l, f);
}

enum outcome
maildir_each(int dir, bool (*each)(void *arg, const struct dirent *), void *arg,
    struct fault *f)
{
	struct listing l = { dir, each, arg, false };
	enum outcome got = maildir_look(dir, list_once, &l, f);

	return l.enough ? OK : got;
}
