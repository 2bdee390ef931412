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

#include "../../lib/clock.h"
#include "../../lib/prog.h"
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

static void
write_pem(const char *path, X509 *x, EVP_PKEY *key)
{
	FILE *out = fopen(path, "w");

	if (out == NULL || (x != NULL && PEM_write_X509(out, x) != 1) ||
	    (key != NULL &&
	        PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) !=
	            1) ||
	    fclose(out) != 0)
		exit(99);
}

static uint64_t
number_of(EVP_PKEY *key)
{
	struct fault f = FAULT_NONE;
	uint64_t number;

	if (tls_key_number(key, &number, &f) != OK)
		exit(99);
	return number;
}

static uint64_t
renew(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate_of(key);
	uint64_t number = number_of(key);

	write_pem(path, x, key);
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

/* A look that is due: it says when the next one is. */
static uint64_t
look(struct keeper *k)
{
	k->look_ms = 0;
	return keeper_look(k, false);
}

/* Whoever renews writes two files; a look in between finds two that do not fit. */
static void
test_between(void)
{
	static struct keeper elder, heir;
	static struct journal journal;
	char *lines[] = { (char[]){ "two two.pem two.key" } };
	struct tls_settings set = { .certificate = { .value = lines, .n = 1 } };
	EVP_PKEY *was = EVP_EC_gen("P-256"), *is = EVP_EC_gen("P-256");
	X509 *was_x = certificate_of(was), *is_x = certificate_of(is);
	struct fault f = FAULT_NONE;

	journal_open(&journal, "test"); /* none is there to be written */
	write_pem("two.pem", was_x, NULL);
	write_pem("two.key", NULL, was);
	if (keeper_begin(&elder, &set, NULL, &journal, &f) != OK)
		exit(99);
	write_pem("two.key", NULL, is);
	(void)keeper_look(&elder, true);
	tap_ok(elder.pair[0].pair.number == number_of(was) &&
	        sign(&elder, number_of(was)) == OK,
	    "between the key and its certificate the old pair stays");
	tap_ok(keeper_begin(&heir, &set, NULL, &journal, &f) == OK &&
	        heir.pairs == 1 && heir.keys == 0,
	    "who begins there has none");
	tap_ok(look(&heir) - clock_mono_ms() <= KEEPER_SOON_MS,
	    "and looks again soon");
	write_pem("two.pem", is_x, NULL);
	(void)look(&elder);
	(void)look(&elder);
	(void)look(&heir);
	tap_ok(look(&heir) - clock_mono_ms() > KEEPER_SOON_MS &&
	        heir.pair[0].pair.number == number_of(is) &&
	        elder.pair[0].pair.number == number_of(is),
	    "then both have the new one, and time");
	keeper_free(&elder);
	keeper_free(&heir);
	journal_close(&journal);
	X509_free(was_x);
	X509_free(is_x);
	EVP_PKEY_free(was);
	EVP_PKEY_free(is);
	(void)unlink("two.pem");
	(void)unlink("two.key");
}

int
main(void)
{
	static const struct prog_about about = { .name = "tls_keeper" };
	static struct keeper k;
	char directory[] = "/tmp/pneu-keeper.XXXXXX";
	char *lines[] = { (char[]){ "stays stays.pem" },
		(char[]){ "changes changes.pem" } };
	struct tls_settings set = { .certificate = { .value = lines, .n = 2 } };
	struct fault f = FAULT_NONE;
	uint64_t stays, first, before = 0, last;

	prog.about = &about;
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
	test_between();
	(void)unlink("stays.pem");
	(void)unlink("changes.pem");
	(void)rmdir(directory);
	return tap_done();
}
