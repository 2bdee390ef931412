/* SPDX-License-Identifier: ISC */
/* config_change.c: settings of pneu.conf changed by a command. */
#include "config_change.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "prog.h"

#define VALUE_MAX 1024 /* octets of the values that the journal gets. Chosen */

/* Rows whose values may hold a password or a token. */
static const char *const secret[] = { "deliver-program.command" };

struct edits {
	const struct config_edit *e;
	size_t n;
};

/* Errors name the file that they would be in. */
static void
say_errors(const char *name, const char *temp, struct span errors)
{
	struct span line;

	while (span_next(&errors, '\n', &line)) {
		if (span_has_prefix(line, temp))
			(void)fprintf(stderr, "%s" SPAN_FMT "\n", name,
			    SPAN_ARG(span_from(line, strlen(temp))));
		else
			(void)fprintf(stderr, SPAN_FMT "\n", SPAN_ARG(line));
	}
}

static enum outcome
check_temp(void *arg, const char *name, const char *temp, struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	struct settings s;

	(void)arg;
	if (check_config(&s, temp, &errors, &warnings, f) == PERM)
		fault_set(f, PERM, "5.3.5", 0,
		    "%s stays as it is: it would have errors", name);
	say_errors(name, temp, buf_span(&errors));
	if (f->outcome == OK)
		say_errors(name, temp, buf_span(&warnings));
	config_free(&s);
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

static bool
is_secret(const struct setting_row *r)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s.%s", r->section, r->key);
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		if (strcmp(secret[i], name) == 0)
			return true;
	return false;
}

static void
tell_edit(const struct config_edit *e, const char *how)
{
	struct buf values = BUF_INIT(VALUE_MAX);
	char name[128];

	for (size_t i = 0; i < e->values && !is_secret(e->row); i++) {
		buf_adds(&values, i == 0 ? "" : ", ");
		buf_add(&values, e->value[i]);
	}
	(void)snprintf(
	    name, sizeof(name), "%s.%s", e->row->section, e->row->key);
	text_tell(how, name, buf_span(&values));
	buf_free(&values);
}

static void
tell(void *arg, bool back)
{
	static const char *const how[] = { [CONFIG_SET] = "set",
		[CONFIG_ADD] = "add",
		[CONFIG_UNSET] = "unset" };
	const struct edits *all = arg;

	for (size_t i = 0; i < all->n; i++)
		tell_edit(&all->e[i], back ? "put-back" : how[all->e[i].how]);
}

static enum outcome
edit_all(void *arg, struct span old, struct buf *text, struct fault *f)
{
	struct buf next = BUF_INIT(CONFIG_FILE_MAX);
	const struct edits *all = arg;

	buf_add(text, old);
	for (size_t i = 0; i < all->n && f->outcome == OK; i++) {
		struct buf swap = *text;

		buf_reset(&next);
		if (config_edit(buf_span(text), &all->e[i], &next, f) == OK) {
			*text = next;
			next = swap;
		}
	}
	buf_free(&next);
	return f->outcome;
}

enum outcome
config_change(const struct config_edit *e, size_t n, bool now,
    struct text_changed *done, struct fault *f)
{
	struct edits all = { e, n };
	const struct text_change change = { prog_config_path(), CONFIG_FILE_MAX,
		edit_all, check_temp, tell, &all };

	return text_change(&change, now, done, f);
}
