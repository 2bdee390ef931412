/* SPDX-License-Identifier: ISC */
/* list_verb.c: `pneu list`: entries of the lists, wherever each lies. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_change.h"
#include "fds.h"
#include "list_edit.h"
#include "output.h"
#include "verbs.h"

#define VALUES_MAX 1024 /* octets of entries that the journal gets. Chosen */

static const char *no_reload;

const struct prog_option list_options[] = {
	{ 0, "no-reload", NULL,
	    "add, remove: in force after the next reload or start",
	    &no_reload },
	{ .name = NULL },
};

/* Lists that are settings. */
static const struct list_setting {
	const char *type, *setting;
} list_settings[] = {
	{ "domain", "resolve.domain" },
	{ "server-bind", "smtpd.listen" },
};

/* What is asked for: one of both. */
struct list_type_of {
	const char *name;
	const struct list_about *about;
	const char *setting;
};

static void
find_type(const char *name, struct list_type_of *t)
{
	*t = (struct list_type_of){ name, list_find(span_of(name)), NULL };
	for (size_t i = 0; i < sizeof(list_settings) / sizeof(list_settings[0]);
	     i++)
		if (strcmp(list_settings[i].type, name) == 0)
			t->setting = list_settings[i].setting;
	if (t->about == NULL && t->setting == NULL)
		prog_refuse("%s is no list: one of accept, reject, near, "
		            "senders, logins, domain, server-bind",
		    name);
}

/* ---- A file of lists/. ---- */

/* What was added is right; if another line is not, the whole is not taken. */
static enum outcome
edit(void *arg, struct span old, struct buf *text, struct fault *f)
{
	const struct list_edit *e = arg;
	struct span rest, line, entry;
	const char *why = NULL;
	unsigned number = 0;

	if (list_edit(old, e, text, f) != OK)
		return f->outcome;
	rest = buf_span(text);
	while (why == NULL && span_next(&rest, '\n', &line)) {
		number++;
		if (list_entry(line, &entry))
			why = list_why_not(e->about, entry);
	}
	return why == NULL
	    ? OK
	    : fault_set(f, PERM, "5.3.5", 0, LISTS_DIRECTORY "/%s:%u: %s",
	          e->about->name, number, why);
}

static void
tell(void *arg, bool back)
{
	const struct list_edit *e = arg;
	struct buf values = BUF_INIT(VALUES_MAX);
	char setting[64];

	for (size_t i = 0; i < e->entries; i++) {
		buf_adds(&values, i == 0 ? "" : ", ");
		buf_add(&values, e->entry[i]);
	}
	(void)snprintf(
	    setting, sizeof(setting), LISTS_DIRECTORY ".%s", e->about->name);
	text_tell(back       ? "put-back"
	        : e->removes ? "remove"
	                     : "add",
	    setting, buf_span(&values));
	buf_free(&values);
}

/* A list that is not there is empty; and stays so if nothing comes of it. */
static enum outcome
make_file(const char *path, const struct list_edit *e, struct fault *f)
{
	struct buf b = BUF_INIT(LIST_FILE_MAX);
	enum outcome got = list_edit(SPAN_EMPTY, e, &b, f);
	int fd;

	buf_free(&b);
	if (got != OK)
		return got;
	if (mkdir(LISTS_DIRECTORY, 0750) != 0 && errno != EEXIST)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "make " LISTS_DIRECTORY);
	fd = open(path,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", path);
	/* The umask keeps the group out, that smtpd alone reads it by. */
	(void)fchmod(fd, 0640);
	fds_close(&fd);
	return OK;
}

static enum outcome
change_file(struct list_edit *e, struct text_changed *done, struct fault *f)
{
	char path[64];
	const struct text_change change = { path, LIST_FILE_MAX, edit, NULL,
		tell, e };

	(void)snprintf(
	    path, sizeof(path), LISTS_DIRECTORY "/%s", e->about->name);
	if (access(path, F_OK) != 0 && make_file(path, e, f) != OK)
		return f->outcome;
	return text_change(&change, no_reload == NULL, done, f);
}

static enum outcome
change_setting(const char *setting, bool removes, const struct span *entry,
    size_t n, struct text_changed *done, struct fault *f)
{
	struct config_edit e = { .how = removes ? CONFIG_UNSET : CONFIG_ADD,
		.value = entry,
		.values = n };

	if (config_edit_find(span_of(setting), &e.row, f) != OK)
		return f->outcome;
	return config_change(&e, 1, no_reload == NULL, done, f);
}

