/* SPDX-License-Identifier: ISC */
/* accounts.c: the accounts of this machine. */
#include "accounts.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static bool
is_name_octet(int c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

bool
accounts_is_name(struct span name)
{
	if (name.len > 1 && name.p[name.len - 1] == '$')
		name.len--; /* of a machine, as Samba names it */
	return name.len > 0 && name.len <= ACCOUNTS_NAME_MAX &&
	    name.p[0] != '-' && span_is_all(name, is_name_octet);
}

static int
compare_accounts(const void *a, const void *b)
{
	const struct account *one = a, *other = b;

	return strcmp(one->name, other->name);
}

enum outcome
accounts_read(struct accounts *a, struct fault *f)
{
	FILE *file = fopen(ACCOUNTS_FILE, "re");
	const struct passwd *entry;
	size_t room = 0;

	*a = (struct accounts){ NULL, 0 };
	if (file == NULL && errno == ENOENT)
		return OK;
	if (file == NULL)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "read " ACCOUNTS_FILE);
	while ((entry = fgetpwent(file)) != NULL) {
		if (a->n == room) {
			room = 2 * room + 64;
			a->account =
			    mem_grow(a->account, room, sizeof(*a->account));
		}
		a->account[a->n++] =
		    (struct account){ mem_text(entry->pw_name), entry->pw_uid };
	}
	(void)fclose(file);
	if (a->n > 1)
		qsort(a->account, a->n, sizeof(*a->account), compare_accounts);
	return OK;
}

void
accounts_free(struct accounts *a)
{
	while (a->n > 0)
		free(a->account[--a->n].name);
	free(a->account);
	a->account = NULL;
}

bool
accounts_find(const struct accounts *a, struct span name, uid_t *uid)
{
	char text[ACCOUNTS_NAME_MAX + 2];
	struct account wanted = { text, 0 }, *found;
	uint64_t number;

	if (num_parse(name, 0, UINT32_MAX - 1, &number)) {
		*uid = (uid_t)number;
		return number != ACCOUNTS_NO_UID;
	}
	if (a->n == 0 || !span_copy(name, text, sizeof(text)))
		return false;
	found = bsearch(
	    &wanted, a->account, a->n, sizeof(*a->account), compare_accounts);
	if (found == NULL || found->uid == ACCOUNTS_NO_UID)
		return false;
	*uid = found->uid;
	return true;
}

void
accounts_digest(const struct accounts *a, crypto_generichash_state *state)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct account *one = &a->account[i];

		(void)crypto_generichash_update(state,
		    (const unsigned char *)one->name, strlen(one->name) + 1);
		(void)crypto_generichash_update(
		    state, (const unsigned char *)&one->uid, sizeof(one->uid));
	}
}
