/* SPDX-License-Identifier: ISC */
/* make.c: an authority of this home, and the server's certificate of it. */
#include "make.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fds.h"
#include "pair.h"
#include "write.h"

#define DAY_S       86400L
#define CA_DAYS     3650L
#define SERVER_DAYS 397L /* what browsers believe at most (CA/B Forum 6.3.2) */
#define NAMES_MAX   65536 /* octets of all alternative names. Ours */

static enum outcome
failed(const char *what, struct fault *f)
{
	unsigned long error = ERR_get_error();
	const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

	ERR_clear_error();
	return fault_set(f, TEMP, "4.3.0", 0, "%s: %s", what,
	    reason == NULL ? "OpenSSL failed" : reason);
}

/* ---- A certificate. ---- */

static bool
set_serial(X509 *x)
{
	unsigned char octets[16];
	BIGNUM *n;
	bool ok;

	/* RFC 5280 4.1.2.2: positive, at most 20 octets; nobody can guess it. */
	if (RAND_bytes(octets, sizeof(octets)) != 1)
		return false;
	octets[0] = (octets[0] & 0x7F) | 0x40;
	n = BN_bin2bn(octets, sizeof(octets), NULL);
	ok = n != NULL &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&c);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool
set_name(X509 *x, const char *name)
{
	/* RFC 5280 A.1, ub-common-name: 64 characters. */
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	           MBSTRING_UTF8, (const unsigned char *)name,
	           (int)strnlen(name, 64), -1, 0) == 1;
}

/* names NULL: of an authority, by itself. */
static X509 *
new_certificate(EVP_PKEY *key, const char *name, const char *names, X509 *ca,
    EVP_PKEY *ca_key)
{
	bool is_ca = names == NULL;
	X509 *x = X509_new(), *issuer = is_ca ? x : ca;
	bool ok = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    set_serial(x) && set_name(x, name) &&
	    X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x),
	        (is_ca ? CA_DAYS : SERVER_DAYS) * DAY_S) != NULL &&
	    X509_set_pubkey(x, key) == 1 &&
	    add_extension(x, issuer, NID_basic_constraints,
	        is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	    add_extension(x, issuer, NID_key_usage,
	        is_ca ? "critical,keyCertSign,cRLSign"
	              : "critical,digitalSignature") &&
	    add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
	    (is_ca ||
	        (add_extension(
	             x, issuer, NID_authority_key_identifier, "keyid") &&
	            add_extension(x, issuer, NID_ext_key_usage,
	                "serverAuth,clientAuth") &&
	            add_extension(x, issuer, NID_subject_alt_name, names))) &&
	    X509_sign(x, is_ca ? key : ca_key, EVP_sha256()) > 0;

	if (ok)
		return x;
	X509_free(x);
	return NULL;
}

/* ---- Files. ---- */

/*
 * A certificate, its issuer's (NULL: none) and the key. Both files are on disk
 * before the first is renamed: who reads meanwhile finds two that do not fit
 * for no longer than it must be.
 */
static enum outcome
write_pair(X509 *x, X509 *issuer, const char *path, const char *key_path,
    mode_t key_mode, EVP_PKEY *key, struct fault *f)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	if (chain == NULL || sk_X509_push(chain, x) <= 0 ||
	    (issuer != NULL && sk_X509_push(chain, issuer) <= 0))
		(void)failed(path, f);
	else if (write_beside(key_path, key_mode, NULL, key, f) == OK &&
	    write_beside(path, 0644, chain, NULL, f) == OK &&
	    write_take(key_path, true, f) == OK)
		(void)!write_take(path, true, f);
	sk_X509_free(chain);
	return f->outcome;
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static X509 *
read_certificate(const char *path)
{
	FILE *in = fopen(path, "re");
	X509 *x = in == NULL ? NULL : PEM_read_X509(in, NULL, NULL, NULL);

	if (in != NULL)
		(void)fclose(in);
	return x;
}

static EVP_PKEY *
read_key(const char *path)
{
	FILE *in = fopen(path, "re");
	EVP_PKEY *key =
	    in == NULL ? NULL : PEM_read_PrivateKey(in, NULL, NULL, NULL);

	if (in != NULL)
		(void)fclose(in);
	return key;
}

/* ---- Both. ---- */

static enum outcome
have_authority(const char *hostname, X509 **ca, EVP_PKEY **key, struct fault *f)
{
	char name[256];

	if (is_there(MAKE_CA) && is_there(MAKE_CA_KEY)) {
		*ca = read_certificate(MAKE_CA);
		*key = read_key(MAKE_CA_KEY);
		return *ca != NULL && *key != NULL ? OK : failed(MAKE_CA, f);
	}
	/* Its owner keeps the key elsewhere; a new authority would be another. */
	if (is_there(MAKE_CA))
		return fault_set(f, PERM, "5.3.5", 0,
		    MAKE_CA " is there, but not its key, " MAKE_CA_KEY
		            ": bring it back, or remove " MAKE_CA
		            " to make a new authority");
	(void)snprintf(name, sizeof(name), "Pneu of %s", hostname);
	*key = EVP_EC_gen("P-256");
	*ca =
	    *key == NULL ? NULL : new_certificate(*key, name, NULL, NULL, NULL);
	if (*ca == NULL)
		return failed("authority", f);
	return write_pair(*ca, NULL, MAKE_CA, MAKE_CA_KEY, 0600, *key, f);
}

/* "DNS:mx.example.org,DNS:localhost,DNS:example.org,IP:127.0.0.1,IP:::1" */
static void
put_names(const struct settings *s, const char *hostname, struct buf *b)
{
	buf_addf(b, "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1", hostname);
	for (size_t i = 0; i < s->resolve.domain.n; i++)
		if (strcmp(s->resolve.domain.value[i], hostname) != 0)
			buf_addf(b, ",DNS:%s", s->resolve.domain.value[i]);
}

static enum outcome
make_server(const struct settings *s, const char *hostname, X509 *ca,
    EVP_PKEY *ca_key, struct fault *f)
{
	struct buf names = BUF_INIT(NAMES_MAX);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = NULL;
	enum outcome got = TEMP;

	put_names(s, hostname, &names);
	if (key != NULL && !buf_failed(&names))
		x = new_certificate(key, hostname, names.p, ca, ca_key);
	if (x == NULL)
		(void)failed("certificate", f);
	else
		got = write_pair(x, ca, MAKE_SERVER, MAKE_KEY, 0640, key, f);
	X509_free(x);
	EVP_PKEY_free(key);
	buf_free(&names);
	return got;
}

enum outcome
make_certificates(
    const struct settings *s, const char *hostname, bool again, struct fault *f)
{
	X509 *ca = NULL;
	EVP_PKEY *key = NULL;
	enum outcome got;

	if (is_there(MAKE_SERVER) && !again)
		return fault_set(f, PERM, "5.3.5", 0,
		    MAKE_SERVER " is there already: --again makes a new one");
	if (mkdir(MAKE_DIRECTORY, 0700) != 0 && errno != EEXIST)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "make " MAKE_DIRECTORY);
	got = have_authority(hostname, &ca, &key, f);
	if (got == OK)
		got = make_server(s, hostname, ca, key, f);
	X509_free(ca);
	EVP_PKEY_free(key);
	return got;
}
