/* SPDX-License-Identifier: ISC */
/* pair.c: reads and checks a certificate, its chain and its key. */
#include "pair.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define SECURITY_BITS 112 /* LEVEL 2 of lib/tls_server.c */

static enum outcome
wrong(const char *path, const char *what, struct fault *f)
{
	ERR_clear_error();
	return fault_set(f, PERM, "5.3.5", 0, "%s: %s", path, what);
}

enum outcome
pair_parse(struct span line, struct pair_names *names, struct fault *f)
{
	struct span rest = line, word, part[3] = { SPAN_EMPTY };
	size_t n = 0;

	while (span_next(&rest, ' ', &word)) {
		if (word.len == 0)
			continue;
		if (n == 3)
			n = 4;
		if (n < 3)
			part[n++] = word;
	}
	if (n == 2)
		part[n++] = part[1];
	if (n != 3 || !span_copy(part[0], names->label, sizeof(names->label)) ||
	    !span_copy(part[1], names->chain, sizeof(names->chain)) ||
	    !span_copy(part[2], names->key, sizeof(names->key)))
		return fault_set(f, PERM, "5.3.5", 0,
		    "certificate = " SPAN_FMT ": it is LABEL CHAINFILE "
		    "[KEYFILE], a label of at most %d octets",
		    SPAN_ARG(line), TLS_LABEL_MAX);
	return OK;
}

/* ---- A file. ---- */

/* As FTP in text mode makes of DER: each LF (10) became CR LF, or CR LF became
   LF, or the eighth bits are gone. */
static const char *
der_damage(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t said;

	if (s.len < 4 || (p[0] & 0x7F) != 0x30)
		return NULL;
	if (p[1] == 0x02 && p[0] == 0x30)
		return "its eighth bits are gone, as in a transfer as text: "
		       "copy it again, in binary mode";
	if (p[1] != 0x82)
		return NULL;
	said = 4 + (size_t)(p[2] << 8 | p[3]);
	if (said < s.len && memmem(s.p, s.len, "\r\n", 2) != NULL)
		return "it is longer than it says, with CR LF in it, as after "
		       "a transfer as text: copy it again, in binary mode";
	if (said > s.len)
		return "it is shorter than it says: copy it again, in binary "
		       "mode";
	return "it is DER: convert it, openssl x509 -inform DER -outform PEM";
}

const char *
pair_damage(struct span s)
{
	if (s.len == 0)
		return "it is empty";
	if (memmem(s.p, s.len, "-----BEGIN ", 11) != NULL)
		return memchr(s.p, '\0', s.len) == NULL
		    ? NULL
		    : "it has octets 0 in it: copy it again";
	/* "-----BEGIN " in EBCDIC, as a System i keeps text. */
	if (memmem(s.p, s.len, "\x60\x60\x60\x60\x60\xC2\xC5\xC7\xC9\xD5\x40",
	        11) != NULL)
		return "it is text in EBCDIC: copy it again, as text";
	return der_damage(s);
}

enum outcome
pair_read_file(const char *path, struct buf *b, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char octets[4096];
	const char *damage;
	ssize_t n = 0;

	if (fd == -1)
		return fault_set(f, PERM, "5.3.5", errno, "open %s", path);
	while (b->len <= TLS_CHAIN_MAX &&
	    (n = read(fd, octets, sizeof(octets))) > 0)
		buf_add(b, (struct span){ octets, (size_t)n });
	sodium_memzero(octets, sizeof(octets));
	(void)close(fd);
	if (n < 0)
		return fault_set(f, PERM, "5.3.5", errno, "read %s", path);
	if (b->len > TLS_CHAIN_MAX)
		return wrong(path, "it is too large", f);
	damage = pair_damage(buf_span(b));
	return damage == NULL ? OK : wrong(path, damage, f);
}

/* ---- Certificates and key. ---- */

static STACK_OF(X509) * parse_certificates(struct span text)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *b = BIO_new_mem_buf(text.p, (int)text.len);
	X509 *x;

	while (b != NULL && all != NULL &&
	    (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(all, x) <= 0)
			X509_free(x);
	BIO_free(b);
	ERR_clear_error();
	return all;
}

enum outcome
pair_read_certificates(const char *path, STACK_OF(X509) * *out, struct fault *f)
{
	struct buf text = BUF_INIT(TLS_CHAIN_MAX + 8192);
	enum outcome got = pair_read_file(path, &text, f);

	*out = NULL;
	if (got == OK)
		*out = parse_certificates(buf_span(&text));
	if (got == OK && sk_X509_num(*out) <= 0)
		got = wrong(path, "there is no certificate in it", f);
	if (text.p != NULL)
		sodium_memzero(text.p, text.cap); /* a key may be in it, too */
	buf_free(&text);
	return got;
}

