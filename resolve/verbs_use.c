/* SPDX-License-Identifier: ISC */
/* verbs_use.c: how much of the mailboxes with a quota is used. */
#include "verbs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "output.h"
#include "usage.h"

struct use {
	const struct line *line;
	struct usage usage;
	unsigned pct; /* of the limit that is nearer */
};

static unsigned
percent(uint64_t used, uint64_t limit)
{
	double pct = limit == 0 ? 0 : (double)used * 100 / (double)limit;

	return pct > 9999 ? 9999 : (unsigned)pct;
}

/* False: it has no quota, or nothing was counted yet. */
static bool
read_use(int quota, const struct line *line, struct use *use)
{
	char path[RESOLVE_PATH_MAX + 1];
	unsigned messages;
	bool has;
	int fd;

	if (line->kind != LINE_ENTRY ||
	    !span_copy(line->value, path, sizeof(path)))
		return false;
	fd = usage_open(quota, path, O_RDONLY);
	if (fd == -1)
		return false;
	has = usage_read(fd, &use->usage);
	(void)close(fd);
	use->line = line;
	use->pct = percent(use->usage.octets, use->usage.quota.octets);
	messages = percent(use->usage.messages, use->usage.quota.messages);
	if (messages > use->pct)
		use->pct = messages;
	return has && quota_is_set(&use->usage.quota);
}

static void
add(json_t *object, const char *key, uint64_t n)
{
	if (n > 0)
		(void)json_object_set_new(
		    object, key, json_integer((json_int_t)n));
}

static void
put_use(json_t *object, const struct use *use)
{
	char counted[CLOCK_TEXT_MAX];

	clock_text_ms(use->usage.counted_ms, counted);
	(void)json_object_set_new(
	    object, "used", json_integer((json_int_t)use->usage.octets));
	(void)json_object_set_new(object, "used-messages",
	    json_integer((json_int_t)use->usage.messages));
	add(object, "limit", use->usage.quota.octets);
	add(object, "limit-messages", use->usage.quota.messages);
	(void)json_object_set_new(
	    object, "used-percent", json_integer((json_int_t)use->pct));
	(void)json_object_set_new(object, "counted", json_string(counted));
}

static int
open_uses(void)
{
	return open(USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void
verbs_add_use(json_t *object, const struct line *line)
{
	int quota = open_uses();
	struct use use;

	if (quota == -1)
		return;
	if (read_use(quota, line, &use))
		put_use(object, &use);
	(void)close(quota);
}

/* The fullest first. */
static int
by_percent(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return (x->pct < y->pct) - (x->pct > y->pct);
}

static void
print_use(const struct use *use)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "smtp", json_text(use->line->smtp));
	put_use(object, use);
	output(object,
	    "{used-percent:>4} % {smtp|text}: {used|size}[ of {limit|size}], "
	    "{used-messages} messages[ of {limit-messages}]\n");
}

enum outcome
look_usage(const struct directory *d, const struct request *r, struct fault *f)
{
	struct use *use = mem_new(d->entries.lines + 1, sizeof(*use));
	int quota = open_uses();
	size_t n = 0;

	(void)r;
	(void)f;
	for (size_t i = 0; quota != -1 && i < d->entries.lines; i++)
		n += read_use(quota, &d->entries.line[i], &use[n]);
	if (quota != -1)
		(void)close(quota);
	qsort(use, n, sizeof(*use), by_percent);
	for (size_t i = 0; i < n; i++)
		print_use(&use[i]);
	if (n == 0)
		output_note("no mailbox with a quota has been counted yet\n");
	free(use);
	return OK;
}
