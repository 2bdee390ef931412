/* SPDX-License-Identifier: ISC */
/* What a client of tls-keys says, and what it answers, line by line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;
	unsigned char signature[TLS_SIGNATURE_MAX];
	struct tls_sign_req req;
	struct tls_chain chain;
	struct fault f = FAULT_NONE;
	uint64_t octets;
	size_t len;
	bool chains;

	while (span_next(&rest, '\n', &line)) {
		if (wire_tls_get_req(line, &chains, &req, &f) == OK &&
		    !chains &&
		    (req.digest_len > TLS_DIGEST_MAX || req.key == 0 ||
		        req.scheme >= TLS_SCHEMES))
			abort();
		if (wire_tls_get_signature(line, signature, &len, &f) == OK &&
		    len > TLS_SIGNATURE_MAX)
			abort();
		(void)!wire_tls_get_size(line, &octets, &octets, &f);
	}
	rest = (struct span){ (const char *)data, size };
	while (rest.len > 0 && wire_tls_get_chain(&rest, &chain, &f) == OK)
		if (chain.pem.len > size)
			abort();
	return 0;
}
