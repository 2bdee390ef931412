/* SPDX-License-Identifier: ISC */
/*
 * wire_auth.h: name and password to identity, both ends; and the ticket that
 * opens one mailbox for twenty seconds.
 *
 *	auth user=bob@example.org password=... [ip=192.0.2.7] [service=pop3]
 *	ok user=bob@example.org [path=example.org/bob] [ticket=...]
 *	perm code=5.7.8 text=...
 *
 * or in two steps, of which auth remembers nothing, by SCRAM-SHA-256:
 *
 *	scram user=bob@example.org [ip=] [service=]
 *	ok salt=BASE64 iterations=10000
 *	proof user=bob@example.org message=AUTHMESSAGE proof=HEX [ip=] [service=]
 *	ok user=bob@example.org [path= ticket=] signature=HEX
 *
 * Only service=pop3 is given the mailbox and its ticket; service=passwd is given
 * a ticket to change the entry, lib/wire_self.h, and no mailbox.
 *
 * The ticket is hex(expiry seconds, 8 octets) hex(keyed BLAKE2b-256 over user,
 * path and expiry). The key is drawn when the supervisor starts and given to
 * auth and pop3-session on a descriptor (AUTH_KEY_ENV says which); a program
 * that starts alone draws its own and hands it to the child it starts.
 */
#ifndef LIB_WIRE_AUTH_H
#define LIB_WIRE_AUTH_H

#include "path.h"
#include "record.h"
#include "scram.h"
#include "wire_resolve.h"

#define AUTH_USER_MAX   PATH_TEXT_MAX
#define AUTH_KEY_LEN    32
#define AUTH_KEY_ENV    "PNEU_TICKET_KEY" /* a descriptor to read it from */
#define AUTH_CACHE_ENV  "PNEU_AUTH_CACHE" /* a descriptor: shared memory */
#define AUTH_TICKET_LEN (16 + 64) /* hex digits */
/* Seconds a ticket is good: more than pop3d waits for a session */
#define AUTH_TICKET_S 20

#define AUTH_POP3     "pop3" /* the service that opens mailboxes */
#define AUTH_SMTP     "smtp"
#define AUTH_PASSWD   "passwd" /* the service that changes entries */
#define AUTH_SALT_MAX 88 /* characters: SCRAM_SALT_MAX octets in base64 */
/* The code of a TEMP that is no trouble here: too many have failed. */
#define AUTH_LOCKED "4.7.0"

enum auth_kind { AUTH_PASSWORD, AUTH_SCRAM, AUTH_PROOF };

struct auth_req {
	enum auth_kind kind; /* the rest: what its kind has */
	struct span user, password, ip, service;
	struct span message; /* AuthMessage. RFC 5802 3 */
	unsigned char proof[SCRAM_HASH_LEN];
};

struct auth_ans {
	char user[AUTH_USER_MAX + 1]; /* canonical */
	char path[RESOLVE_PATH_MAX + 1]; /* these two "": not for pop3 */
	char ticket[AUTH_TICKET_LEN + 1];
	unsigned char signature[SCRAM_HASH_LEN]; /* of AUTH_PROOF */
	char salt[AUTH_SALT_MAX + 1]; /* these two of AUTH_SCRAM */
	uint64_t iterations;
};

enum outcome wire_auth_put_req(
    struct buf *, const struct auth_req *, struct fault *) MUST_USE;
enum outcome wire_auth_get_req(struct span line, struct record *r,
    struct auth_req *, struct fault *) MUST_USE;
enum outcome wire_auth_put_ans(struct buf *, enum outcome, enum auth_kind,
    const struct auth_ans *, const struct fault *answer,
    struct fault *) MUST_USE;
/* To a request of that kind and service. TEMP with EPROTO: it is no answer. */
enum outcome wire_auth_get_ans(struct span line, const struct auth_req *,
    struct auth_ans *, struct fault *) MUST_USE;

/*
 * Read the key from the descriptor that $PNEU_TICKET_KEY names, and close it.
 * OK: *given says if there was one; TEMP, PERM: it names no key.
 */
enum outcome auth_ticket_take_key(
    unsigned char key[AUTH_KEY_LEN], bool *given, struct fault *) MUST_USE;
/*
 * Draw a key and put it into a memfd, close-on-exec, which nobody can change:
 * all that get it read the same. The caller closes it.
 */
enum outcome auth_ticket_draw_key(int *fd, struct fault *) MUST_USE;
/* Fill ans->ticket from its user and path, good until now + AUTH_TICKET_S. */
void auth_ticket_make(const unsigned char key[AUTH_KEY_LEN], struct auth_ans *);
/*
 * A ticket to change the user's entry is one for this in place of a mailbox: the
 * hash of his password, "" for none. So it is good until another is set, and for
 * no mailbox: no path of one begins with a slash.
 */
void auth_ticket_for_change(struct auth_ans *, const char *hash);
/* In constant time. TEMP: forged, or from another key; with error ETIME it is
   genuine, and its time is over. */
enum outcome auth_ticket_check(const unsigned char key[AUTH_KEY_LEN],
    const struct auth_ans *, struct fault *) MUST_USE;

/*
 * pop3d to pop3-session, over its Unix socket, the client's descriptor with
 * the first octet (SCM_RIGHTS), then the octets that pop3d had read already. Of a
 * client with two descriptors the one to write to comes with the last octet.
 *
 *	session user=... path=... ticket=... [ip=... port=...] unread=N
 *	N octets
 */
#define AUTH_UNREAD_MAX 65536 /* octets; what a stream keeps unread at most */
#define AUTH_IP_MAX     63
struct auth_handover {
	struct auth_ans who;
	char ip[AUTH_IP_MAX + 1];
	uint64_t port; /* the client's; 0: none */
	uint64_t unread;
};
enum outcome wire_auth_put_handover(
    struct buf *, const struct auth_handover *, struct fault *) MUST_USE;
enum outcome wire_auth_get_handover(
    struct span line, struct auth_handover *, struct fault *) MUST_USE;

#endif
