/* SPDX-License-Identifier: ISC */
/* status_lists.c: block lists, as route knows them. */
#include "fds.h"
#include "service.h"
#include "status.h"
#include "wire_route.h"

#define WAIT_MS 2000 /* route answers at once. Chosen */

static void
put_list(struct status *s, const struct block_status *list)
{
	status_put(s,
	    json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s*, s:b}",
	        "what", "block-list", "zone", list->zone, "state",
	        block_state_name(list->state), "asked", (json_int_t)list->asked,
	        "listed", (json_int_t)list->listed, "broken",
	        (json_int_t)list->broken, "failed", (json_int_t)list->failed,
	        "ipv6", (int)list->v6, "why",
	        list->why[0] == '\0' ? NULL : list->why, "well",
	        (int)(list->state != BLOCK_OFF)),
	    "block list {zone}: {state}[: {why|text}], asked {asked}, listed "
	    "{listed}, broken {broken}, failed {failed}");
}

static enum outcome
ask(struct service *route, struct status *s, struct fault *f)
{
	struct block_status list;
	struct span line;
	bool end = false;

	wire_route_put_lists(&route->out);
	if (service_send(route, buf_span(&route->out), f) != OK)
		return f->outcome;
	while (!end) {
		if (service_line(route, &line, f) != OK ||
		    wire_route_get_status(line, &list, &end, f) != OK)
			return f->outcome;
		if (!end)
			put_list(s, &list);
	}
	return OK;
}

/* A supervisor that does not run was told of before. */
void
status_lists(struct status *s)
{
	struct service route;
	struct fault f = FAULT_NONE;

	service_begin(&route, "route", WAIT_MS);
	if (fds_connect_unix("run/route", &route.fd, &f) == OK) {
		fds_set_timeouts(route.fd, WAIT_MS, WAIT_MS);
		if (ask(&route, s, &f) != OK)
			status_fail(s, "route", NULL, &f);
	}
	service_free(&route);
}
