/* SPDX-License-Identifier: ISC */
/*
 * dns.h: questions to the DNS by libunbound, inside a poll loop: no thread and
 * no process of its own. libunbound brings the sockets, the retries and a cache
 * that keeps to the TTLs; its events are polled by one descriptor here.
 */
#ifndef ROUTE_DNS_H
#define ROUTE_DNS_H

#include "block_list.h"
#include "settings.h"
#include "span.h"

#define DNS_PENDING_MAX 1024 /* questions not answered yet. Ours */

struct dns;

/* How far an answer is to be trusted. */
enum dns_trust {
	DNS_FAILED, /* there is none: SERVFAIL and the like, silence */
	DNS_BOGUS, /* DNSSEC should prove it, and does not: as good as none */
	DNS_INSECURE, /* nothing proves it */
	DNS_SECURE, /* DNSSEC proves it */
};

/*
 * The answer to a question. Of FAILED and BOGUS the packet is empty; else it is a
 * whole DNS message, of any content, dead after the call. It may come within
 * dns_ask().
 */
typedef void dns_done(void *arg, enum dns_trust, struct span packet);

/*
 * The resolvers of [route] resolver, else those of /etc/resolv.conf, else
 * 127.0.0.1 (resolv.conf(5)). Opens all that it will need: the sandbox can be
 * closed afterwards. Caller frees with dns_free().
 *
 * PERM 5.3.5: a resolver that is no address. TEMP: libunbound says no.
 */
enum outcome dns_begin(
    struct dns **, const struct settings *, struct fault *) MUST_USE;
void dns_free(struct dns *);
/* The ports that its resolvers listen on; how many. */
size_t dns_ports(const struct settings *, uint16_t port[RESOLVERS_MAX + 1]);

/* name: text, no dot at its end. type: RFC 1035 3.2.2. TEMP 4.4.3: too many are
   not answered yet, no memory, or no name of the DNS; done is not called then. */
enum outcome dns_ask(struct dns *, const char *name, int type, dns_done *,
    void *arg, struct fault *) MUST_USE;

/* Readable: there is work. */
int dns_fd(const struct dns *);
/* Milliseconds until there is work by the clock; -1: none. */
int dns_wait_ms(const struct dns *);
/* All work that is due; calls done functions. */
void dns_work(struct dns *);

#endif
