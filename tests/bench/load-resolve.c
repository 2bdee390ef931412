/* SPDX-License-Identifier: ISC */
/*
 * load-resolve: pipelined lookups on the Unix socket of a line service.
 *
 * Requests `resolve to=u<i>@<domain>`, i spread over N entries; at most a
 * window of them is unanswered on the one connection. Counts the answers by
 * their first word and prints one JSON object.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "load.h"

#define BATCH_OCTETS 65536
#define REQUEST_MAX  512
#define STRIDE       7919 /* prime: neighbours in time are far in the file */

struct load {
	uint64_t total, entries, window;
	const char *pattern;
	int fd;
	uint64_t asked, answered, mailbox;
	char out[BATCH_OCTETS + REQUEST_MAX];
	size_t out_len, out_at;
	int line_start; /* the next octet begins an answer */
};

static int
socket_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		load_die(path);
	}
	memcpy(to.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		load_die(path);
	return fd;
}

static void
batch_fill(struct load *l)
{
	const char *mark = strchr(l->pattern, '%');

	while (l->out_len < BATCH_OCTETS && l->asked < l->total &&
	    l->asked - l->answered < l->window) {
		uint64_t i = l->asked++ * STRIDE % l->entries + 1;
		int n = snprintf(l->out + l->out_len, REQUEST_MAX,
		    "resolve to=%.*s%llu%s\n", (int)(mark - l->pattern),
		    l->pattern, (unsigned long long)i, mark + 1);

		l->out_len += (size_t)n;
	}
}

static void
answers_read(struct load *l)
{
	static char in[BATCH_OCTETS];
	ssize_t n = recv(l->fd, in, sizeof(in), MSG_DONTWAIT);
	const char *at = in, *lf;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		load_die("resolve went away");
	while ((lf = memchr(at, '\n', (size_t)(in + n - at))) != NULL) {
		l->mailbox += l->line_start && *at == 'm';
		l->line_start = 1;
		l->answered++;
		at = lf + 1;
	}
	if (at < in + n) { /* an answer cut by the read */
		l->mailbox += l->line_start && *at == 'm';
		l->line_start = 0;
	}
}

static void
batch_send(struct load *l)
{
	ssize_t n = send(l->fd, l->out + l->out_at, l->out_len - l->out_at,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		load_die("send");
	if (n > 0)
		l->out_at += (size_t)n;
	if (l->out_at == l->out_len)
		l->out_at = l->out_len = 0;
}

static void
loop(struct load *l)
{
	while (l->answered < l->total) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };

		if (l->out_len == 0)
			batch_fill(l);
		if (l->out_len > 0)
			p.events |= POLLOUT;
		if (poll(&p, 1, 10000) == 0)
			load_die("no answer for 10 s");
		if (p.revents & POLLOUT)
			batch_send(l);
		if (p.revents & (POLLIN | POLLHUP))
			answers_read(l);
	}
}

int
main(int argc, char *argv[])
{
	static struct load l = { .total = 1000000,
		.entries = 1000000,
		.window = 256,
		.pattern = "u%@bench.test",
		.line_start = 1 };
	const char *path = NULL;
	uint64_t start;
	int o;

	while ((o = getopt(argc, argv, "s:n:N:w:t:")) != -1)
		switch (o) {
		case 's':
			path = optarg;
			break;
		case 'n':
			l.total = load_number(optarg, 1U << 30);
			break;
		case 'N':
			l.entries = load_number(optarg, 1U << 30);
			break;
		case 'w':
			l.window = load_number(optarg, 1U << 20);
			break;
		case 't':
			l.pattern = optarg;
			break;
		default:
			path = NULL;
			optind = argc + 1;
			break;
		}
	if (optind != argc || path == NULL || l.entries == 0 || l.window == 0 ||
	    strchr(l.pattern, '%') == NULL) {
		fputs("usage: load-resolve -s SOCKET [-n lookups]"
		      " [-N entries] [-w window] [-t name, % is a number]\n",
		    stderr);
		return 100;
	}
	load_begin();
	l.fd = socket_connect(path);
	start = load_now();
	loop(&l);
	printf("{\"lookups\":%llu,\"mailbox\":%llu,\"us\":%llu",
	    (unsigned long long)l.answered, (unsigned long long)l.mailbox,
	    (unsigned long long)(load_now() - start));
	load_print_cpu(stdout);
	puts("}");
	return 0;
}
