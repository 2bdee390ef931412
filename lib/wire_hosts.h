/* SPDX-License-Identifier: ISC */
/*
 * wire_hosts.h: where mail for a domain goes, both ends: deliver-smtp and `pneu
 * explain` ask, route answers.
 *
 *	route domain=example.net [from=example.org]
 *	hosts domain=example.net source=mx tls=may port=25 [secure=1] [auth=]
 *	    [source4=] [source6=] [helo=]
 *	host name=mx1.example.net ip=192.0.2.1 [pref=10] [secure=1]
 *	host name=mx1.example.net ip=2001:db8::1 [pref=10] [secure=1]
 *	host name=router.example.org ip=192.0.2.9 fallback=1
 *	tlsa name=mx1.example.net usage=3 selector=1 matching=1 data=<hex>
 *	end domain=example.net
 *
 * or one line: `temp domain= code=4.4.3 text=`, also for all trouble with the
 * DNS, or `perm domain= code=5.1.2 text=`. domain of the answer is the request's;
 * answers come in the order of the requests. Hosts are to be tried in their
 * order. `from` is the sender's domain, for settings by sender. secure, of the
 * first line: DNSSEC proved that these are the hosts; of a host: its addresses
 * (RFC 7672 2.1, 2.2). `explain` in place of `route` asks the same; the steps of
 * lib/wire_resolve come before the answer.
 */
#ifndef LIB_WIRE_HOSTS_H
#define LIB_WIRE_HOSTS_H

#include "net.h"
#include "path.h"
#include "record.h"

#define HOSTS_MAX           32 /* addresses; others are left out. Ours */
#define HOSTS_TLSA_MAX      32 /* records; others are left out. Ours */
#define HOSTS_TLSA_DATA_MAX 1024 /* octets: RSA of 4096 bits has 550. Ours */
#define HOSTS_AUTH_MAX      255 /* octets of a name of credentials */

struct hosts_req {
	char domain[DOMAIN_MAX + 1]; /* A-labels, or [192.0.2.1] */
	char from[DOMAIN_MAX + 1]; /* or "" */
	bool explain;
};

/* Who said that these are the hosts. */
enum hosts_source {
	HOSTS_LITERAL, /* the domain is an address in brackets */
	HOSTS_TABLE, /* a record of the table of routes */
	HOSTS_FILE, /* the hosts file */
	HOSTS_MX,
	HOSTS_IMPLICIT, /* there is no MX: the domain's own addresses */
	HOSTS_ROUTER,
	HOSTS_MAILHUB,
	HOSTS_SOURCES
};

/* How much TLS a session with them needs. */
enum hosts_tls {
	HOSTS_TLS_NONE, /* never */
	HOSTS_TLS_MAY, /* where it works, with whom it may be */
	HOSTS_TLS_MUST, /* with whom it may be */
	HOSTS_TLS_VERIFY, /* a certificate that a CA vouches for */
	HOSTS_TLS_DANE, /* RFC 7672: may, for a host without TLSA records */
	HOSTS_TLS_MODES
};

struct hosts_host {
	char name[DOMAIN_MAX + 1]; /* or "", of a literal */
	struct net_addr ip;
	uint64_t preference; /* of its MX, 0..65535 */
	bool secure;
	bool fallback; /* a router, for when no host before it can be had */
};

/* RFC 6698 2.1. */
struct hosts_tlsa {
	char name[DOMAIN_MAX + 1]; /* the host's */
	uint64_t usage, selector, matching; /* 0..255 */
	unsigned char data[HOSTS_TLSA_DATA_MAX];
	size_t len;
};

struct hosts {
	enum hosts_source source;
	enum hosts_tls tls;
	uint64_t port; /* 1..65535 */
	bool secure;
	char auth[HOSTS_AUTH_MAX + 1]; /* of credentials, or "" */
	char source4[NET_TEXT_MAX], source6[NET_TEXT_MAX]; /* our own, or "" */
	char helo[DOMAIN_MAX + 1]; /* our name for them, or "" */
	size_t hosts, tlsas;
	struct hosts_host host[HOSTS_MAX];
	struct hosts_tlsa tlsa[HOSTS_TLSA_MAX];
};

const char *hosts_source_word(enum hosts_source); /* "mx" */
const char *hosts_tls_word(enum hosts_tls); /* "may" */
/* False: there is no such word. */
bool hosts_tls_parse(struct span word, enum hosts_tls *);

/* ---- The asker's side. ---- */

enum outcome wire_hosts_put_req(
    struct buf *, const struct hosts_req *, struct fault *) MUST_USE;
/*
 * An answer has several lines: begin, then get each one until *end.
 * OK	this line was taken; *end: the answer is whole
 * PERM, TEMP	this is the answer (TEMP with EPROTO: it is none to the question)
 */
struct hosts_reader {
	const struct hosts_req *req;
	struct hosts *hosts;
	bool begun; /* its first line was read */
};
void wire_hosts_begin(
    struct hosts_reader *, const struct hosts_req *, struct hosts *);
enum outcome wire_hosts_get(struct hosts_reader *, struct span line, bool *end,
    struct fault *) MUST_USE;

/* ---- Route's side. ---- */

bool wire_hosts_is_req(struct span line); /* by its word */
enum outcome wire_hosts_get_req(
    struct span line, struct hosts_req *, struct fault *) MUST_USE;
/* outcome OK: all lines of *hosts, or none of them; else the fault is the
   answer. */
enum outcome wire_hosts_put_ans(struct buf *, const struct hosts_req *,
    enum outcome, const struct hosts *, const struct fault *answer,
    struct fault *) MUST_USE;

#endif
