/* SPDX-License-Identifier: ISC */
/*
 * tls.c: OpenSSL between a stream's buffers and its descriptors. It reads
 * ahead, so that a record costs one recv(), and never waits twice for a peer that
 * sends a record octet by octet: whoever reads the stream looks at the clock
 * in between, as over a plain one.
 */
#include "tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "serve.h"

/* A signal between a look and poll() is noticed after so long. Ours */
#define LOOK_MS 1000
/* What a flush of several records may become; each adds at most 325 octets. */
#define RECORDS_MAX                                                            \
	(STREAM_OUT_MAX +                                                      \
	    (STREAM_OUT_MAX / SSL3_RT_MAX_PLAIN_LENGTH + 1) *                  \
	        (SSL3_RT_HEADER_LENGTH + SSL3_RT_MAX_ENCRYPTED_OVERHEAD))

/* The first error that OpenSSL tells, for the journal; the others are forgotten. */
static enum outcome
ssl_fault(const char *what, struct fault *f)
{
	unsigned long error = ERR_get_error();
	const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

	ERR_clear_error();
	return fault_set(f, TEMP, "4.7.0", 0, "%s: %s", what,
	    reason == NULL ? "the peer closed the connection" : reason);
}

/* ---- From OpenSSL to the stream's descriptors. ---- */

/* Wait for the peer, who has a time for the whole handshake. */
static bool
wait_in_handshake(struct tls *t)
{
	struct pollfd p = { t->io->in, POLLIN, 0 };
	uint64_t begin = clock_mono_ms();
	bool came = false;

	/* What we compute is not the client's time. */
	serve_waits(begin - t->waited_ms);
	while (!came && !serve_stopping && !serve_is_late(&t->deadline_ms)) {
		uint64_t now = clock_mono_ms();
		uint64_t left = t->deadline_ms > now ? t->deadline_ms - now : 0;

		came = poll(&p, 1, left < LOOK_MS ? (int)left : LOOK_MS) == 1;
	}
	serve_waits(0);
	t->waited_ms += clock_mono_ms() - begin;
	if (!came)
		(void)fault_set(
		    &t->fault, TEMP, "4.4.2", ETIMEDOUT, "handshake");
	return came;
}

static int
bio_read(BIO *b, char *p, int room)
{
	struct tls *t = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (t->deadline_ms > 0 && !wait_in_handshake(t))
		return -1;
	if (t->deadline_ms == 0 && !t->may_wait) {
		BIO_set_retry_read(b);
		return -1;
	}
	t->may_wait = false;
	n = stream_raw_read(t->io, p, (size_t)room, &t->fault);
	t->ended = n == 0;
	/* A deadline of the stream ends one wait, not the connection. */
	if (n < 0 && t->fault.error == ETIMEDOUT)
		BIO_set_retry_read(b);
	return (int)n;
}

static int
bio_write(BIO *b, const char *p, int len)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (t->records != NULL) {
		buf_add(t->records, (struct span){ p, (size_t)len });
		return len;
	}
	return (int)stream_raw_write(
	    t->io, (struct span){ p, (size_t)len }, &t->fault);
}

static long
bio_ctrl(BIO *b, int command, long number, void *p)
{
	const struct tls *t = BIO_get_data(b);

	(void)number, (void)p;
	if (command == BIO_CTRL_EOF)
		return t->ended;
	return command == BIO_CTRL_FLUSH; /* nothing is kept here */
}

static BIO *
new_bio(struct tls *t)
{
	static BIO_METHOD *method;
	BIO *b;

	if (method == NULL) {
		method = BIO_meth_new(
		    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
		if (method == NULL ||
		    BIO_meth_set_read(method, bio_read) != 1 ||
		    BIO_meth_set_write(method, bio_write) != 1 ||
		    BIO_meth_set_ctrl(method, bio_ctrl) != 1)
			return NULL;
	}
	b = BIO_new(method);
	if (b != NULL) {
		BIO_set_data(b, t);
		BIO_set_init(b, 1);
	}
	return b;
}

/* ---- From the stream's buffers to OpenSSL. ---- */

ssize_t
tls_read(struct tls *t, char *p, size_t room, bool is_readable, bool *ended,
    struct fault *f)
{
	int n;

	t->may_wait = is_readable;
	t->fault = FAULT_NONE;
	ERR_clear_error();
	n = SSL_read(t->ssl, p, (int)room);
	if (n > 0)
		return n;
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_ZERO_RETURN:
		*ended = true;
		return 0;
	case SSL_ERROR_WANT_READ:
		if (t->fault.outcome == OK)
			return 0;
		break;
	default:
		if (t->fault.outcome == OK)
			(void)ssl_fault("TLS", &t->fault);
	}
	*f = t->fault;
	return -1;
}

static ssize_t
layer_read(void *arg, struct stream *io, char *p, size_t room, bool *ended,
    struct fault *f)
{
	(void)io;
	return tls_read(arg, p, room, true, ended, f);
}

