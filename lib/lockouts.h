/* SPDX-License-Identifier: ISC */
/*
 * lockouts.h: failed logins counted for each account and each address, in memory
 * that all auth processes share, for SMTP and POP3 together.
 *
 * So many of them within a window, and the account or the address is locked out
 * for one window more; then it begins anew. All names to log in with, of one
 * account, are one. A name counts whether there is such
 * a user or not, so a lockout does not say who exists. Two rules keep strangers
 * from locking out whom they like:
 *
 *  - who has logged in to an account from an address (IPv6: its /64) is known
 *    there: his failures do not count for the account, nor does its lockout
 *    hold for him;
 *  - nothing counts for the addresses of this machine, where a webmail or a
 *    proxy speaks for everybody, and nobody becomes known by them.
 *
 * The memory is a file of the home, so that it outlives a restart: times are of
 * the wall clock. Who has the file open can write it: auth and the operator.
 */
#ifndef LIB_LOCKOUTS_H
#define LIB_LOCKOUTS_H

#include "settings.h"
#include "span.h"

#define LOCKOUTS_FILE "run/lockouts"
#define LOCKOUTS_ENV  "PNEU_LOCKOUTS" /* its descriptor, of auth */

#define LOCKOUTS_WHO_MAX 187 /* octets of a name; of a longer one these. Ours */

enum lockout_kind { LOCKOUT_ACCOUNT, LOCKOUT_ADDRESS, LOCKOUT_KINDS };

/* One that is counted, as an operator sees it. */
struct lockout {
	enum lockout_kind kind;
	char who[LOCKOUTS_WHO_MAX + 1]; /* from strangers: any octets */
	uint64_t failures;
	uint64_t until_s; /* locked out until then, wall clock; 0: not */
};

struct lockouts_table;
struct lockouts {
	struct lockouts_table *table; /* NULL: nothing is counted */
	uint64_t window_s;
	uint64_t most[LOCKOUT_KINDS]; /* failures; 0: never locked out */
};

/*
 * Map the memory of fd, which is made as large as it must be and stays open; -1,
 * or no room on disk: of this process alone. What is not ours in it, or of another version, is
 * emptied. TEMP: no memory.
 */
enum outcome lockouts_open(struct lockouts *, int fd, const struct settings *,
    struct fault *) MUST_USE;
void lockouts_close(struct lockouts *);

/* Is this one locked out? account: in one spelling (verify_name()); ip: text,
   or empty. */
bool lockouts_has(const struct lockouts *, struct span account, struct span ip,
    uint64_t now_s);
/* One has failed. Bits, 1U << kind: what is locked out by it, now. */
unsigned lockouts_failed(
    struct lockouts *, struct span account, struct span ip, uint64_t now_s);
/* One was right: from there he is known. */
void lockouts_succeeded(
    struct lockouts *, struct span account, struct span ip, uint64_t now_s);

/* ---- For the operator. ---- */

/* Of the next from *at on, which begins at 0, that is locked out; false: no
   more. */
bool lockouts_next(
    const struct lockouts *, uint64_t now_s, size_t *at, struct lockout *);
/* Forget the failures of an account or address, as lockouts_next() names it, in
   any case. False: there were none. */
bool lockouts_forget(struct lockouts *, struct span who);
/* What it is called there: an address's network. */
void lockouts_name(struct span who, char out[LOCKOUTS_WHO_MAX + 1]);

#endif
