/* SPDX-License-Identifier: ISC */
/* What a client of passwdd says, and what passwdd says to directory-self, line by
   line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../pop3d/passwd.h"
#include "wire_self.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken goes there and comes back as it is. */
static void
there_and_back(const struct self_req *req)
{
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct self_req back;
	struct record r;
	struct fault f = FAULT_NONE;

	if (wire_self_put_req(&b, req, &f) == OK &&
	    (wire_self_get_req(buf_span(&b), &r, &back, &f) != OK ||
	        back.which != req->which ||
	        !span_same(back.value, req->value) ||
	        strcmp(back.who.user, req->who.user) != 0 ||
	        strcmp(back.who.ticket, req->who.ticket) != 0 ||
	        strcmp(back.ip, req->ip) != 0))
		abort();
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;
	struct passwd_command command;
	struct self_req req;
	struct record r;
	struct fault f = FAULT_NONE;

	while (span_next(&rest, '\n', &line)) {
		command = passwd_parse(line);
		if (command.verb > PASSWD_UNKNOWN ||
		    command.argument.len > line.len)
			abort();
		if (command.verb != PASSWD_UNKNOWN &&
		    (span_has_control(line) || !utf8_is_valid(line)))
			abort();
		if (wire_self_get_req(line, &r, &req, &f) == OK) {
			if (req.which >= SELF_FIELDS)
				abort();
			there_and_back(&req);
		}
		(void)!wire_self_get_ans(line, &f);
	}
	return 0;
}
