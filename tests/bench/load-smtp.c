/* SPDX-License-Identifier: ISC */
/*
 * load-smtp: messages over SMTP, from one process and one epoll loop.
 *
 * Closed loop: every connection sends its messages one after the other, and a
 * new one follows. Offered (-R): messages are due at fixed times whatever the
 * server does, and their latency counts from the time that they were due. A
 * reply 4yz or 5yz, or a lost connection, is counted and ends its connection;
 * the load goes on. Prints one JSON object. It trusts the server for nothing
 * but its reply codes. With -S all goes over STARTTLS, with -K in sessions that
 * are resumed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load-tls.h"

#define CONNECTIONS_MAX 10000
#define COMMAND_MAX     512
#define REPLY_MAX       8192
#define HEADER_MAX      1024
#define EVENTS_MAX      256
#define ID_DIGITS       12
#define TAIL            "\r\n.\r\n"
#define WRITE_MAX       65536 /* octets in one call */

enum step { CLOSED, BANNER, EHLO, STARTTLS, MAIL, RCPT, DATA, BODY, QUIT };

struct conn {
	struct load_io io;
	enum step step;
	bool fresh; /* no message yet on this connection */
	uint64_t left; /* messages still allowed on it */
	uint64_t id; /* of the message under way */
	uint64_t since; /* microseconds: begun, or due */
	uint64_t rcpt; /* recipients named so far */
	uint64_t owed; /* pipelined replies before the one of DATA */
	size_t in_len; /* octets of a reply not yet whole */
	size_t head_len; /* of header, for this message */
	size_t sent; /* octets of header, body and tail written */
	char in[REPLY_MAX];
	char head[HEADER_MAX];
};

struct load {
	struct sockaddr_in to;
	uint64_t connections, per_connection, total, duration_s;
	uint64_t size, mailboxes, first_mailbox, recipients, rate;
	const char *rcpt, *from, *ledger_name;
	bool pipelining, tls, resume;
	/* what is sent */
	char *body;
	size_t body_len;
	/* where we are */
	int epoll;
	FILE *ledger;
	struct conn *conn;
	struct conn **closed; /* connections free for the next message */
	size_t closed_len;
	uint64_t begun, ok, temp, perm, lost, refused;
	uint64_t start, end, stop_at, last_ok, last_dot;
	uint64_t open;
	char first_error[128];
	struct samples latency;
};

static void conn_close(struct load *, struct conn *);

/* A message may begin: neither the count nor the time is used up. */
static bool
more_wanted(const struct load *l, uint64_t now)
{
	if (l->total != 0 && l->begun >= l->total)
		return false;
	return l->stop_at == 0 || now < l->stop_at;
}

static uint64_t
due_time(const struct load *l, uint64_t n)
{
	return l->start + n * 1000000 / l->rate;
}

/* May the next message begin now? Offered load waits for its time. */
static bool
is_due(const struct load *l, uint64_t now)
{
	return l->rate == 0 || due_time(l, l->begun) <= now;
}

static void
error_keep(struct load *l, const char *line, size_t len)
{
	size_t n = 0;

	if (l->first_error[0] != '\0')
		return;
	for (size_t i = 0; i < len && n < sizeof(l->first_error) - 1; i++)
		if (line[i] >= ' ' && line[i] != '"' && line[i] != '\\' &&
		    line[i] < 0x7f)
			l->first_error[n++] = line[i];
	l->first_error[n] = '\0';
}

/* The message under way did not arrive: count it by the class of its reply. */
static void
failed(struct load *l, struct conn *c, const char *line, size_t len)
{
	error_keep(l, line, len);
	if (len == 0)
		l->lost++;
	else if (line[0] == '4')
		l->temp++;
	else
		l->perm++;
	c->id = 0;
}

static int
put(struct conn *c, const char *text, size_t len)
{
	struct iovec v = { (void *)(uintptr_t)text, len };

	return load_writev(&c->io, &v, 1) == (ssize_t)len ? 0 : -1;
}

