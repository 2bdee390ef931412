/* SPDX-License-Identifier: ISC */
/* Lines of [tls] certificate, and files that a transfer has damaged. */
#include "../../tls/pair.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *in, *label, *chain, *key;
	enum outcome want;
} lines[] = {
	{ "label, chain and key", "own a.pem a.key", "own", "a.pem", "a.key",
	    OK },
	{ "without a key it is in the chain's file", "own  a.pem", "own",
	    "a.pem", "a.pem", OK },
	{ "a label alone is refused", "own", NULL, NULL, NULL, PERM },
	{ "a fourth word is refused", "own a b c", NULL, NULL, NULL, PERM },
	{ "nothing is refused", "", NULL, NULL, NULL, PERM },
	{ "a label of 65 octets is refused",
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "4 a b",
	    NULL, NULL, NULL, PERM },
};

static const struct {
	const char *title;
	const char *octets;
	size_t len;
	const char *says; /* NULL: nothing is wrong */
} files[] = {
	{ "PEM is right", "-----BEGIN CERTIFICATE-----\n", 28, NULL },
	{ "text that is no PEM is left to OpenSSL", "hello there", 11, NULL },
	{ "an empty file is told", "", 0, "empty" },
	{ "PEM with octets 0 is told", "-----BEGIN X-----\n\0", 19,
	    "octets 0" },
	{ "PEM in EBCDIC is told",
	    "\x60\x60\x60\x60\x60\xC2\xC5\xC7\xC9\xD5\x40\xC3", 12, "EBCDIC" },
	{ "DER is told",
	    "\x30\x82\x00\x04"
	    "abcd",
	    8, "it is DER" },
	{ "DER with CR LF instead of LF is told",
	    "\x30\x82\x00\x04"
	    "ab\r\ncd",
	    10, "binary" },
	{ "DER that was cut is told",
	    "\x30\x82\x01\x04"
	    "abcd",
	    8, "shorter" },
	{ "DER without its eighth bits is told",
	    "\x30\x02\x01\x04"
	    "abcd",
	    8, "eighth bits" },
};

int
main(void)
{
	struct pair_names names;
	struct fault f;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		enum outcome got = pair_parse(span_of(lines[i].in), &names, &f);

		tap_ok(got == lines[i].want &&
		        (got != OK ||
		            (strcmp(names.label, lines[i].label) == 0 &&
		                strcmp(names.chain, lines[i].chain) == 0 &&
		                strcmp(names.key, lines[i].key) == 0)),
		    "%s", lines[i].title);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *says =
		    pair_damage((struct span){ files[i].octets, files[i].len });

		tap_ok(files[i].says == NULL
		        ? says == NULL
		        : says != NULL && strstr(says, files[i].says) != NULL,
		    "%s", files[i].title);
	}
	return tap_done();
}
