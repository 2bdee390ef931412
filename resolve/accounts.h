/* SPDX-License-Identifier: ISC */
/*
 * accounts.h: the accounts of this machine, as its passwd(5) has them: which
 * number a name stands for. Accounts of another source (LDAP) go by number.
 */
#ifndef RESOLVE_ACCOUNTS_H
#define RESOLVE_ACCOUNTS_H

#include <sodium.h>
#include <sys/types.h>

#include "span.h"

#define ACCOUNTS_FILE     "/etc/passwd"
#define ACCOUNTS_NAME_MAX 32 /* octets. useradd(8) */
/* What the kernel shows in place of a user whom it cannot name here, as of
   another user namespace: nobody is that. user_namespaces(7) */
#define ACCOUNTS_NO_UID 65534

struct account {
	char *name;
	uid_t uid;
};

struct accounts {
	struct account *account; /* by name */
	size_t n;
};

/* A missing file has none. TEMP 4.3.0: it cannot be read. */
enum outcome accounts_read(struct accounts *, struct fault *) MUST_USE;
void accounts_free(struct accounts *);
/* A name, or a number. false: there is no such account, or it is nobody's. */
bool accounts_find(const struct accounts *, struct span name, uid_t *);
/* What a database that was made of them depends on. */
void accounts_digest(const struct accounts *, crypto_generichash_state *);

/* May an account be named so? 1..ACCOUNTS_NAME_MAX of A-Z a-z 0-9 _ . - with
   one $ at the end, not - in front. */
bool accounts_is_name(struct span);

#endif
