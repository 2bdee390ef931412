/* SPDX-License-Identifier: ISC */
/* address.c: addresses as keys. */
#include "address.h"

#include <errno.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "mem.h"

static void
lower_ascii(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (char)to_lower((unsigned char)p[i]);
}

/* Without the quotes and backslashes of a Quoted-string. */
static size_t
unquote(struct span local, char *out)
{
	size_t n = 0;

	if (local.len < 2 || local.p[0] != '"') {
		memcpy(out, local.p, local.len);
		return local.len;
	}
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.p[i] == '\\')
			i++;
		out[n++] = local.p[i];
	}
	return n;
}

static enum outcome
fold_local(struct span local, struct address *a, struct fault *f)
{
	char raw[LOCAL_PART_MAX];
	size_t len = unquote(local, raw), n = ADDRESS_LOCAL_MAX;
	uint8_t *folded;

	if (span_is_ascii((struct span){ raw, len })) {
		memcpy(a->key, raw, len);
		lower_ascii(a->key, len);
		a->local_len = len;
		return OK;
	}
	/* NFC after folding: one character, one spelling. Unicode 3.13. */
	folded = u8_casefold((const uint8_t *)raw, len, NULL, UNINORM_NFC,
	    (uint8_t *)a->key, &n);
	if (folded != (uint8_t *)a->key) {
		bool lacks_memory = folded == NULL && errno == ENOMEM;

		free(folded);
		return fault_set(f, lacks_memory ? TEMP : PERM,
		    lacks_memory ? "4.3.0" : "5.1.3", 0,
		    "address: local-part cannot be folded");
	}
	a->local_len = n;
	return OK;
}

/* A domain as A-labels in lower case, with a closing 0. */
static enum outcome
fold_domain(struct span in, char out[DOMAIN_MAX + 1], struct fault *f)
{
	uint8_t *labels = NULL;
	int got;
	bool fits;

	if (!span_copy(in, out, DOMAIN_MAX + 1) || span_find(in, '\0') < in.len)
		return fault_set(f, PERM, "5.1.2", 0, "domain: too long");
	if (span_is_ascii(in)) {
		lower_ascii(out, in.len);
		return OK;
	}
	got = idn2_lookup_u8((const uint8_t *)out, &labels,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	fits = got == IDN2_OK &&
	    span_copy(span_of((const char *)labels), out, DOMAIN_MAX + 1);
	idn2_free(labels);
	if (fits)
		return OK;
	return fault_set(f, got == IDN2_MALLOC ? TEMP : PERM,
	    got == IDN2_MALLOC ? "4.3.0" : "5.1.2", 0,
	    "domain: not a name that IDNA allows");
}

void
address_set_domain(struct address *a, struct span domain)
{
	a->key[a->local_len] = '@';
	memcpy(a->key + a->local_len + 1, domain.p, domain.len);
	a->len = a->local_len + 1 + domain.len;
	a->key[a->len] = '\0';
}

enum outcome
address_make(struct span text, struct address *a, struct fault *f)
{
	struct path path;
	char domain[DOMAIN_MAX + 1];

	a->len = a->local_len = 0;
	if (path_parse_bare(text, &path, f) != OK ||
	    fold_local(path_local(&path), a, f) != OK ||
	    fold_domain(path_domain(&path), domain, f) != OK)
		return f->outcome;
	address_set_domain(a, span_of(domain));
	return OK;
}

enum outcome
address_make_login(struct span name, struct login *login, struct fault *f)
{
	char text[PATH_TEXT_MAX + 1];
	enum outcome got = PERM;
	struct span local;
	struct address a;
	int n = snprintf(
	    text, sizeof(text), SPAN_FMT "@login.invalid", SPAN_ARG(name));

	/* By its letters it is a local-part, and folded like one. */
	if (n > 0 && (size_t)n < sizeof(text) && !span_has_control(name) &&
	    span_find(name, '@') == name.len &&
	    span_find(name, ',') == name.len)
		got = address_make(span_of(text), &a, f);
	if (got == PERM || (got == OK && a.local_len == 0))
		return fault_set(f, PERM, "5.7.8", 0, "no name to log in with");
	if (got == TEMP)
		return TEMP;
	local = address_local(&a);
	memcpy(login->key, LOGIN_KEY, sizeof(LOGIN_KEY) - 1);
	memcpy(login->key + sizeof(LOGIN_KEY) - 1, local.p, local.len);
	login->len = sizeof(LOGIN_KEY) - 1 + local.len;
	return OK;
}

struct span
login_key(const struct login *login)
{
	return (struct span){ login->key, login->len };
}

struct span
address_key(const struct address *a)
{
	return (struct span){ a->key, a->len };
}

struct span
address_local(const struct address *a)
{
	return (struct span){ a->key, a->local_len };
}

struct span
address_domain(const struct address *a)
{
	return span_from(address_key(a), a->local_len + 1);
}

struct span
address_at_domain(const struct address *a)
{
	return span_from(address_key(a), a->local_len);
}

struct span
address_directory_key(const struct address *a)
{
	return span_eq(address_local(a), "*") ? address_at_domain(a)
	                                      : address_key(a);
}

bool
address_drop_detail(struct address *a, const char *delimiters)
{
	/* A delimiter in front leaves no name: it is none. */
	for (size_t i = 1; i < a->local_len; i++) {
		if (a->key[i] == '\0' || strchr(delimiters, a->key[i]) == NULL)
			continue;
		memmove(a->key + i, a->key + a->local_len,
		    a->len - a->local_len + 1);
		a->len -= a->local_len - i;
		a->local_len = i;
		return true;
	}
	return false;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum outcome
domains_begin(
    struct domains *d, const struct setting_list *list, struct fault *f)
{
	char text[2 + DOMAIN_MAX + 1] = "x@";
	struct address probe;

	*d = (struct domains){ .name = mem_new(list->n, sizeof(*d->name)) };
	while (d->n < list->n) {
		struct span in = span_of(list->value[d->n]);

		/* What cannot stand in an address is no mail domain. */
		if (!span_copy(in, text + 2, sizeof(text) - 2) ||
		    address_make(span_of(text), &probe, f) != OK) {
			domains_free(d);
			return fault_set(f, PERM, "5.3.5", 0,
			    "[resolve] domain = " SPAN_FMT
			    ": not a domain name",
			    SPAN_ARG(in));
		}
		d->name[d->n++] = mem_text(address_domain(&probe).p);
	}
	if (d->n == 0)
		return OK;
	(void)span_copy(span_of(d->name[0]), d->first, sizeof(d->first));
	qsort(d->name, d->n, sizeof(*d->name), compare_names);
	return OK;
}

void
domains_free(struct domains *d)
{
	while (d->n > 0)
		free(d->name[--d->n]);
	free(d->name);
	d->name = NULL;
}

bool
domains_has(const struct domains *d, struct span domain)
{
	char name[DOMAIN_MAX + 1];
	const char *wanted = name;

	return d->n > 0 && span_copy(domain, name, sizeof(name)) &&
	    bsearch(&wanted, d->name, d->n, sizeof(*d->name), compare_names) !=
	    NULL;
}
