/* SPDX-License-Identifier: ISC */
/*
 * content.h: DATA and BDAT to the octets that are stored: the trace field,
 * then lines that end in CRLF and nothing else.
 *
 * The end of data is CRLF.CRLF alone, whatever bare_lf and bare_cr say. What
 * is wrong with a message is noted once, in `refused`; the rest is read to its
 * true end and dropped. Source: RFC 5321 2.3.8, 4.1.1.4, 4.5.2.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include "buf.h"
#include "rule.h"
#include "settings.h"
#include "span.h"

/* Room left before the octets, for the request that they are sent with. */
#define CONTENT_FRONT 2048
/* A read's octets, doubled by conversion at worst, behind 64 KiB kept */
#define CONTENT_BUF_MAX (256UL * 1024)
#define MESSAGE_ID_MAX  250 /* octets kept of a Message-ID */

struct content {
	const struct settings *set;
	struct buf *buf; /* CONTENT_FRONT octets, then content not yet gone */
	uint64_t received; /* octets from the client, with stuffing */
	uint64_t size; /* octets of content, without the trace field */
	bool dots; /* some line begins with a dot */
	enum rule refused; /* the first thing that is wrong, or RULE_NONE */
	/* Between two pieces. */
	bool at_line_start, after_bare, has_cr;
	size_t line_len;
	/* The header section. */
	bool in_header, id_open;
	bool has_line; /* the first has been seen */
	size_t line_at; /* where the line in hand begins in buf */
	uint64_t received_fields;
	char message_id[MESSAGE_ID_MAX + 1];
};

/* Facts for the trace field. RFC 5321 4.4. */
struct trace {
	struct span helo, ip, host, protocol, qid;
	struct span recipient; /* empty: several, and none is named */
	uint64_t wall_ms;
};

void content_begin(struct content *, const struct settings *, struct buf *,
    const struct trace *);
void content_reset(struct content *); /* empty; keeps the buffer's memory */

/*
 * Take octets of DATA: undo dot-stuffing. Says how many were used; fewer than
 * given when the next ones must be seen first. *ended: the end of data was met
 * and used.
 */
size_t content_take_data(struct content *, struct span in, bool *ended);
/* Take octets of a BDAT chunk: all of them. RFC 3030. */
void content_take_chunk(struct content *, struct span in);
/* After the last chunk: a line without its end gets it. */
void content_close(struct content *);

struct span content_waiting(const struct content *); /* in buf, not gone */
/* What may leave buf now: all but the header line in hand. */
struct span content_ready(const struct content *);
void content_drop(struct content *, size_t n); /* the first n have gone */

#endif
