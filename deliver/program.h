/* SPDX-License-Identifier: ISC */
/* program.h: one attempt: a message to one command. */
#ifndef DELIVER_PROGRAM_H
#define DELIVER_PROGRAM_H

#include "runner.h"

struct program {
	const struct settings *settings;
	struct runner runner; /* for one attempt, then done with */
	bool all_nexthop; /* no other message would fare better there now */
};

/*
 * Copy the message from the file `content`, with LF as its line ends, run the
 * command of the attempt's next hop, wait for its end. Who asked is at `peer`
 * (-1: nobody to look after); when it hangs up, or 10 seconds after SIGTERM,
 * the command is ended.
 *
 * *ans is what the command says of all recipients: TEMP 4.3.0 (4.3.1: no room
 * for the copy) also for all that is no answer of a command. all_nexthop is set
 * when it cannot be run, or there is none.
 */
void program_attempt(struct program *, const struct attempt *, int content,
    int peer, struct attempt_ans *ans);

#endif
