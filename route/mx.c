/* SPDX-License-Identifier: ISC */
/* mx.c: the hosts of a domain, from its MX records. */
#include "mx.h"

#include <sodium.h>
#include <stdlib.h>

#define LABEL_MAX 63 /* octets. RFC 1035 2.3.4 */

static bool
is_label_octet(int c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

bool
mx_is_host(struct span name)
{
	struct span rest = name, label;
	bool is_number = true;

	if (name.len == 0 || name.p[name.len - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label)) {
		if (label.len == 0 || label.len > LABEL_MAX ||
		    !span_is_all(label, is_label_octet) || label.p[0] == '-')
			return false;
		is_number = span_is_all(label, is_digit);
	}
	return !is_number;
}

static struct mx *
find(struct mx_set *set, struct span name)
{
	for (size_t i = 0; i < set->n; i++)
		if (span_same_nocase(span_of(set->mx[i].name), name))
			return &set->mx[i];
	return NULL;
}

static void
add(struct mx_set *set, struct span name, uint16_t preference)
{
	struct mx *mx = find(set, name);

	if (mx == NULL && set->n < MX_MAX) {
		mx = &set->mx[set->n++];
		mx->preference = preference;
		mx->toss = randombytes_random();
		(void)span_copy(name, mx->name, sizeof(mx->name));
	} else if (mx != NULL && preference < mx->preference) {
		mx->preference = preference;
	}
}

static int
compare(const void *a, const void *b)
{
	const struct mx *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->toss < y->toss ? -1 : x->toss > y->toss;
}

enum mx_says
mx_read(struct span packet, struct mx_set *set)
{
	char name[MESSAGE_NAME_MAX + 1];
	struct message m;
	enum message_says says = message_begin(&m, packet);
	size_t records = 0, roots = 0;
	ns_rr rr;

	set->n = 0;
	if (says != MESSAGE_ANSWERS)
		return says == MESSAGE_NO_NAME ? MX_NO_NAME : MX_BROKEN;
	while (message_next(&m, ns_t_mx, 0, &rr)) {
		records++;
		if (!message_name(&m, &rr, 2, name))
			continue;
		if (name[0] == '\0')
			roots++;
		else if (mx_is_host(span_of(name)))
			add(set, span_of(name),
			    (uint16_t)ns_get16(ns_rr_rdata(rr)));
	}
	if (m.broken)
		return MX_BROKEN;
	if (records == 0)
		return MX_NONE;
	if (records == 1 && roots == 1)
		return MX_NULL;
	qsort(set->mx, set->n, sizeof(set->mx[0]), compare);
	return set->n == 0 ? MX_USELESS : MX_HOSTS;
}

void
mx_cut(struct mx_set *set, uint16_t preference)
{
	size_t n = 0;

	while (n < set->n && set->mx[n].preference < preference)
		n++;
	set->n = n;
}
