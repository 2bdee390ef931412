/* SPDX-License-Identifier: ISC */
/*
 * attempts.h: a transport's side of a connection of queue-run: attempts come in,
 * each with the descriptor of its content, answers go out (lib/wire_attempt.h).
 * Or one attempt comes from a person's command line.
 */
#ifndef LIB_ATTEMPTS_H
#define LIB_ATTEMPTS_H

#include "wire_attempt.h"

/*
 * A whole attempt, and the descriptor of its content (the caller closes it;
 * closed here before another takes its place). It may take 10 seconds from its
 * first octet on.
 *
 * OK	a->state is ATTEMPT_WHOLE, or ATTEMPT_NONE: the end of input
 * TEMP	malformed, broken off, or without content: end the connection
 */
enum outcome attempts_receive(
    int in, struct attempt *a, int *content, struct fault *) MUST_USE;

/* ans[i] of each recipient i in order, and the end. TEMP: it was not written. */
enum outcome attempts_answer(int out, const struct attempt *,
    const struct attempt_ans ans[], bool all_nexthop, struct fault *) MUST_USE;

/*
 * NEXTHOP [RECIPIENT...], until NULL, and all of the file `content`: the null
 * reverse-path, a qid of zeros. PERM 5.5.4, 5.1.x: NEXTHOP is missing or too
 * long, a recipient is no address; TEMP: the file.
 */
enum outcome attempts_of_operands(char *const operand[], int content,
    struct attempt *, struct fault *) MUST_USE;

#endif
