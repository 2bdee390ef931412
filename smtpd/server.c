/* SPDX-License-Identifier: ISC */
/* server.c: what a process keeps from session to session. */
#include "server.h"

#include <sys/statvfs.h>

#include "clock.h"

#define SPACE_KEPT_MS 1000 /* free space is asked for so often */
#define INODES_LEAST  16 /* free ones, for the files of one round */

void
server_begin(struct server *v, const struct settings *set, const char *hostname,
    int queue_fd)
{
	*v = (struct server){ .set = set,
		.hostname = hostname,
		.queue_fd = queue_fd,
		.space = UINT64_MAX,
		.content = BUF_INIT(CONTENT_BUF_MAX),
		.question = BUF_INIT(RECORD_MAX + 1) };
	envelope_begin(&v->envelope);
	stream_begin(&v->io, -1, -1, 0);
}

void
server_free(struct server *v)
{
	envelope_free(&v->envelope);
	stream_free(&v->io);
	buf_free(&v->content);
	buf_free(&v->question);
}

/* The sandbox has no paths: only the descriptor opened before it is asked. */
static void
look_at_space(struct server *v, uint64_t now)
{
	uint64_t reserve = v->set->smtpd.min_free, free_octets;
	struct statvfs st;

	if (v->space_ms != 0 && now - v->space_ms < SPACE_KEPT_MS)
		return;
	v->space_ms = now;
	v->space = UINT64_MAX;
	if (v->queue_fd == -1 || fstatvfs(v->queue_fd, &st) != 0)
		return; /* not known: queue-add will say */
	free_octets = (uint64_t)st.f_bavail * st.f_frsize;
	v->space = free_octets > reserve ? free_octets - reserve : 0;
	if (st.f_files > 0 && st.f_favail < INODES_LEAST)
		v->space = 0;
}

bool
server_has_space(struct server *v, uint64_t octets)
{
	look_at_space(v, clock_mono_ms());
	return v->space > 0 && v->space >= octets;
}
