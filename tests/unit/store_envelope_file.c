/* SPDX-License-Identifier: ISC */
/* Both shapes of an envelope, notices, and the lines appended to one. */
#include "../../store/envelope_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define QID "01M86GNVVYGA7B4C4WREP6F65E"

static void
fill(struct envelope *e, size_t recipients)
{
	static const char *const to[] = { "bob@example.org",
		"\"a b\"@example.org", "j\xC3\xB6rg@example.org" };
	struct fault f;
	struct path path;

	envelope_begin(e);
	(void)qid_parse(span_of(QID), &e->qid);
	e->time_ms = 1795515150206;
	e->size = 4312;
	e->skip = 63;
	e->dots = false;
	memset(e->digest, 0xAB, sizeof(e->digest));
	if (path_parse_bare(span_of("ann@example.org"), &e->reverse_path, &f) !=
	    OK)
		abort();
	strcpy(e->envid, "QQ314159+20");
	strcpy(e->ret, "HDRS");
	strcpy(e->body, "8BITMIME");
	strcpy(e->ip, "192.0.2.7");
	strcpy(e->helo, "pc 7");
	e->smtputf8 = true;
	for (size_t i = 0; i < recipients; i++)
		if (path_parse_bare(span_of(to[i % 3]), &path, &f) != OK ||
		    envelope_add_recipient(e, &path, SPAN_LIT("FAILURE"),
		        i == 1 ? SPAN_LIT("rfc822;x y") : SPAN_EMPTY, &f) != OK)
			abort();
}

static bool
is_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_same_facts(const struct envelope *a, const struct envelope *b)
{
	return strcmp(a->qid.text, b->qid.text) == 0 &&
	    a->time_ms == b->time_ms && a->start == b->start &&
	    a->size == b->size && a->skip == b->skip && a->dots == b->dots &&
	    memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static bool
is_same(const struct envelope *a, const struct envelope *b)
{
	if (!is_same_facts(a, b) || a->recipients != b->recipients ||
	    !span_same(
	        path_span(&a->reverse_path), path_span(&b->reverse_path)) ||
	    strcmp(a->envid, b->envid) != 0 || strcmp(a->ret, b->ret) != 0 ||
	    strcmp(a->body, b->body) != 0 || a->smtputf8 != b->smtputf8)
		return false;
	for (size_t i = 0; i < a->recipients; i++) {
		const struct recipient *x = &a->recipient[i];
		const struct recipient *y = &b->recipient[i];

		if (x->n != y->n || !is_text(x->notify, y->notify) ||
		    !is_text(x->orcpt, y->orcpt) ||
		    !span_same(path_span(&x->forward_path),
		        path_span(&y->forward_path)))
			return false;
	}
	return true;
}

static void
test_one(void)
{
	struct envelope e, again;
	struct buf b = BUF_INIT(RECORD_MAX), notice = BUF_INIT(RECORD_MAX);
	struct fault f = FAULT_NONE;
	bool all = true;

	fill(&e, 1);
	envelope_begin(&again);
	tap_ok(envelope_put_one(&b, &e, &f) == OK && e.start == b.len &&
	        span_has_prefix(buf_span(&b), "Pneu: one version=1 qid=") &&
	        b.p[b.len - 2] == '\r' && b.p[b.len - 1] == '\n',
	    "one file begins with a header field, and start is its length");
	for (size_t n = 0; n < b.len; n++)
		all = all &&
		    envelope_get(span_head(buf_span(&b), n), &again, &f) ==
		        PERM;
	tap_ok(all, "no truncation of the one line is believed");
	buf_adds(&b, "Return-Path: <evil>\r\nto n=2 path=<x@y>\r\n");
	tap_ok(envelope_get(buf_span(&b), &again, &f) == OK &&
	        is_same(&e, &again) && again.shape == ENVELOPE_ONE,
	    "one file is read again, and nothing after its first line");
	tap_ok(envelope_put_notice(&notice, &e, &f) == OK &&
	        envelope_get_notice(buf_span(&notice), &again, &f) == OK &&
	        is_same(&e, &again),
	    "its notice says all of it, the length of the first line too");
	envelope_free(&e);
	fill(&e, 2);
	b.len = 0;
	tap_ok(envelope_put_one(&b, &e, &f) == PERM && b.len == 0,
	    "two recipients are never one file, nothing is written");
	envelope_free(&e);
	envelope_free(&again);
	buf_free(&b);
	buf_free(&notice);
}

static void
test_long_line(void)
{
	struct envelope e;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;
	char orcpt[500];

	fill(&e, 1);
	memset(orcpt, '%', sizeof(orcpt)); /* three octets each */
	e.recipient[0].orcpt = strndup(orcpt, sizeof(orcpt));
	tap_ok(envelope_put_one(&b, &e, &f) == PERM && b.len == 0,
	    "a line over 998 octets is refused whole");
	tap_ok(envelope_put_apart(&b, &e, &f) == OK,
	    "apart, the same facts find room");
	envelope_free(&e);
	buf_free(&b);
}

static void
test_apart(void)
{
	struct envelope e, again;
	struct buf b = BUF_INIT(65536);
	struct fault f = FAULT_NONE;
	bool all = true, flips = true;

	fill(&e, 3);
	envelope_begin(&again);
	e.start = 7;
	tap_ok(envelope_put_apart(&b, &e, &f) == OK &&
	        envelope_get(buf_span(&b), &again, &f) == OK &&
	        is_same(&e, &again) && again.shape == ENVELOPE_APART &&
	        strcmp(again.helo, "pc 7") == 0,
	    "an envelope apart is read again");
	for (size_t n = 0; n < b.len; n++)
		all = all &&
		    envelope_get(span_head(buf_span(&b), n), &again, &f) ==
		        PERM;
	tap_ok(all, "no truncation of it is believed");
	for (size_t n = 0; n < b.len; n++) {
		b.p[n] ^= 1;
		flips = flips && envelope_get(buf_span(&b), &again, &f) != OK;
		b.p[n] ^= 1;
	}
	tap_ok(flips, "no envelope with a changed octet is believed");
	b.len = 0;
	tap_ok(envelope_put_notice(&b, &e, &f) == OK &&
	        envelope_get_notice(buf_span(&b), &again, &f) == OK &&
	        again.shape == ENVELOPE_APART && again.recipients == 0 &&
	        strcmp(again.qid.text, e.qid.text) == 0,
	    "its notice names it");
	envelope_free(&e);
	envelope_free(&again);
	buf_free(&b);
}

/* The line may be missing, as it is in what older versions wrote. */
static void
test_no_client(void)
{
	struct envelope e, again;
	struct buf b = BUF_INIT(65536), less = BUF_INIT(65536);
	unsigned char hash[ENVELOPE_DIGEST_LEN];
	char hex[2 * ENVELOPE_DIGEST_LEN + 1];
	char *client, *from, *end;
	struct fault f = FAULT_NONE;

	fill(&e, 2);
	envelope_begin(&again);
	if (envelope_put_apart(&b, &e, &f) != OK)
		abort();
	client = strstr(b.p, "client ");
	from = strstr(b.p, "from ");
	end = strstr(b.p, "end ");
	buf_add(&less, (struct span){ b.p, (size_t)(client - b.p) });
	buf_add(&less, (struct span){ from, (size_t)(end - from) });
	(void)crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)less.p, less.len, NULL, 0);
	buf_addf(&less, "end qid=" QID " check=%s\n",
	    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
	tap_ok(envelope_get(buf_span(&less), &again, &f) == OK &&
	        is_same(&e, &again) && again.helo[0] == '\0',
	    "an envelope without facts of a client is read");
	envelope_free(&e);
	envelope_free(&again);
	buf_free(&b);
	buf_free(&less);
}

