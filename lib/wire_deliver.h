/* SPDX-License-Identifier: ISC */
/*
 * wire_deliver.h: one attempt for one recipient, and the syncs; both ends.
 *
 *	deliver qid=... n=1 file=in/<qid> name=<maildir name>
 *	    path=example.org/bob [again=1] [quota=octets]
 *	    [quota-messages=number]
 *	ok qid=... n=1 how=link|copy|found
 *	temp qid=... n=1 code=... text=...
 *
 *	sync path=example.org/bob	what was linked there
 *	ok path=example.org/bob
 *	sync all=1			what was linked anywhere
 *	ok all=1
 *	hello				everything before it has been answered
 *	ok
 *
 * file is relative to the queue directory, path to the mail directory. Answers
 * come in the order of the requests. again=1: look into new/ and cur/ for the
 * name's base before linking.
 */
#ifndef LIB_WIRE_DELIVER_H
#define LIB_WIRE_DELIVER_H

#include "maildir.h"
#include "record.h"
#include "wire_resolve.h"

#define DELIVER_FILE_MAX 128

enum deliver_word {
	DELIVER_DELIVER,
	DELIVER_SYNC,
	DELIVER_SYNC_ALL,
	DELIVER_HELLO
};

struct deliver_req {
	enum deliver_word word;
	struct qid qid;
	uint32_t n;
	char file[DELIVER_FILE_MAX];
	char name[MAILDIR_NAME_MAX];
	char path[RESOLVE_PATH_MAX + 1];
	bool again;
	struct quota quota; /* of the mailbox */
};

enum deliver_how { DELIVER_LINK, DELIVER_COPY, DELIVER_FOUND, DELIVER_NONE };
const char *deliver_how_word(enum deliver_how); /* "link"; "none" */

enum outcome wire_deliver_put_req(
    struct buf *, const struct deliver_req *, struct fault *) MUST_USE;
/* TEMP: malformed, an absolute path, a "..", a name that is none of this message. */
enum outcome wire_deliver_get_req(
    struct span line, struct deliver_req *, struct fault *) MUST_USE;
enum outcome wire_deliver_put_ans(struct buf *, const struct deliver_req *,
    enum outcome, enum deliver_how, const struct fault *answer,
    struct fault *) MUST_USE;
/* The answer to req; TEMP when it is malformed or answers another one. */
enum outcome wire_deliver_get_ans(struct span line, const struct deliver_req *,
    enum deliver_how *, struct fault *) MUST_USE;

#endif
