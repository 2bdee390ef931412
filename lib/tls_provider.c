/* SPDX-License-Identifier: ISC */
/*
 * tls_provider.c: an OpenSSL provider whose private keys are elsewhere. What it
 * knows of a key is the public half, as an EVP_PKEY of the default provider that
 * answers all questions; a signature is a digest, made here, and a question.
 *
 * Sources: provider(7), provider-keymgmt(7), provider-signature(7).
 */
#include "tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define NAME       "pneu"
#define PROPERTIES "provider=" NAME
#define RSA_SIGNER "PNEU-RSA"
#define EC_SIGNER  "PNEU-ECDSA"
#define NUMBER     "pneu-key" /* parameter: which private key */

/* The provider's context: one a process. */
struct provider {
	OSSL_LIB_CTX *lib;
	tls_sign_function sign;
	void *arg;
};
static struct provider provider;

struct key {
	EVP_PKEY *pub;
	uint64_t number; /* 0: it has no private half, here or elsewhere */
};

struct signing {
	const struct key *key;
	EVP_MD *md;
	enum tls_scheme scheme;
};

/* ---- keys ---- */

static void *
key_new(void *unused)
{
	(void)unused;
	return calloc(1, sizeof(struct key));
}

static void
key_free(void *data)
{
	struct key *k = data;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->pub);
	free(k);
}

static int
key_import_as(
    struct key *k, const char *type, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *number = OSSL_PARAM_locate_const(params, NUMBER);
	EVP_PKEY_CTX *c =
	    EVP_PKEY_CTX_new_from_name(provider.lib, type, "provider=default");
	int ok = c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
	    EVP_PKEY_fromdata(c, &k->pub, selection & EVP_PKEY_PUBLIC_KEY,
	        (OSSL_PARAM *)(uintptr_t)params) == 1 &&
	    (number == NULL || OSSL_PARAM_get_uint64(number, &k->number) == 1);

	EVP_PKEY_CTX_free(c);
	return ok;
}

static int
rsa_import(void *data, int selection, const OSSL_PARAM params[])
{
	return key_import_as(data, "RSA", selection, params);
}

static int
ec_import(void *data, int selection, const OSSL_PARAM params[])
{
	return key_import_as(data, "EC", selection, params);
}

/* Any: it is for the default provider to know them. */
static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_uint64(NUMBER, NULL),
		OSSL_PARAM_END };

	(void)selection;
	return types;
}

static int
key_has(const void *data, int selection)
{
	const struct key *k = data;

	return k != NULL && k->pub != NULL &&
	    ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
	        k->number != 0);
}

/* A private key matches by its public half: there is no other here. */
static int
key_match(const void *one, const void *other, int selection)
{
	const struct key *a = one, *b = other;

	(void)selection;
	return a->pub != NULL && b->pub != NULL &&
	    EVP_PKEY_eq(a->pub, b->pub) == 1;
}

static int
key_get_params(void *data, OSSL_PARAM params[])
{
	const struct key *k = data;

	return k->pub != NULL && EVP_PKEY_get_params(k->pub, params) == 1;
}

/* The names that OpenSSL asks keys of TLS for. provider-keymgmt(7) */
static const OSSL_PARAM *
key_gettable_params(void *unused)
{
	static const OSSL_PARAM names[] = { OSSL_PARAM_int(
		                                OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_END };

	(void)unused;
	return names;
}

/*
 * Names that the default provider has not: else OpenSSL would look there first,
 * at each signature, and try in vain to take the key there.
 */
static const char *
rsa_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? RSA_SIGNER : "RSA";
}

static const char *
ec_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? EC_SIGNER : "EC";
}

#define FUNCTION(id, f)                                                        \
	{                                                                      \
		id, (void (*)(void))f                                          \
	}
#define KEY_FUNCTIONS                                                          \
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new),                              \
	    FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),                        \
	    FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                          \
	    FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),                      \
	    FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),            \
	    FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),  \
	    FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types)

static const OSSL_DISPATCH rsa_keys[] = { KEY_FUNCTIONS,
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, rsa_import),
	FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, rsa_operation_name),
	{ 0, NULL } };
static const OSSL_DISPATCH ec_keys[] = { KEY_FUNCTIONS,
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, ec_import),
	FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation_name),
	{ 0, NULL } };

/* ---- signatures ---- */

static void *
sign_new(void *unused, const char *properties)
{
	(void)unused, (void)properties;
	return calloc(1, sizeof(struct signing));
}

static void
sign_free(void *data)
{
	struct signing *s = data;

	if (s == NULL)
		return;
	EVP_MD_free(s->md);
	free(s);
}