static enum outcome
change(const struct list_type_of *t, bool removes, int n, char *operand[],
    struct fault *f)
{
	static struct span entry[LIST_EDIT_ENTRIES];
	struct list_edit e = { t->about, removes, entry, (size_t)n };
	struct text_changed done;
	enum outcome got;

	if (n < 1 || n > LIST_EDIT_ENTRIES)
		prog_refuse("which entries? 1 to %d", LIST_EDIT_ENTRIES);
	for (int i = 0; i < n; i++)
		entry[i] = span_of(operand[i]);
	if (text_change_stand(f) != OK)
		return f->outcome;
	got = t->about != NULL
	    ? change_file(&e, &done, f)
	    : change_setting(t->setting, removes, entry, e.entries, &done, f);
	if (got == OK)
		text_say(t->name, &done);
	return got;
}

/* ---- What is in it. ---- */

static void
say(const struct list_type_of *t, struct span entry, unsigned line)
{
	output(json_pack("{s:s, s:o, s:I}", "list", t->name, "entry",
	           json_text(entry), "line", (json_int_t)line),
	    "{entry}\n");
}

/* An address or a name that an entry covers is found by it. */
static bool
is_found(const struct list_type_of *t, struct span asked, struct span entry)
{
	struct net_range range;
	struct net_addr a;

	if (asked.len == 0 || list_entry_same(entry, asked))
		return true;
	return net_parse_addr(asked, &a) &&
	    net_parse_range(entry, &range) == NULL && t->about != NULL &&
	    a.is_v6 == range.first.is_v6 &&
	    memcmp(a.octet, range.first.octet, NET_OCTETS) >= 0 &&
	    memcmp(a.octet, range.last.octet, NET_OCTETS) <= 0;
}

static size_t
show_text(const struct list_type_of *t, struct span text, struct span asked)
{
	struct span line, entry;
	unsigned number = 0;
	size_t found = 0;

	while (span_next(&text, '\n', &line)) {
		number++;
		if (!list_entry(line, &entry) || !is_found(t, asked, entry))
			continue;
		say(t, entry, t->about != NULL ? number : 0);
		found++;
	}
	return found;
}

static enum outcome
read_list(const struct list_type_of *t, struct buf *b, struct fault *f)
{
	const struct setting_row *row;
	char path[64];

	if (t->about == NULL) {
		if (config_edit_find(span_of(t->setting), &row, f) == OK)
			config_put_value(b, &prog.settings, row, "\n");
		return f->outcome;
	}
	(void)snprintf(
	    path, sizeof(path), LISTS_DIRECTORY "/%s", t->about->name);
	if (fds_read_file(AT_FDCWD, path, b, f) == TEMP && f->error == ENOENT)
		*f = FAULT_NONE; /* empty */
	return f->outcome;
}

static enum outcome
show(const struct list_type_of *t, struct span asked, struct fault *f)
{
	struct buf b = BUF_INIT(LIST_FILE_MAX);

	/* The file as it is, never what runs in its place. */
	if (prog_stand(f) == OK && prog_become(".", f) == OK &&
	    prog_load(f) == OK && read_list(t, &b, f) == OK &&
	    show_text(t, buf_span(&b), asked) == 0 && asked.len > 0)
		fault_set(f, PERM, "5.5.4", 0, SPAN_FMT " is not in %s",
		    SPAN_ARG(asked), t->name);
	buf_free(&b);
	return f->outcome;
}

enum outcome
verb_list(int argc, char *argv[], struct fault *f)
{
	struct list_type_of t;
	const char *what;
	int n;

	*f = FAULT_NONE;
	prog_options(argc, argv);
	n = argc - optind - 2;
	if (n < 0)
		prog_refuse("one of: add, remove, show; and a list");
	what = argv[optind];
	find_type(argv[optind + 1], &t);
	argv += optind + 2;
	if (strcmp(what, "show") == 0 && n <= 1 && no_reload == NULL)
		return show(&t, n == 1 ? span_of(argv[0]) : SPAN_EMPTY, f);
	if (strcmp(what, "add") != 0 && strcmp(what, "remove") != 0)
		prog_refuse("one of: add TYPE ENTRY..., remove TYPE ENTRY..., "
		            "show TYPE [ENTRY]");
	return change(&t, strcmp(what, "remove") == 0, n, argv, f);
}
