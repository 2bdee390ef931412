/* SPDX-License-Identifier: ISC */
/*
 * keeper.h: the keys that tls-keys holds, what it signs with them, and the
 * memory that tells workers of new certificates and of the keys of tickets.
 */
#ifndef TLS_KEEPER_H
#define TLS_KEEPER_H

#include <sys/stat.h>

#include "journal.h"
#include "pair.h"
#include "settings.h"

/* Keys, with those that a worker may still show a certificate of. Ours */
#define KEEPER_KEYS_MAX 256
#define KEEPER_LOOK_MS  2000 /* the files are looked at so often. Ours */
#define KEEPER_SOON_MS  200 /* while a pair is missing. Ours */

struct keeper_pair {
	struct pair_names names;
	struct pair pair; /* in force; empty: none yet */
	/* What the files were at the last look, and when they were taken. */
	struct stat looked[2], taken[2];
};

struct keeper {
	const struct tls_settings *set;
	struct journal *journal;
	struct keeper_pair pair[TLS_CHAINS_MAX];
	size_t pairs;
	struct {
		uint64_t number;
		EVP_PKEY *key;
	} key[KEEPER_KEYS_MAX]; /* the newest last */
	size_t keys;
	int chains_fd; /* what workers get; -1: no pair is right */
	uint64_t chains_size;
	uint64_t generation; /* of the shared memory, when they were taken */
	struct tls_shared *shared; /* NULL: for one session in a shell */
	uint64_t look_ms, turn_ms; /* when to do so next; monotonic */
};

/* Load all that can be loaded, and tell of the rest. PERM 5.3.5: a line of [tls]
   certificate is none. */
enum outcome keeper_begin(struct keeper *, const struct tls_settings *,
    struct tls_shared *, struct journal *, struct fault *) MUST_USE;
void keeper_free(struct keeper *);
/* Look at files and tickets, when it is time (or now); at what time next. */
uint64_t keeper_look(struct keeper *, bool now);
/* PERM 5.7.0: no such key, or not such a scheme. */
enum outcome keeper_sign(struct keeper *, const struct tls_sign_req *,
    unsigned char out[TLS_SIGNATURE_MAX], size_t *len, struct fault *) MUST_USE;

#endif
