/* SPDX-License-Identifier: ISC */
/*
 * load-pop3: POP3 sessions from one process and one epoll loop.
 *
 * Each session logs in to the next mailbox that no other session has open,
 * says STAT, then for every message RETR (-R) and DELE (-D), then QUIT. With
 * -r sessions begin at fixed times. With -T a number read from standard input
 * is how many messages have to be deleted in all: from then on sessions follow
 * one another without a pause, and the load ends when it is reached. With -S
 * all goes over TLS, from the first octet. Prints one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load-tls.h"

#define SESSIONS_MAX 1000
#define LINE_MAX_POP 512
#define CHUNK        262144
#define EVENTS_MAX   256
#define END_LEN      5 /* CRLF . CRLF */

enum step { CLOSED, BANNER, USER, PASS, STAT, RETR, DELE, QUIT };

struct sess {
	struct load_io io;
	enum step step;
	uint64_t user; /* 0-based */
	uint64_t since;
	uint64_t n, at; /* messages there; the one under way, from 1 */
	size_t line_len; /* of the first line of the answer */
	bool line_whole;
	size_t end_len;
	char line[LINE_MAX_POP];
	char end[END_LEN]; /* last octets of a multi-line answer */
};

struct load {
	struct sockaddr_in to;
	uint64_t sessions, users, first, total, duration_s, rate;
	const char *user, *password;
	bool retr, dele, target_wanted, tls;
	int epoll;
	struct sess *sess;
	bool *busy; /* by user: two sessions never share a mailbox */
	uint64_t next_user, open, begun, done, failed;
	uint64_t retrieved, octets, deleted, found, target;
	bool target_known;
	uint64_t start, end, stop_at;
	struct samples stat_latency;
};

static char chunk[CHUNK];

static bool
more_wanted(const struct load *l, uint64_t now)
{
	if (l->target_known)
		return l->deleted < l->target;
	if (l->total != 0 && l->begun >= l->total)
		return false;
	return l->target_wanted || l->stop_at == 0 || now < l->stop_at;
}

static uint64_t
due_time(const struct load *l)
{
	return l->rate == 0 || l->target_known
	    ? 0
	    : l->start + l->begun * 1000000 / l->rate;
}

static int
put(struct sess *s, const char *text, size_t len)
{
	struct iovec v = { (void *)(uintptr_t)text, len };

	return load_writev(&s->io, &v, 1) == (ssize_t)len ? 0 : -1;
}

static int
say(struct sess *s, enum step step, const char *verb, uint64_t n)
{
	char line[64];
	int len = n == 0 ? snprintf(line, sizeof(line), "%s\r\n", verb)
	                 : snprintf(line, sizeof(line), "%s %llu\r\n", verb,
	                       (unsigned long long)n);

	s->step = step;
	return put(s, line, (size_t)len);
}

static int
say_user(const struct load *l, struct sess *s)
{
	char line[LINE_MAX_POP];
	const char *mark = strchr(l->user, '%');
	int n;

	if (mark == NULL)
		n = snprintf(line, sizeof(line), "USER %s\r\n", l->user);
	else
		n = snprintf(line, sizeof(line), "USER %.*s%llu%s\r\n",
		    (int)(mark - l->user), l->user,
		    (unsigned long long)(l->first + s->user), mark + 1);
	s->step = USER;
	return put(s, line, (size_t)n);
}

static int
say_pass(const struct load *l, struct sess *s)
{
	char line[LINE_MAX_POP];
	int n = snprintf(line, sizeof(line), "PASS %s\r\n", l->password);

	s->step = PASS;
	return put(s, line, (size_t)n);
}

/* The next message, or the end of the session. */
static int
next_message(const struct load *l, struct sess *s)
{
	s->at++;
	if (s->at > s->n || !(l->retr || l->dele))
		return say(s, QUIT, "QUIT", 0);
	if (l->retr)
		return say(s, RETR, "RETR", s->at);
	return say(s, DELE, "DELE", s->at);
}

static int
after_stat(struct load *l, struct sess *s)
{
	s->n = strtoull(s->line + 4, NULL, 10);
	s->at = 0;
	l->found += s->n;
	samples_add(&l->stat_latency, load_now() - s->since);
	return next_message(l, s);
}

static int
after_retr(struct load *l, struct sess *s)
{
	l->retrieved++;
	if (l->dele)
		return say(s, DELE, "DELE", s->at);
	return next_message(l, s);
}

