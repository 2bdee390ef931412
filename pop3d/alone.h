/* SPDX-License-Identifier: ISC */
/*
 * alone.h: in a shell or under inetd, where nothing runs, a program of this
 * folder starts auth and the one other service that believes its tickets.
 */
#ifndef POP3D_ALONE_H
#define POP3D_ALONE_H

#include "service.h"

/*
 * After service_begin(), before the sandbox. *alone: one of the two does not
 * listen in run/, so both were started here: they know each other by the key of
 * tickets, which is drawn for them and not kept. Else only auth is opened.
 */
enum outcome alone_start(struct service *auth, struct service *other,
    bool *alone, struct fault *) MUST_USE;

#endif
