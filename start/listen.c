/* SPDX-License-Identifier: ISC */
/* listen.c: addresses to listening sockets. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "fds.h"
#include "identity.h"

#define FIFO_SIZE (1024 * 1024) /* octets; what an unprivileged pipe may have */
#define BACKLOG   INT_MAX /* the kernel cuts it to somaxconn */

static enum outcome
bad_address(struct span text, struct fault *f)
{
	return fault_set(f, PERM, "5.3.5", 0,
	    "listen = " SPAN_FMT ": not an address and a port like "
	    "192.0.2.1:25 or [2001:db8::1]:25",
	    SPAN_ARG(text));
}

enum outcome
listen_parse(struct span text, struct sockaddr_storage *ss, socklen_t *len,
    struct fault *f)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct cur c = cur_over(text);
	struct span host, port;
	char name[INET6_ADDRSTRLEN];
	uint64_t number;
	size_t at = text.len;

	while (at > 0 && text.p[at - 1] != ':')
		at--;
	if (at == 0)
		return bad_address(text, f);
	host = span_head(text, at - 1);
	port = span_from(text, at);
	if (!num_parse(port, 1, 65535, &number))
		return bad_address(text, f);
	memset(ss, 0, sizeof(*ss));
	if (cur_eat(&c, '[')) {
		if (host.len < 2 || host.p[host.len - 1] != ']' ||
		    !span_copy((struct span){ host.p + 1, host.len - 2 }, name,
		        sizeof(name)) ||
		    inet_pton(AF_INET6, name, &in6->sin6_addr) != 1)
			return bad_address(text, f);
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)number);
		*len = sizeof(*in6);
		return OK;
	}
	if (!span_copy(host, name, sizeof(name)) ||
	    inet_pton(AF_INET, name, &in4->sin_addr) != 1)
		return bad_address(text, f);
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t)number);
	*len = sizeof(*in4);
	return OK;
}

static enum outcome
bind_fault(const struct listener *l, struct fault *f)
{
	const char *hint = "";

	if (errno == EACCES)
		hint = "a port under 1024 needs root, or: setcap "
		       "cap_net_bind_service=+ep on pneu, or a socket of "
		       "systemd";
	else if (errno == EADDRINUSE)
		hint = "another program listens there: `ss -ltnp` names it; "
		       "stop it or change listen";
	else if (errno == EADDRNOTAVAIL)
		hint = "no interface of this machine has this address";
	fault_set(f, PERM, "5.3.5", errno, "[%s] listen on %s", l->row->name,
	    l->address);
	if (hint[0] != '\0') {
		struct fault more;

		fault_set(&more, PERM, "5.3.5", 0, "%s", hint);
		fault_append(f, &more);
	}
	return PERM;
}

static enum outcome
open_tcp(struct listener *l, uint64_t timeout_ms, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int on = 1, bound;
	uid_t was;

	if (listen_parse(span_of(l->address), &ss, &len, f) != OK)
		return f->outcome;
	l->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		return bind_fault(l, f);
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ss.ss_family == AF_INET6)
		(void)setsockopt(
		    l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	fds_set_session(l->fd, timeout_ms);
	was = identity_raise();
	bound = bind(l->fd, (struct sockaddr *)&ss, len);
	identity_lower(was);
	if (bound != 0 || listen(l->fd, BACKLOG) != 0) {
		bind_fault(l, f);
		listen_close(l);
		return f->outcome;
	}
	return OK;
}

/* A service above that has the same address; NULL: none. */
static const struct service_row *
find_earlier(const struct settings *s, const struct service_row *row,
    const char *address)
{
	for (const struct service_row *r = service_rows; r != row; r++) {
		const struct setting_list *l = service_listen(r, s);

		for (size_t i = 0; i < l->n; i++)
			if (strcmp(l->value[i], address) == 0)
				return r;
	}
	return NULL;
}

void
listen_check(const struct settings *s, struct buf *errors)
{
	struct sockaddr_storage address;
	const struct service_row *other;
	socklen_t len;
	struct fault f;

	for (const struct service_row *r = service_rows; r->name; r++) {
		const struct setting_list *l = service_listen(r, s);

		for (size_t i = 0; i < l->n; i++) {
			const char *text = l->value[i];

			if (listen_parse(span_of(text), &address, &len, &f) !=
			    OK)
				config_wrong(s, l, i, errors, "[%s]: %s",
				    r->name, f.text);
			else if ((other = find_earlier(s, r, text)) != NULL)
				config_wrong(s, l, i, errors,
				    "[%s]: listen = %s: [%s] has it", r->name,
				    text, other->name);
		}
	}
}

