/* SPDX-License-Identifier: ISC */
/*
 * lists.h: the lists that the rules of access rest on.
 *
 * Each is a text in lists/ of the home, one entry a line, `#` comments. All of
 * them are compiled to one blob: sorted ranges and names, looked up without an
 * allocation. The supervisor makes it for each configuration that it takes
 * (run/lists.N), its workers map it before their sandbox closes; a program
 * alone compiles the texts for itself.
 *
 *	accept, reject	networks: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`
 *	near		domains; `.example.org` is each below example.org
 *	senders		addresses and networks
 *	logins		addresses
 *
 * In an address `*` stands for any octets but `@`. Case does not matter.
 */
#ifndef LIB_LISTS_H
#define LIB_LISTS_H

#include "buf.h"
#include "net.h"

enum list_type {
	LIST_ACCEPT, /* clients that may relay ([relay] allow) */
	LIST_REJECT, /* clients that are turned away */
	LIST_NEAR, /* domains that may be relayed to */
	LIST_SENDERS, /* what [auth] verify_from lets through */
	LIST_LOGINS, /* who may log in to SMTP ([auth] verify_id) */
	LISTS
};

#define LIST_NETS      1U
#define LIST_DOMAINS   2U
#define LIST_ADDRESSES 4U

struct list_about {
	const char *name; /* of its file in lists/ */
	unsigned kinds; /* what an entry may be */
	const char *does; /* one line for people */
};
extern const struct list_about list_abouts[LISTS];
#define LISTS_DIRECTORY "lists"
#define LISTS_RUNNING   "run/lists." /* before the configuration's number */

/* NULL: there is none of that name. */
const struct list_about *list_find(struct span name);
/* What an entry of it may not be, for a person; NULL: it is one. */
const char *list_why_not(const struct list_about *, struct span entry);
/* Take the entry of a line of its file; false: it has none, or is a comment. */
bool list_entry(struct span line, struct span *entry);

#define LIST_FILE_MAX   (64UL * 1024 * 1024) /* octets of a text. Chosen */
#define LIST_MASKS_MAX  10000 /* of one list: they are tried one by one */
#define LIST_ERRORS_MAX 20 /* of one list, that are told */

/* Compiled. Emptied by lists_free(); a zeroed one is empty lists. */
struct lists {
	const unsigned char *p; /* the blob */
	size_t len;
	bool is_map;
};

/*
 * From the texts, which may be missing: an empty list. Every error is appended
 * to `errors` as `lists/NAME:LINE: text` LF.
 *
 * OK	no error. PERM 5.3.5: errors has at least one. TEMP: one cannot be read
 */
enum outcome lists_compile(
    struct lists *, struct buf *errors, struct fault *) MUST_USE;
/* The blob, to an empty file. */
enum outcome lists_write(const struct lists *, int fd, struct fault *) MUST_USE;
/* TEMP 4.3.0: it is not there (ENOENT), or damaged. */
enum outcome lists_map(
    struct lists *, const char *path, struct fault *) MUST_USE;
void lists_free(struct lists *);

/* Is it in the list? *line: where in the text. */
bool lists_has_client(const struct lists *, enum list_type,
    const struct net_addr *, unsigned *line);
/* A domain in lower case, A-labels. */
bool lists_has_domain(
    const struct lists *, enum list_type, struct span domain, unsigned *line);
bool lists_has_address(
    const struct lists *, enum list_type, struct span address, unsigned *line);
/* Entries, of all kinds. */
size_t lists_count(const struct lists *, enum list_type);

#endif