static void
message_begin(struct load *l, struct conn *c, uint64_t now)
{
	c->id = ++l->begun;
	c->since = l->rate ? due_time(l, c->id - 1) : now;
	c->rcpt = 0;
	c->sent = 0;
	c->owed = 0;
	c->left--;
}

/* RCPT number c->rcpt of the message c->id. */
static int
rcpt_format(const struct load *l, const struct conn *c, char *out, size_t max)
{
	uint64_t n = l->recipients > 1 ? c->rcpt : (c->id - 1) % l->mailboxes;
	const char *mark = strchr(l->rcpt, '%');

	if (mark == NULL)
		return snprintf(out, max, "RCPT TO:<%s>\r\n", l->rcpt);
	return snprintf(out, max, "RCPT TO:<%.*s%llu%s>\r\n",
	    (int)(mark - l->rcpt), l->rcpt,
	    (unsigned long long)(l->first_mailbox + n), mark + 1);
}

static int
send_mail(const struct load *l, struct conn *c)
{
	char line[COMMAND_MAX * 4];
	int n = snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", l->from);

	c->step = MAIL;
	if (l->pipelining && l->recipients == 1) {
		n += rcpt_format(l, c, line + n, COMMAND_MAX);
		c->rcpt = 1;
		n += snprintf(line + n, COMMAND_MAX, "DATA\r\n");
		c->owed = 2;
		c->step = DATA;
	}
	return put(c, line, (size_t)n);
}

static int
send_rcpt(const struct load *l, struct conn *c)
{
	char line[COMMAND_MAX];
	int n = rcpt_format(l, c, line, sizeof(line));

	c->rcpt++;
	c->step = RCPT;
	return put(c, line, (size_t)n);
}

static void
header_make(const struct load *l, struct conn *c)
{
	time_t t = time(NULL);
	struct tm tm;
	char date[64];
	int n;

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	n = snprintf(c->head, sizeof(c->head),
	    "Date: %s\r\nFrom: Load <%s>\r\nTo: Reader <reader@bench.test>\r\n"
	    "Subject: a message of %llu octets\r\n"
	    "Message-Id: <%llu.%llu@load.bench.test>\r\n"
	    "X-Load-Id: %0*llu\r\n\r\n",
	    date, l->from, (unsigned long long)l->size,
	    (unsigned long long)l->start, (unsigned long long)c->id, ID_DIGITS,
	    (unsigned long long)c->id);
	c->head_len = (size_t)n;
}

/* Header, as much of the body as makes `size` octets, and the final dot. */
static size_t
body_length(const struct load *l, const struct conn *c)
{
	size_t len;

	if (l->body_len != 0 && l->size == 0)
		return l->body_len;
	if (l->size < c->head_len + 80)
		return 80;
	len = l->size - c->head_len - 2; /* TAIL begins with its line end */
	return l->body[len - 1] == '\r' ? len - 1 : len;
}

/*
 * What to write next, and how much is left in all. A call that filled a whole
 * socket buffer, megabytes, would hold a processor for milliseconds, and small
 * messages beside big ones would wait for the load, not for the system.
 */
