/* SPDX-License-Identifier: ISC */
/*
 * config_edit.h: one setting of pneu.conf changed in its text, as a person would
 * do it in an editor: comments, order, indents and line ends stay.
 */
#ifndef START_CONFIG_EDIT_H
#define START_CONFIG_EDIT_H

#include "buf.h"
#include "config.h"

enum config_how {
	CONFIG_SET, /* these values, instead of all that are there */
	CONFIG_ADD, /* to a list, at its end; nothing where it is there already */
	CONFIG_UNSET, /* the values named of a list; none named: its default again */
};

struct config_edit {
	const struct setting_row *row;
	enum config_how how;
	const struct span *value; /* borrowed */
	size_t values; /* up to CONFIG_EDIT_VALUES */
};
#define CONFIG_EDIT_VALUES 256 /* config_value.c takes no more for a list */

/*
 * The row that SECTION.KEY names; of a role SECTION.ROLE.KEY or "SECTION ROLE.KEY".
 * PERM 5.5.4: there is none.
 */
enum outcome config_edit_find(
    struct span name, const struct setting_row **, struct fault *) MUST_USE;

/*
 * Append the whole new text to out, which is empty and has room for as much as a
 * file may have.
 *
 * A line that sets it is replaced in its place; without one, a line `#key = ` of
 * its section; without that the value goes behind the section's last setting, and
 * a section that is not there to the end of the file. A list that loses its last
 * value stays as `key =` where its default is not empty.
 *
 * OK	also if that changes nothing. PERM 5.5.4: the values are not such as this
 *	setting takes (whether they are right, check_config() says), or one that
 *	shall go is not there. PERM 5.3.5: UTF-16, or too large
 */
enum outcome config_edit(struct span text, const struct config_edit *,
    struct buf *out, struct fault *) MUST_USE;

#endif
