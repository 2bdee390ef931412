/* SPDX-License-Identifier: ISC */
/* Addresses to listen on, from their text; sockets of all kinds. */
#include "../../start/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "tap.h"

static const struct {
	const char *title, *in, *host;
	unsigned port;
	enum outcome want;
} cases[] = {
	{ "an IPv4 address and a port", "192.0.2.1:25", "192.0.2.1", 25, OK },
	{ "every IPv4 address", "0.0.0.0:2525", "0.0.0.0", 2525, OK },
	{ "an IPv6 address in brackets", "[2001:db8::1]:110", "2001:db8::1",
	    110, OK },
	{ "every IPv6 address", "[::]:65535", "::", 65535, OK },
	{ "no port is refused", "192.0.2.1", NULL, 0, PERM },
	{ "an empty port is refused", "192.0.2.1:", NULL, 0, PERM },
	{ "port 0 is refused", "192.0.2.1:0", NULL, 0, PERM },
	{ "port 65536 is refused", "192.0.2.1:65536", NULL, 0, PERM },
	{ "a sign is refused", "192.0.2.1:+25", NULL, 0, PERM },
	{ "no address is refused", ":25", NULL, 0, PERM },
	{ "nothing is refused", "", NULL, 0, PERM },
	{ "a name is refused", "localhost:25", NULL, 0, PERM },
	{ "an open bracket is refused", "[::1:25", NULL, 0, PERM },
	{ "IPv6 without brackets is refused", "::1:25", NULL, 0, PERM },
	{ "IPv4 in brackets is refused", "[192.0.2.1]:25", NULL, 0, PERM },
	{ "three numbers are refused", "192.0.2:25", NULL, 0, PERM },
	{ "white space is refused", "192.0.2.1: 25", NULL, 0, PERM },
	{ "something behind is refused", "192.0.2.1:25x", NULL, 0, PERM },
};

static bool
is_same(const union listen_address *a, const char *host, unsigned port)
{
	bool is_v6 = a->any.sa_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];

	return inet_ntop(a->any.sa_family,
	           is_v6 ? (const void *)&a->in6.sin6_addr : &a->in4.sin_addr,
	           text, sizeof(text)) &&
	    strcmp(text, host) == 0 &&
	    ntohs(is_v6 ? a->in6.sin6_port : a->in4.sin_port) == port;
}

static void
test_parse(void)
{
	union listen_address a;
	struct fault f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got = listen_parse(span_of(cases[i].in), &a, &f);

		tap_ok(got == cases[i].want &&
		        (got != OK ||
		            is_same(&a, cases[i].host, cases[i].port)),
		    "%s", cases[i].title);
	}
}

static void
test_truncations(void)
{
	static const char whole[] = "[2001:db8::1]:2525";
	union listen_address a;
	struct fault f;
	size_t accepted = 0;

	/* Only "...:2", ":25", ":252" and the whole are addresses. */
	for (size_t n = 0; n < sizeof(whole); n++)
		accepted +=
		    listen_parse((struct span){ whole, n }, &a, &f) == OK;
	tap_ok(accepted == 4, "a truncated address is refused");
}

/* One that is free, and stays it: below those that Linux gives to clients. */
static unsigned
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	unsigned at = (unsigned)getpid() * 8;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do
		a.sin_port = htons((uint16_t)(10000 + ++at % 22000));
	while (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
	    errno == EADDRINUSE);
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* As a session sees it, on what was accepted. */
static bool
is_kept_alive(const struct listener *l)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a), size = sizeof(int);
	int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 0, idle = 0, fd;

	if (getsockname(l->fd, (struct sockaddr *)&a, &len) != 0 ||
	    connect(c, (const struct sockaddr *)&a, len) != 0)
		return false;
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	(void)getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size);
	(void)getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size);
	(void)close(c);
	(void)close(fd);
	return on == 1 && idle == 60;
}

static const struct service_row *
find_service(const char *name)
{
	const struct service_row *r = service_rows;

	while (r->name != NULL && strcmp(r->name, name) != 0)
		r++;
	return r;
}

static void
test_open(void)
{
	const struct service_row *smtpd = find_service("smtpd");
	struct listener *one, *two, *user;
	char address[64];
	struct timeval t = { 0, 0 };
	socklen_t len = sizeof(t);
	struct fault f = FAULT_NONE;

	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", free_port());
	one = user = listen_make(smtpd, address);
	one->users = 2;
	two = listen_make(smtpd, address);
	two->users = 1;
	tap_ok(
	    listen_open(one, false, 7000, &f) == OK, "a free port is opened");
	tap_ok(fds_kind(one->fd) == FDS_LISTENER, "and listened on");
	(void)getsockopt(one->fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len);
	tap_ok(t.tv_sec == 7, "its deadline is what sessions inherit");
	tap_ok(is_kept_alive(one), "and that a client may vanish");
	tap_ok(listen_open(two, false, 7000, &f) == PERM,
	    "a port in use is refused");
	tap_ok(strstr(f.text, address) != NULL &&
	        strstr(f.text, "another process") != NULL,
	    "the refusal names the address and what to do");
	tap_ok(f.error == EADDRINUSE, "and has the error, for who tries again");
	listen_drop(&user);
	tap_ok(user == NULL && fds_kind(one->fd) == FDS_LISTENER,
	    "who has another user stays open");
	listen_drop(&one);
	tap_ok(one == NULL && listen_open(two, false, 0, &f) == OK,
	    "after the last it is free at once");
	listen_drop(&two);
	listen_drop(&two);
	tap_ok(two == NULL, "and who has none lets go of nothing");
}

static void
test_fifo(void)
{
	char path[] = "/tmp/pneu-unit.XXXXXX", fifo[64];
	struct fault f = FAULT_NONE;
	int fd = -1;

	if (mkdtemp(path) == NULL)
		return;
	(void)snprintf(fifo, sizeof(fifo), "%s/journal", path);
	tap_ok(listen_fifo(fifo, &fd, &f) == OK, "a FIFO is made");
	(void)close(fd);
	tap_ok(listen_fifo(fifo, &fd, &f) == OK, "and found again");
	(void)close(fd);
	(void)unlink(fifo);
	fd = -1;
	tap_ok(symlink("/dev/null", fifo) == 0 &&
	        listen_fifo(fifo, &fd, &f) != OK && fd == -1,
	    "a symbolic link in its place is refused");
	(void)unlink(fifo);
	(void)rmdir(path);
}

int
main(void)
{
	test_parse();
	test_truncations();
	test_open();
	test_fifo();
	return tap_done();
}
