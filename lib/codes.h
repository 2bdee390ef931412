/* SPDX-License-Identifier: ISC */
/*
 * codes.h: journal codes and their English names. First character the
 * function, second the action, as in the original system's component journal
 * (mission list U1 to U4); pages list them, and a test compares.
 */
#ifndef LIB_CODES_H
#define LIB_CODES_H

#include <stdbool.h>
#include <stddef.h>

struct code {
	const char *code; /* two characters */
	const char *name; /* short, for programs: "local-received" */
	const char *english; /* for people */
};

extern const struct code codes[]; /* ends with a NULL code */
const struct code *code_find(const char *code, size_t len);

/* SMTP server */
#define CODE_LOCAL_RECEIVED "94"
#define CODE_ORIGINATOR     "91"
#define CODE_RECIPIENT      "92"
#define CODE_MESSAGE_SIZE   "9T"
#define CODE_MESSAGE_ID     "99"
#define CODE_QUEUED_IN      "97" /* into queue/in */
#define CODE_CONN_REFUSED   "9S"
#define CODE_RELAY_REFUSED  "9V"
#define CODE_REJECTED       "9W"
/* queue-add from a shell: the SendMail API of old */
#define CODE_SEND_API        "EH"
#define CODE_SEND_ORIGINATOR "E1"
#define CODE_SEND_RECIPIENT  "E2"
#define CODE_SEND_SIZE       "ET"
/* queue-run: the bridge server of old */
#define CODE_TAKEN_FROM_IN    "7A"
#define CODE_TO_RETRY1        "7C"
#define CODE_FROM_RETRY1      "7E"
#define CODE_UNDELIVERABLE    "73"
#define CODE_NOTICE_MADE      "AP"
#define CODE_NOTICE_ORIGIN    "A1"
#define CODE_NOTICE_RECIPIENT "A2"
#define CODE_RESOLVED         "P2"
#define CODE_DELIVERED        "B8"
#define CODE_DELIVERED_RCPT   "B2"
/* ours: the same grammar, letters that the old tables leave free */
#define CODE_LET_GO       "7X" /* the queue dropped its name */
#define CODE_HELD         "7I"
#define CODE_RELEASED     "7J"
#define CODE_DELETED      "7Z"
#define CODE_ASIDE        "7Y"
#define CODE_RECOVERED    "7W"
#define CODE_ALARM        "XX"
#define CODE_LOGIN        "KI" /* POP3 server, function K */
#define CODE_LOGIN_FAILED "KF"
#define CODE_POP_DELETED  "KZ"
#define CODE_SESSION_END  "KE"
#define CODE_STARTED      "SB" /* supervisor, function S */
#define CODE_STOPPED      "SE"
#define CODE_DIED         "SD"
#define CODE_RELOADED     "SR"
#define CODE_LOST         "JL" /* entries lost before this one */

#endif
