/* SPDX-License-Identifier: ISC */
/*
 * dns.c: libunbound as a guest of our poll loop.
 *
 * Its asynchronous interface (ub_resolve_async) works in a thread or a process
 * that it starts itself, which our sandbox would have to allow. Its interface
 * for event loops works in our own: we are the event base. An event is a
 * descriptor or a clock; all descriptors are in one epoll set.
 */
#include "dns.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "block_list.h"
#include "clock.h"
#include "fds.h"
#include "mem.h"

#define WORK_MAX 256 /* events handled before others get their turn. Ours */

struct event {
	struct ub_event unbound; /* first: libunbound knows this part */
	struct dns *dns;
	struct event *next, **back;
	int fd; /* -1: a clock */
	short bits; /* UB_EV_READ, UB_EV_WRITE, UB_EV_PERSIST, UB_EV_TIMEOUT */
	void (*call)(int fd, short bits, void *arg);
	void *arg;
	bool polled; /* its fd is in the epoll set */
	uint64_t at_ms; /* monotonic; UINT64_MAX: no clock runs */
};

struct dns {
	struct ub_event_base base; /* first: libunbound knows this part */
	struct ub_ctx *ctx;
	struct event *events;
	size_t pending; /* questions that libunbound has */
	int epoll;
};

/* A question, until its answer comes. */
struct asked {
	struct dns *dns;
	dns_done *done;
	void *arg;
};

/* ---- What libunbound calls: it was given struct event and struct dns. ---- */

static struct event *
event_of(struct ub_event *e)
{
	return (struct event *)(void *)e;
}

static void
event_poll(struct event *e, bool on)
{
	struct epoll_event p = { .data.ptr = e };

	if ((e->bits & UB_EV_READ) != 0)
		p.events |= EPOLLIN;
	if ((e->bits & UB_EV_WRITE) != 0)
		p.events |= EPOLLOUT;
	if (e->polled && !on)
		(void)epoll_ctl(e->dns->epoll, EPOLL_CTL_DEL, e->fd, NULL);
	else if (on && e->fd != -1 && p.events != 0)
		on = epoll_ctl(e->dns->epoll,
		         e->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, e->fd,
		         &p) == 0;
	else
		on = false;
	e->polled = on;
}

static int
event_del(struct ub_event *ub)
{
	struct event *e = event_of(ub);

	event_poll(e, false);
	e->at_ms = UINT64_MAX;
	return 0;
}

static int
event_add(struct ub_event *ub, struct timeval *wait)
{
	struct event *e = event_of(ub);

	event_poll(e, true);
	e->at_ms = UINT64_MAX;
	if (wait != NULL && (e->bits & UB_EV_TIMEOUT) != 0)
		e->at_ms = clock_mono_ms() + (uint64_t)wait->tv_sec * 1000 +
		    (uint64_t)(wait->tv_usec + 999) / 1000;
	return 0;
}

static int
event_add_timer(struct ub_event *ub, struct ub_event_base *base,
    void (*call)(int, short, void *), void *arg, struct timeval *wait)
{
	struct event *e = event_of(ub);

	(void)base;
	e->call = call;
	e->arg = arg;
	e->bits |= UB_EV_TIMEOUT;
	return event_add(ub, wait);
}

static void
event_add_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits |= bits;
}

static void
event_del_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits &= (short)~bits;
}

static void
event_set_fd(struct ub_event *ub, int fd)
{
	event_of(ub)->fd = fd;
}

static void
event_free(struct ub_event *ub)
{
	struct event *e = event_of(ub);

	(void)event_del(ub);
	*e->back = e->next;
	if (e->next != NULL)
		e->next->back = e->back;
	free(e);
}

static struct ub_event *
event_new(struct ub_event_base *base, int fd, short bits,
    void (*call)(int, short, void *), void *arg)
{
	static struct ub_event_vmt calls = { .add_bits = event_add_bits,
		.del_bits = event_del_bits,
		.set_fd = event_set_fd,
		.free = event_free,
		.add = event_add,
		.del = event_del,
		.add_timer = event_add_timer,
		.del_timer = event_del };
	struct dns *d = (struct dns *)(void *)base;
	struct event *e = mem_new(1, sizeof(*e));

	*e = (struct event){ .unbound = { UB_EVENT_MAGIC, &calls },
		.dns = d,
		.next = d->events,
		.back = &d->events,
		.fd = fd,
		.bits = bits,
		.call = call,
		.arg = arg,
		.at_ms = UINT64_MAX };
	if (e->next != NULL)
		e->next->back = &e->next;
	d->events = e;
	return &e->unbound;
}

