/* SPDX-License-Identifier: ISC */
/*
 * answer-temp: a stage in the place of deliver-mailbox that never delivers.
 *
 * Every `deliver qid=Q n=N ...` is answered `temp qid=Q n=N`, everything else
 * `ok`; so messages wait in the queue as they do when a mailbox store is away.
 * fd 0 is a session, or a listening socket with any number of them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define CLIENTS_MAX 64
#define IN_MAX      65536

struct client {
	int in, out;
	size_t len;
	char buf[IN_MAX];
};

static struct client clients[CLIENTS_MAX];
static struct pollfd polled[CLIENTS_MAX + 1];
static nfds_t npolled;

/* The field `key` with the space before it, as it stands in the line. */
static int
field_of(const char *line, const char *key, const char **at)
{
	const char *p = strstr(line, key);

	*at = p == NULL ? "" : p;
	return p == NULL ? 0 : (int)strcspn(p + 1, " ") + 1;
}

static int
answer(char *out, size_t max, const char *line)
{
	const char *qid, *n, *path, *all;
	int qid_len = field_of(line, " qid=", &qid);
	int n_len = field_of(line, " n=", &n);
	int path_len = field_of(line, " path=", &path);
	int all_len = field_of(line, " all=", &all);

	if (strncmp(line, "deliver ", 8) == 0)
		return snprintf(out, max, "temp%.*s%.*s code=4.2.0 text=no\n",
		    qid_len, qid, n_len, n);
	return snprintf(out, max, "ok%.*s%.*s\n", path_len, path, all_len, all);
}

static int
put_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Answers every whole line that has come. */
static int
round_of(struct client *c)
{
	static char out[IN_MAX * 2];
	size_t out_len = 0;
	char *at = c->buf, *end = c->buf + c->len, *lf;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		*lf = '\0';
		out_len +=
		    (size_t)answer(out + out_len, sizeof(out) - out_len, at);
		at = lf + 1;
		if (sizeof(out) - out_len < 4096 * 2) {
			if (put_all(c->out, out, out_len) < 0)
				return -1;
			out_len = 0;
		}
	}
	c->len = (size_t)(end - at);
	memmove(c->buf, at, c->len);
	return put_all(c->out, out, out_len);
}

static int
client_serve(struct client *c)
{
	ssize_t n = read(c->in, c->buf + c->len, sizeof(c->buf) - c->len);

	if (n <= 0)
		return -1;
	c->len += (size_t)n;
	return round_of(c);
}

static void
client_add(int in, int out)
{
	if (npolled > CLIENTS_MAX) {
		close(in);
		return;
	}
	clients[npolled - 1] = (struct client){ .in = in, .out = out };
	polled[npolled++] = (struct pollfd){ .fd = in, .events = POLLIN };
}

static void
client_remove(nfds_t i)
{
	close(polled[i].fd);
	npolled--;
	polled[i] = polled[npolled];
	clients[i - 1] = clients[npolled - 1];
}

/* Slot 0 is the listening socket; it is off (-1) for a single session. */
static void
loop(void)
{
	while (npolled > 1 || polled[0].fd >= 0) {
		if (poll(polled, npolled, -1) < 0 && errno != EINTR)
			load_die("poll");
		for (nfds_t i = npolled - 1; i > 0; i--)
			if (polled[i].revents != 0 &&
			    client_serve(&clients[i - 1]) < 0)
				client_remove(i);
		if (polled[0].revents != 0) {
			int fd = accept4(0, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				client_add(fd, fd);
		}
		polled[0].revents = 0;
	}
}

int
main(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	load_begin();
	(void)getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
	polled[0] =
	    (struct pollfd){ .fd = listening ? 0 : -1, .events = POLLIN };
	npolled = 1;
	if (!listening)
		client_add(0, 1);
	loop();
	return 0;
}
