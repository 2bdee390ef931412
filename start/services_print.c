/* SPDX-License-Identifier: ISC */
/* services_print.c: the table, for people, as a figure, as JSON. */
#include <stdio.h>
#include <string.h>

#include "listen.h"
#include "output.h"

static const char *
program_of(const struct service_row *row, const struct settings *s)
{
	return service_is_replaced(row, s)
	    ? service_settings_of(row, s)->program
	    : service_program(row);
}

static const char *
kind_of(const struct service_row *row, const struct settings *s)
{
	return service_is_replaced(row, s) ? "replaced"
	                                   : service_kind_name(row->kind);
}

/* A replacement has promised nothing. */
static const char *
promises_of(const struct service_row *row, const struct settings *s)
{
	return service_is_replaced(row, s) ? NULL : row->promises;
}

static bool
is_pool(const struct service_row *row, const struct settings *s)
{
	return row->kind == SERVICE_POOL && !service_is_replaced(row, s);
}

static json_t *
row_json(const struct service_row *r, const struct settings *s)
{
	const struct service_settings *v = service_settings_of(r, s);
	char address[LISTEN_ADDRESS_MAX];
	json_t *sockets = json_array();
	json_t *o;

	for (size_t i = 0; listen_next(r, s, &i, address);)
		(void)json_array_append_new(sockets, json_string(address));
	o = json_pack(
	    "{s:s, s:s, s:s?, s:b, s:s, s:s, s:o, s:I, s:I, s:s?, s:s}",
	    "service", r->name, "program", program_of(r, s), "role", r->role,
	    "replaced", service_is_replaced(r, s), "user",
	    service_user_name(r->user), "kind", kind_of(r, s), "sockets",
	    sockets, "max", (json_int_t)service_max(r, s), "nofile",
	    (json_int_t)r->nofile, "promises", promises_of(r, s), "does",
	    r->does);
	if (is_pool(r, s))
		(void)json_object_update_new(o,
		    json_pack("{s:I, s:I, s:I}", "start", (json_int_t)v->start,
		        "min_idle", (json_int_t)v->min_idle, "add",
		        (json_int_t)v->add));
	return o;
}

#define ROW(processes)                                                         \
	"{service:15} {program:15} {user:7} {kind:8} {socket:20} " processes   \
	"{@81} {nofile:>5}  {promises|text}\n"

void
services_print(const struct settings *s)
{
	output_note("%-15s %-15s %-7s %-8s %-20s %-11s %5s  %s\n", "SERVICE",
	    "PROGRAM", "USER", "KIND", "SOCKET", "PROCESSES", "FILES",
	    "SANDBOX PROMISES");
	for (const struct service_row *r = service_rows; r->name; r++) {
		json_t *o = row_json(r, s), *sockets;
		size_t i = 0;

		output_json(o);
		sockets = json_object_get(o, "sockets");
		do { /* a line for each; `-` without one */
			(void)json_object_set(
			    o, "socket", json_array_get(sockets, i));
			output_text(o,
			    is_pool(r, s)
			        ? ROW("{start}/{min_idle}/{add}/{max}")
			        : ROW("{max}"));
		} while (++i < json_array_size(sockets));
		json_decref(o);
	}
	output_note("\nPROCESSES of a pool: start/min_idle/add/max, for each "
	            "address. USER: who it will be; in this\nversion all are "
	            "the home's owner and the sandbox parts them.\n");
}

/* Who talks to whom is the one thing that the rows do not say. */
void
services_print_figure(void)
{
	static const char *const figure[] = {
		"  SMTP --> smtpd --+--> resolve          (is the recipient "
		"local?)",
		"                   +--> queue-add ----> queue/in",
		"                            |               |",
		"                            v (a hint)      v",
		"                        queue-run --+--> resolve",
		"                                    +--> deliver-mailbox",
		"                                    |        | link()",
		"                                    |        v",
		"                                    |    "
		"mail/<domain>/<user>/new",
		"                                    +--> deliver-program --> "
		"a "
		"command",
		"                                    +--> queue-add (reports)",
		"  POP3 --> pop3d --+--> auth             (identity and "
		"ticket)",
		"                   +--> pop3-session --> mail/<domain>/<user>",
		"",
		"  all of them --> run/journal --> journal-write --> journal/",
		NULL,
	};

	for (size_t i = 0; figure[i] != NULL; i++)
		(void)printf("%s\n", figure[i]);
	(void)printf("\n");
	for (const struct service_row *r = service_rows; r->name; r++)
		(void)printf("  %-16s %s\n", r->name, r->does);
}
