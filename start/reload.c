/* SPDX-License-Identifier: ISC */
/* reload.c: a new configuration, checked first, without dropping a session. */
#include "reload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "codes.h"
#include "config.h"
#include "fds.h"
#include "prog.h"

#define CONFIG_MAX (1024UL * 1024) /* octets; config.c has the same */
#define ERRORS_MAX 65536

static enum outcome
copy_config(const char *snapshot, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_MAX);
	int fd = -1;

	f->outcome = OK;
	if (fds_read_file(AT_FDCWD, prog_config_path(), &text, f) != OK)
		goto out;
	fd = open(snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1) {
		fault_set(f, TEMP, "4.3.0", errno, "write %s", snapshot);
		goto out;
	}
	if (fds_write_all(fd, buf_span(&text), f) != OK)
		fault_context(f, "%s", snapshot);
out:
	if (fd != -1)
		(void)close(fd);
	buf_free(&text);
	return f->outcome;
}

enum outcome
reload_check(struct settings *settings, const char *path, struct buf *errors,
    struct fault *f)
{
	struct buf here = BUF_INIT(ERRORS_MAX);
	struct buf *b = errors == NULL ? &here : errors;

	if (config_load(settings, path, b, f) != TEMP) {
		listen_check(settings, b);
		service_check_programs(settings, b);
		check_values(settings, b);
	}
	if (b->len > 0)
		fault_set(f, PERM, "5.3.5", 0, "%s has errors", path);
	(void)!write(STDERR_FILENO, here.p, here.len);
	buf_free(&here);
	return f->outcome;
}

/* Errors name the file that a person edits; what runs is the copy. */
enum outcome
reload_read(struct settings *settings, uint64_t generation, char *snapshot,
    size_t size, struct fault *f)
{
	struct buf errors = BUF_INIT(ERRORS_MAX);
	struct settings edited;

	memset(settings, 0, sizeof(*settings));
	(void)snprintf(snapshot, size, "run/" PROG_RUNNING "%llu",
	    (unsigned long long)generation);
	if (reload_check(&edited, prog_config_path(), NULL, f) != OK ||
	    copy_config(snapshot, f) != OK ||
	    config_load(settings, snapshot, &errors, f) != OK)
		(void)unlink(snapshot);
	config_free(&edited);
	buf_free(&errors);
	return f->outcome;
}

void
reload_clean(const struct supervisor *s)
{
	/* A chore may have to read the one that it was started with. */
	DIR *d = s->tidy != 0 ? NULL : opendir("run");
	struct dirent *e;
	char path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		bool used;

		if (strncmp(
		        e->d_name, PROG_RUNNING, sizeof(PROG_RUNNING) - 1) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "run/%s", e->d_name);
		used = strcmp(path, s->snapshot) == 0;
		for (size_t i = 0; i < s->pools; i++)
			if (strcmp(path, s->pool[i]->config) == 0)
				used = true;
		if (!used)
			(void)unlink(path);
	}
	if (d != NULL)
		(void)closedir(d);
}

static struct listener *
find_listener(const struct supervisor *s, const struct service_row *row,
    const char *address)
{
	for (size_t i = 0; i < s->listeners; i++)
		if (s->listener[i]->row == row &&
		    strcmp(s->listener[i]->address, address) == 0)
			return s->listener[i];
	return NULL;
}

static size_t
wanted(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->listeners; i++)
		n += s->listener[i]->wanted;
	return n;
}

static enum outcome
want(struct supervisor *s, const struct service_row *row, const char *address,
    struct fault *f)
{
	struct listener *l = find_listener(s, row, address);

	if ((l == NULL || !l->wanted) && wanted(s) == LISTENERS_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "more than %d addresses to listen on, %s is one too many",
		    LISTENERS_MAX, address);
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "%s", address);
		l->row = row;
		l->fd = -1;
		(void)snprintf(l->address, sizeof(l->address), "%s", address);
		s->listener[s->listeners++] = l;
	}
	l->wanted = true;
	return OK;
}

static enum outcome
want_all(struct supervisor *s, const struct settings *settings, struct fault *f)
{
	for (size_t i = 0; i < s->listeners; i++)
		s->listener[i]->wanted = false;
	for (const struct service_row *r = service_rows; r->name; r++) {
		const struct setting_list *list = service_listen(r, settings);

		if (r->kind == SERVICE_JOURNAL)
			continue;
		if (r->path != NULL && want(s, r, r->path, f) != OK)
			return f->outcome;
		for (size_t i = 0; i < list->n; i++)
			if (want(s, r, list->value[i], f) != OK)
				return f->outcome;
	}
	return OK;
}

static uint64_t
deadline_of(const struct service_row *row, const struct settings *settings)
{
	uint64_t ms = 0;

	if (row->path == NULL)
		memcpy(&ms, (const char *)settings + row->timeout, sizeof(ms));
	return ms;
}

