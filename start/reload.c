/* SPDX-License-Identifier: ISC */
/* reload.c: a new configuration, checked first, without dropping a session. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "codes.h"
#include "config.h"
#include "fds.h"
#include "lists.h"
#include "prog.h"
#include "share.h"
#include "users.h"

#define PORT_WAIT_MS  2000 /* at a start, for a port that is taken. Chosen */
#define PORT_AGAIN_MS 50

/* ---- the copy that is checked ---- */

static enum outcome
copy_config(const char *path, bool separate, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_FILE_MAX);
	int fd = -1;

	if (fds_read_file(AT_FDCWD, prog_config_path(), &text, f) != OK)
		goto out;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		fault_set(f, TEMP, "4.3.0", errno, "write %s", path);
	else if (fds_write_all(fd, buf_span(&text), f) != OK)
		fault_context(f, "%s", path);
	else if (separate)
		f->outcome = share_config(fd, f);
	fds_close(&fd);
out:
	buf_free(&text);
	return f->outcome;
}

/* The lists of this configuration, for the workers that it will have. */
static enum outcome
write_lists(uint64_t generation, bool separate, struct fault *f)
{
	char path[POOL_CONFIG_MAX];
	struct buf errors = BUF_INIT(CHECK_MAX);
	struct lists lists;
	int fd = -1;

	pool_lists(generation, path);
	if (lists_compile(&lists, &errors, f) != OK)
		goto out;
	/* A new file: workers of a generation before may have the old one. */
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		fault_set(f, TEMP, "4.3.0", errno, "write %s", path);
	else if (lists_write(&lists, fd, f) != OK)
		fault_context(f, "%s", path);
	else if (separate)
		f->outcome = share_config(fd, f);
out:
	fds_close(&fd);
	lists_free(&lists);
	buf_free(&errors);
	return f->outcome;
}

/* Processes of both kinds side by side could not reach one another. */
static enum outcome
take_users(
    const struct supervisor *s, const struct settings *fresh, struct fault *f)
{
	uint64_t users = fresh->pneu.users;

	if (s->generation > 0 && users != s->settings.pneu.users)
		return fault_set(f, PERM, "5.3.5", 0,
		    "[pneu] users changes at a start, not at a reload: stop "
		    "pneu, `pneu init`, and start it again");
	if (s->generation > 0 || users == USERS_ALL_OWNER)
		return OK;
	return share_begin(f);
}

/* Errors name the file that a person edits; what runs is the copy, which may
   be of another moment. */
static enum outcome
take_copy(const struct supervisor *s, struct settings *settings,
    uint64_t generation, struct fault *f)
{
	char copy[POOL_CONFIG_MAX];
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	struct settings edited;

	memset(settings, 0, sizeof(*settings));
	if (check_config_aloud(&edited, prog_config_path(), f) == OK &&
	    take_users(s, &edited, f) == OK &&
	    copy_config(pool_config(generation, copy),
	        edited.pneu.users == USERS_SEPARATE, f) == OK &&
	    write_lists(generation, edited.pneu.users == USERS_SEPARATE, f) ==
	        OK)
		f->outcome =
		    check_config(settings, copy, &errors, &warnings, f);
	config_free(&edited);
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

/* The same number stands behind both. */
static bool
is_used(const struct supervisor *s, const char *path)
{
	uint64_t n;
	bool used;

	if (!num_parse(span_of(strrchr(path, '.') + 1), 1, UINT64_MAX, &n))
		return false;
	used = n == s->generation;
	for (size_t i = 0; i < s->pools; i++)
		used |= n == s->pool[i]->generation;
	return used;
}

void
reload_clean(const struct supervisor *s)
{
	glob_t g;

	/* A chore may have to read the one that it was started with. */
	if (s->tidy != 0 ||
	    glob("run/" PROG_RUNNING "*", GLOB_NOSORT, NULL, &g) != 0)
		return;
	(void)glob(LISTS_RUNNING "*", GLOB_NOSORT | GLOB_APPEND, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (!is_used(s, g.gl_pathv[i]))
			(void)unlink(g.gl_pathv[i]);
	globfree(&g);
}

/* ---- the listeners ---- */

/* By its address: one that goes from smtpd to submission stays open. */
static struct listener *
find_listener(const struct supervisor *s, const char *address)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->listener != NULL &&
		    strcmp(s->pool[i]->listener->address, address) == 0)
			return s->pool[i]->listener;
	return NULL;
}

