/* SPDX-License-Identifier: ISC */
/* config_value.h: the kinds of settings, and a value as text. */
#ifndef LIB_CONFIG_VALUE_H
#define LIB_CONFIG_VALUE_H

#include "buf.h"
#include "settings.h"

enum setting_type {
	SETTING_TEXT, /* char *, never NULL */
	SETTING_LIST, /* struct setting_list */
	SETTING_NUMBER, /* uint64_t */
	SETTING_SIZE, /* uint64_t octets; 64K, 25M, 1G */
	SETTING_TIME, /* uint64_t milliseconds; 500ms 30s 5m 1h 5d */
	SETTING_CHOICE, /* uint64_t: index into the row's choices */
};

struct setting_row {
	const char *section, *key;
	enum setting_type type;
	size_t offset; /* in struct settings */
	const char *unit; /* for people: "octets", "sessions" */
	const char *value; /* the default, as it would stand in the file */
	uint64_t min, max; /* numbers, sizes, times */
	const char *choices; /* "reject accept"; or NULL */
	const char *help; /* one line */
	/* Of a role's own: the row of its section. NULL: it is of a section. */
	const struct setting_row *base;
	/* Of a role: its default is its own, and not what its section says. */
	bool own;
};

/* Where the value lies. */
void *config_value_in(struct settings *, const struct setting_row *);
const void *config_value_of(
    const struct settings *, const struct setting_row *);
/* The value of a text; a list gets one value more. PERM 5.3.5: it is none. */
enum outcome config_set_value(struct settings *, const struct setting_row *,
    struct span text, struct fault *) MUST_USE;
/* A copy of text, instead of what *where holds. */
void config_set_text(char **where, struct span text);
void config_clear_list(struct setting_list *);
/* "64K", "30s": digits and a unit of the row's type, within its limits. */
bool config_parse_number(
    const struct setting_row *, struct span text, uint64_t *out);
/* The value of a row as it would stand in the file, appended to b. */
void config_put_value(struct buf *b, const struct settings *,
    const struct setting_row *, const char *separator);
/* The same of a number, size or time: a limit of it. */
void config_put_number(struct buf *, const struct setting_row *, uint64_t);

#endif