/* ---- Beginning ---- */

/*
 * We ask resolvers, which do the work: an iterator that forwards, no validator
 * (block lists are not signed). `udp-connect` would need a right to connect().
 * Silence is remembered for a minute, or a resolver that comes back would not be
 * asked for 15.
 */
static const char *const options[][2] = {
	{ "module-config:", "iterator" },
	{ "do-not-query-localhost:", "no" },
	{ "udp-connect:", "no" },
	{ "qname-minimisation:", "no" },
	{ "outgoing-range:", "128" },
	{ "outgoing-num-tcp:", "8" },
	{ "num-queries-per-thread:", "1024" },
	{ "edns-buffer-size:", "1232" },
	{ "msg-cache-size:", "4m" },
	{ "rrset-cache-size:", "8m" },
	{ "cache-max-ttl:", "3600" },
	{ "cache-max-negative-ttl:", "900" },
	{ "infra-host-ttl:", "60" },
	{ "use-syslog:", "no" },
	{ "logfile:", "" },
};

static enum outcome
no_unbound(const char *what, int error, struct fault *f)
{
	return fault_set(f, TEMP, "4.4.3", 0, "libunbound: %s: %s", what,
	    ub_strerror(error));
}

static enum outcome
set_options(struct dns *d, struct fault *f)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int error =
		    ub_ctx_set_option(d->ctx, options[i][0], options[i][1]);

		if (error != 0)
			return no_unbound(options[i][0], error, f);
	}
	(void)ub_ctx_debuglevel(d->ctx, 0);
	return OK;
}

/*
 * The addresses of /etc/resolv.conf; how many. libunbound would read it, too,
 * but without one in it go and ask the root servers.
 */
static size_t
use_resolv_conf(struct dns *d)
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	char line[256], address[128];
	size_t n = 0;

	while (file != NULL && n < RESOLVERS_MAX &&
	    fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "nameserver %127s", address) == 1 &&
		    strchr(address, '@') == NULL &&
		    ub_ctx_set_fwd(d->ctx, address) == 0)
			n++;
	if (file != NULL)
		(void)fclose(file);
	return n;
}

static enum outcome
set_resolvers(struct dns *d, const struct setting_list *list, struct fault *f)
{
	uint16_t port;
	int error;

	for (size_t i = 0; i < list->n; i++) {
		if (i == RESOLVERS_MAX ||
		    !resolver_parse(span_of(list->value[i]), &port))
			return fault_set(f, PERM, "5.3.5", 0,
			    "[route] resolver = %s: an address, @PORT may "
			    "follow; at most %d of them",
			    list->value[i], RESOLVERS_MAX);
		error = ub_ctx_set_fwd(d->ctx, list->value[i]);
		if (error != 0)
			return no_unbound(list->value[i], error, f);
	}
	if (list->n == 0 && use_resolv_conf(d) == 0 &&
	    (error = ub_ctx_set_fwd(d->ctx, "127.0.0.1")) != 0)
		return no_unbound("127.0.0.1", error, f);
	return OK;
}

size_t
dns_ports(const struct settings *s, uint16_t port[RESOLVERS_MAX + 1])
{
	const struct setting_list *list = &s->route.resolver;
	size_t n = 0;

	for (size_t i = 0; i < list->n && n < RESOLVERS_MAX; i++)
		if (resolver_parse(span_of(list->value[i]), &port[n]))
			n++;
	if (n == 0)
		port[n++] = RESOLVER_PORT;
	return n;
}

static void
forget(void *arg, enum dns_trust trust, struct span packet)
{
	(void)arg;
	(void)trust;
	(void)packet;
}