/* Processes that a killed supervisor left are still closing their listener. */
static enum outcome
open_patiently(const struct pool *p, struct fault *f)
{
	uint64_t until_ms = clock_mono_ms() + PORT_WAIT_MS;

	while ((f->outcome = listen_open(
	            p->listener, false, p->timeout_ms, f)) != OK &&
	    f->error == EADDRINUSE && clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, PORT_AGAIN_MS);
	return f->outcome;
}

static enum outcome
open_all(const struct supervisor *s, size_t had, struct fault *f)
{
	f->outcome = OK;
	for (size_t i = had; i < s->pools && f->outcome == OK; i++) {
		const struct pool *p = s->pool[i];

		if (p->listener == NULL || p->listener->fd != -1 ||
		    (p->row->path != NULL && s->phase < PHASE_LINES))
			continue;
		f->outcome = had == 0
		    ? open_patiently(p, f)
		    : listen_open(p->listener, true, p->timeout_ms, f);
		if (f->outcome == OK && p->separate && p->row->path != NULL &&
		    !p->row->all)
			f->outcome =
			    share_socket(p->listener->address, p->row->name, f);
	}
	return f->outcome;
}

/* Those that only a pool of before has. */
static void
share_old(const struct supervisor *s, size_t had, bool on)
{
	for (size_t i = 0; i < had; i++)
		if (s->pool[i]->listener != NULL &&
		    s->pool[i]->listener->users == 1)
			listen_share(s->pool[i]->listener, on);
}

static enum outcome
adopt(struct supervisor *s, struct fault *f)
{
	struct listener *l[LISTENERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->listener != NULL)
			l[n++] = s->pool[i]->listener;
	return listen_adopt(l, n, f);
}

bool
reload_is_up(
    const struct supervisor *s, size_t pools, const struct service_row *row)
{
	for (size_t i = 0; i < pools; i++)
		if (s->pool[i]->row == row && !s->pool[i]->retires)
			return true;
	return false;
}

/* Is it to run when a configuration is taken? What runs, among the first pools, goes
   on. */
static bool
is_wanted(const struct supervisor *s, size_t pools,
    const struct service_row *row, const struct settings *settings)
{
	enum wanted_what what = s->wanted.one[row - service_rows].what;

	if (what == WANTED_STOPPED)
		return false;
	return what == WANTED_STARTED || wanted_autostart(row, settings) ||
	    reload_is_up(s, pools, row);
}

/* After systemd's sockets were taken: those of a stopped service are closed. */
static void
drop_unwanted(struct supervisor *s, size_t had, const struct settings *settings)
{
	size_t kept = had;

	for (size_t i = had; i < s->pools; i++) {
		if (is_wanted(s, had, s->pool[i]->row, settings))
			s->pool[kept++] = s->pool[i];
		else
			pool_free(s->pool[i]);
	}
	s->pools = kept;
}

static enum outcome
open_listeners(struct supervisor *s, size_t had, const struct settings *fresh,
    struct fault *f)
{
	if (had == 0 && adopt(s, f) != OK)
		return f->outcome;
	drop_unwanted(s, had, fresh);
	share_old(s, had, true);
	f->outcome = open_all(s, had, f);
	share_old(s, had, false);
	/* Those that were open, for the connections of now on. */
	for (size_t i = had; i < s->pools && f->outcome == OK; i++)
		if (s->pool[i]->timeout_ms != 0)
			fds_set_timeouts(s->pool[i]->listener->fd,
			    s->pool[i]->timeout_ms, s->pool[i]->timeout_ms);
	return f->outcome;
}

