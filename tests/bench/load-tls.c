/* SPDX-License-Identifier: ISC */
/* load-tls.c: OpenSSL under the connections of the load generators. */
#include "load-tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 16384

static SSL_CTX *ctx;
static bool resumes;
static uint64_t full, resumed;
static char facts[128];

void
load_tls_begin(bool resume)
{
	resumes = resume;
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519") != 1)
		load_die("OpenSSL");
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_quiet_shutdown(ctx, 1);
}

void
load_tls_start(struct load_io *io)
{
	io->ssl = SSL_new(ctx);
	if (io->ssl == NULL || SSL_set_fd(io->ssl, io->fd) != 1 ||
	    (io->session != NULL && SSL_set_session(io->ssl, io->session) != 1))
		load_die("OpenSSL");
	SSL_set_connect_state(io->ssl);
	io->shaking = true;
}

/* What read() and write() would say. */
static ssize_t
result(struct load_io *io, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(io->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		errno = EPROTO;
		return -1;
	}
}

int
load_tls_shake(struct load_io *io)
{
	ERR_clear_error();
	if (result(io, SSL_do_handshake(io->ssl)) < 0)
		return errno == EAGAIN ? 0 : -1;
	io->shaking = false;
	if (SSL_session_reused(io->ssl))
		resumed++;
	else
		full++;
	if (facts[0] == '\0')
		(void)snprintf(facts, sizeof(facts), "%s %s",
		    SSL_get_version(io->ssl), SSL_get_cipher_name(io->ssl));
	return 1;
}

ssize_t
load_read(struct load_io *io, char *p, size_t room)
{
	if (io->ssl == NULL)
		return read(io->fd, p, room);
	ERR_clear_error();
	return result(
	    io, SSL_read(io->ssl, p, (int)(room < INT_MAX ? room : INT_MAX)));
}

ssize_t
load_writev(struct load_io *io, const struct iovec *v, int n)
{
	static char record[RECORD_MAX];
	size_t len = 0;

	if (io->ssl == NULL)
		return writev(io->fd, v, n);
	for (int i = 0; i < n && len < sizeof(record); i++) {
		size_t room = sizeof(record) - len;
		size_t part = v[i].iov_len < room ? v[i].iov_len : room;

		memcpy(record + len, v[i].iov_base, part);
		len += part;
	}
	ERR_clear_error();
	return result(io, SSL_write(io->ssl, record, (int)len));
}

void
load_close(struct load_io *io)
{
	if (io->ssl != NULL && resumes && !io->shaking) {
		SSL_SESSION_free(io->session);
		io->session = SSL_get1_session(io->ssl);
		(void)SSL_shutdown(io->ssl); /* else it is spoilt */
	}
	SSL_free(io->ssl);
	io->ssl = NULL;
	io->shaking = false;
	close(io->fd);
	io->fd = -1;
}

void
load_tls_print(FILE *out)
{
	if (ctx != NULL)
		fprintf(out, ",\"full\":%llu,\"resumed\":%llu,\"tls\":\"%s\"",
		    (unsigned long long)full, (unsigned long long)resumed,
		    facts);
}