static int
iov_fill(const struct load *l, struct conn *c, struct iovec *v, size_t *left)
{
	static char tail[] = TAIL;
	struct iovec part[3] = {
		{ c->head, c->head_len },
		{ l->body, body_length(l, c) },
		{ tail, sizeof(tail) - 1 },
	};
	size_t skip = c->sent, room = WRITE_MAX;
	int n = 0;

	*left = 0;
	for (int i = 0; i < 3; i++) {
		size_t len = part[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		*left += len - skip;
		if (room > 0) {
			v[n].iov_base = (char *)part[i].iov_base + skip;
			v[n].iov_len = len - skip < room ? len - skip : room;
			room -= v[n++].iov_len;
		}
		skip = 0;
	}
	return n;
}

/* Goes on with the content; what does not fit waits for EPOLLOUT. */
static int
send_content(struct load *l, struct conn *c)
{
	struct iovec v[3];
	size_t left;
	int n;

	while ((n = iov_fill(l, c, v, &left)) > 0) {
		ssize_t w = load_writev(&c->io, v, n);

		if (w < 0)
			return errno == EAGAIN ? 0 : -1;
		c->sent += (size_t)w;
		if ((size_t)w == left) {
			l->last_dot = load_now();
			break;
		}
	}
	return 0;
}

static int
send_quit(struct conn *c)
{
	c->step = QUIT;
	return put(c, "QUIT\r\n", 6);
}

static int
send_ehlo(struct conn *c)
{
	c->step = EHLO;
	return put(c, "EHLO load.bench.test\r\n", 22);
}

static int
send_starttls(struct conn *c)
{
	c->step = STARTTLS;
	return put(c, "STARTTLS\r\n", 10);
}

/* Between two messages: the next one, or the end of this connection. */
static int
next_message(struct load *l, struct conn *c, uint64_t now)
{
	if (c->left == 0 || !more_wanted(l, now))
		return send_quit(c);
	if (!is_due(l, now)) {
		c->step = EHLO; /* idle; start_due() finds it */
		return 0;
	}
	message_begin(l, c, now);
	return send_mail(l, c);
}

static int
accepted(struct load *l, struct conn *c)
{
	uint64_t now = load_now();

	l->ok++;
	l->last_ok = now;
	samples_add(&l->latency, now - c->since);
	if (l->ledger != NULL)
		fprintf(l->ledger, "%0*llu %llu\n", ID_DIGITS,
		    (unsigned long long)c->id,
		    (unsigned long long)(now - l->start));
	c->id = 0;
	return next_message(l, c, now);
}

static int
after_mail(struct load *l, struct conn *c)
{
	if (c->rcpt < l->recipients)
		return send_rcpt(l, c);
	c->step = DATA;
	return put(c, "DATA\r\n", 6);
}

static int
after_data(struct load *l, struct conn *c)
{
	c->step = BODY;
	header_make(l, c);
	return send_content(l, c);
}

/* One whole reply: the step it answers decides what follows. */
static int
reply(struct load *l, struct conn *c, const char *line, size_t len)
{
	char want = c->step == DATA && c->owed == 0 ? '3' : '2';

	if (line[0] != want) {
		l->refused += c->step == BANNER;
		if (c->id != 0)
			failed(l, c, line, len);
		return -1;
	}
	switch (c->step) {
	case BANNER:
		return send_ehlo(c);
	case STARTTLS:
		load_tls_start(&c->io);
		return 0; /* receive() goes on with it */
	case EHLO:
		if (!c->fresh)
			return 0;
		if (l->tls && c->io.ssl == NULL)
			return send_starttls(c);
		c->fresh = false;
		return send_mail(l, c);
	case MAIL:
	case RCPT:
		return after_mail(l, c);
	case DATA:
		if (c->owed == 0)
			return after_data(l, c);
		c->owed--;
		return 0;
	case BODY:
		return accepted(l, c);
	case QUIT:
	case CLOSED:
		break;
	}
	return -1;
}

/* Replies that lie whole in the buffer; the rest moves to its start. */
static int
replies(struct load *l, struct conn *c)
{
	char *at = c->in, *end = c->in + c->in_len, *lf;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		size_t len = (size_t)(lf - at);

		if (len >= 3 && !(len > 3 && at[3] == '-') &&
		    reply(l, c, at, len) < 0)
			return -1;
		at = lf + 1;
	}
	c->in_len = (size_t)(end - at);
	memmove(c->in, at, c->in_len);
	return c->in_len == sizeof(c->in) ? -1 : 0;
}

static int
receive(struct load *l, struct conn *c)
{
	for (;;) {
		size_t room = sizeof(c->in) - c->in_len;
		ssize_t n;

		if (c->io.shaking) {
			int r = load_tls_shake(&c->io);

			if (r <= 0)
				return r;
			if (send_ehlo(c) < 0)
				return -1;
		}
		n = load_read(&c->io, c->in + c->in_len, room);
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		if (n == 0)
			return -1;
		c->in_len += (size_t)n;
		if (replies(l, c) < 0)
			return -1;
		if (c->io.ssl == NULL && (size_t)n < room)
			return 0; /* edge triggered: drained */
	}
}

