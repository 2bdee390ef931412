/* SPDX-License-Identifier: ISC */
/*
 * config_change.h: settings of pneu.conf changed by a command: checked as
 * `pneu config check` does.
 */
#ifndef START_CONFIG_CHANGE_H
#define START_CONFIG_CHANGE_H

#include "config_edit.h"
#include "text_change.h"

/*
 * All edits, one after the other, or none: as text_change(). PERM also: an edit
 * is none; the file would have errors, which are said on fd 2.
 */
enum outcome config_change(const struct config_edit *, size_t n, bool now,
    struct text_changed *, struct fault *) MUST_USE;

#endif
