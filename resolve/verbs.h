/* SPDX-License-Identifier: ISC */
/* verbs.h: what `directory` does, a function a verb. */
#ifndef RESOLVE_VERBS_H
#define RESOLVE_VERBS_H

#include "buf.h"

#define REQUEST_ALIASES_MAX 64 /* in one `add`. Ours */

/* What the operator said; NULL: not said. Texts borrow from argv. */
struct request {
	char **operand;
	const char *store, *path, *userid, *preferred;
	const char *alias[REQUEST_ALIASES_MAX];
	size_t aliases;
	bool password_stdin, catch_all;
	struct buf password;
};

/* Reads the first line of fd 0. PERM 5.3.5: empty, or over 1024 octets. */
enum outcome request_read_password(struct request *, struct fault *) MUST_USE;
void request_free(struct request *); /* wipes */

void verbs_begin(void); /* what must happen before the sandbox */

/* Each prints what it did. PERM: what is wrong, nothing was changed. */
enum outcome verb_add(struct request *, struct fault *);
enum outcome verb_change(struct request *, struct fault *);
enum outcome verb_remove(struct request *, struct fault *);
enum outcome verb_list(struct request *, struct fault *);
enum outcome verb_show(struct request *, struct fault *);
enum outcome verb_alias_add(struct request *, struct fault *);
enum outcome verb_alias_remove(struct request *, struct fault *);
enum outcome verb_passwd(struct request *, struct fault *);
enum outcome verb_import(struct request *, struct fault *);
enum outcome verb_compile(struct request *, struct fault *);
/* PERM 5.3.5 when there is an error or a warning. */
enum outcome verb_check(struct request *, struct fault *);

#endif
