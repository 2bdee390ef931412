/* SPDX-License-Identifier: ISC */
/* message.c: an answer of the DNS, record by record. */
#include "message.h"

#include <string.h>
#include <strings.h>

#define RECORDS_MAX 64 /* of an answer; more are not looked at. Ours */

enum message_says
message_begin(struct message *m, struct span packet)
{
	ns_rr question;
	int rcode;

	*m = (struct message){ .broken = true };
	if (packet.len > NS_MAXMSG ||
	    ns_initparse((const unsigned char *)packet.p, (int)packet.len,
	        &m->parsed) != 0 ||
	    ns_msg_getflag(m->parsed, ns_f_qr) == 0 ||
	    ns_msg_count(m->parsed, ns_s_qd) != 1 ||
	    ns_parserr(&m->parsed, ns_s_qd, 0, &question) != 0)
		return MESSAGE_BROKEN;
	rcode = ns_msg_getflag(m->parsed, ns_f_rcode);
	if (rcode != ns_r_noerror && rcode != ns_r_nxdomain)
		return MESSAGE_BROKEN;
	m->broken = false;
	(void)span_copy(
	    span_of(ns_rr_name(question)), m->owner, sizeof(m->owner));
	return rcode == ns_r_nxdomain ? MESSAGE_NO_NAME : MESSAGE_ANSWERS;
}

static bool
expand(
    const struct message *m, const ns_rr *rr, size_t at, char out[NS_MAXDNAME])
{
	return at < ns_rr_rdlen(*rr) &&
	    ns_name_uncompress(ns_msg_base(m->parsed), ns_msg_end(m->parsed),
	        ns_rr_rdata(*rr) + at, out, NS_MAXDNAME) != -1;
}

bool
message_next(struct message *m, ns_type type, uint16_t least, ns_rr *rr)
{
	int n = ns_msg_count(m->parsed, ns_s_an);

	while (!m->broken && m->at < n && m->at < RECORDS_MAX) {
		if (ns_parserr(&m->parsed, ns_s_an, m->at++, rr) != 0) {
			m->broken = true;
			return false;
		}
		if (ns_rr_class(*rr) != ns_c_in ||
		    strcasecmp(ns_rr_name(*rr), m->owner) != 0)
			continue;
		if (ns_rr_type(*rr) == type && ns_rr_rdlen(*rr) >= least)
			return true;
		if (ns_rr_type(*rr) == ns_t_cname)
			m->broken = !expand(m, rr, 0, m->owner);
	}
	return false;
}

static bool
is_name_octet(int c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* What may not stand in a label comes out of the C library as \. or \000. */
bool
message_name(struct message *m, const ns_rr *rr, size_t at,
    char out[MESSAGE_NAME_MAX + 1])
{
	char name[NS_MAXDNAME];
	struct span text;

	out[0] = '\0';
	m->broken = !expand(m, rr, at, name);
	if (m->broken)
		return false;
	text = span_of(name);
	if (span_eq(text, "."))
		text = SPAN_EMPTY;
	return span_is_all(text, is_name_octet) &&
	    span_copy(text, out, MESSAGE_NAME_MAX + 1);
}