/* Nobody is there to be asked for a password. */
static int
no_password(char *out, int room, int writing, void *arg)
{
	(void)out, (void)room, (void)writing, (void)arg;
	return -1;
}

static enum outcome
load_key(const char *path, EVP_PKEY **key, struct fault *f)
{
	struct buf text = BUF_INIT(TLS_CHAIN_MAX + 8192);
	enum outcome got = pair_read_file(path, &text, f);
	BIO *b = NULL;

	*key = NULL;
	if (got == OK)
		b = BIO_new_mem_buf(text.p, (int)text.len);
	if (b != NULL)
		*key = PEM_read_bio_PrivateKey(b, NULL, no_password, NULL);
	BIO_free(b);
	if (got == OK && *key == NULL)
		got = wrong(path,
		    "there is no private key in it that can be read (one "
		    "with a password cannot)",
		    f);
	if (text.p != NULL)
		sodium_memzero(text.p, text.cap);
	buf_free(&text);
	return got;
}

/* Certificates alone: a key that stands in the file goes nowhere. */
static bool
put_chain(STACK_OF(X509) * chain, struct buf *out)
{
	BIO *b = BIO_new(BIO_s_mem());
	bool ok = b != NULL;
	char *text;
	long len;

	for (int i = 0; ok && i < sk_X509_num(chain); i++)
		ok = PEM_write_bio_X509(b, sk_X509_value(chain, i)) == 1;
	if (ok) {
		len = BIO_get_mem_data(b, &text);
		buf_add(out, (struct span){ text, (size_t)len });
	}
	BIO_free(b);
	return ok && !buf_failed(out);
}

/*
 * Would OpenSSL take it in a handshake? It refuses whole chains for one that is
 * weak. SSL_CTX_set_security_level(3), level 2
 */
static bool
is_strong(X509 *x)
{
	int bits = -1;

	if (EVP_PKEY_get_security_bits(X509_get0_pubkey(x)) < SECURITY_BITS)
		return false;
	/* Who signs himself is believed for another reason. */
	return (X509_get_extension_flags(x) & EXFLAG_SS) != 0 ||
	    (X509_get_signature_info(x, NULL, NULL, &bits, NULL) == 1 &&
	        bits >= SECURITY_BITS);
}

/* An EC key of another curve would serve no client of TLS 1.2: see GROUPS of
   lib/tls_server.c. */
static bool
is_usable(const EVP_PKEY *key)
{
	char curve[32] = "";

	if (!EVP_PKEY_is_a(key, "EC"))
		return EVP_PKEY_is_a(key, "RSA");
	return EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
	    span_is_word(span_of(curve), "prime256v1 secp384r1");
}

static enum outcome
fit(const struct pair_names *names, STACK_OF(X509) * chain, struct pair *pair,
    struct fault *f)
{
	X509 *leaf = sk_X509_value(chain, 0);

	if (!is_usable(pair->key))
		return wrong(names->key,
		    "a key is RSA, or EC of the curves P-256 and P-384", f);
	if (X509_check_private_key(leaf, pair->key) != 1) {
		ERR_clear_error();
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s: the key is not that of the certificate in %s (whose "
		    "own certificate comes first)",
		    names->key, names->chain);
	}
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (!is_strong(sk_X509_value(chain, i)))
			return fault_set(f, PERM, "5.3.5", 0,
			    "%s: certificate %d is too weak: RSA has at least "
			    "2048 bits, a signature SHA-256",
			    names->chain, i + 1);
	if (!put_chain(chain, &pair->pem))
		return wrong(names->chain, "it is too large", f);
	return tls_key_number(pair->key, &pair->number, f);
}

enum outcome
pair_load(const struct pair_names *names, struct pair *pair, struct fault *f)
{
	STACK_OF(X509) *chain = NULL;
	enum outcome got;

	*pair = (struct pair){ .pem = BUF_INIT(TLS_CHAIN_MAX) };
	got = pair_read_certificates(names->chain, &chain, f);
	if (got == OK)
		got = load_key(names->key, &pair->key, f);
	if (got == OK)
		got = fit(names, chain, pair, f);
	sk_X509_pop_free(chain, X509_free);
	if (got != OK)
		pair_free(pair);
	return got;
}

void
pair_free(struct pair *pair)
{
	buf_free(&pair->pem);
	EVP_PKEY_free(pair->key);
	*pair = (struct pair){ .pem = BUF_INIT(TLS_CHAIN_MAX) };
}
