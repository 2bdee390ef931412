/* SPDX-License-Identifier: ISC */
/*
 * load-lists: how long a look into the lists of access takes. It calls what
 * smtpd calls, so, unlike the others, it links lib/.
 *
 * load-lists BLOB N < names: each line is an address of a client, looked for in
 * `reject`, or a domain, looked for in `near`; all of them N times. Prints one
 * JSON object.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "fds.h"
#include "lists.h"
#include "load.h"

#define NAMES_OCTETS (64UL << 20)

struct asked {
	struct net_addr address;
	struct span domain; /* empty: it is an address */
};

int
main(int argc, char *argv[])
{
	struct buf text = BUF_INIT(NAMES_OCTETS);
	struct span rest, line;
	struct lists lists;
	struct asked *asked;
	struct fault f;
	uint64_t start, n = 0, found = 0, rounds;
	unsigned where;

	if (argc != 3 || lists_map(&lists, argv[1], &f) != OK ||
	    fds_read_to_end(0, "names", &text, &f) != OK)
		load_die("load-lists BLOB N < names");
	rounds = load_number(argv[2], 1000000);
	rest = buf_span(&text);
	asked = load_alloc(span_count_lines(rest) + 1, sizeof(*asked));
	while (span_next(&rest, '\n', &line)) {
		asked[n].domain = SPAN_EMPTY;
		if (!net_parse_addr(line, &asked[n].address))
			asked[n].domain = line;
		n++;
	}
	start = load_now();
	for (uint64_t r = 0; r < rounds; r++)
		for (uint64_t i = 0; i < n; i++)
			found += asked[i].domain.len > 0
			    ? lists_has_domain(
			          &lists, LIST_NEAR, asked[i].domain, &where)
			    : lists_has_client(&lists, LIST_REJECT,
			          &asked[i].address, &where);
	printf("{\"asked\":%llu,\"found\":%llu,\"us\":%llu}\n",
	    (unsigned long long)(n * rounds), (unsigned long long)found,
	    (unsigned long long)(load_now() - start));
	free(asked);
	buf_free(&text);
	lists_free(&lists);
	return 0;
}
