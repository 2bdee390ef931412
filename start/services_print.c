/* SPDX-License-Identifier: ISC */
/* services_print.c: the table, for people, as a figure, as JSON. */

#include "listen.h"
#include "output.h"
#include "users.h"

static json_t *
sockets_of(const struct service_row *r, const struct settings *s)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(s, line, NULL);
	json_t *sockets = json_array();

	for (size_t i = 0; i < n; i++)
		if (line[i].row == r)
			(void)json_array_append_new(
			    sockets, json_string(line[i].text));
	return sockets;
}

static json_t *
row_json(const struct service_row *r, const struct settings *s)
{
	const struct service_settings *v = service_settings_of(r, s);
	const char *replacement = service_replacement(r, s);
	bool replaced = replacement != NULL;
	const struct users_row *who = users_row_of(r->program);
	bool is_pool = r->kind == SERVICE_POOL && !replaced;
	json_t *o = json_pack(
	    "{s:s, s:s, s:s?, s:b, s:s, s:s, s:s, s:o, s:I, s:I, s:s}",
	    "service", r->name, "program", replaced ? replacement : r->program,
	    "role", r->role, "replaced", replaced, "user", who->user, "calls",
	    who->calls, "kind",
	    replaced ? "replaced" : service_kind_name(r->kind), "sockets",
	    sockets_of(r, s), "max", (json_int_t)service_max(r, s), "nofile",
	    (json_int_t)r->nofile, "does", r->does);

	if (is_pool)
		(void)json_object_update_new(o,
		    json_pack("{s:I, s:I, s:I}", "start", (json_int_t)v->start,
		        "min_idle", (json_int_t)v->min_idle, "add",
		        (json_int_t)v->add));
	return o;
}

#define ROW(processes)                                                         \
	"{service:15} {program:15} {user:7} {kind:8} {socket:20} " processes   \
	"{@81} {nofile:>5}  {does|text}\n"

void
services_print(const struct settings *s)
{
	output_note("%-15s %-15s %-7s %-8s %-20s %-11s %5s  %s\n", "SERVICE",
	    "PROGRAM", "USER", "KIND", "SOCKET", "PROCESSES", "FILES", "DOES");
	for (const struct service_row *r = service_rows; r->name; r++) {
		json_t *o = row_json(r, s);
		json_t *sockets = json_object_get(o, "sockets");
		size_t i = 0;

		output_json(o);
		do { /* a line for each; `-` without one */
			(void)json_object_set(
			    o, "socket", json_array_get(sockets, i));
			output_text(o,
			    json_object_get(o, "start") != NULL
			        ? ROW("{start}/{min_idle}/{add}/{max}")
			        : ROW("{max}"));
		} while (++i < json_array_size(sockets));
		json_decref(o);
	}
	output_note("\nPROCESSES of a pool: start/min_idle/add/max, for each "
	            "address. USER: %s\n\nMay call (all others are "
	            "%s):\n",
	    s->pneu.users == USERS_SEPARATE
	        ? "pneu-..."
	        : "with [pneu] users = separate; here all are the\nhome's "
	          "owner, and the sandbox parts them.",
	    s->pneu.users == USERS_SEPARATE ? "refused by the modes of run/"
	                                    : "refused with users = separate");
	for (const struct users_row *w = users_rows; w->program; w++)
		if (w->calls[0] != '\0')
			output_note("%-15s %s\n", w->program, w->calls);
}