/* RSA's padding: PKCS1 until PSS is said, by name or by number. */
static int
sign_set_params(void *data, const OSSL_PARAM params[])
{
	struct signing *s = data;
	const OSSL_PARAM *p =
	    OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int mode = 0;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL)
		mode = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
		    ? RSA_PKCS1_PSS_PADDING
		    : RSA_PKCS1_PADDING;
	else if (OSSL_PARAM_get_int(p, &mode) != 1)
		return 0;
	if (s->scheme == TLS_SIGN_ECDSA ||
	    (mode != RSA_PKCS1_PADDING && mode != RSA_PKCS1_PSS_PADDING))
		return 0;
	s->scheme = mode == RSA_PKCS1_PADDING ? TLS_SIGN_PKCS1 : TLS_SIGN_PSS;
	return 1;
}

/* The salt of PSS is the digest's length (RFC 8446 4.2.3), whatever is said. */
static const OSSL_PARAM *
sign_settable_params(void *unused, void *unused2)
{
	static const OSSL_PARAM names[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END
	};

	(void)unused, (void)unused2;
	return names;
}

static int
sign_init(void *data, const char *md_name, void *key, const OSSL_PARAM params[])
{
	struct signing *s = data;

	s->key = key;
	s->scheme =
	    EVP_PKEY_is_a(s->key->pub, "RSA") ? TLS_SIGN_PKCS1 : TLS_SIGN_ECDSA;
	EVP_MD_free(s->md);
	s->md = EVP_MD_fetch(provider.lib, md_name, "provider=default");
	return s->md != NULL && sign_set_params(s, params) == 1;
}

/* Of all the octets at once: so does TLS 1.2 and later. */
static int
sign_all(void *data, unsigned char *out, size_t *len, size_t room,
    const unsigned char *octets, size_t octets_len)
{
	struct signing *s = data;
	unsigned char digest[EVP_MAX_MD_SIZE], signature[TLS_SIGNATURE_MAX];
	unsigned int digest_len = 0;
	struct tls_to_sign to_sign;
	struct fault f = FAULT_NONE;

	if (out == NULL) {
		*len = (size_t)EVP_PKEY_get_size(s->key->pub);
		return 1;
	}
	if (EVP_Digest(octets, octets_len, digest, &digest_len, s->md, NULL) !=
	    1)
		return 0;
	to_sign = (struct tls_to_sign){ s->key->number, s->scheme,
		EVP_MD_get0_name(s->md), digest, digest_len };
	if (provider.sign(provider.arg, &to_sign, signature, len, &f) != OK ||
	    *len > room)
		return 0;
	memcpy(out, signature, *len);
	return 1;
}

static const OSSL_DISPATCH signatures[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign_all),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable_params),
	{ 0, NULL },
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
query(void *unused, int operation, int *no_store)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "RSA:rsaEncryption", PROPERTIES, rsa_keys, NULL },
		{ "EC:id-ecPublicKey", PROPERTIES, ec_keys, NULL },
		{ NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM signers[] = {
		{ RSA_SIGNER, PROPERTIES, signatures, NULL },
		{ EC_SIGNER, PROPERTIES, signatures, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)unused;
	*no_store = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signers : NULL;
}

static int
begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **out, void **context)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		{ 0, NULL },
	};

	(void)handle, (void)core;
	*context = &provider;
	*out = functions;
	return 1;
}

enum outcome
tls_provider_load(
    OSSL_LIB_CTX *lib, tls_sign_function sign, void *arg, struct fault *f)
{
	provider = (struct provider){ lib, sign, arg };
	if (OSSL_PROVIDER_add_builtin(lib, NAME, begin) != 1 ||
	    OSSL_PROVIDER_load(lib, NAME) == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "OpenSSL: provider");
	return OK;
}

EVP_PKEY *
tls_provider_key(OSSL_LIB_CTX *lib, EVP_PKEY *pub, uint64_t number)
{
	const char *type = EVP_PKEY_is_a(pub, "RSA") ? "RSA" : "EC";
	OSSL_PARAM own[] = { OSSL_PARAM_uint64(NUMBER, &number),
		OSSL_PARAM_END };
	OSSL_PARAM *theirs = NULL, *all = NULL;
	EVP_PKEY_CTX *c = NULL;
	EVP_PKEY *key = NULL;

	if (!EVP_PKEY_is_a(pub, type) ||
	    EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &theirs) != 1)
		return NULL;
	all = OSSL_PARAM_merge(theirs, own);
	c = EVP_PKEY_CTX_new_from_name(lib, type, PROPERTIES);
	if (all != NULL && c != NULL && EVP_PKEY_fromdata_init(c) == 1)
		(void)EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, all);
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(theirs);
	OPENSSL_free(all); /* its values are those of the two others */
	return key;
}
