/* SPDX-License-Identifier: ISC */
/*
 * address.h: addresses as keys, so that two spellings of one mailbox meet.
 *
 * Domains compare as A-labels in lower case (RFC 5891 5), local-parts by case
 * folding, as RFC 5321 2.4 lets the host of the mailbox choose; a quoted
 * local-part is its content ("bob"@x is bob@x, RFC 5321 4.1.2).
 */
#ifndef RESOLVE_ADDRESS_H
#define RESOLVE_ADDRESS_H

#include "path.h"
#include "settings.h"

/* Folding makes up to three octets of one (Unicode 5.18), and NFC up to three
   of each of those (UAX 15). */
#define ADDRESS_LOCAL_MAX (3 * LOCAL_PART_MAX * 3)
#define ADDRESS_KEY_MAX   (ADDRESS_LOCAL_MAX + 1 + DOMAIN_MAX)

/* The key is `local@domain`; of `Postmaster` alone it is `postmaster@`. */
struct address {
	char key[ADDRESS_KEY_MAX + 1];
	size_t len, local_len;
};

/*
 * Read and normalise.
 * PERM	5.1.3 bad syntax, 5.1.2 a domain that IDNA 2008 refuses
 * TEMP	4.3.0 no memory
 */
enum outcome address_make(
    struct span text, struct address *, struct fault *) MUST_USE;
struct span address_key(const struct address *);
struct span address_local(const struct address *);
struct span address_domain(const struct address *);
/* Put another domain behind the local-part. */
void address_set_domain(struct address *, struct span domain);
/* `@domain`, the key of the domain's catch-all. */
struct span address_at_domain(const struct address *);
/* Its key in the directory: of `*@domain` it is `@domain`. */
struct span address_directory_key(const struct address *);
/* A name to log in with, which has no domain: its key is `login sjones`. */
#define LOGIN_KEY "login "
struct login {
	char key[sizeof(LOGIN_KEY) + ADDRESS_LOCAL_MAX];
	size_t len;
};
/* PERM 5.7.8: no name, or one with a domain or a comma. TEMP 4.3.0: no memory */
enum outcome address_make_login(
    struct span name, struct login *, struct fault *) MUST_USE;
struct span login_key(const struct login *);
/* bob+x@ becomes bob@; false, and unchanged: there is no such octet in it. */
bool address_drop_detail(struct address *, const char *delimiters);

/* The local domains, normalised; `first` is postmaster's. */
struct domains {
	char **name; /* sorted */
	size_t n;
	char first[DOMAIN_MAX + 1]; /* "" when there is none */
};
/* PERM 5.3.5: one of them is no domain. */
enum outcome domains_begin(
    struct domains *, const struct setting_list *, struct fault *) MUST_USE;
void domains_free(struct domains *);
bool domains_has(const struct domains *, struct span domain);

#endif
