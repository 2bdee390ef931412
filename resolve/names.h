/* SPDX-License-Identifier: ISC */
/*
 * names.h: what leads to an entry besides its address: names to log in with
 * (login=) and accounts of this machine (account=), lists with commas.
 *
 * A login is unique among all entries and no other's name in the first domain,
 * which is what a name without a domain means else. An account may stand in
 * several entries: the first is who it is, the others are addresses that it may
 * use, too.
 *
 * Keys of secrets.cdb: `login sjones` (in lower case), whose value is the key of
 * the address. Of entries.cdb: `who bob` (an account), `who 1000` (its number)
 * and `who *` (accounts that no entry names), whose value is a record `who` as
 * of wire_resolve.h; and beside each of them, `who 1000 example.org/bob`, that
 * the addresses of this mailbox are of that account.
 */
#ifndef RESOLVE_NAMES_H
#define RESOLVE_NAMES_H

#include "compiled.h"
#include "directory.h"

#define NAMES_WHO_KEY_MAX (4 + PATH_TEXT_MAX + 1 + RESOLVE_PATH_MAX)

bool names_are_logins(struct span list);
bool names_are_accounts(struct span list);
/* Some entry has account=; or it looks so. */
bool names_have_accounts(struct span entries);

/* Two entries of one login, a login that is another's address: errors. An
   account that does not exist: a warning. */
void names_check(struct directory *);

void names_put_logins(const struct directory *, struct compiled_maker *);
void names_put_accounts(const struct directory *, struct compiled_maker *);

#endif
