/* SPDX-License-Identifier: ISC */
/* listeners.c: the sockets of a configuration, taken over from the one before. */
#include "listeners.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fds.h"

#define PORT_WAIT_MS  2000 /* at a start, for a port that is taken. Ours */
#define PORT_AGAIN_MS 50

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

void
listeners_set_deadlines(
    const struct supervisor *s, const struct settings *settings)
{
	for (size_t i = 0; i < s->listeners; i++) {
		const struct listener *l = s->listener[i];
		uint64_t ms = deadline_of(l->row, settings);

		if (l->row->path == NULL)
			fds_set_timeouts(l->fd, ms, ms);
	}
}

void
listeners_open_rest(struct supervisor *s)
{
	struct fault f;

	if (open_all(s, &s->settings, &f) != OK)
		s->trouble = f;
}

void
listeners_drop(struct supervisor *s)
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

/* Back to what was: the new ones go, the old ones are all wanted. */
void
listeners_keep(struct supervisor *s, size_t had)
{
	for (size_t i = 0; i < s->listeners; i++) {
		s->listener[i]->wanted = i < had;
		if (i < had)
			s->listener[i]->row = s->listener[i]->old_row;
	}
	listeners_drop(s);
}

static void
share_unwanted(const struct supervisor *s, bool on)
{
	for (size_t i = 0; i < s->listeners; i++)
		if (!s->listener[i]->wanted)
			listen_share(s->listener[i], on);
}

enum outcome
listeners_open(
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
		listeners_keep(s, had);
	else if (had == 0)
		listeners_set_deadlines(s, settings);
	return f->outcome;
}
