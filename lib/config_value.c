/* SPDX-License-Identifier: ISC */
/* config_value.c: a setting's value: from its text, and to it. */
#include "config_value.h"

#include <stdlib.h>

#include "mem.h"

#define LIST_MAX 256 /* values of one key */

void *
config_value_in(struct settings *s, const struct setting_row *row)
{
	return (char *)s + row->offset;
}

const void *
config_value_of(const struct settings *s, const struct setting_row *row)
{
	return (const char *)s + row->offset;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "G", 1024UL * 1024 * 1024 },
	{ "M", 1024UL * 1024 },
	{ "K", 1024UL },
	{ "", 1 },
	{ NULL, 0 },
};

/* Longest first, so that the shortest exact text is printed; "" is seconds. */
static const struct unit time_units[] = {
	{ "d", 86400000UL },
	{ "h", 3600000UL },
	{ "m", 60000UL },
	{ "s", 1000UL },
	{ "ms", 1 },
	{ "", 1000UL },
	{ NULL, 0 },
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *
units_of(const struct setting_row *row)
{
	return row->type == SETTING_SIZE ? size_units
	    : row->type == SETTING_TIME  ? time_units
	                                 : no_units;
}

bool
config_parse_number(
    const struct setting_row *row, struct span text, uint64_t *out)
{
	struct cur c = cur_over(text);
	struct span digits = cur_while(&c, is_digit), unit = cur_rest(&c);
	const struct unit *u = units_of(row);

	while (u->name != NULL && !span_eq(unit, u->name))
		u++;
	return u->name != NULL && num_parse(digits, 0, UINT64_MAX, out) &&
	    !__builtin_mul_overflow(*out, u->factor, out) && *out >= row->min &&
	    *out <= row->max;
}

void
config_put_number(struct buf *b, const struct setting_row *row, uint64_t value)
{
	const struct unit *u = units_of(row);

	while (u->factor != 1 && (value == 0 || value % u->factor != 0))
		u++;
	buf_addf(b, "%llu%s", (unsigned long long)(value / u->factor), u->name);
}

/* The i-th word; empty: there are not as many. */
static struct span
choice(const struct setting_row *row, uint64_t i)
{
	struct span rest = span_of(row->choices), word = SPAN_EMPTY;

	while (span_next(&rest, ' ', &word) && i-- > 0)
		word = SPAN_EMPTY;
	return word;
}

static bool
parse_choice(const struct setting_row *row, struct span text, uint64_t *out)
{
	for (*out = 0; choice(row, *out).len > 0; ++*out)
		if (span_same(choice(row, *out), text))
			return true;
	return false;
}

static enum outcome
bad_value(const struct setting_row *row, struct fault *f)
{
	struct buf low = BUF_INIT(64), high = BUF_INIT(64);

	if (row->type == SETTING_CHOICE)
		return fault_set(f, PERM, "5.3.5", 0, "%s is one of: %s",
		    row->key, row->choices);
	config_put_number(&low, row, row->min);
	config_put_number(&high, row, row->max);
	fault_set(f, PERM, "5.3.5", 0, "%s wants a %s from %s to %s", row->key,
	    row->type == SETTING_NUMBER     ? "number"
	        : row->type == SETTING_SIZE ? "size (64K, 25M, 1G)"
	                                    : "time (500ms, 30s, 5m)",
	    low.p, high.p);
	buf_free(&low);
	buf_free(&high);
	return PERM;
}

void
config_set_text(char **where, struct span text)
{
	free(*where);
	*where = mem_copy(text.p, text.len);
}

void
config_clear_list(struct setting_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->value[i]);
	free(list->value);
	*list = (struct setting_list){ NULL, 0 };
}

enum outcome
config_set_value(struct settings *s, const struct setting_row *row,
    struct span text, struct fault *f)
{
	struct setting_list *list = config_value_in(s, row);
	uint64_t n = 0;

	switch (row->type) {
	case SETTING_TEXT:
	case SETTING_LIST:
		if (text.len > row->max)
			return fault_set(
			    f, PERM, "5.3.5", 0, "%s is too long", row->key);
		if (row->type == SETTING_TEXT) {
			config_set_text(config_value_in(s, row), text);
			return OK;
		}
		if (list->n == LIST_MAX)
			return fault_set(f, PERM, "5.3.5", 0,
			    "%s has more than %d values", row->key, LIST_MAX);
		list->value =
		    mem_grow(list->value, list->n + 1, sizeof(*list->value));
		list->value[list->n++] = mem_copy(text.p, text.len);
		return OK;
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_TIME:
		if (!config_parse_number(row, text, &n))
			return bad_value(row, f);
		break;
	case SETTING_CHOICE:
		if (!parse_choice(row, text, &n))
			return bad_value(row, f);
		break;
	}
	*(uint64_t *)config_value_in(s, row) = n;
	return OK;
}

void
config_put_value(struct buf *b, const struct settings *s,
    const struct setting_row *row, const char *separator)
{
	const struct setting_list *list = config_value_of(s, row);

	switch (row->type) {
	case SETTING_TEXT:
		buf_adds(b, *(char *const *)config_value_of(s, row));
		break;
	case SETTING_LIST:
		for (size_t i = 0; i < list->n; i++) {
			buf_adds(b, i == 0 ? "" : separator);
			buf_adds(b, list->value[i]);
		}
		break;
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_TIME:
		config_put_number(
		    b, row, *(const uint64_t *)config_value_of(s, row));
		break;
	case SETTING_CHOICE:
		buf_add(
		    b, choice(row, *(const uint64_t *)config_value_of(s, row)));
		break;
	}
}