void
reload_open_rest(struct supervisor *s)
{
	struct fault f;

	if (open_all(s, 0, &f) != OK)
		s->trouble = f;
}

/* ---- the pools ---- */

/* A pool of each service and address; of one service if `only` names it. */
static enum outcome
make_pools(struct supervisor *s, const struct service_row *only,
    const struct settings *settings, uint64_t generation, struct fault *f)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(settings, line, NULL);

	for (size_t i = 0; i < n; i++) {
		const struct service_row *r = line[i].row;
		struct listener *l = find_listener(s, line[i].text);
		struct pool *p;

		if (only != NULL && r != only)
			continue;
		if (l == NULL && r->kind != SERVICE_JOURNAL)
			l = listen_make(r, line[i].text);
		p = pool_make(r, l, settings, generation, &s->ground);
		if (p == NULL)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "pool of %s", r->name);
		p->tls = line[i].tls;
		s->pool[s->pools++] = p;
		p->separate = settings->pneu.users == USERS_SEPARATE;
		if (p->separate && users_find(r->program, &p->who, f) != OK)
			return f->outcome;
	}
	return OK;
}

enum outcome
reload_take(struct supervisor *s, struct fault *f)
{
	uint64_t generation = s->generation + 1;
	size_t had = s->pools;
	struct settings fresh;

	if (had + LISTEN_LINES_MAX > POOLS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sessions of earlier configurations still go on");
	if (take_copy(s, &fresh, generation, f) == OK &&
	    make_pools(s, NULL, &fresh, generation, f) == OK &&
	    open_listeners(s, had, &fresh, f) == OK) {
		config_free(&s->settings);
		s->settings = fresh;
		s->generation = generation;
	} else {
		while (s->pools > had)
			pool_free(s->pool[--s->pools]);
		config_free(&fresh);
	}
	reload_clean(s);
	return f->outcome;
}

enum outcome
reload_start(
    struct supervisor *s, const struct service_row *row, struct fault *f)
{
	size_t had = s->pools;

	if (had + LISTEN_LINES_MAX > POOLS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sessions of earlier configurations still go on");
	if (make_pools(s, row, &s->settings, s->generation, f) == OK &&
	    open_all(s, had, f) == OK)
		return OK;
	while (s->pools > had)
		pool_free(s->pool[--s->pools]);
	return f->outcome;
}

/* Those from `had` on stand beside the old before these are told to go. */
static void
replace(struct supervisor *s, size_t had, uint64_t now_ms)
{
	for (size_t i = had; i < s->pools; i++)
		if (!s->pool[i]->row->alone &&
		    s->pool[i]->row->start <= s->phase)
			pool_fill(s->pool[i], now_ms);
	for (size_t i = 0; i < had; i++)
		if (!s->pool[i]->retires)
			pool_retire(s->pool[i], now_ms);
}

static void
tell(struct supervisor *s, uint64_t generation, const struct fault *f)
{
	struct journal *j = &s->ground.journal;
	struct record_out out = journal_begin(j, CODE_RELOADED, NULL);

	record_puts(out, "service", "pneu");
	record_put_num(out, "generation", generation);
	record_puts(out, "outcome", outcome_word(f->outcome));
	if (f->outcome != OK)
		record_puts(out, "text", f->text);
	journal_end(j, out);
	journal_flush(j);
	if (f->outcome != OK)
		prog_warn("%s; the old configuration stays", f->text);
	else
		prog_warn("configuration %llu is in force",
		    (unsigned long long)generation);
}

void
reload(struct supervisor *s, uint64_t now_ms)
{
	struct fault *f = &s->reloaded; /* `pneu reload` asks for it */
	uint64_t tried = s->generation + 1;
	size_t had = s->pools;

	*f = FAULT_NONE;
	if (reload_take(s, f) == OK)
		replace(s, had, now_ms);
	s->reloads++;
	tell(s, tried, f);
}
