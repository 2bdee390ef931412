/* SPDX-License-Identifier: ISC */
/*
 * config.h: one file, one snapshot, one table row a setting.
 *
 * pneu.conf: `[section]` lines, `key = value`, repeated keys for lists, `#`
 * comments. The row of lib/settings.c feeds the parser, the checks, `pneu
 * config show --explain` and the manual page.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include "config_value.h"

#define CONFIG_FILE_MAX (1024UL * 1024) /* octets of the file. Chosen */

extern const struct setting_row setting_rows[]; /* ends with a NULL section */
#define CONFIG_ROWS_MAX 512 /* with those of roles; more than there are */

/*
 * A program's listeners may have roles, with settings of their own: what stands
 * in [smtpd submission] goes before what stands in [smtpd]. Lists are of the
 * section itself. The first role of a section is that section. Sections that
 * the program shares with others ([auth]) have such roles too, of those of
 * their settings that lie in base.
 */
struct setting_role {
	const char *section, *name;
	const char *title; /* "smtpd submission" */
	size_t base, offset; /* the section's settings, and the role's */
	size_t size; /* of both */
};

extern const struct setting_role setting_roles[]; /* ends as rows do */

/* Defaults that a role does not have from its section. */
struct setting_own {
	const char *title, *key, *value;
};

extern const struct setting_own setting_owns[]; /* ends as rows do */

/*
 * Fill s with the defaults, then with the file at path (relative to the cwd).
 * Every error is appended to `errors` as `file:line: text` LF, all of them.
 * path NULL: the defaults alone.
 *
 * OK	no error. PERM 5.3.5: errors has at least one, s has what is right.
 * TEMP	cannot be read
 */
enum outcome config_load(struct settings *s, const char *path,
    struct buf *errors, struct fault *) MUST_USE;
void config_free(struct settings *);

/* What a line of the file is; for those that read it and those that edit it. */
enum config_line {
	CONFIG_LINE_NONE, /* empty, or a comment */
	CONFIG_LINE_SECTION, /* name: as rows have it */
	CONFIG_LINE_VALUE, /* name: the key */
	CONFIG_LINE_WRONG,
};
/* line: without its LF or CR LF; name and value borrow from it, or are constant. */
enum config_line config_split(
    struct span line, struct span *name, struct span *value);
/* A value that may stand in the file: UTF-8 that can be shown, no line end. */
bool config_is_text(struct span value);

/* NULL: the section has no such role. */
const struct setting_role *config_find_role(
    struct span section, struct span name);
/* All rows: each section, and after it the same rows for each of its roles. Ends
   with a NULL section. */
const struct setting_row *config_rows(void);
/* NULL: there is none. */
const struct setting_row *config_find_row(struct span section, struct span key);
/* What stands in the section is what its role says, from now on; so in every
   other section that has a role of that name. */
void config_take_role(struct settings *, const struct setting_role *);
/* Is there a line of the file for it? */
bool config_is_set(const struct settings *, const struct setting_row *);
/* Append `FILE:LINE` of the line for it; nothing where there is none, and its
   default counts, or that of its section. */
void config_put_place(
    struct buf *, const struct settings *, const struct setting_row *);
/* Append such an error to `errors`: value i (of a list; else 0) of the setting
   that `member` of s points to is wrong. */
void config_wrong(const struct settings *s, const void *member, size_t i,
    struct buf *errors, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