static enum outcome
open_all(struct supervisor *s, const struct settings *settings, struct fault *f)
{
	for (size_t i = 0; i < s->listeners; i++) {
		struct listener *l = s->listener[i];

		if (l->row->path != NULL && s->phase < PHASE_LINES)
			continue;
		if (l->wanted && l->fd == -1 &&
		    listen_open(l, deadline_of(l->row, settings), f) != OK)
			return f->outcome;
	}
	return OK;
}

/* Of what was not opened by us, or for another configuration: for the
   connections of now on. */
static void
set_deadlines(const struct supervisor *s, const struct settings *settings)
{
	for (size_t i = 0; i < s->listeners; i++) {
		const struct listener *l = s->listener[i];
		uint64_t ms = deadline_of(l->row, settings);

		if (l->row->path == NULL)
			fds_set_timeouts(l->fd, ms, ms);
	}
}

void
reload_open_rest(struct supervisor *s)
{
	struct fault f;

	if (open_all(s, &s->settings, &f) != OK)
		s->trouble = f;
}

/* Back to what was: the new ones go, the old ones are all wanted. */
static void
keep_listeners(struct supervisor *s, size_t had)
{
	for (size_t i = 0; i < s->listeners; i++)
		s->listener[i]->wanted = i < had;
	reload_drop_listeners(s);
}

enum outcome
reload_listeners(
    struct supervisor *s, const struct settings *settings, struct fault *f)
{
	size_t had = s->listeners;

	f->outcome = OK;
	if (want_all(s, settings, f) == OK &&
	    (had > 0 || listen_adopt(s->listener, s->listeners, f) == OK) &&
	    open_all(s, settings, f) == OK) {
		if (had == 0)
			set_deadlines(s, settings);
		return OK;
	}
	keep_listeners(s, had);
	return f->outcome;
}

void
reload_drop_listeners(struct supervisor *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->listeners; i++) {
		struct listener *l = s->listener[i];

		if (l->wanted) {
			s->listener[kept++] = l;
			continue;
		}
		for (size_t j = 0; j < s->pools; j++)
			if (s->pool[j]->listener == l)
				s->pool[j]->listener = NULL;
		listen_close(l);
		free(l);
	}
	s->listeners = kept;
}

static void
tell(struct supervisor *s, uint64_t generation, const struct fault *f)
{
	struct record_out out = journal_begin(&s->journal, CODE_RELOADED, NULL);

	record_puts(out, "service", "pneu");
	record_put_num(out, "generation", generation);
	record_puts(out, "outcome", outcome_word(f->outcome));
	if (f->outcome != OK)
		record_puts(out, "text", f->text);
	journal_end(&s->journal, out);
	journal_flush(&s->journal);
	if (f->outcome != OK)
		prog_warn("%s; the old configuration stays", f->text);
	else
		prog_warn("configuration %llu is in force",
		    (unsigned long long)generation);
}

/* New pools beside the old ones, or all as it was. */
static enum outcome
prepare(struct supervisor *s, const struct settings *fresh,
    const char *snapshot, struct fault *f)
{
	size_t had = s->listeners;

	if (reload_listeners(s, fresh, f) == OK &&
	    supervise_make_pools(s, fresh, snapshot, s->generation + 1, f) !=
	        OK)
		keep_listeners(s, had);
	return f->outcome;
}

static enum outcome
change(struct supervisor *s, uint64_t now_ms, struct fault *f)
{
	struct settings fresh, old;
	char snapshot[sizeof(s->snapshot)];
	size_t elders = s->pools;

	if (elders + POOLS_NEW > POOLS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sessions of earlier configurations still go on");
	if (reload_read(&fresh, s->generation + 1, snapshot, sizeof(snapshot),
	        f) != OK ||
	    prepare(s, &fresh, snapshot, f) != OK) {
		config_free(&fresh);
		return f->outcome;
	}
	old = s->settings;
	s->settings = fresh;
	s->generation++;
	memcpy(s->snapshot, snapshot, sizeof(snapshot));
	/* New ones stand beside the old before those are told to go. */
	for (size_t i = elders; i < s->pools; i++)
		if (!s->pool[i]->row->alone &&
		    s->pool[i]->row->start <= s->phase)
			pool_fill(s->pool[i], &s->ground, now_ms);
	for (size_t i = 0; i < elders; i++)
		if (!s->pool[i]->retires)
			pool_retire(s->pool[i], now_ms);
	reload_drop_listeners(s);
	set_deadlines(s, &s->settings);
	config_free(&old);
	return f->outcome;
}

void
reload(struct supervisor *s, uint64_t now_ms)
{
	s->reloaded = FAULT_NONE;
	(void)change(s, now_ms, &s->reloaded); /* `pneu reload` asks for it */
	s->reloads++;
	tell(s, s->generation + (s->reloaded.outcome == OK ? 0 : 1),
	    &s->reloaded);
	reload_clean(s);
}
