/* SPDX-License-Identifier: ISC */
/* maildir.c: names of messages in a mailbox. */
#include "maildir.h"

#include <stdio.h>

void
maildir_make_name(const struct maildir_name *m, char out[MAILDIR_NAME_MAX])
{
	unsigned long long octets = m->octets;

	(void)snprintf(out, MAILDIR_NAME_MAX, "%llu.%sR%u,S=%llu,W=%llu%s",
	    (unsigned long long)(qid_time_ms(&m->qid) / 1000), m->qid.text,
	    m->n, octets, octets, m->dots ? "" : ",D=0");
}

/* 1*DIGIT at the cursor, without needless zeros, up to max. */
static bool
take_number(struct cur *c, uint64_t max, uint64_t *out)
{
	struct span digits = cur_while(c, is_digit);

	return num_parse(digits, 0, max, out) &&
	    (digits.len == 1 || digits.p[0] != '0');
}

static bool
take_word(struct cur *c, struct span word)
{
	if (!span_same(span_head(cur_rest(c), word.len), word))
		return false;
	c->p += word.len;
	return true;
}

bool
maildir_parse_name(struct span name, struct maildir_name *m)
{
	struct cur c = cur_over(maildir_base(name));
	struct span qid;
	uint64_t seconds, n, wire;

	if (!take_number(&c, UINT64_MAX, &seconds) || !cur_eat(&c, '.'))
		return false;
	qid = span_head(cur_rest(&c), QID_LEN);
	if (!qid_parse(qid, &m->qid) || qid_time_ms(&m->qid) / 1000 != seconds)
		return false;
	c.p += QID_LEN;
	if (!cur_eat(&c, 'R') || !take_number(&c, UINT32_MAX, &n) || n == 0 ||
	    !take_word(&c, SPAN_LIT(",S=")) ||
	    !take_number(&c, INT64_MAX, &m->octets) ||
	    !take_word(&c, SPAN_LIT(",W=")) ||
	    !take_number(&c, INT64_MAX, &wire) || wire != m->octets)
		return false;
	m->n = (uint32_t)n;
	m->dots = !take_word(&c, SPAN_LIT(",D=0"));
	return cur_peek(&c) == -1;
}

struct span
maildir_base(struct span name)
{
	return span_head(name, span_find(name, ':'));
}
