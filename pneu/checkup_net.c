/* SPDX-License-Identifier: ISC */
/* checkup_net.c: ports, and names of this machine as others see them. */
#include "checkup.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "hostname.h"
#include "identity.h"
#include "listen.h"
#include "prog.h"

/* ---- who listens at the ports of mail ---- */

#define TCP_LISTENS  0x0AU /* proc(5), st */
#define SOCKETS_MAX  100000U /* lines of /proc/net/tcp. Chosen */
#define PROGRAM_SIZE 64

static const uint16_t mail_ports[] = { 25, 110, 465, 587, 995 };

/* A line of /proc/net/tcp or tcp6: octets of the address in the machine's words. */
static bool
parse_socket(const char *line, bool is_v6, union listen_address *a,
    unsigned long *uid, unsigned long *inode)
{
	uint32_t word[4];
	unsigned port, state;
	int at = 0;

	memset(a, 0, sizeof(*a));
	a->any.sa_family = is_v6 ? AF_INET6 : AF_INET;
	if (is_v6 ? sscanf(line, " %*u: %8x%8x%8x%8x:%4x %*s %2x %n", &word[0],
	                &word[1], &word[2], &word[3], &port, &state, &at) != 6
	          : sscanf(line, " %*u: %8x:%4x %*s %2x %n", &word[0], &port,
	                &state, &at) != 3)
		return false;
	if (state != TCP_LISTENS || at == 0 ||
	    sscanf(line + at, "%*s %*s %*s %lu %*u %lu", uid, inode) != 2)
		return false;
	memcpy(is_v6 ? (void *)&a->in6.sin6_addr : (void *)&a->in4.sin_addr,
	    word, is_v6 ? sizeof(word) : sizeof(word[0]));
	a->in4.sin_port = htons((uint16_t)port);
	return true;
}

/* Has the process this socket? pid: as text. */
static bool
has_socket(const char *pid, unsigned long inode)
{
	char path[PROGRAM_SIZE], want[PROGRAM_SIZE], target[PROGRAM_SIZE];
	const struct dirent *e;
	bool has = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	(void)snprintf(want, sizeof(want), "socket:[%lu]", inode);
	d = opendir(path);
	while (d != NULL && !has && (e = readdir(d)) != NULL) {
		ssize_t n =
		    readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

		target[n < 0 ? 0 : n] = '\0';
		has = strcmp(target, want) == 0;
	}
	if (d != NULL)
		(void)closedir(d);
	return has;
}

/* "master, pid 812"; without the right to see it, the user's number. */
static void
name_owner(unsigned long inode, unsigned long uid, char out[2 * PROGRAM_SIZE])
{
	DIR *d = opendir("/proc");
	char path[PROGRAM_SIZE], program[PROGRAM_SIZE] = "";
	const struct dirent *e;
	FILE *in;

	(void)snprintf(out, 2 * PROGRAM_SIZE,
	    "a program of uid %lu (root sees which)", uid);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !has_socket(e->d_name, inode))
			continue;
		(void)snprintf(
		    path, sizeof(path), "/proc/%.20s/comm", e->d_name);
		in = fopen(path, "re");
		if (in != NULL && fgets(program, sizeof(program), in) != NULL)
			program[strcspn(program, "\n")] = '\0';
		if (in != NULL)
			(void)fclose(in);
		(void)snprintf(
		    out, 2 * PROGRAM_SIZE, "%s, pid %.20s", program, e->d_name);
		break;
	}
	if (d != NULL)
		(void)closedir(d);
}

static void
judge_socket(const struct checkup_row *row, const union listen_address *a,
    unsigned long inode, unsigned long uid)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL), i = 0;
	char owner[2 * PROGRAM_SIZE], pid[24];
	uint16_t port = ntohs(a->in4.sin_port);
	struct fault f;
	pid_t ours;

	while (i < n &&
	    (line[i].row->path != NULL || !listen_meet(line[i].address, *a)))
		i++;
	for (size_t k = 0; i == n; k++)
		if (k == sizeof(mail_ports) / sizeof(mail_ports[0]))
			return;
		else if (mail_ports[k] == port)
			break;
	(void)snprintf(pid, sizeof(pid), "%ld",
	    lock_holder(&ours, &f) == OK ? (long)ours : 0L);
	if (has_socket(pid, inode))
		return;
	name_owner(inode, uid, owner);
	if (i < n)
		checkup_say(row, row->severity,
		    "%s has %s, which [%s] listen says: end that program, or "
		    "take another address",
		    owner, line[i].text, line[i].row->section);
	else
		checkup_say(row, CHECK_NOTE,
		    "%s listens at port %u, not Pneu: mail that comes there "
		    "is its mail",
		    owner, port);
}

