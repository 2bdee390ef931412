/* SPDX-License-Identifier: ISC */
/* wanted.c: which services an operator wants to run. */
#include "wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fds.h"
#include "record.h"
#include "users.h"

#define FILE_MAX  65536 /* octets: some hundred a row. Chosen */
#define LOCK_FILE "run/services.lock"
#define LOCK_MS   60000 /* another order, which waits for a stop. Chosen */

static const char *const words[] = { [WANTED_STOPPED] = "stopped",
	[WANTED_STARTED] = "started",
	[WANTED_AGAIN] = "again" };
#define WORDS (sizeof(words) / sizeof(words[0]))

struct wanted_one *
wanted_of(struct wanted *w, const struct service_row *row)
{
	return &w->one[row - service_rows];
}

static const struct service_row *
find_row(struct span name)
{
	for (const struct service_row *r = service_rows; r->name; r++)
		if (span_eq(name, r->name))
			return r;
	return NULL;
}

/* ---- the file ---- */

static bool
read_line(struct wanted *w, struct span line)
{
	const struct service_row *row;
	struct wanted_one one = { .what = WANTED_AUTO };
	struct span name, at, by;
	uint64_t now = 0;
	struct record r;
	struct fault f;

	if (record_parse(line, &r, &f) != OK)
		return false;
	for (size_t i = WANTED_STOPPED; i < WORDS; i++)
		if (record_is(&r, words[i]))
			one.what = (enum wanted_what)i;
	name = record_value(&r, "name");
	at = record_value(&r, "time");
	by = record_value(&r, "by");
	(void)num_parse(record_value(&r, "now"), 0, 1, &now);
	one.now = now == 1;
	row = find_row(name);
	if (one.what == WANTED_AUTO || row == NULL ||
	    !span_copy(at, one.time, sizeof(one.time)) ||
	    !span_copy(by, one.by, sizeof(one.by)))
		return false;
	*wanted_of(w, row) = one;
	return true;
}

enum outcome
wanted_read(struct wanted *w, struct fault *f)
{
	struct buf text = BUF_INIT(FILE_MAX);
	struct span rest, line;
	unsigned n = 0, wrong = 0;

	memset(w, 0, sizeof(*w));
	f->outcome = OK;
	if (access(WANTED_FILE, F_OK) != 0 && errno == ENOENT)
		return OK;
	if (fds_read_file(AT_FDCWD, WANTED_FILE, &text, f) == OK) {
		rest = buf_span(&text);
		while (span_next(&rest, '\n', &line)) {
			n++;
			if (!read_line(w, line) && wrong == 0)
				wrong = n;
		}
		if (wrong > 0)
			fault_set(f, PERM, "5.3.5", 0,
			    "%s:%u: not understood (of another version?), "
			    "passed over",
			    WANTED_FILE, wrong);
	}
	buf_free(&text);
	return f->outcome;
}

static enum outcome
put_all(struct buf *b, const struct wanted *w, struct fault *f)
{
	f->outcome = OK;
	for (const struct service_row *r = service_rows;
	     r->name != NULL && f->outcome == OK; r++) {
		const struct wanted_one *one = &w->one[r - service_rows];
		struct record_out out;

		if (one->what == WANTED_AUTO)
			continue;
		out = record_begin(b, words[one->what]);
		record_puts(out, "name", r->name);
		record_puts(out, "time", one->time);
		record_puts(out, "by", one->by);
		if (one->now)
			record_put_num(out, "now", 1);
		f->outcome = record_end(out, f);
	}
	return f->outcome;
}

static enum outcome
replace_file(struct span text, struct fault *f)
{
	static const char temp[] = "." WANTED_FILE;
	int fd;

	(void)unlink(temp);
	fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "write %s", temp);
	if (fds_write_all(fd, text, f) != OK)
		fault_context(f, "%s", temp);
	else if (fsync(fd) != 0 || rename(temp, WANTED_FILE) != 0)
		fault_set(f, TEMP, "4.3.0", errno, "write %s", WANTED_FILE);
	(void)close(fd);
	if (f->outcome != OK)
		return f->outcome;
	return fds_sync_directory(".", f);
}

enum outcome
wanted_write(const struct wanted *w, struct fault *f)
{
	struct buf text = BUF_INIT(FILE_MAX);

	if (put_all(&text, w, f) == OK)
		f->outcome = replace_file(buf_span(&text), f);
	buf_free(&text);
	return f->outcome;
}

enum outcome
wanted_lock(int *fd, struct fault *f)
{
	*fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP, "4.3.0",
		    errno, "open %s (`pneu init` makes what is missing)",
		    LOCK_FILE);
	if (!fds_lock(*fd, LOCK_EX, LOCK_MS))
		return fault_set(f, TEMP, "4.3.0", errno,
		    "another command stops or starts services");
	return OK;
}

/* ---- names ---- */

/* The original's servers; all: every service. */
static const struct {
	const char *name, *services;
} groups[] = {
	{ "smtp", "smtpd submission submit" },
	{ "pop", "pop3d pop3-session" },
	{ "framework", "queue-run deliver-mailbox deliver-program" },
};

static bool
is_listed(const char *names, const char *want)
{
	struct span rest = span_of(names), name;

	while (span_next(&rest, ' ', &name))
		if (span_eq(name, want))
			return true;
	return false;
}

bool
wanted_choose(const char *word, bool chosen[WANTED_SERVICES])
{
	const char *names = word;
	bool all = strcmp(word, "all") == 0, found = false;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, word) == 0)
			names = groups[i].services;
	for (const struct service_row *r = service_rows; r->name; r++) {
		if (!all && !is_listed(names, r->name))
			continue;
		chosen[r - service_rows] = true;
		found = true;
	}
	return found;
}

bool
wanted_needs(const struct service_row *user, const struct service_row *row)
{
	const struct users_row *u = users_row_of(user->program);

	if (row->kind == SERVICE_JOURNAL)
		return user != row;
	return row->start <= user->start && u != NULL &&
	    is_listed(u->calls, row->name);
}

bool
wanted_autostart(const struct service_row *row, const struct settings *s)
{
	return service_settings_of(row, s)->autostart == AUTOSTART_YES;
}
