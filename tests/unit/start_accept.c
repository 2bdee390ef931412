/* SPDX-License-Identifier: ISC */
/* When a pool is full, so that a connection is told to come again. */
#include "../../start/pool.h"

#include "serve.h"
#include "tap.h"

static struct board board;
static struct service_row row = { .name = "smtpd", .busy = "421 busy\r\n" };
static struct pool pool = {
	.row = &row,
	.max = 2,
	.live = 2,
	.board = &board,
	.room = { .giver = -1 },
	.process = { { .pid = 1 }, { .pid = 2 } },
};

int
main(void)
{
	board.slot[0].busy = 1;
	for (uint64_t now_ms = 1000; now_ms < 9000; now_ms += 2000)
		accept_look(&pool, now_ms);
	tap_ok(!pool.refusing && pool.full_at_ms == 0 && board.min_idle == 1,
	    "a pool whose last process still starts is not full");
	board.slot[1].busy = 1;
	accept_look(&pool, 10000);
	tap_ok(!pool.refusing && pool.full_at_ms > 10000,
	    "with all of them busy it is, and waits a while");
	accept_look(&pool, 10000 + POOL_FULL_MS);
	tap_ok(pool.refusing, "before it says so");
	board.slot[1].busy = 0;
	accept_look(&pool, 20000);
	tap_ok(!pool.refusing, "until one is there again");
	return tap_done();
}
