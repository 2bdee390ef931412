/* SPDX-License-Identifier: ISC */
/* aside.h: what lies in aside/ because it is corrupt, and its two ways out. */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

#include "store.h"

/*
 * Read from the disk: is what lies aside valid by now? PERM 5.3.0: why
 * not. TEMP, ENOENT: it is not there.
 */
enum outcome aside_read(struct store *, const struct qid *, struct envelope *,
    struct fault *) MUST_USE;
/* store_open_content(), of what lies aside; an envelope that says nothing is
   taken for one file. */
enum outcome aside_open_content(struct store *, const struct envelope *,
    struct store_content *, struct fault *) MUST_USE;
/* Is there anything of it? */
bool aside_has(const struct store *, const struct qid *);
/* Then it goes to in/ again; on disk when it is OK. Call store_syncfs() before, so
   that what is read back is what the disk holds. */
enum outcome aside_release(
    struct store *, const struct qid *, struct fault *) MUST_USE;
enum outcome aside_remove(
    struct store *, const struct qid *, struct fault *) MUST_USE;

#endif
