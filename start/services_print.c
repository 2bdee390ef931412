/* SPDX-License-Identifier: ISC */
/* services_print.c: the table, for people, as a figure, as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "listen.h"

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

static void
print_numbers(
    const struct service_row *row, const struct settings *s, char out[32])
{
	const struct service_settings *v = service_settings_of(row, s);

	if (row->kind == SERVICE_POOL && !service_is_replaced(row, s))
		(void)snprintf(out, 32, "%llu/%llu/%llu/%llu",
		    (unsigned long long)v->start,
		    (unsigned long long)v->min_idle, (unsigned long long)v->add,
		    (unsigned long long)v->max);
	else
		(void)snprintf(
		    out, 32, "%llu", (unsigned long long)service_max(row, s));
}

void
services_print(const struct settings *s)
{
	char address[LISTEN_ADDRESS_MAX], numbers[32];
	const char *promises;

	(void)printf("%-15s %-15s %-7s %-8s %-20s %-11s %5s  %s\n", "SERVICE",
	    "PROGRAM", "USER", "KIND", "SOCKET", "PROCESSES", "FILES",
	    "SANDBOX PROMISES");
	for (const struct service_row *r = service_rows; r->name; r++) {
		size_t i = 0;

		promises = promises_of(r, s);
		print_numbers(r, s, numbers);
		if (!listen_next(r, s, &i, address))
			(void)snprintf(address, sizeof(address), "-");
		do
			(void)printf(
			    "%-15s %-15s %-7s %-8s %-20s %-11s %5llu  %s\n",
			    r->name, program_of(r, s),
			    service_user_name(r->user), kind_of(r, s), address,
			    numbers, (unsigned long long)r->nofile,
			    promises == NULL ? "none of ours" : promises);
		while (listen_next(r, s, &i, address));
	}
	(void)printf("\nPROCESSES of a pool: start/min_idle/add/max, for each "
	             "address. USER: who it will be; in this\nversion all are "
	             "the home's owner and the sandbox parts them.\n");
}

/* Who talks to whom is the one thing that the rows do not say. */
void
services_print_figure(void)
{
	static const char *const figure[] = {
		"  SMTP --> smtpd --+--> resolve          (is the recipient "
		"ours?)",
		"                   +--> queue-add ----> queue/in",
		"                            |               |",
		"                            v (a hint)      v",
		"                        queue-run --+--> resolve",
		"                                    +--> deliver-mailbox",
		"                                    |        | link()",
		"                                    |        v",
		"                                    |    "
		"mail/<domain>/<user>/new",
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
	if (o != NULL && r->kind == SERVICE_POOL &&
	    !service_is_replaced(r, s)) {
		(void)json_object_set_new(
		    o, "start", json_integer((json_int_t)v->start));
		(void)json_object_set_new(
		    o, "min_idle", json_integer((json_int_t)v->min_idle));
		(void)json_object_set_new(
		    o, "add", json_integer((json_int_t)v->add));
	}
	return o;
}

enum outcome
services_print_json(const struct settings *s, struct fault *f)
{
	for (const struct service_row *r = service_rows; r->name; r++) {
		json_t *o = row_json(r, s);

		if (o == NULL || json_dumpf(o, stdout, JSON_COMPACT) != 0) {
			json_decref(o);
			return fault_set(
			    f, TEMP, "4.3.0", 0, "cannot print %s", r->name);
		}
		(void)putchar('\n');
		json_decref(o);
	}
	return OK;
}