enum outcome
dns_begin(struct dns **out, const struct settings *s, struct fault *f)
{
	static struct ub_event_base_vmt calls = { .new_event = event_new };
	struct dns *d = mem_new(1, sizeof(*d));

	*out = d;
	d->base = (struct ub_event_base){ UB_EVENT_MAGIC, &calls };
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "epoll");
	d->ctx = ub_ctx_create_ub_event(&d->base);
	if (d->ctx == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "libunbound");
	if (set_options(d, f) != OK ||
	    set_resolvers(d, &s->route.resolver, f) != OK)
		return f->outcome;
	/* libunbound says of itself that nothing is there. That is for the
	   resolvers to say: an intranet may have mail there. RFC 6761, 8375 */
	(void)ub_ctx_zone_remove(d->ctx, "test.");
	(void)ub_ctx_zone_remove(d->ctx, "home.arpa.");
	/* It knows the answer; its first question makes it open everything. */
	return dns_ask(d, "localhost", 1, forget, NULL, f);
}

void
dns_free(struct dns *d)
{
	if (d == NULL)
		return;
	if (d->ctx != NULL)
		ub_ctx_delete(d->ctx);
	while (d->events != NULL)
		event_free(&d->events->unbound);
	fds_close(&d->epoll);
	free(d);
}

/* ---- Questions ---- */

static enum dns_trust
trust_of(int security)
{
	return security == 2 ? DNS_SECURE
	    : security == 1  ? DNS_BOGUS
	                     : DNS_INSECURE;
}

static void
on_answer(void *arg, int rcode, void *packet, int len, int security,
    char *why_bogus, int was_ratelimited)
{
	struct asked a = *(struct asked *)arg;
	struct span octets = SPAN_EMPTY;
	enum dns_trust trust = DNS_FAILED;

	(void)why_bogus;
	(void)was_ratelimited;
	free(arg);
	a.dns->pending--;
	if (rcode == 0 && packet != NULL && len > 0)
		trust = trust_of(security);
	if (trust > DNS_BOGUS)
		octets = (struct span){ packet, (size_t)len };
	a.done(a.arg, trust, octets);
}

enum outcome
dns_ask(struct dns *d, const char *name, int type, dns_done *done, void *arg,
    struct fault *f)
{
	struct asked *a;
	int error;

	if (d->pending == DNS_PENDING_MAX)
		return fault_set(f, TEMP, "4.4.3", 0,
		    "too many questions are not answered yet");
	a = mem_new(1, sizeof(*a));
	*a = (struct asked){ d, done, arg };
	d->pending++;
	error = ub_resolve_event(d->ctx, name, type, 1, a, on_answer, NULL);
	if (error == 0)
		return OK;
	free(a);
	d->pending--;
	return no_unbound(name, error, f);
}

/* ---- The loop's part ---- */

int
dns_fd(const struct dns *d)
{
	return d->epoll;
}

static struct event *
first_clock(const struct dns *d)
{
	struct event *first = NULL;

	for (struct event *e = d->events; e != NULL; e = e->next)
		if (e->at_ms != UINT64_MAX &&
		    (first == NULL || e->at_ms < first->at_ms))
			first = e;
	return first;
}

int
dns_wait_ms(const struct dns *d)
{
	const struct event *e = first_clock(d);
	uint64_t now_ms = clock_mono_ms();

	if (e == NULL)
		return -1;
	if (e->at_ms <= now_ms)
		return 0;
	return e->at_ms - now_ms > INT_MAX ? INT_MAX : (int)(e->at_ms - now_ms);
}

/* An event that is not persistent is over when it happens. */
static void
happen(struct event *e, short bits)
{
	if ((e->bits & UB_EV_PERSIST) == 0)
		(void)event_del(&e->unbound);
	e->call(e->fd, bits, e->arg);
}

/* One at a time: what is called may free any other. */
static bool
work_on_sockets(struct dns *d)
{
	struct epoll_event p;
	struct event *e;
	short bits = 0;

	if (epoll_wait(d->epoll, &p, 1, 0) != 1)
		return false;
	e = p.data.ptr;
	if ((p.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		bits |= UB_EV_READ;
	if ((p.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		bits |= UB_EV_WRITE;
	happen(e, bits & e->bits);
	return true;
}

static bool
work_on_clocks(struct dns *d)
{
	struct event *e = first_clock(d);

	if (e == NULL || e->at_ms > clock_mono_ms())
		return false;
	e->at_ms = UINT64_MAX;
	happen(e, UB_EV_TIMEOUT);
	return true;
}

void
dns_work(struct dns *d)
{
	size_t n = 0;

	while (n < WORK_MAX && work_on_sockets(d))
		n++;
	while (n < 2 * WORK_MAX && work_on_clocks(d))
		n++;
}