static void
read_sockets(const struct checkup_row *row, const char *path, bool is_v6)
{
	FILE *in = fopen(path, "re");
	unsigned long uid, inode;
	union listen_address a;
	char line[512];

	if (in == NULL) {
		if (errno != ENOENT)
			checkup_say(row, CHECK_UNKNOWN, "%s: %s", path,
			    strerror(errno));
		return;
	}
	for (unsigned n = 0;
	     n < SOCKETS_MAX && fgets(line, sizeof(line), in) != NULL; n++)
		if (parse_socket(line, is_v6, &a, &uid, &inode))
			judge_socket(row, &a, inode, uid);
	(void)fclose(in);
}

void
checkup_ports(const struct checkup_row *row)
{
	uid_t was = identity_raise();

	read_sockets(row, "/proc/net/tcp", false);
	read_sockets(row, "/proc/net/tcp6", true);
	identity_lower(was);
}

/* ---- names ---- */

#define PLACE_SIZE 256

/* Bounded: two tries of two seconds for each name server. resolv.conf(5) */
static void
be_patient(void)
{
	(void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
}

static bool
is_loopback(const union listen_address *a)
{
	return a->any.sa_family == AF_INET6
	    ? IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr)
	    : a->in4.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static bool
is_any(const union listen_address *a)
{
	return a->any.sa_family == AF_INET6
	    ? IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr)
	    : a->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Can others reach one of our addresses? What only we see needs no name. */
static bool
is_public(void)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL);

	for (size_t i = 0; i < n; i++)
		if (line[i].row->path == NULL && !is_loopback(&line[i].address))
			return true;
	return false;
}

/* `[pneu] hostname` with its line, where it is set. */
static void
put_place(char out[PLACE_SIZE])
{
	struct buf b = BUF_INIT(PLACE_SIZE - 1);

	config_put_place(&b, &prog.settings,
	    config_find_row(SPAN_LIT("pneu"), SPAN_LIT("hostname")));
	(void)snprintf(
	    out, PLACE_SIZE, "%s%s[pneu] hostname", b.p, b.len > 0 ? ": " : "");
	buf_free(&b);
}

void
checkup_hostname(const struct checkup_row *row)
{
	char name[HOSTNAME_SIZE], place[PLACE_SIZE];
	struct fault f;

	if (hostname_find(&prog.settings, name, &f) != OK)
		return; /* `config` says it */
	put_place(place);
	if (strchr(name, '.') == NULL || strncasecmp(name, "localhost", 9) == 0)
		checkup_say(row, row->severity,
		    "%s: this system calls itself %s, and others refuse mail "
		    "from that: set the machine's full name, like "
		    "mx.example.org",
		    place, name);
}

static void
check_reverse(
    const struct checkup_row *row, const char *name, const struct addrinfo *ai)
{
	char host[NI_MAXHOST], address[NI_MAXHOST] = "";
	int e;

	(void)getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof(address),
	    NULL, 0, NI_NUMERICHOST);
	e = getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL,
	    0, NI_NAMEREQD);
	if (e != 0)
		checkup_say(row, row->severity,
		    "%s, the address of %s, has no name (%s): have a PTR "
		    "record made for it; many systems refuse mail without",
		    address, name, gai_strerror(e));
	else if (strcasecmp(host, name) != 0)
		checkup_say(row, row->severity,
		    "%s, the address of %s, leads back to %s: have its PTR "
		    "record changed, or set [pneu] hostname",
		    address, name, host);
}

void
checkup_dns(const struct checkup_row *row)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	char name[HOSTNAME_SIZE], place[PLACE_SIZE];
	struct fault f;
	int e;

	if (!is_public() || hostname_find(&prog.settings, name, &f) != OK)
		return;
	be_patient();
	put_place(place);
	e = getaddrinfo(name, NULL, &hints, &all);
	if (e != 0)
		checkup_say(row, row->severity,
		    "%s: %s has no address (%s): make an A or AAAA record, or "
		    "set the name that has one",
		    place, name, gai_strerror(e));
	for (const struct addrinfo *ai = all; ai != NULL; ai = ai->ai_next)
		check_reverse(row, name, ai);
	if (all != NULL)
		freeaddrinfo(all);
}

void
checkup_addresses(const struct checkup_row *row)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL);
	char host[NI_MAXHOST];
	int e;

	be_patient();
	for (size_t i = 0; i < n; i++) {
		const union listen_address *a = &line[i].address;

		if (line[i].row->path != NULL || is_loopback(a) || is_any(a))
			continue;
		e = getnameinfo(&a->any,
		    a->any.sa_family == AF_INET6 ? sizeof(a->in6)
		                                 : sizeof(a->in4),
		    host, sizeof(host), NULL, 0, NI_NAMEREQD);
		if (e != 0)
			checkup_say(row, row->severity,
			    "[%s] listen = %s: neither the hosts table nor the "
			    "DNS has a name for this address (%s): add it to "
			    "/etc/hosts, or have a PTR record made",
			    line[i].row->section, line[i].text,
			    gai_strerror(e));
	}
}
