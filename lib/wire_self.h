/* SPDX-License-Identifier: ISC */
/*
 * wire_self.h: a user changes what is his to change in the directory: passwdd
 * to directory-self, both ends.
 *
 *	change user=bob@example.org ticket=... field=password value=... [ip=]
 *	change user=bob@example.org ticket=... field=name [value=Bob] [ip=]
 *	ok | perm code= text= | temp code= text=
 *
 * The ticket is auth's for service=passwd. perm is for the user: what is wrong
 * with the value, or 5.7.8: another password has been set since he gave his.
 */
#ifndef LIB_WIRE_SELF_H
#define LIB_WIRE_SELF_H

#include "wire_auth.h"

/* Of the ip. */
#define SELF_IP_MAX 64

enum self_field { SELF_PASSWORD, SELF_NAME, SELF_PHONE, SELF_FIELDS };

struct self_req {
	struct auth_ans who; /* user and ticket */
	char field[16];
	struct span value; /* empty: it goes; borrows from the record */
	char ip[SELF_IP_MAX + 1];
	enum self_field which; /* the field's number */
};

/* The word of a field, in requests, in the journal, and of name and phone in the
   directory. */
const char *self_field_name(enum self_field);

enum outcome wire_self_put_req(
    struct buf *, const struct self_req *, struct fault *) MUST_USE;
/* r keeps what the value borrows. TEMP: it is no request. */
enum outcome wire_self_get_req(struct span line, struct record *r,
    struct self_req *, struct fault *) MUST_USE;
enum outcome wire_self_put_ans(struct buf *, enum outcome,
    const struct fault *answer, struct fault *) MUST_USE;
/* TEMP with EPROTO: it is no answer. */
enum outcome wire_self_get_ans(struct span line, struct fault *) MUST_USE;

#endif