/* One whole answer. -1: the session is over. */
static int
answer(struct load *l, struct sess *s)
{
	if (s->line[0] != '+') {
		s->line[s->line_len < sizeof(s->line) ? s->line_len
		                                      : sizeof(s->line) - 1] =
		    '\0';
		if (l->failed++ == 0)
			fprintf(stderr, "load-pop3: %s", s->line);
		return -1;
	}
	switch (s->step) {
	case BANNER:
		return say_user(l, s);
	case USER:
		return say_pass(l, s);
	case PASS:
		return say(s, STAT, "STAT", 0);
	case STAT:
		return after_stat(l, s);
	case RETR:
		return after_retr(l, s);
	case DELE:
		return next_message(l, s);
	case QUIT:
		l->done++;
		if (l->dele)
			l->deleted += s->n;
		break;
	case CLOSED:
		break;
	}
	s->step = CLOSED;
	return -1;
}

/* Keeps the last END_LEN octets of what came. */
static void
end_keep(struct sess *s, const char *p, size_t len)
{
	if (len >= END_LEN) {
		memcpy(s->end, p + len - END_LEN, END_LEN);
		s->end_len = END_LEN;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (s->end_len == END_LEN)
			memmove(s->end, s->end + 1, --s->end_len);
		s->end[s->end_len++] = p[i];
	}
}

/* The first line of the answer; what remains is the text of a RETR. */
static size_t
line_keep(struct sess *s, const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t n = lf == NULL ? len : (size_t)(lf - p) + 1;
	size_t room = sizeof(s->line) - 1 - s->line_len;
	size_t copy = n < room ? n : room;

	memcpy(s->line + s->line_len, p, copy);
	s->line_len += copy;
	s->line[s->line_len] = '\0';
	s->line_whole = lf != NULL;
	return n;
}

/* One answer at a time is under way, so what ends a chunk ends it. */
static int
feed(struct load *l, struct sess *s, const char *p, size_t len)
{
	if (!s->line_whole) {
		size_t n = line_keep(s, p, len);

		end_keep(s, p, n);
		p += n;
		len -= n;
	}
	if (!s->line_whole)
		return 0;
	if (s->step == RETR && s->line[0] == '+') {
		l->octets += len;
		end_keep(s, p, len);
		if (s->end_len < END_LEN ||
		    memcmp(s->end, "\r\n.\r\n", END_LEN) != 0)
			return 0;
	}
	if (answer(l, s) < 0)
		return -1;
	s->line_len = s->end_len = 0;
	s->line_whole = false;
	return 0;
}

static void
sess_close(struct load *l, struct sess *s)
{
	if (s->step != CLOSED && s->step != QUIT && s->line[0] == '+')
		l->failed++;
	load_close(&s->io);
	s->step = CLOSED;
	l->busy[s->user] = false;
	l->open--;
}

static void
sess_event(struct load *l, struct sess *s)
{
	while (s->io.fd >= 0) {
		int r = s->io.shaking ? load_tls_shake(&s->io) : 1;
		ssize_t n = r > 0 ? load_read(&s->io, chunk, sizeof(chunk)) : r;

		if (r == 0 || (n < 0 && errno == EAGAIN))
			return;
		if (n <= 0 || feed(l, s, chunk, (size_t)n) < 0) {
			sess_close(l, s);
			return;
		}
		if (s->io.ssl == NULL && (size_t)n < sizeof(chunk))
			return;
	}
}

/* The next user without a session, or l->users when all have one. */
static uint64_t
user_take(struct load *l)
{
	for (uint64_t i = 0; i < l->users; i++) {
		uint64_t u = l->next_user++ % l->users;

		if (!l->busy[u]) {
			l->busy[u] = true;
			return u;
		}
	}
	return l->users;
}

static bool
sess_open(struct load *l, struct sess *s, uint64_t now)
{
	uint64_t user = user_take(l);

	if (user == l->users)
		return false;
	s->user = user;
	s->since = l->rate && !l->target_known ? due_time(l) : now;
	s->line_len = s->end_len = 0;
	s->line_whole = false;
	s->line[0] = '+';
	s->step = BANNER;
	l->begun++;
	l->open++;
	s->io.fd = load_connect(&l->to);
	if (s->io.fd < 0)
		load_die("connect");
	if (l->tls)
		load_tls_start(&s->io); /* the client speaks first */
	load_watch(l->epoll, s->io.fd,
	    l->tls ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN, s);
	return true;
}

static void
start_due(struct load *l)
{
	for (uint64_t i = 0; i < l->sessions && l->open < l->sessions; i++) {
		uint64_t now = load_now();

		if (!more_wanted(l, now) || due_time(l) > now)
			return;
		if (l->sess[i].io.fd < 0 && !sess_open(l, &l->sess[i], now))
			return;
	}
}

