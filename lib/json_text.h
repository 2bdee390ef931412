/* SPDX-License-Identifier: ISC */
/* json_text.h: octets from anywhere as a JSON string. */
#ifndef LIB_JSON_TEXT_H
#define LIB_JSON_TEXT_H

#include <jansson.h>

#include "span.h"

/* What is no UTF-8 JSON cannot say: then with '?' for each such octet. NULL: no
   memory. */
json_t *json_text(struct span);

#endif
