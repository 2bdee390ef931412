/* SPDX-License-Identifier: ISC */
/* room.c: clients of a full pool wait here, and who is silent makes room. */
#include "pool.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"

#define LOOK_MS 20 /* between two looks at who is silent. Chosen */
/* A client waits no longer. Mail programs wait a minute for a greeting, others
   five. RFC 5321 4.5.3.2.1 */
#define WAIT_MS 60000
/* Who has waited longer is one of many: for him only who was silent for four
   times as long is hurried. Else a crowd that comes back each time would keep
   turning over all the sessions, and who comes new would be under it. Chosen */
#define FRESH_MS   1000
#define OLD_FACTOR 4
#define LOST_MS    5000 /* for a worker to count what it has taken. Chosen */

bool
room_open(struct pool *p, size_t most)
{
	int ends[2];

	if (most == 0)
		return true;
	/* A message is one client, whole, for whichever worker takes it. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	p->room.most = most;
	p->room.giver = ends[0];
	p->room.taker = ends[1];
	return true;
}

void
room_say_busy(struct pool *p, int fd)
{
	char rest[512];

	(void)!send(fd, p->row->busy, strlen(p->row->busy),
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* Unread octets would turn the close into a reset, and the text is lost. */
	(void)!recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	(void)close(fd);
	p->refused++;
}

/* The place of the first who came within FRESH_MS; n: nobody did. */
static size_t
first_fresh(const struct room *r, uint64_t now_ms)
{
	size_t i = r->n;

	while (i > 0 && r->place[i - 1].until_ms > now_ms + WAIT_MS - FRESH_MS)
		i--;
	return i;
}

static int
take(struct pool *p, size_t i)
{
	struct room *r = &p->room;
	int fd = r->place[i].fd;

	r->n--;
	p->ground->waiting--;
	memmove(
	    &r->place[i], &r->place[i + 1], (r->n - i) * sizeof(r->place[0]));
	return fd;
}

/* Clients on the way to a worker. */
static void
take_back(struct pool *p)
{
	struct buf mark = BUF_INIT(16);
	struct fault f;
	size_t got;
	int fd;

	while (p->room.taker != -1 &&
	    fds_receive(p->room.taker, false, &mark, 1, &got, &fd, &f) == OK) {
		buf_reset(&mark);
		if (fd != -1)
			room_say_busy(p, fd);
	}
	buf_free(&mark);
}

void
room_close(struct pool *p)
{
	while (p->room.n > 0)
		room_say_busy(p, take(p, 0));
	take_back(p);
	p->room.look_ms = 0;
}

void
room_enter(struct pool *p, int fd, uint64_t now_ms)
{
	struct room *r = &p->room;

	if (r->place == NULL)
		r->place = mem_new(r->most, sizeof(*r->place));
	if (r->n > 0 &&
	    (r->n == r->most || p->ground->waiting >= p->ground->waiting_max))
		room_say_busy(p, take(p, 0));
	if (p->ground->waiting >= p->ground->waiting_max) {
		room_say_busy(p, fd);
		return;
	}
	r->place[r->n++] = (struct room_place){ fd, now_ms + WAIT_MS };
	p->ground->waiting++;
}

/* A message without a descriptor wakes one worker. */
void
room_pass(struct pool *p, bool passes)
{
	bool ends = p->board->passes != 0 && !passes;

	p->board->passes = passes && p->room.giver != -1;
	for (size_t i = 0; ends && i < p->live; i++)
		(void)fds_send_some(p->room.giver, SPAN_LIT("-"), -1);
}

/* Idle workers for whom nothing is under way. A worker that died on the way, or
   was taken, may have left a wrong number: it does not outlast it by much. */
static bool
has_idle(struct pool *p, uint64_t now_ms)
{
	struct room *r = &p->room;
	struct pollfd on_the_way = { r->taker, POLLIN, 0 };

	if (r->given != p->board->taken && now_ms - r->given_ms >= LOST_MS &&
	    poll(&on_the_way, 1, 0) == 0)
		r->given = p->board->taken;
	return p->board->idle > (uint32_t)(r->given - p->board->taken);
}

/* Of those who came lately the first; but the last of all, if none or too many
   came: the others will not be served in time, whoever is. */
static size_t
whose_turn(const struct pool *p, uint64_t now_ms)
{
	size_t first = first_fresh(&p->room, now_ms), n = p->room.n;

	return n - first == 0 || n - first > 2 * p->live ? n - 1 : first;
}

static void
give(struct pool *p, uint64_t now_ms)
{
	while (p->room.n > 0 && has_idle(p, now_ms)) {
		int fd = take(p, whose_turn(p, now_ms));

		if (fds_send_some(p->room.giver, SPAN_LIT("+"), fd) != 1) {
			room_say_busy(p, fd);
			continue;
		}
		p->room.given++;
		p->room.given_ms = now_ms;
		(void)close(fd);
	}
}

/* The slot of the longest silence that nobody has been told of; BOARD_SLOTS: of
   none over the patience. */
static size_t
longest_silent(const struct pool *p, uint64_t now_ms, uint64_t patience_ms,
    uint64_t *since_ms)
{
	size_t found = BOARD_SLOTS;

	*since_ms = now_ms - patience_ms + 1;
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		const struct board_slot *b = &p->board->slot[i];
		uint64_t since = b->silent_ms;

		if (p->process[i].pid != 0 && b->busy != 0 && since != 0 &&
		    since < *since_ms && b->told_ms != since) {
			*since_ms = since;
			found = i;
		}
	}
	return found;
}

bool
room_has_silent(const struct pool *p, uint64_t now_ms)
{
	uint64_t since;

	return p->room.giver != -1 && p->board != NULL &&
	    longest_silent(p, now_ms, p->patience_ms, &since) < BOARD_SLOTS;
}

static void
hurry(struct pool *p, uint64_t now_ms)
{
	size_t fresh = first_fresh(&p->room, now_ms);

	for (size_t n = p->room.n; n > 0; n--) {
		uint64_t since;
		size_t i = longest_silent(p, now_ms,
		    n > fresh ? p->patience_ms : p->patience_ms * OLD_FACTOR,
		    &since);

		if (i == BOARD_SLOTS)
			return;
		p->board->slot[i].told_ms = since;
		(void)kill(p->process[i].pid, SIGUSR1);
	}
}

void
room_look(struct pool *p, uint64_t now_ms)
{
	struct room *r = &p->room;

	while (r->n > 0 && r->place[0].until_ms <= now_ms)
		room_say_busy(p, take(p, 0));
	give(p, now_ms);
	if (r->n == 0) {
		r->look_ms = 0;
	} else if (now_ms >= r->look_ms) {
		if (p->live >= p->max)
			hurry(p, now_ms);
		r->look_ms = now_ms + LOOK_MS;
	}
}
