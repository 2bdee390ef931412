/* SPDX-License-Identifier: ISC */
/* What becomes of clients that wait, when workers die, lie or go. */
#include "../../start/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "tap.h"

#define WAITING 4

static struct board board;
static struct pool_ground ground = { .waiting_max = WAITING };
static struct service_row row = { .name = "smtpd", .busy = "421 busy\r\n" };
static struct pool pool = {
	.row = &row,
	.ground = &ground,
	.max = 1,
	.live = 1,
	.board = &board,
	.patience_ms = 100000000,
	.process = { { .pid = 1 } },
	.room = { .giver = -1, .taker = -1 },
};

/* The client's end. */
static int
enter(uint64_t now_ms)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
	room_enter(&pool, ends[0], now_ms);
	room_look(&pool, now_ms);
	return ends[1];
}

static bool
hears_busy(int fd)
{
	char said[64];
	ssize_t n = recv(fd, said, sizeof(said), MSG_DONTWAIT);

	(void)close(fd);
	return n == (ssize_t)strlen(row.busy) &&
	    memcmp(said, row.busy, (size_t)n) == 0;
}

/* As a worker does, but that it counts nothing. */
static bool
is_taken(void)
{
	struct buf mark = BUF_INIT(16);
	struct fault f;
	size_t got;
	int fd;
	bool came = fds_receive(pool.room.taker, false, &mark, 1, &got, &fd,
	                &f) == OK &&
	    fd != -1;

	fds_close(&fd);
	buf_free(&mark);
	return came;
}

static void
test_death(void)
{
	int first, second;

	board.slot[0].waits = board.idle = 1;
	first = enter(1000);
	tap_ok(pool.room.n == 0 && is_taken(), "an idle worker gets a client");
	second = enter(2000);
	tap_ok(pool.room.n == 1,
	    "until it has counted him, it may not be idle any more");
	room_look(&pool, 7000);
	tap_ok(pool.room.n == 0 && is_taken(),
	    "it died on the way: the next is given the next");
	(void)close(first);
	(void)close(second);
	board.taken = pool.room.given;
}

static void
test_lies(void)
{
	int first, second;

	board.idle = 1000;
	accept_look(&pool, 20000);
	tap_ok(board.idle == 1, "more idle ones than live: they are counted");
	first = enter(20000);
	second = enter(20000);
	tap_ok(pool.room.n == 1, "one gets a client, the other waits");
	(void)is_taken();
	board.taken = pool.room.given + 1000;
	room_look(&pool, 21000);
	tap_ok(pool.room.n == 1, "nobody is given while it says so");
	room_look(&pool, 26000);
	tap_ok(pool.room.n == 0, "but then");
	(void)is_taken();
	board.taken = pool.room.given;
	(void)close(first);
	(void)close(second);
}

static void
test_end(void)
{
	int given = enter(30000), waits = enter(30000);

	tap_ok(pool.room.n == 1, "one is on the way, one waits");
	room_close(&pool);
	tap_ok(hears_busy(waits) && hears_busy(given),
	    "when the pool goes, both are told");
}

int
main(void)
{
	if (!room_open(&pool, WAITING))
		return 1;
	test_death();
	test_lies();
	test_end();
	free(pool.room.place);
	fds_close(&pool.room.giver);
	fds_close(&pool.room.taker);
	return tap_done();
}