enum outcome
listen_open(struct listener *l, uint64_t timeout_ms, struct fault *f)
{
	if (l->row->path == NULL)
		return open_tcp(l, timeout_ms, f);
	return fds_listen_unix(l->address, &l->fd, f);
}

/*
 * Others hold the same socket, a worker in a long session for one: shut down,
 * it stops listening for all of them at once, and clients hear it. systemd's
 * own goes on: it keeps what comes for the next start.
 */
void
listen_close(struct listener *l)
{
	if (l->fd == -1)
		return;
	if (!l->adopted) {
		(void)shutdown(l->fd, SHUT_RDWR);
		if (l->row->path != NULL)
			(void)unlink(l->address);
	}
	(void)close(l->fd);
	l->fd = -1;
}

enum outcome
listen_fifo(const char *path, int *fd, struct fault *f)
{
	struct stat st;

	if (mkfifo(path, 0600) != 0 && errno != EEXIST)
		return fault_set(f, TEMP, "4.3.0", errno, "make %s", path);
	/* Both ends: writers find a reader, the reader no end, while we live */
	*fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", path);
	if (fstat(*fd, &st) != 0 || !S_ISFIFO(st.st_mode)) {
		(void)close(*fd);
		*fd = -1;
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is not a FIFO: move it away", path);
	}
	(void)fcntl(*fd, F_SETPIPE_SZ, FIFO_SIZE);
	return OK;
}

/* The address of a socket as a listener writes it. */
static bool
address_of(int fd, char out[LISTEN_ADDRESS_MAX])
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		char room[sizeof(struct sockaddr_un) + 1]; /* and a 0 */
	} a;
	socklen_t len = sizeof(struct sockaddr_un);
	char host[INET6_ADDRSTRLEN];

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &len) != 0)
		return false;
	switch (a.any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &a.in4.sin_addr, host, sizeof(host));
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "%s:%u", host,
		    ntohs(a.in4.sin_port));
		return true;
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "[%s]:%u", host,
		    ntohs(a.in6.sin6_port));
		return true;
	case AF_UNIX:
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "%s", a.un.sun_path);
		return true;
	default:
		return false;
	}
}

/* A listener's address in the one way that address_of() writes it. */
static bool
is_address(const struct listener *l, const char *address)
{
	struct sockaddr_storage a, b;
	socklen_t a_len, b_len;
	struct fault f;
	struct stat one, two;

	if (l->row->path != NULL) /* the same name on disk */
		return stat(l->address, &one) == 0 &&
		    stat(address, &two) == 0 && one.st_ino == two.st_ino &&
		    one.st_dev == two.st_dev;
	return listen_parse(span_of(l->address), &a, &a_len, &f) == OK &&
	    listen_parse(span_of(address), &b, &b_len, &f) == OK &&
	    a_len == b_len && memcmp(&a, &b, a_len) == 0;
}

static enum outcome
adopt_one(int fd, struct listener *const l[], size_t n, struct fault *f)
{
	char address[LISTEN_ADDRESS_MAX];

	if (fds_kind(fd) != FDS_LISTENER || !address_of(fd, address))
		return fault_set(f, PERM, "5.3.5", 0,
		    "descriptor %d from systemd is not a listening socket", fd);
	for (size_t i = 0; i < n; i++) {
		if (l[i]->fd != -1 || !is_address(l[i], address))
			continue;
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		l[i]->fd = fd;
		l[i]->adopted = true;
		return OK;
	}
	return fault_set(f, PERM, "5.3.5", 0,
	    "systemd gave a socket on %s, and no service listens there: add it "
	    "to listen in pneu.conf, or take it out of the .socket unit",
	    address);
}

enum outcome
listen_adopt(struct listener *const l[], size_t n, struct fault *f)
{
	uint64_t pid = (uint64_t)getpid(), number;

	if (!num_from_env("LISTEN_PID", pid, pid, &number) ||
	    !num_from_env("LISTEN_FDS", 0, INT_MAX, &number))
		return OK;
	if (number > LISTENERS_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "systemd gives %llu sockets: at most %d can be served",
		    (unsigned long long)number, LISTENERS_MAX);
	for (uint64_t i = 0; i < number; i++) {
		int fd = FD_SYSTEMD + (int)i;

		if (adopt_one(fd, l, n, f) != OK)
			return f->outcome;
		fds_set_session(fd, 0);
	}
	return OK;
}
