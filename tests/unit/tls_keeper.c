/* SPDX-License-Identifier: ISC */
/* A certificate that stays, beside one that is renewed more often than keys are
   held. */
#include "../../tls/keeper.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static X509 *
certificate_of(EVP_PKEY *key)
{
	X509 *x = X509_new();

	if (x == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), 0) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), 86400) == NULL ||
	    X509_set_pubkey(x, key) != 1 ||
	    X509_sign(x, key, EVP_sha256()) <= 0)
		exit(99);
	return x;
}

static uint64_t
renew(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate_of(key);
	FILE *out = fopen(path, "w");
	struct fault f = FAULT_NONE;
	uint64_t number;

	if (out == NULL || PEM_write_X509(out, x) != 1 ||
	    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(out) != 0 || tls_key_number(key, &number, &f) != OK)
		exit(99);
	X509_free(x);
	EVP_PKEY_free(key);
	return number;
}

static enum outcome
sign(struct keeper *k, uint64_t number)
{
	struct tls_sign_req req = { .key = number,
		.scheme = TLS_SIGN_ECDSA,
		.digest_name = "SHA2-256",
		.digest_len = 32 };
	unsigned char out[TLS_SIGNATURE_MAX];
	struct fault f = FAULT_NONE;
	size_t len;

	return keeper_sign(k, &req, out, &len, &f);
}

/* During a reload two of them answer, and a worker has to tell them apart. */
static void
test_generations(const struct tls_settings *set)
{
	static struct keeper elder, heir;
	static struct tls_shared shared;
	struct fault f = FAULT_NONE;

	tap_ok(keeper_begin(&elder, set, &shared, NULL, &f) == OK &&
	        elder.generation == shared.generation,
	    "chains are of the generation that the memory says");
	tap_ok(keeper_begin(&heir, set, &shared, NULL, &f) == OK &&
	        heir.generation == shared.generation &&
	        elder.generation != shared.generation,
	    "those of the one before are not, when there is another");
	(void)keeper_look(&elder, true);
	(void)keeper_look(&heir, true);
	tap_ok(heir.generation == shared.generation,
	    "who stays says its chains last");
	keeper_free(&elder);
	keeper_free(&heir);
}

int
main(void)
{
	static struct keeper k;
	char directory[] = "/tmp/pneu-keeper.XXXXXX";
	char *lines[] = { (char[]){ "stays stays.pem" },
		(char[]){ "changes changes.pem" } };
	struct tls_settings set = { .certificate = { .value = lines, .n = 2 } };
	struct fault f = FAULT_NONE;
	uint64_t stays, first, before = 0, last;

	if (mkdtemp(directory) == NULL || chdir(directory) != 0)
		return 99;
	stays = renew("stays.pem");
	first = last = renew("changes.pem");
	tap_ok(keeper_begin(&k, &set, NULL, NULL, &f) == OK && k.keys == 2,
	    "both are taken");
	for (size_t i = 0; i < KEEPER_KEYS_MAX; i++) {
		before = last;
		last = renew("changes.pem");
		(void)keeper_look(&k, true);
	}
	tap_ok(k.keys == KEEPER_KEYS_MAX, "no more keys are held than may be");
	tap_ok(sign(&k, stays) == OK, "the one that stays signs");
	tap_ok(sign(&k, last) == OK && sign(&k, before) == OK,
	    "so do the newest of the other, and the one before");
	tap_ok(sign(&k, first) == PERM, "the oldest is forgotten");
	keeper_free(&k);
	test_generations(&set);
	(void)unlink("stays.pem");
	(void)unlink("changes.pem");
	(void)rmdir(directory);
	return tap_done();
}
