/* SPDX-License-Identifier: ISC */
/*
 * wait-mail: sleeps until N messages are in the new/ directories named on
 * standard input, one a line.
 *
 * Watches are set first, then each directory is listed once; from there on
 * only inotify tells. Names are counted once however often they are heard of.
 * Prints `ready` when the watches stand, and at the end one JSON object with the
 * time of the last one: that at which the directories changed, for to hear of
 * it takes longer than a delivery. So there is no hurry to hear, and it is heard
 * in lots: to wake us for each message would cost those that we measure.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define EVENTS_OCTETS 65536
#define DIRS_MAX      100000
#define LOT_MS        20 /* from the first news of a lot to reading it */

struct wait {
	int fd;
	char **dir; /* in the order of standard input */
	int *watch;
	size_t dirs;
	uint64_t want, have;
	uint64_t *seen; /* hashes of names, open addressing, 0 is free */
	size_t seen_mask;
	bool overflow;
};

static uint64_t
name_hash(int watch, const char *name)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ (unsigned)watch;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	h ^= h >> 32;
	return h == 0 ? 1 : h;
}

static void seen_add(struct wait *w, uint64_t h);

static void
seen_grow(struct wait *w)
{
	uint64_t *old = w->seen;
	size_t n = w->seen_mask + 1;

	w->seen_mask = n * 2 - 1;
	w->seen = load_alloc(n * 2, sizeof(*w->seen));
	w->have = 0;
	for (size_t i = 0; i < n; i++)
		if (old[i] != 0)
			seen_add(w, old[i]);
	free(old);
}

static void
seen_add(struct wait *w, uint64_t h)
{
	size_t i = h & w->seen_mask;

	while (w->seen[i] != 0) {
		if (w->seen[i] == h)
			return;
		i = (i + 1) & w->seen_mask;
	}
	w->seen[i] = h;
	if (++w->have * 2 > w->seen_mask)
		seen_grow(w);
}

static void
dir_list(struct wait *w, size_t i)
{
	DIR *d = opendir(w->dir[i]);
	struct dirent *e;

	if (d == NULL)
		load_die(w->dir[i]);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			seen_add(w, name_hash(w->watch[i], e->d_name));
	closedir(d);
}

static void
dirs_read(struct wait *w)
{
	char *line = NULL;
	size_t cap = 0;
	struct stat st;
	ssize_t n;

	w->dir = load_alloc(DIRS_MAX, sizeof(*w->dir));
	w->watch = load_alloc(DIRS_MAX, sizeof(*w->watch));
	while ((n = getline(&line, &cap, stdin)) > 1 && w->dirs < DIRS_MAX) {
		line[n - 1] = '\0';
		w->dir[w->dirs] = strdup(line);
		w->watch[w->dirs] =
		    inotify_add_watch(w->fd, line, IN_CREATE | IN_MOVED_TO);
		/* Who looked at a time gets the next one to the nanosecond, not
		 * to the tick (Linux 6.13 on; before, up to 4 ms too early). */
		if (w->watch[w->dirs++] < 0 || stat(line, &st) != 0)
			load_die(line);
	}
	free(line);
}

static void
events_take(struct wait *w)
{
	static char in[EVENTS_OCTETS]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->fd, in, sizeof(in));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		load_die("inotify");
	for (char *p = in; p < in + n;) {
		const struct inotify_event *e = (const void *)p;

		if (e->mask & IN_Q_OVERFLOW)
			w->overflow = true;
		else if (e->len > 0 && e->name[0] != '.')
			seen_add(w, name_hash(e->wd, e->name));
		p += sizeof(*e) + e->len;
	}
}

static void
all_list(struct wait *w)
{
	w->overflow = false;
	for (size_t i = 0; i < w->dirs; i++)
		dir_list(w, i);
}

/* true: all are there. */
static bool
loop(struct wait *w, uint64_t deadline)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	all_list(w);
	while (w->have < w->want) {
		uint64_t now = load_now();

		if (now >= deadline)
			return false;
		if (poll(&p, 1, (int)((deadline - now) / 1000) + 1) > 0)
			(void)poll(NULL, 0, LOT_MS);
		events_take(w);
		if (w->overflow)
			all_list(w);
	}
	return true;
}

/* When the directories last changed, on the clock of load_now(). */
static uint64_t
last_change(const struct wait *w)
{
	struct timespec wall;
	uint64_t last = 0, now;
	struct stat st;

	for (size_t i = 0; i < w->dirs; i++) {
		uint64_t at;

		if (stat(w->dir[i], &st) != 0)
			load_die(w->dir[i]);
		at = (uint64_t)st.st_mtim.tv_sec * 1000000 +
		    (uint64_t)st.st_mtim.tv_nsec / 1000;
		if (at > last)
			last = at;
	}
	clock_gettime(CLOCK_REALTIME, &wall);
	now = (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_nsec / 1000;
	return load_now() - (now > last ? now - last : 0);
}

int
main(int argc, char *argv[])
{
	static struct wait w = { .seen_mask = 65535 };
	uint64_t seconds = 600;
	bool all;
	int o;

	while ((o = getopt(argc, argv, "n:t:")) != -1)
		switch (o) {
		case 'n':
			w.want = load_number(optarg, 1U << 30);
			break;
		case 't':
			seconds = load_number(optarg, 86400);
			break;
		default:
			optind = argc + 1;
			break;
		}
	if (optind != argc || w.want == 0) {
		fputs(
		    "usage: wait-mail -n COUNT [-t seconds] < dirs\n", stderr);
		return 100;
	}
	load_begin();
	w.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w.fd < 0)
		load_die("inotify");
	w.seen = load_alloc(w.seen_mask + 1, sizeof(*w.seen));
	dirs_read(&w);
	puts("ready");
	fflush(stdout);
	all = loop(&w, load_now() + seconds * 1000000);
	printf("{\"all\":%s,\"count\":%llu,\"at_us\":%llu",
	    all ? "true" : "false", (unsigned long long)w.have,
	    (unsigned long long)last_change(&w));
	load_print_cpu(stdout);
	puts("}");
	return all ? 0 : 111;
}