/* One record at most. */
static ssize_t
write_record(struct tls *t, struct span w, struct fault *f)
{
	int n;

	t->fault = FAULT_NONE;
	ERR_clear_error();
	n = SSL_write(t->ssl, w.p, (int)w.len);
	if (n > 0)
		return n;
	if (t->fault.outcome == OK)
		(void)ssl_fault("TLS", &t->fault);
	*f = t->fault;
	return -1;
}

static bool
send_records(struct tls *t, const struct buf *records, struct fault *f)
{
	struct span w = buf_span(records);

	if (buf_failed(records)) {
		(void)fault_set(f, TEMP, "4.3.0", ENOMEM, "records");
		return false;
	}
	while (w.len > 0) {
		ssize_t n = stream_raw_write(t->io, w, f);

		if (n < 0)
			return false;
		w = span_from(w, (size_t)n);
	}
	return true;
}

/*
 * Several records leave in one send: of a large message each would else be a
 * call and a segment of its own. The memory is not kept by an idle session.
 */
static ssize_t
layer_write(void *arg, struct stream *io, struct span w, struct fault *f)
{
	struct tls *t = arg;
	struct buf records = BUF_INIT(RECORDS_MAX);
	size_t done = 0;
	ssize_t n = 0;

	(void)io;
	if (w.len <= SSL3_RT_MAX_PLAIN_LENGTH)
		return write_record(t, w, f);
	t->records = &records;
	while (done < w.len && (n = write_record(t, span_from(w, done), f)) > 0)
		done += (size_t)n;
	t->records = NULL;
	if (n > 0 && !send_records(t, &records, f))
		n = -1;
	buf_free(&records);
	return n < 0 ? -1 : (ssize_t)done;
}

static const struct stream_layer layer = { layer_read, layer_write };

/* ---- The handshake. ---- */

/* One printable line; what could be mistaken in a journal or a header is '?'. */
static void
put_client(struct tls *t, X509 *certificate)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text;
	long len = 0;

	if (b != NULL &&
	    X509_NAME_print_ex(
	        b, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(b, &text);
	for (long i = 0; i < len && i < TLS_SUBJECT_MAX; i++)
		t->client[i] =
		    is_graph((unsigned char)text[i]) || text[i] == ' ' ? text[i]
		                                                       : '?';
	BIO_free(b);
}

static void
note_facts(struct tls *t)
{
	X509 *client = SSL_get0_peer_certificate(t->ssl);
	const char *name =
	    SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	t->version = SSL_get_version(t->ssl);
	t->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl));
	t->resumed = SSL_session_reused(t->ssl) == 1;
	if (name != NULL && tls_name_is_plain(name))
		(void)span_copy(
		    span_of(name), t->server_name, sizeof(t->server_name));
	if (client != NULL && SSL_get_verify_result(t->ssl) == X509_V_OK)
		put_client(t, client);
}

static enum outcome
shake_hands(struct tls *t, struct fault *f)
{
	BIO *b = new_bio(t);

	t->ssl = SSL_new(tls_server_context(t->server));
	if (b == NULL || t->ssl == NULL) {
		BIO_free(b);
		return ssl_fault("TLS", f);
	}
	SSL_set_bio(t->ssl, b, b);
	ERR_clear_error();
	if (SSL_accept(t->ssl) == 1)
		return OK;
	if (t->fault.outcome == OK)
		(void)ssl_fault("TLS handshake", &t->fault);
	*f = t->fault;
	return f->outcome;
}

enum outcome
tls_accept(struct tls *t, struct tls_server *server, struct stream *io,
    struct fault *f)
{
	enum outcome got;

	*t = (struct tls){ .server = server,
		.io = io,
		.deadline_ms =
		    clock_mono_ms() + server->set->tls.handshake_timeout_ms };
	stream_drop_input(io);
	got = shake_hands(t, f);
	t->deadline_ms = 0;
	if (got != OK) {
		SSL_free(t->ssl);
		t->ssl = NULL;
		return got;
	}
	note_facts(t);
	stream_set_layer(io, &layer, t);
	return OK;
}

void
tls_end(struct tls *t)
{
	if (t->ssl == NULL)
		return;
	/* After an error nothing may be sent, and OpenSSL sends nothing. */
	if (!t->io->broken)
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	stream_set_layer(t->io, NULL, NULL);
	SSL_free(t->ssl);
	t->ssl = NULL;
}

/* ---- Channel bindings. ---- */

/*
 * The exporter of TLS 1.2 says who the peers are only with the extended master
 * secret. RFC 9266 3.
 */
static size_t
get_exporter(SSL *ssl, unsigned char out[TLS_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	static const unsigned char none[1];

	if (SSL_version(ssl) < TLS1_3_VERSION &&
	    SSL_get_extms_support(ssl) != 1)
		return 0;
	return SSL_export_keying_material(
	           ssl, out, 32, label, sizeof(label) - 1, none, 0, 1) == 1
	    ? 32
	    : 0;
}

size_t
tls_get_binding(const struct tls *t, enum tls_binding kind,
    unsigned char out[TLS_BINDING_MAX])
{
	size_t len;

	if (t == NULL || t->ssl == NULL)
		return 0;
	len = kind == TLS_EXPORTER ? get_exporter(t->ssl, out)
	                           : tls_server_end_point(t->ssl, out);
	ERR_clear_error();
	return len;
}
