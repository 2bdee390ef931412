/* SPDX-License-Identifier: ISC */
/*
 * route_cases.c: each answer of tests/cases/dns-responses.jsonl as a packet that
 * comes to what reads MX records, addresses, texts. What the rows expect is in
 * words; here it is as this program answers it, with the reason where the rows
 * leave a choice.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../../route/block.h"
#include "../../route/mx.h"
#include "../../route/own.h"
#include "../../route/target.h"
#include "../../route/tlsa.h"
#include "settings.h"
#include "tap.h"

#define CASES      "tests/cases/dns-responses.jsonl"
#define PACKET_MAX 1024

/* What becomes of a packet, in a word or the first of what it says. */
static const struct {
	const char *id, *want;
} rows[] = {
	{ "ok", "mx.peer.test" },
	{ "empty", "broken" },
	{ "cut-11", "broken" },
	{ "cut-12", "broken" },
	{ "cut-13", "broken" },
	{ "cut-20", "broken" },
	{ "not-response", "broken" },
	{ "qd0", "broken" },
	{ "qd2", "broken" },
	{ "rdlen-1", "broken" },
	{ "rdlen-2", "broken" },
	{ "ptr-self", "broken" },
	{ "ptr-pingpong", "broken" },
	/* Forward is no loop: the C library follows it, a bounded number of
	   times. */
	{ "ptr-forward", "mx.peer.test" },
	{ "ptr-outside", "broken" },
	{ "ptr-header", "broken" },
	{ "label-64", "broken" },
	{ "label-10", "broken" },
	{ "name-127-labels", "a.a.a." },
	{ "host-nul", "useless" },
	{ "host-space-shell", "useless" },
	{ "mx-root-plus", "mx.peer.test" },
	/* Which of them is this machine is known to the plan: it cuts. */
	{ "mx-self-lower", "a.peer.test mx.local.test c.peer.test" },
	{ "nxdomain", "no name" },
	{ "nodata", "none" },
	{ "rcode-15", "broken" },
	{ "tcp-len-0", "broken" },
	{ "mx-ip-literal", "useless" },
	{ "type-mismatch", "none" },
	{ "owner-mismatch", "none" },
	{ "a-len3", "" },
	{ "a-len5", "" },
	{ "aaaa-len4", "" },
	{ "a-loopback", "127.0.0.1 never" },
	{ "a-bcast", "255.255.255.255 never" },
	{ "a-linklocal", "169.254.169.254 never" },
	/* Of an intranet, where the DNS is one's own, such a host is right; who
	   wants none adds 10.0.0.0/8 to [route] never. */
	{ "a-rfc1918", "10.0.0.1" },
	{ "aaaa-mapped", "127.0.0.1 never" },
	{ "txt-len-lie", "" },
	{ "txt-empty", "" },
	{ "txt-split", "v=spf1 -all" },
	{ "tlsa-0", "useless" },
	{ "tlsa-1", "useless" },
	{ "tlsa-19", "useless" },
	{ "opt-bad", "mx.peer.test" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- What is asked for answers at once, with the packet of the case. ---- */

static struct span now;

enum outcome
dns_ask(struct dns *d, const char *name, int type, dns_done *done, void *arg,
    struct fault *f)
{
	(void)d;
	(void)name;
	(void)type;
	(void)f;
	done(arg, DNS_INSECURE, now);
	return OK;
}

static void
put_mx(struct buf *out)
{
	static const char *const words[] = {
		[MX_BROKEN] = "broken",
		[MX_NO_NAME] = "no name",
		[MX_NONE] = "none",
		[MX_NULL] = "null",
		[MX_USELESS] = "useless",
		[MX_HOSTS] = "",
	};
	static struct mx_set set;
	enum mx_says says = mx_read(now, &set);

	buf_adds(out, words[says]);
	for (size_t i = 0; says == MX_HOSTS && i < set.n; i++)
		buf_addf(out, "%s%s", i > 0 ? " " : "", set.mx[i].name);
}

static void
put_addresses(struct buf *out, const struct own *own, const struct addresses *a)
{
	char ip[NET_TEXT_MAX];

	for (size_t i = 0; i < a->n; i++) {
		net_put(&a->address[i], ip);
		buf_addf(out, "%s%s", ip,
		    own_is_never(own, &a->address[i]) ? " never" : "");
	}
}

static void
put_tlsa(struct buf *out)
{
	static struct tlsa_set set;

	if (!tlsa_read(now, &set))
		buf_adds(out, "broken");
	else
		buf_addf(out, "%s", set.has_useless ? "useless" : "");
	for (size_t i = 0; i < set.n; i++)
		buf_addf(out, "%u %u %u", set.tlsa[i].usage,
		    set.tlsa[i].selector, set.tlsa[i].matching);
}

static void
answer(const char *query, const struct own *own, struct buf *out)
{
	char text[ROUTE_TEXT_MAX + 1];
	struct target t = { .name = "mx.peer.test" };
	const char *type = strrchr(query, ' ') + 1;

	if (strcmp(type, "MX") == 0) {
		put_mx(out);
	} else if (strcmp(type, "TXT") == 0) {
		block_read_text(now, text);
		buf_adds(out, text);
	} else if (strcmp(type, "TLSA") == 0) {
		put_tlsa(out);
	} else {
		target_look_up(&t, NULL);
		put_addresses(out, own, strcmp(type, "A") == 0 ? &t.v4 : &t.v6);
	}
}

static const char *
want_of(const char *id)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].id, id) == 0)
			return rows[i].want;
	return NULL;
}

static void
try_case(const json_t *row, const struct own *own)
{
	const char *id = json_string_value(json_object_get(row, "id"));
	const char *query = json_string_value(json_object_get(row, "query"));
	const char *hex = json_string_value(json_object_get(row, "hex"));
	const char *want = want_of(id);
	/* Of its own size: what reads past its end is seen. */
	unsigned char *packet = malloc(strlen(hex) / 2 + 1);
	struct buf got = BUF_INIT(4096);
	size_t len;

	if (packet == NULL ||
	    sodium_hex2bin(packet, strlen(hex) / 2, hex, strlen(hex), NULL,
	        &len, NULL) != 0)
		abort();
	now = (struct span){ (const char *)packet, len };
	answer(query, own, &got);
	/* Of a name of 253 octets the beginning. */
	tap_ok(want != NULL &&
	        (span_eq(buf_span(&got), want) ||
	            (got.len == MESSAGE_NAME_MAX &&
	                span_has_prefix(buf_span(&got), want))),
	    "%s: %s", id, got.p);
	buf_free(&got);
	free(packet);
}

int
main(void)
{
	static struct own own;
	char line[8192];
	FILE *file = fopen(CASES, "r");
	struct span word;
	size_t n = 0;

	if (sodium_init() < 0 || file == NULL)
		abort();
	tap_ok(own_parse_never(span_of("127.0.0.0/8 169.254.0.0/16 "
	                               "224.0.0.0/3"),
	           own.never, &own.nevers, &word) == NULL,
	    "networks of [route] never");
	while (fgets(line, sizeof(line), file) != NULL) {
		json_t *row = json_loads(line, 0, NULL);

		if (row == NULL)
			abort();
		try_case(row, &own);
		json_decref(row);
		n++;
	}
	(void)fclose(file);
	tap_ok(n == ROWS, "each row of this table is a case");
	return tap_done();
}
