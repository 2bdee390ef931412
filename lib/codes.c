/* SPDX-License-Identifier: ISC */
/* codes.c: journal codes and their English names. */
#include "codes.h"

#include <string.h>

const struct code codes[] = {
	{ CODE_LOCAL_RECEIVED, "local-received",
	    "mail for a local recipient was received" },
	{ CODE_ORIGINATOR, "originator", "it came from" },
	{ CODE_RECIPIENT, "recipient", "it is for" },
	{ CODE_MESSAGE_SIZE, "message-size", "its size was counted" },
	{ CODE_MESSAGE_ID, "message-id", "it calls itself" },
	{ CODE_QUEUED_IN, "queued", "it was put into queue/in (QTMSINQ)" },
	{ CODE_CONN_REFUSED, "connection-refused", "a connection was refused" },
	{ CODE_RELAY_REFUSED, "relay-refused", "relaying was refused" },
	{ CODE_REJECTED, "rejected", "the SMTP server refused" },
	{ CODE_SEND_API, "send-api", "a program or a shell brought it" },
	{ CODE_SEND_ORIGINATOR, "send-originator", "it came from" },
	{ CODE_SEND_RECIPIENT, "send-recipient", "it is for" },
	{ CODE_SEND_SIZE, "send-size", "its size was counted" },
	{ CODE_TAKEN_FROM_IN, "taken", "queue-run took it up" },
	{ CODE_TO_RETRY1, "to-retry1",
	    "it waits for a first-level retry (QTMSRTQ1)" },
	{ CODE_FROM_RETRY1, "from-retry1", "its first-level retry is due" },
	{ CODE_UNDELIVERABLE, "undeliverable",
	    "it cannot be delivered to a recipient" },
	{ CODE_NOTICE_MADE, "notice-made", "a non-delivery report was made" },
	{ CODE_NOTICE_ORIGIN, "notice-originator", "the report comes from" },
	{ CODE_NOTICE_RECIPIENT, "notice-recipient", "the report goes to" },
	{ CODE_RESOLVED, "resolved", "the address was resolved" },
	{ CODE_DELIVERED, "delivered", "it was put into a mailbox" },
	{ CODE_DELIVERED_RCPT, "delivered-recipient", "for the recipient" },
	{ CODE_LET_GO, "let-go",
	    "the queue let it go; what was delivered is on disk" },
	{ CODE_HELD, "held", "it was put on hold" },
	{ CODE_RELEASED, "released", "it was released" },
	{ CODE_DELETED, "deleted", "an operator deleted it" },
	{ CODE_ASIDE, "aside", "it could not be believed and lies in aside/" },
	{ CODE_RECOVERED, "recovered", "it was found again after a restart" },
	{ CODE_ALARM, "alarm", "something needs a person" },
	{ CODE_LOGIN, "login", "a POP3 session began" },
	{ CODE_LOGIN_FAILED, "login-failed", "a POP3 login failed" },
	{ CODE_POP_DELETED, "pop-deleted", "a POP3 session deleted it" },
	{ CODE_SESSION_END, "session-end", "a POP3 session ended" },
	{ CODE_STARTED, "started", "a service was started" },
	{ CODE_STOPPED, "stopped", "a service was stopped" },
	{ CODE_DIED, "died", "a service died" },
	{ CODE_RELOADED, "reloaded", "the configuration was read again" },
	{ CODE_LOST, "journal-lost",
	    "entries were lost before this one, the writer was away" },
	{ NULL, NULL, NULL },
};

const struct code *
code_find(const char *code, size_t len)
{
	for (const struct code *c = codes; c->code != NULL; c++)
		if (strlen(c->code) == len && memcmp(c->code, code, len) == 0)
			return c;
	return NULL;
}
