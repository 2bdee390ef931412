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
 *
 * Who does not exist has a secret too, one that nobody knows, and is treated by
 * it as all others are by theirs: there is one path, so it takes one time. The
 * salt of such a name, and of a user without SCRAM keys, is made of the name and
 * of SECRETS_SALT_KEY: it never changes, as others do not.
 */
#ifndef RESOLVE_VERIFY_H
#define RESOLVE_VERIFY_H

#include <sodium.h>
#include <stdatomic.h>

#include "address.h"
#include "compiled.h"
#include "record.h"
#include "scram_keys.h"
#include "wire_auth.h"

struct checker; /* checker.h */

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
	struct buf dummy; /* the record of who does not exist */
	char dummy_hash[crypto_pwhash_STRBYTES]; /* and who has no password */
	struct scram_keys dummy_keys; /* its, and of users without any */
	unsigned char salt_key[crypto_generichash_KEYBYTES];
	struct remembered *cache;
	size_t cache_max;
	uint64_t cache_ms;
	struct checker *checker; /* asked in place of hashes; NULL: none */
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
 * The answer to a request of any kind (wire_auth.h).
 *
 * user	a full address, a login, or a local-part of the first local domain; in any
 *	case
 *
 * OK	*ans as its kind has it: path and ticket for service=pop3 only. A removed
 *	user, whose mail is kept, is known for that service only
 * PERM	5.7.8 no such user or a wrong password: the same words, the same time;
 *	or no password at all (password.h), whether the user exists or not
 * TEMP	4.3.0 the database, or no memory for the hash
 */
enum outcome verify_login(struct verifier *, const struct auth_req *,
    uint64_t now_ms, struct auth_ans *ans, struct fault *) MUST_USE;

/*
 * A name as failures are counted by: of a login= the address, else in one case,
 * with the first local domain where none was given, whether there is such a user
 * or not. All names of an account have one count: so who has locked it out can
 * see which names those are.
 */
void verify_name(struct verifier *, struct span user, struct address *);

#endif