static void
conn_event(struct load *l, struct conn *c, uint32_t events)
{
	int r = 0;

	if (c->io.fd < 0)
		return;
	if ((events & EPOLLOUT) && c->step == BODY)
		r = send_content(l, c);
	if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		r = receive(l, c);
	if (r < 0)
		conn_close(l, c);
}

static void
conn_close(struct load *l, struct conn *c)
{
	if (c->id != 0)
		failed(l, c, "", 0);
	load_close(&c->io);
	c->step = CLOSED;
	l->open--;
	l->closed[l->closed_len++] = c;
}

/* Opens a connection for one message that may begin now. */
static void
conn_open(struct load *l, struct conn *c, uint64_t now)
{
	c->left = l->per_connection;
	c->in_len = 0;
	c->fresh = true;
	message_begin(l, c, now);
	l->open++;
	c->step = BANNER;
	c->io.fd = load_connect(&l->to);
	if (c->io.fd < 0)
		load_die("connect");
	load_watch(l->epoll, c->io.fd, EPOLLIN | EPOLLOUT | EPOLLET, c);
}

/* An open connection between two messages, for offered load. */
static struct conn *
find_idle(struct load *l)
{
	for (uint64_t i = 0; i < l->connections; i++)
		if (l->conn[i].io.fd >= 0 && l->conn[i].step == EHLO &&
		    !l->conn[i].fresh && l->conn[i].id == 0)
			return &l->conn[i];
	return NULL;
}

static void
start_due(struct load *l)
{
	uint64_t now = load_now();
	struct conn *c;

	while (more_wanted(l, now) && is_due(l, now)) {
		c = l->rate && l->per_connection > 1 ? find_idle(l) : NULL;
		if (c != NULL) {
			if (next_message(l, c, now) < 0)
				conn_close(l, c);
		} else if (l->closed_len > 0) {
			conn_open(l, l->closed[--l->closed_len], now);
		} else {
			return;
		}
	}
	if (more_wanted(l, now) || l->rate == 0)
		return;
	while ((c = find_idle(l)) != NULL)
		if (send_quit(c) < 0)
			conn_close(l, c);
}

static uint64_t
wait_us(const struct load *l)
{
	uint64_t now = load_now(), us = 1000000;

	if (l->rate && more_wanted(l, now)) {
		uint64_t due = due_time(l, l->begun);

		us = due > now ? due - now : 1000000;
	}
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
		for (int i = 0; i < n; i++)
			conn_event(l, e[i].data.ptr, e[i].events);
	}
}

/* Lines of 76 octets, none with a dot first; ends without its line end. */
static void
body_make(struct load *l)
{
	size_t len = l->size + 80;

	l->body = load_alloc(len, 1);
	for (size_t i = 0; i < len; i++)
		l->body[i] = i % 78 == 76 ? '\r'
		    : i % 78 == 77        ? '\n'
		                          : (char)('a' + (i * 7 + i / 78) % 26);
}

/* A body as it goes over the wire: CRLF, dots stuffed, no last line end. */
static void
body_read(struct load *l, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	off_t len = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (len < 0)
		load_die(name);
	l->body = load_alloc((size_t)len, 1);
	if (pread(fd, l->body, (size_t)len, 0) != len)
		load_die(name);
	l->body_len = (size_t)len;
	l->size = 0;
	close(fd);
}

static void
usage(void)
{
	fputs("usage: load-smtp -a ADDRESS:PORT [-c connections] [-m messages"
	      " each]\n\t[-n total] [-d seconds] [-s octets | -f body]"
	      " [-t rcpt, % is a number]\n\t[-N mailboxes] [-1 first]"
	      " [-r recipients a message] [-R per second]\n\t[-F from]"
	      " [-L ledger] [-P] [-S | -K]\n",
	    stderr);
	exit(100);
}

