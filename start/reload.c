/* SPDX-License-Identifier: ISC */
/* reload.c: a new configuration, checked first, without dropping a session. */
#include "reload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "codes.h"
#include "config.h"
#include "fds.h"
#include "prog.h"

#define CONFIG_MAX (1024UL * 1024) /* octets; config.c has the same */

#define PORT_WAIT_MS  2000 /* at a start, for a port that is taken. Ours */
#define PORT_AGAIN_MS 50

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

/* Errors name the file that a person edits; what runs is the copy. */
enum outcome
reload_read(struct settings *settings, uint64_t generation, char *snapshot,
    size_t size, struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX);
	struct settings edited;

	memset(settings, 0, sizeof(*settings));
	(void)snprintf(snapshot, size, "run/" PROG_RUNNING "%llu",
	    (unsigned long long)generation);
	if (check_config_aloud(&edited, prog_config_path(), f) != OK ||
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

/* By its address: one that goes from smtpd to submission stays open. */
static struct listener *
find_listener(const struct supervisor *s, const char *address)
{
	for (size_t i = 0; i < s->listeners; i++)
		if (strcmp(s->listener[i]->address, address) == 0)
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
	struct listener *l = find_listener(s, address);

	if ((l == NULL || !l->wanted) && wanted(s) == LISTENERS_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "more than %d addresses to listen on, %s is one too many",
		    LISTENERS_MAX, address);
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "%s", address);
		l->fd = -1;
		(void)snprintf(l->address, sizeof(l->address), "%s", address);
		s->listener[s->listeners++] = l;
	}
	l->row = row;
	l->wanted = true;
	return OK;
}

static enum outcome
want_all(struct supervisor *s, const struct settings *settings, struct fault *f)
{
	char address[LISTEN_ADDRESS_MAX];

	for (size_t i = 0; i < s->listeners; i++) {
		s->listener[i]->wanted = false;
		s->listener[i]->old_row = s->listener[i]->row;
	}
	for (const struct service_row *r = service_rows; r->name; r++) {
		size_t i = 0;

		while (r->kind != SERVICE_JOURNAL &&
		    listen_next(r, settings, &i, address))
			if (want(s, r, address, f) != OK)
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

/* Processes that a killed supervisor left are still closing their listener. */
static enum outcome
open_patiently(struct listener *l, uint64_t timeout_ms, struct fault *f)
{
	uint64_t until_ms = clock_mono_ms() + PORT_WAIT_MS;

	while ((f->outcome = listen_open(l, false, timeout_ms, f)) != OK &&
	    f->error == EADDRINUSE && clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, PORT_AGAIN_MS);
	return f->outcome;
}

static enum outcome
open_all(struct supervisor *s, const struct settings *settings, struct fault *f)
{
	bool is_first = s->pools == 0;

	for (size_t i = 0; i < s->listeners; i++) {
		struct listener *l = s->listener[i];
		uint64_t ms = deadline_of(l->row, settings);

		if (!l->wanted || l->fd != -1 ||
		    (l->row->path != NULL && s->phase < PHASE_LINES))
			continue;
		if ((is_first ? open_patiently(l, ms, f)
		              : listen_open(l, true, ms, f)) != OK)
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
	for (size_t i = 0; i < s->listeners; i++) {
		s->listener[i]->wanted = i < had;
		if (i < had)
			s->listener[i]->row = s->listener[i]->old_row;
	}
	reload_drop_listeners(s);
}

static void
share_unwanted(const struct supervisor *s, bool on)
{
	for (size_t i = 0; i < s->listeners; i++)
		if (!s->listener[i]->wanted)
			listen_share(s->listener[i], on);
}

enum outcome
reload_listeners(
    struct supervisor *s, const struct settings *settings, struct fault *f)
{
	size_t had = s->listeners;

	f->outcome = OK;
	if (want_all(s, settings, f) == OK &&
	    (had > 0 || listen_adopt(s->listener, s->listeners, f) == OK)) {
		share_unwanted(s, true);
		(void)open_all(s, settings, f);
		share_unwanted(s, false);
	}
	if (f->outcome != OK)
		keep_listeners(s, had);
	else if (had == 0)
		set_deadlines(s, settings);
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
