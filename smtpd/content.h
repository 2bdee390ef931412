/* SPDX-License-Identifier: ISC */
/*
 * content.h: DATA and BDAT to the octets that are stored: the trace field,
 * then lines that end in CRLF and nothing else.
 *
 * The end of data is CRLF.CRLF alone, whatever bare_lf says. What is wrong with
 * a message is noted once, in `refused`; the rest is read to its true end and
 * dropped. Source: RFC 5321 2.3.8, 4.1.1.4, 4.5.2.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include "envelope.h"
#include "fixup.h"
#include "rule.h"
#include "settings.h"

#define MESSAGE_ID_MAX 250 /* octets kept of a Message-ID */

struct tls;

struct content {
	const struct smtpd_settings *set;
	struct buf buf; /* content that has not gone yet */
	struct buf line; /* the start of a line whose end has not come */
	uint64_t received; /* octets from the client, with stuffing */
	uint64_t size; /* octets of content, without the trace field */
	bool dots; /* some line begins with a dot */
	enum rule refused; /* the first thing that is wrong, or RULE_NONE */
	/* A CR or LF alone that is not accepted, whatever was wrong first. */
	bool has_bare;
	bool after_bare; /* the line before ended in a bare LF */
	/* The header section. */
	bool in_header, id_open;
	uint64_t received_fields;
	char message_id[MESSAGE_ID_MAX + 1];
	struct fixup fixup; /* of a submitted message, after content_begin() */
};

void content_init(struct content *, const struct smtpd_settings *);
void content_free(struct content *);
/* Empty; the memory stays. */
void content_reset(struct content *);
/*
 * A message of that envelope: its trace field, RFC 5321 4.4, with the clause of
 * RFC 8314 4.3 when it came by TLS (NULL: plain).
 */
void content_begin(struct content *, const struct envelope *,
    const char *hostname, const struct tls *);

/*
 * Take octets: of DATA, which are `stuffed` and have an end, or of a BDAT chunk
 * (RFC 3030). Says how many were used: all, or those up to the end of data,
 * and then *ended.
 */
size_t content_take(
    struct content *, struct span in, bool stuffed, bool *ended);
/* The message is whole: the header section ends here, if it did not yet. */
void content_end(struct content *);
/* After the last chunk: a line without its end gets it. */
void content_close(struct content *);

#endif