static const struct load_option numbers[] = {
	{ 'c', offsetof(struct load, connections), CONNECTIONS_MAX },
	{ 'm', offsetof(struct load, per_connection), 1U << 30 },
	{ 'n', offsetof(struct load, total), 1U << 30 },
	{ 'd', offsetof(struct load, duration_s), 86400 },
	{ 's', offsetof(struct load, size), 1U << 30 },
	{ 'N', offsetof(struct load, mailboxes), 1U << 30 },
	{ '1', offsetof(struct load, first_mailbox), 1U << 30 },
	{ 'r', offsetof(struct load, recipients), 100000 },
	{ 'R', offsetof(struct load, rate), 1000000 },
};

static void
option(struct load *l, int o, const char **file)
{
	if (load_option(numbers, sizeof(numbers) / sizeof(numbers[0]), o, l))
		return;
	if (o == 'a')
		l->to = load_address(optarg);
	else if (o == 'f')
		*file = optarg;
	else if (o == 't')
		l->rcpt = optarg;
	else if (o == 'F')
		l->from = optarg;
	else if (o == 'L')
		l->ledger_name = optarg;
	else if (o == 'P')
		l->pipelining = true;
	else if (o == 'S' || o == 'K')
		l->tls = true, l->resume |= o == 'K';
	else
		usage();
}

static void
prepare(struct load *l, const char *file)
{
	if (file != NULL)
		body_read(l, file);
	else
		body_make(l);
	if (l->ledger_name != NULL &&
	    (l->ledger = fopen(l->ledger_name, "we")) == NULL)
		load_die(l->ledger_name);
	/* Who reads it while we run must see what was acknowledged. */
	if (l->ledger != NULL)
		(void)setvbuf(l->ledger, NULL, _IOLBF, 0);
	l->conn = load_alloc(l->connections, sizeof(*l->conn));
	l->closed = load_alloc(l->connections, sizeof(*l->closed));
	for (uint64_t i = 0; i < l->connections; i++) {
		l->conn[i].io.fd = -1;
		l->closed[l->closed_len++] = &l->conn[i];
	}
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		load_die("epoll_create");
}

static void
print(struct load *l)
{
	printf("{\"ok\":%llu,\"temp\":%llu,\"perm\":%llu,\"lost\":%llu,"
	       "\"refused\":%llu,\"start_us\":%llu,\"end_us\":%llu,"
	       "\"last_ok_us\":%llu,\"last_dot_us\":%llu",
	    (unsigned long long)l->ok, (unsigned long long)l->temp,
	    (unsigned long long)l->perm, (unsigned long long)l->lost,
	    (unsigned long long)l->refused, (unsigned long long)l->start,
	    (unsigned long long)l->end, (unsigned long long)l->last_ok,
	    (unsigned long long)l->last_dot);
	samples_print(&l->latency, stdout);
	load_print_cpu(stdout);
	load_tls_print(stdout);
	printf(",\"error\":\"%s\"}\n", l->first_error);
}

int
main(int argc, char *argv[])
{
	static struct load l = { .connections = 20,
		.per_connection = 1,
		.size = 4096,
		.mailboxes = 1,
		.first_mailbox = 1,
		.recipients = 1,
		.rcpt = "u1@bench.test",
		.from = "load@bench.test" };
	const char *file = NULL;
	int o;

	while (
	    (o = getopt(argc, argv, "a:c:m:n:d:s:f:t:N:1:r:R:F:L:PSK")) != -1)
		option(&l, o, &file);
	if (optind != argc || l.to.sin_port == 0 || l.connections == 0 ||
	    l.per_connection == 0 || l.mailboxes == 0 || l.recipients == 0 ||
	    (l.total == 0 && l.duration_s == 0))
		usage();
	if (l.rate != 0 && l.duration_s != 0 && l.total == 0) {
		l.total = l.rate * l.duration_s; /* all of it, however late */
		l.duration_s = 0;
	}
	load_begin();
	if (l.tls)
		load_tls_begin(l.resume);
	prepare(&l, file);
	l.start = load_now();
	l.stop_at = l.duration_s ? l.start + l.duration_s * 1000000 : 0;
	loop(&l);
	l.end = load_now();
	if (l.ledger != NULL && fclose(l.ledger) != 0)
		load_die("ledger");
	print(&l);
	return 0;
}
