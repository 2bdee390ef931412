/* SPDX-License-Identifier: ISC */
/*
 * watch-exits: one line for each process that ends, from the kernel itself
 * (taskstats, as root): `pid ppid nanoseconds-of-CPU name`.
 *
 * Without it the time of processes that came and went could only be had as one
 * sum from their parent. Costs nothing while nobody ends. Prints `ready`
 * first; ends with its standard input.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

/* The macros of linux/netlink.h for attributes, with unsigned types. */
#define ATTR_HEAD ((size_t)4)
#define ATTR_TYPE ((uint16_t)0x3fff)
#define BUFFER    (1024 * 1024)

struct message {
	struct nlmsghdr n;
	struct genlmsghdr g;
	char rest[256];
};

static size_t
align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void
attr_add(struct message *m, uint16_t type, const void *value, size_t len)
{
	struct nlattr *a =
	    (struct nlattr *)((char *)m + NLMSG_ALIGN(m->n.nlmsg_len));

	a->nla_type = type;
	a->nla_len = (uint16_t)(ATTR_HEAD + len);
	memcpy((char *)a + ATTR_HEAD, value, len);
	m->n.nlmsg_len =
	    (uint32_t)(align4(m->n.nlmsg_len) + align4(a->nla_len));
}

static void
ask(int fd, uint16_t family, uint8_t cmd, uint16_t type, const char *value)
{
	struct message m = { .n = { .nlmsg_type = family,
		                 .nlmsg_flags = NLM_F_REQUEST,
		                 .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) },
		.g = { .cmd = cmd, .version = 1 } };

	attr_add(&m, type, value, strlen(value) + 1);
	if (send(fd, &m, m.n.nlmsg_len, 0) < 0)
		load_die("netlink");
}

/* Calls f for each attribute of a run of them. */
static void
attrs(const char *p, size_t len,
    void (*f)(uint16_t, const char *, size_t, void *), void *arg)
{
	while (len >= ATTR_HEAD) {
		const struct nlattr *a = (const void *)p;
		size_t step = align4(a->nla_len);

		if (a->nla_len < ATTR_HEAD || step > len)
			return;
		f((uint16_t)(a->nla_type & ATTR_TYPE), p + ATTR_HEAD,
		    (size_t)a->nla_len - ATTR_HEAD, arg);
		p += step;
		len -= step;
	}
}

static void
take_family(uint16_t type, const char *p, size_t len, void *arg)
{
	if (type == CTRL_ATTR_FAMILY_ID && len >= sizeof(uint16_t))
		memcpy(arg, p, sizeof(uint16_t));
}

static void
take_stats(uint16_t type, const char *p, size_t len, void *arg)
{
	struct taskstats t = { 0 };

	if (type == TASKSTATS_TYPE_AGGR_PID) {
		attrs(p, len, take_stats, arg);
		return;
	}
	if (type != TASKSTATS_TYPE_STATS)
		return;
	memcpy(&t, p, len < sizeof(t) ? len : sizeof(t));
	printf("%u %u %llu %.*s\n", t.ac_pid, t.ac_ppid,
	    (unsigned long long)t.cpu_run_virtual_total, (int)sizeof(t.ac_comm),
	    t.ac_comm);
}

static void
receive(int fd, void (*f)(uint16_t, const char *, size_t, void *), void *arg)
{
	static char in[65536]
	    __attribute__((aligned(__alignof__(struct nlmsghdr))));
	ssize_t n = recv(fd, in, sizeof(in), 0);
	const struct nlmsghdr *h = (const void *)in;

	if (n < 0 && errno == ENOBUFS) {
		puts("0 0 0 lost");
		return;
	}
	if (n < 0)
		load_die("netlink");
	for (unsigned left = (unsigned)n; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			errno = -e->error;
			if (e->error != 0)
				load_die("taskstats");
			continue;
		}
		attrs((const char *)NLMSG_DATA(h) + GENL_HDRLEN,
		    h->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), f, arg);
	}
}

static int
listen_begin(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	int size = BUFFER;
	uint16_t family = 0;
	char cpus[32];

	if (fd < 0)
		load_die("netlink");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
	    TASKSTATS_GENL_NAME);
	receive(fd, take_family, &family);
	if (family == 0) {
		errno = ENOENT;
		load_die("taskstats");
	}
	snprintf(
	    cpus, sizeof(cpus), "0-%ld", sysconf(_SC_NPROCESSORS_CONF) - 1);
	ask(fd, family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
	    cpus);
	return fd;
}

int
main(void)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN },
		{ .events = POLLIN } };

	load_begin();
	p[1].fd = listen_begin();
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			load_die("poll");
		while (p[1].revents != 0) {
			receive(p[1].fd, take_stats, NULL);
			if (poll(p + 1, 1, 0) <= 0)
				break;
		}
		fflush(stdout);
		if (p[0].revents != 0)
			return 0;
	}
}
