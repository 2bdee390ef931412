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

#define NO_INTERFACE "no interface of this machine has this address"

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
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			return fault_set(f, PERM, "5.3.5", 0,
			    "listen = " SPAN_FMT ": an IPv4 address is written "
			    "without brackets, like 192.0.2.1:25",
			    SPAN_ARG(text));
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

/* In one form, whatever form it was read in. */
static void
put_address(const struct sockaddr_storage *ss, char out[LISTEN_ADDRESS_MAX])
{
	const struct sockaddr_in *in4 = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;
	bool is_v6 = ss->ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN];

	(void)inet_ntop(ss->ss_family,
	    is_v6 ? (const void *)&in6->sin6_addr : &in4->sin_addr, host,
	    sizeof(host));
	(void)snprintf(out, LISTEN_ADDRESS_MAX, is_v6 ? "[%s]:%u" : "%s:%u",
	    host, ntohs(is_v6 ? in6->sin6_port : in4->sin_port));
}

/* ---- the lines of the configuration ---- */

/* One `listen`: an address, and the service of its role. */
struct line {
	struct sockaddr_storage address;
	socklen_t len;
	const struct service_row *row;
};

/* The service of the program that has this role. */
static const struct service_row *
find_role(const struct service_row *row, struct span role)
{
	for (const struct service_row *r = service_rows; r->name; r++)
		if (strcmp(service_program(r), service_program(row)) == 0 &&
		    r->role != NULL && span_eq(role, r->role))
			return r;
	return NULL;
}

/* Without a role it is the first one's, that has the program's name. */
static enum outcome
parse_line(const struct service_row *row, const char *text, struct line *line,
    struct fault *f)
{
	struct span rest = span_of(text), address, word;

	line->row = NULL;
	(void)span_next(&rest, ' ', &address);
	if (listen_parse(address, &line->address, &line->len, f) != OK)
		return f->outcome;
	while (span_next(&rest, ' ', &word)) {
		const struct service_row *r = find_role(row, word);

		if (word.len == 0)
			continue;
		if (r == NULL || line->row != NULL)
			return fault_set(f, PERM, "5.3.5", 0,
			    "listen = %s: " SPAN_FMT " is %s", text,
			    SPAN_ARG(word),
			    r == NULL ? "not a role of this service"
			              : "one role too many");
		line->row = r;
	}
	if (line->row == NULL)
		line->row = service_find(span_of(service_program(row)));
	return OK;
}

bool
listen_next(const struct service_row *row, const struct settings *s, size_t *i,
    char out[LISTEN_ADDRESS_MAX])
{
	const struct setting_list *list = service_listen(row, s);
	struct line line;
	struct fault f;

	if (row->path != NULL && (*i)++ == 0) {
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "%s", row->path);
		return true;
	}
	while (*i < list->n) {
		if (parse_line(row, list->value[(*i)++], &line, &f) != OK ||
		    line.row != row)
			continue;
		put_address(&line.address, out);
		return true;
	}
	return false;
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
		hint = "another process listens there: `ss -ltnp` names it; "
		       "stop it or change listen";
	else if (errno == EADDRNOTAVAIL)
		hint = NO_INTERFACE;
	fault_set(f, PERM, "5.3.5", errno, "[%s] listen on %s",
	    service_section(l->row), l->address);
	if (hint[0] != '\0') {
		struct fault more;

		fault_set(&more, PERM, "5.3.5", 0, "%s", hint);
		fault_append(f, &more);
	}
	return PERM;
}

/* [::] beside 0.0.0.0: each serves its own family. */
static int
open_socket(sa_family_t family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return fd;
}