static void
target_read(struct load *l)
{
	char text[32];
	ssize_t n = read(0, text, sizeof(text) - 1);

	if (n <= 0)
		load_die("no target on standard input");
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	l->target = load_number(text, 1U << 30);
	l->target_known = true;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, 0, NULL);
}

static uint64_t
wait_us(const struct load *l)
{
	uint64_t now = load_now(), due = due_time(l), us = 1000000;

	if (l->open < l->sessions && more_wanted(l, now))
		us = due > now ? due - now : 1000;
	return us;
}

static void
loop(struct load *l)
{
	struct epoll_event e[EVENTS_MAX];

	for (;;) {
		int n;

		start_due(l);
		if (l->open == 0 && !more_wanted(l, load_now()))
			return;
		n = load_wait(l->epoll, e, EVENTS_MAX, wait_us(l));
		for (int i = 0; i < n; i++) {
			if (e[i].data.ptr == NULL)
				target_read(l);
			else
				sess_event(l, e[i].data.ptr);
		}
	}
}

static void
usage(void)
{
	fputs("usage: load-pop3 -a ADDRESS:PORT [-c sessions at once]"
	      " [-n total] [-d seconds]\n\t[-u user, % is a number] [-N users]"
	      " [-1 first] [-p password]\n\t[-r sessions per second] [-R]"
	      " [-D] [-T] [-S]\n",
	    stderr);
	exit(100);
}

static const struct load_option numbers[] = {
	{ 'c', offsetof(struct load, sessions), SESSIONS_MAX },
	{ 'n', offsetof(struct load, total), 1U << 30 },
	{ 'd', offsetof(struct load, duration_s), 86400 },
	{ 'N', offsetof(struct load, users), 1U << 24 },
	{ '1', offsetof(struct load, first), 1U << 30 },
	{ 'r', offsetof(struct load, rate), 1000000 },
};

static void
option(struct load *l, int o)
{
	if (load_option(numbers, sizeof(numbers) / sizeof(numbers[0]), o, l))
		return;
	if (o == 'a')
		l->to = load_address(optarg);
	else if (o == 'u')
		l->user = optarg;
	else if (o == 'p')
		l->password = optarg;
	else if (o == 'R')
		l->retr = true;
	else if (o == 'D')
		l->dele = true;
	else if (o == 'T')
		l->target_wanted = true;
	else if (o == 'S')
		l->tls = true;
	else
		usage();
}

static void
prepare(struct load *l)
{
	l->sess = load_alloc(l->sessions, sizeof(*l->sess));
	l->busy = load_alloc(l->users, sizeof(*l->busy));
	for (uint64_t i = 0; i < l->sessions; i++)
		l->sess[i].io.fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		load_die("epoll_create");
	if (l->target_wanted)
		load_watch(l->epoll, 0, EPOLLIN, NULL);
}

static void
print(struct load *l)
{
	printf("{\"sessions\":%llu,\"failed\":%llu,\"found\":%llu,"
	       "\"retrieved\":%llu,\"octets\":%llu,\"deleted\":%llu,"
	       "\"start_us\":%llu,\"end_us\":%llu",
	    (unsigned long long)l->done, (unsigned long long)l->failed,
	    (unsigned long long)l->found, (unsigned long long)l->retrieved,
	    (unsigned long long)l->octets, (unsigned long long)l->deleted,
	    (unsigned long long)l->start, (unsigned long long)l->end);
	samples_print(&l->stat_latency, stdout);
	load_print_cpu(stdout);
	load_tls_print(stdout);
	puts("}");
}

int
main(int argc, char *argv[])
{
	static struct load l = { .sessions = 20,
		.users = 1,
		.first = 1,
		.user = "u%@bench.test",
		.password = "secret" };
	int o;

	while ((o = getopt(argc, argv, "a:c:n:d:u:N:1:p:r:RDTS")) != -1)
		option(&l, o);
	if (optind != argc || l.to.sin_port == 0 || l.sessions == 0 ||
	    l.users == 0 ||
	    (l.total == 0 && l.duration_s == 0 && !l.target_wanted))
		usage();
	load_begin();
	if (l.tls)
		load_tls_begin(false);
	prepare(&l);
	l.start = load_now();
	l.stop_at = l.duration_s ? l.start + l.duration_s * 1000000 : 0;
	loop(&l);
	l.end = load_now();
	print(&l);
	return 0;
}
