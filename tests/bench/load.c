/* SPDX-License-Identifier: ISC */
/* load.c: clock, options, connections, latencies of the load generators. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void
load_die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(111);
}

void *
load_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (p == NULL)
		load_die("memory");
	return p;
}

uint64_t
load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
load_number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n > max) {
		fprintf(stderr, "load: not a number here: %s\n", text);
		exit(100);
	}
	return n;
}

bool
load_option(const struct load_option *options, size_t n, int letter, void *own)
{
	uint64_t value;

	while (n > 0 && options->letter != letter)
		options++, n--;
	if (n == 0)
		return false;
	value = load_number(optarg, options->max);
	memcpy((char *)own + options->at, &value, sizeof(value));
	return true;
}

struct sockaddr_in
load_address(const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);

	if (len == 0 || len >= sizeof(host)) {
		fprintf(stderr, "load: not ADDRESS:PORT: %s\n", text);
		exit(100);
	}
	memcpy(host, text, len);
	host[len] = '\0';
	to.sin_port = htons((uint16_t)load_number(colon + 1, 65535));
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1) {
		fprintf(stderr, "load: not an address: %s\n", host);
		exit(100);
	}
	return to;
}

int
load_connect(const struct sockaddr_in *to)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* a command is one write: Nagle could only hold back its tail */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	    errno != EINPROGRESS) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void
load_watch(int epoll, int fd, uint32_t events, void *owner)
{
	struct epoll_event e = { .events = events, .data.ptr = owner };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		load_die("epoll_ctl");
}

int
load_wait(int epoll, struct epoll_event *events, int most, uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000),
		(long)(us % 1000000) * 1000 };
	int n = epoll_pwait2(epoll, events, most, &t, NULL);

	if (n < 0 && errno != EINTR)
		load_die("epoll_wait");
	return n < 0 ? 0 : n;
}

void
load_begin(void)
{
	struct rlimit r;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

void
samples_add(struct samples *s, uint64_t us)
{
	if (s->len == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 4096;
		uint32_t *p = realloc(s->us, cap * sizeof(*p));

		if (p == NULL)
			load_die("memory");
		s->us = p;
		s->cap = cap;
	}
	s->us[s->len++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
rank(const struct samples *s, size_t permille)
{
	size_t i = s->len * permille / 1000;

	return s->us[i < s->len ? i : s->len - 1];
}

void
samples_print(struct samples *s, FILE *out)
{
	if (s->len == 0)
		return;
	qsort(s->us, s->len, sizeof(*s->us), by_value);
	fprintf(out, ",\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,\"max_us\":%u",
	    rank(s, 500), rank(s, 900), rank(s, 990), s->us[s->len - 1]);
}

void
load_print_cpu(FILE *out)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	fprintf(out, ",\"cpu_us\":%llu",
	    (unsigned long long)t.tv_sec * 1000000 +
	        (unsigned long long)t.tv_nsec / 1000);
}
