/* SPDX-License-Identifier: ISC */
/* json_text.c: octets from anywhere as a JSON string. */
#include "json_text.h"

#include "buf.h"

json_t *
json_text(struct span s)
{
	json_t *text = json_stringn(s.p, s.len);
	struct buf b = BUF_INIT(s.len);

	if (text != NULL)
		return text;
	buf_add_printable(&b, s);
	text = json_stringn(b.p, b.len);
	buf_free(&b);
	return text;
}
