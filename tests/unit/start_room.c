/* SPDX-License-Identifier: ISC */
/* Who waits for a worker, who is next, and who makes room. */
#include "../../start/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "serve.h"
#include "tap.h"

static struct board board;
static struct service_row row = { .name = "smtpd", .busy = "421 busy\r\n" };
static struct pool_ground ground = { .waiting_max = 100 };
static struct pool pool = {
	.row = &row,
	.ground = &ground,
	.max = 2,
	.live = 2,
	.patience_ms = 500,
	.board = &board,
};
static volatile sig_atomic_t told;

static void
on_signal(int number)
{
	(void)number;
	told++;
}

/* A client that says its name, so that the one passed can be told; its end. */
static int
comes(char name, uint64_t now_ms)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		abort();
	(void)!send(ends[1], &name, 1, 0);
	room_enter(&pool, ends[0], now_ms);
	return ends[1];
}

/* Who a worker gets; '-': nobody. */
static char
next(void)
{
	struct buf mark = BUF_INIT(16);
	struct fault f;
	char name = '-';
	size_t got;
	int fd = -1;

	if (fds_receive(pool.room.taker, false, &mark, 1, &got, &fd, &f) ==
	        OK &&
	    fd != -1) {
		board.taken++;
		(void)!recv(fd, &name, 1, 0);
	}
	fds_close(&fd);
	buf_free(&mark);
	return name;
}

static void
test_order(void)
{
	int a = comes('a', 10000), b = comes('b', 10100), c = comes('c', 12000),
	    d = comes('d', 12100);

	board.idle = 0;
	room_look(&pool, 12200);
	tap_ok(next() == '-' && pool.room.n == 4,
	    "while no worker is idle all wait");
	board.idle = 1;
	room_look(&pool, 12200);
	room_look(&pool, 12200);
	tap_ok(next() == 'c' && next() == '-',
	    "one idle worker gets one, the first who came lately");
	room_look(&pool, 12200);
	tap_ok(next() == 'd', "then the next of these");
	room_look(&pool, 12200);
	tap_ok(next() == 'b', "then of the others the last");
	board.idle = 0;
	(void)close(a), (void)close(b), (void)close(c), (void)close(d);
}

static void
test_limits(void)
{
	char text[16] = "";
	int e = comes('e', 13000), f = comes('f', 13000), g = comes('g', 13000),
	    h = comes('h', 13000);

	tap_ok(pool.room.n == 4 && pool.refused == 1,
	    "when all places are taken the first who came is sent away");
	room_look(&pool, 13000 + 60000);
	tap_ok(pool.room.n == 0 && pool.room.look_ms == 0 &&
	        ground.waiting == 0 && recv(h, text, sizeof(text) - 1, 0) > 0 &&
	        strcmp(text, row.busy) == 0,
	    "nobody waits longer than a minute, and he is told");
	(void)close(e), (void)close(f), (void)close(g), (void)close(h);
}

/* Both workers are this process, which counts its signals. */
static void
test_hurry(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	int i;

	(void)sigaction(SIGUSR1, &act, NULL);
	pool.process[0].pid = pool.process[1].pid = getpid();
	board.slot[0].busy = board.slot[1].busy = 1;
	board.slot[0].silent_ms = 99700;
	board.slot[1].silent_ms = 99600;
	tap_ok(!room_has_silent(&pool, 100000), "a short silence is none");
	i = comes('i', 100000);
	room_look(&pool, 100000);
	tap_ok(told == 0, "nor does it end for who waits");
	room_look(&pool, 100150);
	tap_ok(told == 1 && board.slot[1].told_ms == 99600 &&
	        board.slot[0].told_ms == 0,
	    "for one who waits the longest silence ends, and no other");
	board.slot[1].silent_ms = 0;
	board.slot[0].silent_ms = 0;
	room_look(&pool, 100900);
	tap_ok(told == 1, "who waits for us is not told");
	board.slot[0].silent_ms = 100500;
	room_look(&pool, 101100);
	tap_ok(told == 1, "for who waits longer than a second");
	room_look(&pool, 102600);
	tap_ok(told == 2 && board.slot[0].told_ms == 100500,
	    "only a long silence does");
	board.slot[1].silent_ms = 110000;
	room_look(&pool, 103000);
	tap_ok(told == 2, "one that begins later is none yet");
	room_close(&pool);
	(void)close(i);
}

/* What a worker makes of it. */
static void
test_worker(void)
{
	static struct board_slot slot;

	serve_on_board(&slot);
	serve_waits(5000);
	slot.told_ms = 4000;
	tap_ok(slot.silent_ms == 5000 && serve_longest_ms() == UINT64_MAX,
	    "that an earlier silence should end says nothing of this one");
	slot.told_ms = 5000;
	tap_ok(serve_longest_ms() < 10, "this one ends");
	serve_waits(0);
	tap_ok(serve_longest_ms() == UINT64_MAX, "but not what comes after it");
	serve_on_board(NULL);
}

int
main(void)
{
	if (!room_open(&pool, 4))
		abort();
	test_order();
	test_limits();
	test_hurry();
	test_worker();
	return tap_done();
}