void
listen_share(const struct listener *l, bool on)
{
	int value = on;

	if (l->row->path == NULL)
		(void)setsockopt(
		    l->fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

static enum outcome
open_tcp(struct listener *l, bool shared, uint64_t timeout_ms, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int bound;
	uid_t was;

	if (listen_parse(span_of(l->address), &ss, &len, f) != OK)
		return f->outcome;
	l->fd = open_socket(ss.ss_family);
	if (l->fd == -1)
		return bind_fault(l, f);
	fds_set_session(l->fd, timeout_ms);
	listen_share(l, shared);
	was = identity_raise();
	bound = bind(l->fd, (struct sockaddr *)&ss, len);
	identity_lower(was);
	if (bound != 0 || listen(l->fd, BACKLOG) != 0) {
		bind_fault(l, f);
		listen_close(l);
		return f->outcome;
	}
	listen_share(l, false);
	return OK;
}

/* Would the kernel refuse the second of them? */
static bool
meet(const struct line *a, const struct line *b)
{
	const struct sockaddr_in *a4 = (const void *)&a->address;
	const struct sockaddr_in *b4 = (const void *)&b->address;
	const struct sockaddr_in6 *a6 = (const void *)&a->address;
	const struct sockaddr_in6 *b6 = (const void *)&b->address;

	if (a4->sin_family != b4->sin_family)
		return false; /* [::] is IPv6 only, see open_tcp() */
	if (a4->sin_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
		    (a4->sin_addr.s_addr == b4->sin_addr.s_addr ||
		        a4->sin_addr.s_addr == htonl(INADDR_ANY) ||
		        b4->sin_addr.s_addr == htonl(INADDR_ANY));
	return a6->sin6_port == b6->sin6_port &&
	    (IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr) ||
	        IN6_IS_ADDR_UNSPECIFIED(&a6->sin6_addr) ||
	        IN6_IS_ADDR_UNSPECIFIED(&b6->sin6_addr));
}

/* What the kernel says of the address without its port. */
static enum outcome
probe(const struct line *line, struct fault *f)
{
	struct sockaddr_storage any_port = line->address;
	int fd = open_socket(any_port.ss_family);

	f->outcome = OK;
	/* At the same place for both. */
	((struct sockaddr_in *)&any_port)->sin_port = 0;
	if (fd == -1 || bind(fd, (struct sockaddr *)&any_port, line->len) != 0)
		fault_set(f, PERM, "5.3.5", errno, "%s",
		    errno == EADDRNOTAVAIL ? NO_INTERFACE
		                           : "it cannot be bound");
	fds_close(&fd);
	return f->outcome;
}

/* What is known of the lines before. */
struct seen {
	struct line line[LISTENERS_MAX];
	size_t n, rest; /* rest: of the limit */
};

static enum outcome
check_line(struct seen *seen, const struct service_row *row, const char *text,
    struct fault *f)
{
	char address[LISTEN_ADDRESS_MAX];
	struct line *line;

	if (seen->rest == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "listen = %s is one too many: at most %d sockets can be "
		    "served, Unix sockets included",
		    text, LISTENERS_MAX);
	line = &seen->line[seen->n];
	if (parse_line(row, text, line, f) != OK)
		return f->outcome;
	for (const struct line *l = seen->line; l < line; l++) {
		if (!meet(l, line))
			continue;
		put_address(&l->address, address);
		return fault_set(f, PERM, "5.3.5", 0,
		    "listen = %s: [%s] listens on %s", text,
		    service_section(l->row), address);
	}
	if (probe(line, f) != OK)
		return fault_context(f, "listen = %s", text);
	seen->n++;
	seen->rest--;
	return OK;
}

void
listen_check(const struct settings *s, struct buf *errors)
{
	struct seen seen = { .n = 0, .rest = LISTENERS_MAX };
	struct fault f;

	for (const struct service_row *r = service_rows; r->name; r++)
		seen.rest -= r->path != NULL && r->kind != SERVICE_JOURNAL;
	for (const struct service_row *r = service_rows; r->name; r++) {
		const struct setting_list *l = service_listen(r, s);

		if (r->program != NULL)
			continue; /* it stands in its program's lines */
		for (size_t i = 0; i < l->n; i++)
			if (check_line(&seen, r, l->value[i], &f) != OK)
				config_wrong(s, l, i, errors, "[%s]: %s",
				    r->name, f.text);
	}
}

enum outcome
listen_open(
    struct listener *l, bool shared, uint64_t timeout_ms, struct fault *f)
{
	if (l->row->path == NULL)
		return open_tcp(l, shared, timeout_ms, f);
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
	/* Both ends: while the supervisor runs, writers find a reader and the
	   reader no end. */
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
		struct sockaddr_storage inet;
		struct sockaddr_un un;
		char room[sizeof(struct sockaddr_un) + 1]; /* and a 0 */
	} a;
	socklen_t len = sizeof(struct sockaddr_un);

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &len) != 0)
		return false;
	switch (a.any.sa_family) {
	case AF_INET:
	case AF_INET6:
		put_address(&a.inet, out);
		return true;
	case AF_UNIX:
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "%s", a.un.sun_path);
		return true;
	default:
		return false;
	}
}

static bool
is_address(const struct listener *l, const char *address)
{
	struct stat one, two;

	if (l->row->path == NULL)
		return strcmp(l->address, address) == 0;
	/* the same name on disk */
	return stat(l->address, &one) == 0 && stat(address, &two) == 0 &&
	    one.st_ino == two.st_ino && one.st_dev == two.st_dev;
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
