/* SPDX-License-Identifier: ISC */
/* look.c: prints certificates, and what is wrong with them. */
#include "look.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"
#include "pair.h"

#define FINGERPRINT_MAX (32 * 3 + 1)

/* ---- What a certificate says. ---- */

static json_t *
name_of(X509_NAME *name)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	json_t *j;

	if (b != NULL && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(b, &text);
	j = json_text((struct span){ text, (size_t)len });
	BIO_free(b);
	return j;
}

static void
put_ip(json_t *list, const ASN1_OCTET_STRING *octets)
{
	int family = ASN1_STRING_length(octets) == 4 ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN];

	if ((family == AF_INET || ASN1_STRING_length(octets) == 16) &&
	    inet_ntop(family, ASN1_STRING_get0_data(octets), text,
	        sizeof(text)) != NULL)
		(void)json_array_append_new(list, json_string(text));
}

/* The names that clients look for: of hosts and addresses. */
static json_t *
names_of(X509 *x)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	json_t *list = json_array();

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type == GEN_DNS)
			(void)json_array_append_new(list,
			    json_text((struct span){
			        (const char *)ASN1_STRING_get0_data(
			            n->d.dNSName),
			        (size_t)ASN1_STRING_length(n->d.dNSName) }));
		if (n->type == GEN_IPADD)
			put_ip(list, n->d.iPAddress);
	}
	GENERAL_NAMES_free(all);
	return list;
}

/* "2027-01-31"; days from now on, below 0 when it is over. */
static int
end_of(X509 *x, char date[16])
{
	struct tm tm;
	int days = 0, seconds = 0;

	(void)ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm);
	(void)strftime(date, 16, "%Y-%m-%d", &tm);
	(void)ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x));
	return seconds < 0 && days == 0 ? -1 : days;
}

static void
fingerprint_of(X509 *x, char out[FINGERPRINT_MAX])
{
	unsigned char hash[32];
	unsigned int len = 0;

	out[0] = '\0';
	if (X509_digest(x, EVP_sha256(), hash, &len) != 1)
		return;
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(
		    out + 3 * i, 4, i + 1 < len ? "%02X:" : "%02X", hash[i]);
}

static void
show_one(const struct pair_names *names, X509 *x)
{
	char date[16], fingerprint[FINGERPRINT_MAX];
	int days = end_of(x, date);
	json_t *o;

	fingerprint_of(x, fingerprint);
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:i, s:s}", "label",
	    names->label, "certificate", names->chain, "key", names->key,
	    "subject", name_of(X509_get_subject_name(x)), "issuer",
	    name_of(X509_get_issuer_name(x)), "names", names_of(x), "until",
	    date, "days", days, "sha256", fingerprint);
	output_json(o);
	output_text(o,
	    "{label}\n  certificate  {certificate}\n  key          {key}\n"
	    "  subject      {subject|text}\n  issuer       {issuer|text}\n");
	output_note("  names       ");
	output_each(json_object_get(o, "names"), " {.|text}");
	output_note("\n");
	output_text(o, "  until        {until}\n  sha256       {sha256}\n");
	json_decref(o);
}

enum outcome
look_show(const struct settings *s, struct fault *f)
{
	struct fault bad = FAULT_NONE;

	for (size_t i = 0; i < s->tls.certificate.n; i++) {
		STACK_OF(X509) *chain = NULL;
		struct pair_names names;

		if (pair_parse(span_of(s->tls.certificate.value[i]), &names,
		        &bad) == OK &&
		    pair_read_certificates(names.chain, &chain, &bad) == OK)
			show_one(&names, sk_X509_value(chain, 0));
		else
			*f = bad;
		sk_X509_pop_free(chain, X509_free);
	}
	if (s->tls.certificate.n == 0)
		output_note("no certificate is set: `certs init` makes one, "
		            "`certs assign` sets one\n");
	return f->outcome;
}

/* ---- What is wrong. ---- */

struct look {
	const char *label;
	size_t wrong;
};

static void say(struct look *, bool is_wrong, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(struct look *l, bool is_wrong, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	l->wrong += is_wrong;
	output(json_pack("{s:s, s:b, s:o}", "label", l->label, "wrong",
	           (int)is_wrong, "text", json_text(span_of(text))),
	    "{label}: {text|text}\n");
}

static void
check_key_file(struct look *l, const struct pair_names *names)
{
	struct stat st;

	if (stat(names->key, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)))
		say(l, true,
		    "%s: everybody on this machine can read the key: chmod o= "
		    "%s",
		    names->key, names->key);
	if (stat(names->key, &st) == 0 && (st.st_mode & S_IWGRP))
		say(l, true, "%s: its group can change the key: chmod g-w %s",
		    names->key, names->key);
}

static void
check_end(struct look *l, const struct pair_names *names, X509 *x)
{
	char date[16];
	int days = end_of(x, date);

	if (days < 0)
		say(l, true, "%s: it ended on %s: get a new one", names->chain,
		    date);
	else if (days < LOOK_AHEAD_DAYS)
		say(l, true, "%s: it ends on %s, in %d days: renew it",
		    names->chain, date, days);
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		say(l, true, "%s: it begins in the future: is the clock right?",
		    names->chain);
}

static void
check_name(struct look *l, const struct pair_names *names, X509 *x,
    const char *hostname)
{
	if (X509_check_host(x, hostname, 0, 0, NULL) != 1)
		say(l, false, "%s: it is not for this host, %s", names->chain,
		    hostname);
}

/* Each signed by the next; one that signs itself is the end. */
static void
check_chain(
    struct look *l, const struct pair_names *names, STACK_OF(X509) * chain)
{
	int n = sk_X509_num(chain);
	X509 *last = sk_X509_value(chain, n - 1);

	for (int i = 0; i + 1 < n; i++)
		if (X509_check_issued(sk_X509_value(chain, i + 1),
		        sk_X509_value(chain, i)) != X509_V_OK)
			say(l, true,
			    "%s: certificate %d is not signed by certificate "
			    "%d: the chain has another order, or a gap",
			    names->chain, i + 1, i + 2);
	if (n == 1 && X509_check_issued(last, last) != X509_V_OK)
		say(l, false,
		    "%s: the certificate alone, without the chain of its "
		    "issuer: clients may not be able to verify it",
		    names->chain);
}

static void
check_one(struct look *l, const char *line, const char *hostname)
{
	STACK_OF(X509) *chain = NULL;
	struct fault f = FAULT_NONE;
	struct pair_names names;
	struct pair pair;

	if (pair_parse(span_of(line), &names, &f) != OK) {
		say(l, true, "%s", f.text);
		return;
	}
	l->label = names.label;
	if (pair_load(&names, &pair, &f) != OK)
		say(l, true, "%s", f.text);
	else
		pair_free(&pair);
	check_key_file(l, &names);
	if (pair_read_certificates(names.chain, &chain, &f) == OK) {
		check_end(l, &names, sk_X509_value(chain, 0));
		check_name(l, &names, sk_X509_value(chain, 0), hostname);
		check_chain(l, &names, chain);
	}
	sk_X509_pop_free(chain, X509_free);
	l->label = "";
}

enum outcome
look_check(const struct settings *s, const char *hostname, struct fault *f)
{
	struct look l = { "", 0 };

	for (size_t i = 0; i < s->tls.certificate.n; i++)
		check_one(&l, s->tls.certificate.value[i], hostname);
	if (l.wrong > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "certificates: %zu %s wrong", l.wrong,
		    l.wrong == 1 ? "thing is" : "things are");
	if (s->tls.certificate.n > 0)
		output_note("certificates: OK\n");
	return OK;
}
