/* SPDX-License-Identifier: ISC */
/* secure.c: from plain to TLS. */
#include "secure.h"

#include "codes.h"

bool
secure_begin(struct tls *tls, struct tls_server *server, struct stream *stream,
    struct journal *journal, const char *ip)
{
	struct fault f = FAULT_NONE;

	if (stream_flush(stream, &f) == OK &&
	    tls_server_look(server, &f) == OK &&
	    tls_accept(tls, server, stream, &f) == OK)
		return true;
	journal_tell(journal, CODE_CONN_REFUSED, NULL,
	    JOURNAL_FIELDS(JOURNAL_TEXT("rule", "tls"), JOURNAL_TEXT("ip", ip),
	        JOURNAL_TEXT("text", f.text)));
	journal_flush(journal);
	return false;
}