static void
test_events(void)
{
	struct envelope e, again;
	struct buf b = BUF_INIT(65536);
	struct fault f = FAULT_NONE;
	struct qid other;
	struct envelope_event done = { .n = 2,
		.outcome = OK,
		.code = SPAN_LIT("2.1.5"),
		.how = SPAN_LIT("mailbox") };
	struct envelope_event died = { .n = 3,
		.outcome = TEMP,
		.died = true,
		.text = SPAN_LIT("deliver-mailbox died") };
	struct envelope_event perm = { .n = 1, .outcome = PERM };

	fill(&e, 3);
	envelope_begin(&again);
	(void)qid_parse(SPAN_LIT("01M86GNVW3CYKQ4TVE9SRRFD7Y"), &other);
	tap_ok(envelope_put_apart(&b, &e, &f) == OK &&
	        envelope_put_event(&b, &e.qid, &done, &f) == OK &&
	        envelope_put_event(&b, &e.qid, &died, &f) == OK &&
	        envelope_put_event(&b, &e.qid, &died, &f) == OK &&
	        envelope_put_event(&b, &other, &perm, &f) == OK,
	    "events are appended");
	buf_adds(&b, "done qid=" QID " n=9 outcome=ok\n\x01garbage\n");
	buf_adds(&b, "done qid=" QID " n=1 outcome=ok");
	tap_ok(envelope_get(buf_span(&b), &again, &f) == OK &&
	        again.recipient[1].state == RECIPIENT_DONE &&
	        again.recipient[2].deaths == 2 &&
	        again.recipient[2].tries == 2 && envelope_waiting(&again) == 2,
	    "they count");
	tap_ok(again.recipient[0].state == RECIPIENT_WAITS,
	    "a line of another qid, a torn last line and noise do not");
	buf_addc(&b, '\n');
	tap_ok(envelope_get(buf_span(&b), &again, &f) == OK &&
	        again.recipient[0].state == RECIPIENT_DONE,
	    "with its end the last line counts");
	envelope_free(&e);
	envelope_free(&again);
	buf_free(&b);
}

static const struct {
	const char *title, *in;
	enum outcome want;
} cases[] = {
	{ "an empty file is not believed", "", PERM },
	{ "zeros are not believed", "Pneu: \0\0\0\r\n", PERM },
	{ "a newer version is not ours to judge",
	    "Pneu: one version=2 colour=blue\r\n", TEMP },
	{ "a newer envelope file likewise", "envelope version=9 x=y\n", TEMP },
	{ "version 0 is not believed", "envelope version=0\n", PERM },
	{ "an end without an envelope is not believed",
	    "end qid=" QID " check=00\n", PERM },
	{ "content alone is not believed", "Received: from x\r\n\r\n", PERM },
};

static void
test_table(void)
{
	struct envelope e;
	struct fault f;

	envelope_begin(&e);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(envelope_get(span_of(cases[i].in), &e, &f) ==
		            cases[i].want &&
		        e.recipients == 0,
		    "%s", cases[i].title);
	envelope_free(&e);
}

int
main(void)
{
	test_one();
	test_long_line();
	test_apart();
	test_no_client();
	test_events();
	test_table();
	return tap_done();
}
