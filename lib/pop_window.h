/* SPDX-License-Identifier: ISC */
/*
 * pop_window.h: from which addresses somebody has logged in to POP3, and when.
 *
 * pop3d writes it, smtpd reads it, both without a system call. The supervisor
 * makes the file, in the home, so that a restart forgets nobody; it gives pop3d
 * a descriptor to write and smtpd one to read. Of the places where an address
 * may lie the oldest is taken: who floods it with logins shortens the windows
 * of others, and opens none.
 */
#ifndef LIB_POP_WINDOW_H
#define LIB_POP_WINDOW_H

#include <stdatomic.h>

#include "net.h"

#define POP_WINDOW_PATH   "run/pop-window"
#define POP_WINDOW_ENV    "PNEU_POP_WINDOW" /* its descriptor */
#define POP_WINDOW_OCTETS sizeof(struct pop_table)

#define POP_WINDOW_PLACES 4096 /* addresses. Chosen: 128 KiB */
#define POP_WINDOW_WAYS   4 /* where one may lie */

struct pop_place {
	_Atomic uint64_t since_ms; /* wall clock; 0: free, or being written */
	_Atomic uint64_t family; /* 4 or 6 */
	_Atomic uint64_t address[2];
};

struct pop_table {
	struct pop_place place[POP_WINDOW_PLACES];
};

struct pop_window {
	struct pop_table *table; /* NULL: none is kept, nobody is in it */
};

/* By the descriptor that POP_WINDOW_ENV names, else by its path; before the
   sandbox. Where it is not to be had, there is none. */
void pop_window_open(struct pop_window *, bool writes);
void pop_window_close(struct pop_window *);
/* Somebody has logged in from there. */
void pop_window_note(
    struct pop_window *, const struct net_addr *, uint64_t now_ms);
/* Did somebody, at most so long ago? *since_ms: when. */
bool pop_window_has(const struct pop_window *, const struct net_addr *,
    uint64_t now_ms, uint64_t length_ms, uint64_t *since_ms);

#endif
