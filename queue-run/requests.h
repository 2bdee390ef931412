/* SPDX-License-Identifier: ISC */
/* requests.h: what comes on fd 0: hints of queue-add, operators' requests. */
#ifndef QUEUE_RUN_REQUESTS_H
#define QUEUE_RUN_REQUESTS_H

#include "operate.h"

/* Serve fd 0 until it ends, then finish what was begun. */
enum outcome requests_serve(struct run *, struct fault *) MUST_USE;
/* Takes over op (malloc); its answer may come at once. */
void requests_begin(struct run *, struct operation *op);

#endif
