/* SPDX-License-Identifier: ISC */
/*
 * message.h: an answer of the DNS, record by record. The C library parses it
 * (ns_initparse, ns_parserr); nothing is read outside of it.
 */
#ifndef ROUTE_MESSAGE_H
#define ROUTE_MESSAGE_H

#include <arpa/nameser.h>

#include "span.h"

#define MESSAGE_NAME_MAX 253 /* octets of a name as text. RFC 1035 2.3.4 */

enum message_says {
	MESSAGE_BROKEN, /* no answer, or not to one question; any failure */
	MESSAGE_NO_NAME, /* NXDOMAIN: there is no such name, of any type */
	MESSAGE_ANSWERS, /* perhaps with no record of that type */
};

struct message {
	ns_msg parsed;
	int at; /* the next record of the answer section */
	bool broken; /* a record is not what it says: the rest is not read */
	char owner[NS_MAXDNAME]; /* whose records count now */
};

/* The message borrows the packet. */
enum message_says message_begin(struct message *, struct span packet);
/*
 * The next record of this type with at least so many octets of data, of the name
 * that was asked for or of what that is an alias of (CNAME). False: there is
 * none, or m->broken.
 */
bool message_next(struct message *, ns_type, uint16_t least, ns_rr *);
/*
 * The name that stands so many octets into the record's data, without a dot at
 * its end; "" for the root. False: m->broken; or it has an octet that is no
 * letter, digit, '-', '_' or '.' between labels.
 */
bool message_name(
    struct message *, const ns_rr *, size_t at, char out[MESSAGE_NAME_MAX + 1]);

#endif
