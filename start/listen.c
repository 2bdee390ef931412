/* SPDX-License-Identifier: ISC */
/* listen.c: addresses to listening sockets. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "fds.h"
#include "identity.h"
#include "mem.h"

#define FIFO_SIZE (1024 * 1024) /* octets; what an unprivileged pipe may have */
#define BACKLOG   INT_MAX /* the kernel cuts it to somaxconn */

#define NO_INTERFACE "no interface of this machine has this address"

/* Where the address itself lies, without its port. */
static void *
host_of(union listen_address *a)
{
	return a->any.sa_family == AF_INET6 ? (void *)&a->in6.sin6_addr
	                                    : (void *)&a->in4.sin_addr;
}

static socklen_t
length_of(const union listen_address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
}

enum outcome
listen_parse(struct span text, union listen_address *a, struct fault *f)
{
	const char *colon = memrchr(text.p, ':', text.len);
	size_t at = colon == NULL ? text.len : (size_t)(colon - text.p);
	struct span host = span_head(text, at), port = span_from(text, at + 1);
	bool is_v6 =
	    host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']';
	char name[INET6_ADDRSTRLEN];
	uint64_t number;

	if (is_v6)
		host = (struct span){ host.p + 1, host.len - 2 };
	memset(a, 0, sizeof(*a));
	a->any.sa_family = is_v6 ? AF_INET6 : AF_INET;
	if (!num_parse(port, 1, 65535, &number) ||
	    !span_copy(host, name, sizeof(name)) ||
	    inet_pton(a->any.sa_family, name, host_of(a)) != 1)
		return fault_set(f, PERM, "5.3.5", 0,
		    "listen = " SPAN_FMT ": not an address and a port like "
		    "192.0.2.1:25 or [2001:db8::1]:25",
		    SPAN_ARG(text));
	if (is_v6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return fault_set(f, PERM, "5.3.5", 0,
		    "listen = " SPAN_FMT ": an IPv4 address is written "
		    "without brackets, like 192.0.2.1:25",
		    SPAN_ARG(text));
	a->in4.sin_port = htons((uint16_t)number);
	return OK;
}

/* In one form, whatever form it was read in. */
static void
put_address(union listen_address a, char out[LISTEN_ADDRESS_MAX])
{
	char host[INET6_ADDRSTRLEN];

	(void)inet_ntop(a.any.sa_family, host_of(&a), host, sizeof(host));
	(void)snprintf(out, LISTEN_ADDRESS_MAX,
	    a.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
	    ntohs(a.in4.sin_port));
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

/* ---- the lines of the configuration ---- */

/* The service of this program with the role. */
static const struct service_row *
find_role(const struct service_row *row, struct span role)
{
	for (const struct service_row *r = service_rows; r->name; r++)
		if (strcmp(r->program, row->name) == 0 && r->role != NULL &&
		    r->path == NULL && span_eq(role, r->role))
			return r;
	return NULL;
}

/* `tls`, of a program that can, or a role; each once. */
static enum outcome
parse_word(const struct service_row *row, struct span word,
    struct listen_line *line, struct fault *f)
{
	const struct service_row *r = find_role(row, word);
	bool is_tls = row->tls == MEMORY_READ && span_eq(word, "tls");
	bool is_again = is_tls ? line->tls : line->row != NULL;

	if ((r == NULL && !is_tls) || is_again)
		return fault_set(f, PERM, "5.3.5", 0, SPAN_FMT " is %s",
		    SPAN_ARG(word),
		    r == NULL && !is_tls ? "not a role of this service"
		        : is_tls         ? "said twice"
		                         : "one role too many");
	if (is_tls)
		line->tls = true;
	else
		line->row = r;
	return OK;
}

/* Without a role it is that of the service with the program's name. */
static enum outcome
parse_line(const struct service_row *row, const char *text,
    struct listen_line *line, struct fault *f)
{
	struct span rest = span_of(text), address, word;

	line->row = NULL;
	line->tls = false;
	(void)span_next(&rest, ' ', &address);
	if (listen_parse(address, &line->address, f) != OK)
		return f->outcome;
	while (span_next(&rest, ' ', &word))
		if (word.len > 0 && parse_word(row, word, line, f) != OK)
			return fault_context(f, "listen = %s", text);
	if (line->row == NULL)
		line->row = row;
	return OK;
}

bool
listen_meet(union listen_address a, union listen_address b)
{
	size_t n = a.any.sa_family == AF_INET6 ? sizeof(a.in6.sin6_addr)
	                                       : sizeof(a.in4.sin_addr);

	/* [::] is IPv6 only, see open_socket(); 0.0.0.0 is octets of 0 too */
	return a.any.sa_family == b.any.sa_family &&
	    a.in4.sin_port == b.in4.sin_port &&
	    (memcmp(host_of(&a), host_of(&b), n) == 0 ||
	        memcmp(host_of(&a), &in6addr_any, n) == 0 ||
	        memcmp(host_of(&b), &in6addr_any, n) == 0);
}

/* What the kernel says of the address without its port. */
static enum outcome
probe(union listen_address a, struct fault *f)
{
	int fd = open_socket(a.any.sa_family);

	f->outcome = OK;
	a.in4.sin_port = 0;
	if (fd == -1 || bind(fd, &a.any, length_of(&a)) != 0)
		fault_set(f, PERM, "5.3.5", errno, "%s",
		    errno == EADDRNOTAVAIL ? NO_INTERFACE
		                           : "it cannot be bound");
	fds_close(&fd);
	return f->outcome;
}

/* One more, at out[n]; ask: the kernel, too. */
static enum outcome
add_line(struct listen_line out[], size_t n, const struct service_row *row,
    const char *text, bool ask, struct fault *f)
{
	struct listen_line *line = &out[n];

	if (n == LISTEN_LINES_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "listen = %s is one too many: at most %d sockets can be "
		    "served, Unix sockets included",
		    text, LISTENERS_MAX);
	if (parse_line(row, text, line, f) != OK)
		return f->outcome;
	for (const struct listen_line *l = out; l < line; l++)
		if (listen_meet(l->address, line->address))
			return fault_set(f, PERM, "5.3.5", 0,
			    "listen = %s: [%s] listens on %s", text,
			    l->row->section, l->text);
	if (ask && probe(line->address, f) != OK)
		return fault_context(f, "listen = %s", text);
	put_address(line->address, line->text);
	return OK;
}

size_t
listen_list(const struct settings *s, struct listen_line out[LISTEN_LINES_MAX],
    struct buf *errors)
{
	struct fault f = FAULT_NONE;
	size_t n = 0;

	for (const struct service_row *r = service_rows; r->name; r++) {
		if (r->path == NULL || !service_is_needed(r, s))
			continue;
		out[n] = (struct listen_line){ .row = r };
		(void)snprintf(out[n].text, sizeof(out[n].text), "%s", r->path);
		n++;
	}
	for (const struct service_row *r = service_rows; r->name; r++) {
		const struct setting_list *l =
		    (const void *)((const char *)s + r->listen);

		if (r->path != NULL || strcmp(r->program, r->name) != 0)
			continue; /* it stands in its program's lines */
		for (size_t i = 0; i < l->n; i++) {
			if (add_line(out, n, r, l->value[i], errors != NULL,
			        &f) == OK)
				n++;
			else if (errors != NULL)
				config_wrong(s, l, i, errors, "[%s]: %s",
				    r->name, f.text);
		}
	}
	return n;
}

/* ---- the sockets ---- */

/* errno says why not: a lack may pass, all else is for a person. */
static enum outcome
bind_fault(const struct listener *l, struct fault *f)
{
	int error = errno;
	bool lacks = error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS;
	const char *hint = "";

	if (error == EACCES)
		hint = "; a port under 1024 needs root, or: setcap "
		       "cap_net_bind_service=+ep on pneu, or a socket of "
		       "systemd";
	else if (error == EADDRINUSE)
		hint = "; another process listens there: `ss -ltnp` names it; "
		       "stop it or change listen";
	else if (error == EADDRNOTAVAIL)
		hint = "; " NO_INTERFACE;
	fault_set(f, lacks ? TEMP : PERM, lacks ? "4.3.0" : "5.3.5", 0,
	    "[%s] listen on %s: %s%s", l->row->section, l->address,
	    strerror(error), hint);
	f->error = error;
	return f->outcome;
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
	union listen_address a;
	int bound;
	uid_t was;

	if (listen_parse(span_of(l->address), &a, f) != OK)
		return f->outcome;
	l->fd = open_socket(a.any.sa_family);
	if (l->fd == -1)
		return bind_fault(l, f);
	fds_set_session(l->fd, timeout_ms);
	listen_share(l, shared);
	was = identity_raise();
	bound = bind(l->fd, &a.any, length_of(&a));
	identity_lower(was);
	if (bound != 0 || listen(l->fd, BACKLOG) != 0) {
		bind_fault(l, f);
		fds_close(&l->fd);
		return f->outcome;
	}
	listen_share(l, false);
	return OK;
}

enum outcome
listen_open(
    struct listener *l, bool shared, uint64_t timeout_ms, struct fault *f)
{
	if (l->row->path == NULL)
		return open_tcp(l, shared, timeout_ms, f);
	return l->row->all ? fds_listen_all(l->address, &l->fd, f)
	                   : fds_listen_unix(l->address, &l->fd, f);
}

struct listener *
listen_make(const struct service_row *row, const char *address)
{
	struct listener *l = mem_new(1, sizeof(*l));

	l->row = row;
	l->fd = -1;
	(void)snprintf(l->address, sizeof(l->address), "%s", address);
	return l;
}

/*
 * Others hold the same socket, a worker in a long session for one: shut down,
 * it stops listening for all of them at once, and clients hear it. systemd's
 * own goes on: it keeps what comes for the next start.
 */
void
listen_drop(struct listener **user)
{
	struct listener *l = *user;

	*user = NULL;
	if (l == NULL || --l->users > 0)
		return;
	if (l->fd != -1 && !l->adopted) {
		(void)shutdown(l->fd, SHUT_RDWR);
		if (l->row->path != NULL)
			(void)unlink(l->address);
	}
	fds_close(&l->fd);
	free(l);
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
	union listen_address a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a)); /* sun_path may come without its 0 */
	if (getsockname(fd, &a.any, &len) != 0)
		return false;
	if (a.any.sa_family == AF_UNIX)
		(void)snprintf(out, LISTEN_ADDRESS_MAX, "%s", a.un.sun_path);
	else if (a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6)
		put_address(a, out);
	else
		return false;
	return true;
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
		(void)fcntl(fd, F_SETFL, 0); /* workers block in accept() */
		fds_set_session(fd, 0);
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
	for (int i = 0; i < (int)number; i++)
		if (adopt_one(FD_SYSTEMD + i, l, n, f) != OK)
			return f->outcome;
	return OK;
}
