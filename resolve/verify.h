/* SPDX-License-Identifier: ISC */
/*
 * verify.h: name and password to identity, Argon2id with a keyed cache.
 *
 * A login that was right within the cache time costs one keyed hash; every
 * other one, right or wrong or of a user who does not exist, one Argon2id. The
 * cache holds no password: a tag is BLAKE2b-256 over user, password and stored
 * hash under a secret key, so a changed password misses by itself. All auth
 * processes of a system share one cache, in memory that the supervisor gives
 * them; a key of it that was torn between two writers fits no login.
 */
#ifndef RESOLVE_VERIFY_H
#define RESOLVE_VERIFY_H

#include <sodium.h>
#include <stdatomic.h>

#include "address.h"
#include "compiled.h"
#include "wire_auth.h"

#define VERIFY_TAG_WORDS 4 /* 256 bits */

struct verify_tag {
	uint64_t word[VERIFY_TAG_WORDS];
};

struct remembered {
	_Atomic uint64_t word[VERIFY_TAG_WORDS];
	_Atomic uint64_t until_ms; /* monotonic; 0: free */
};

struct verifier {
	struct compiled secrets;
	char domain[DOMAIN_MAX + 1]; /* of a user given without one, or "" */
	unsigned char cache_key[crypto_generichash_KEYBYTES];
	unsigned char ticket_key[AUTH_KEY_LEN];
	char dummy[crypto_pwhash_STRBYTES]; /* verified for unknown users */
	struct remembered *cache;
	size_t cache_max;
	uint64_t cache_ms;
};

/*
 * Draws the keys and makes the dummy hash with the cost of new passwords.
 * ticket_key: of the supervisor, or NULL to draw one; with it comes cache_fd,
 * the memory of the shared cache (made as large as it must be, stays open), or
 * -1 for a cache of this process alone.
 * PERM	5.3.5 a local domain is no domain, the cost is out of bounds
 * TEMP	4.3.0 no memory
 */
enum outcome verify_begin(struct verifier *, const struct settings *,
    const unsigned char *ticket_key, int cache_fd, struct fault *) MUST_USE;
void verify_free(struct verifier *); /* wipes */

/*
 * user	a full address, or a local-part of the first local domain; in any case
 *
 * OK	*ans with user, path and ticket
 * PERM	5.7.8 no such user or a wrong password: the same words, the same time;
 *	or no password at all (password.h), whether the user exists or not
 * TEMP	4.3.0 the database, or no memory for the hash
 */
enum outcome verify_login(struct verifier *, const struct auth_req *,
    uint64_t now_ms, struct auth_ans *ans, struct fault *) MUST_USE;

#endif
