/* SPDX-License-Identifier: ISC */
/*
 * maker.h: who makes mailboxes: with users of their own they belong to the user
 * store, while `directory` works as the home's owner. A child that is store
 * makes them then, and does nothing else; without, this process does.
 */
#ifndef RESOLVE_MAKER_H
#define RESOLVE_MAKER_H

#include "fault.h"
#include "span.h"

/*
 * With users = separate, while root can be got back: before prog_user() and
 * before the sandbox. Not root: OK, and what follows says that it takes root.
 */
enum outcome maker_begin(struct fault *) MUST_USE;
/* As those of mailboxes.h, which have the outcomes. TEMP, too: the child died;
   PERM: there is none, for who started us was not root. */
enum outcome maker_make(const char *mail, struct span path, bool sync,
    bool *existed, struct fault *) MUST_USE;
enum outcome maker_sync(const char *mail, struct fault *) MUST_USE;
enum outcome maker_purge(
    const char *mail, struct span path, struct fault *) MUST_USE;
enum outcome maker_move(const char *mail, struct span from, struct span to,
    struct fault *) MUST_USE;
/* Where it cannot be looked at: false, and 0. */
bool maker_has(const char *mail, struct span path);
size_t maker_count(const char *mail, struct span path);

#endif
