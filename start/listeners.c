/* SPDX-License-Identifier: ISC */
/* listeners.c: the sockets of a configuration, shared with the one before. */
#include "listeners.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "clock.h"
#include "fds.h"

#define PORT_WAIT_MS  2000 /* at a start, for a port that is taken. Chosen */
#define PORT_AGAIN_MS 50

/* By its address: one that goes from smtpd to submission stays open. */
struct listener *
listeners_find(const struct supervisor *s, const char *address)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->listener != NULL &&
		    strcmp(s->pool[i]->listener->address, address) == 0)
			return s->pool[i]->listener;
	return NULL;
}

static uint64_t
deadline_of(const struct pool *p, const struct settings *settings)
{
	uint64_t ms = 0;

	if (p->row->path == NULL)
		memcpy(
		    &ms, (const char *)settings + p->row->timeout, sizeof(ms));
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
open_all(struct supervisor *s, const struct settings *settings, size_t had,
    struct fault *f)
{
	for (size_t i = had; i < s->pools; i++) {
		const struct pool *p = s->pool[i];
		uint64_t ms = deadline_of(p, settings);

		if (p->listener == NULL || p->listener->fd != -1 ||
		    (p->row->path != NULL && s->phase < PHASE_LINES))
			continue;
		if ((had == 0 ? open_patiently(p->listener, ms, f)
		              : listen_open(p->listener, true, ms, f)) != OK)
			return f->outcome;
	}
	return OK;
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

enum outcome
listeners_open(struct supervisor *s, const struct settings *settings,
    size_t had, struct fault *f)
{
	f->outcome = OK;
	if (had == 0 && adopt(s, f) != OK)
		return f->outcome;
	share_old(s, had, true);
	(void)open_all(s, settings, had, f);
	share_old(s, had, false);
	/* Those that were open, for the connections of now on. */
	for (size_t i = had; i < s->pools && f->outcome == OK; i++) {
		uint64_t ms = deadline_of(s->pool[i], settings);

		if (ms != 0)
			fds_set_timeouts(s->pool[i]->listener->fd, ms, ms);
	}
	return f->outcome;
}

void
listeners_open_rest(struct supervisor *s)
{
	struct fault f;

	if (open_all(s, &s->settings, 0, &f) != OK)
		s->trouble = f;
}
