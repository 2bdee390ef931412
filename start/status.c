/* SPDX-License-Identifier: ISC */
/* status.c: `pneu status`, put together from its parts. */
#include "status.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "verbs.h"

enum { OPTION_JSON = 256 };

const struct prog_option status_options[] = {
	{ OPTION_JSON, "json", NULL, "one JSON object a line" },
	{ 0, NULL, NULL, NULL },
};

void
status_put(struct status *s, bool well, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	buf_addf(&s->text, "%c %s\n", well ? ' ' : '!', line);
	s->well = s->well && well;
}

void
status_fail(struct status *s, const char *what, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	status_put(s, false, "%s", line);
	status_put_json(s,
	    json_pack(
	        "{s:s, s:s, s:b}", "what", what, "error", line, "well", 0));
}

void
status_put_json(struct status *s, json_t *o)
{
	(void)json_array_append_new(s->json, o);
}

void
status_age(uint64_t ms, char out[32])
{
	unsigned long long s = ms / 1000;

	if (s >= 86400)
		(void)snprintf(
		    out, 32, "%llud %lluh", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		(void)snprintf(out, 32, "%lluh %llum", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		(void)snprintf(out, 32, "%llum %llus", s / 60, s % 60);
	else
		(void)snprintf(out, 32, "%llus", s);
}

void
status_size(uint64_t octets, char out[32])
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	double n = (double)octets;
	size_t i = 0;

	for (; n >= 1000 && i < 5; i++)
		n /= 1024;
	(void)snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

static void
print_json(const struct status *s)
{
	size_t i;
	json_t *o;

	json_array_foreach(s->json, i, o)
	{
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	}
}

enum outcome
verb_status(int argc, char *argv[], struct fault *f)
{
	struct status s = { .text = BUF_INIT(STATUS_TEXT_MAX), .well = true };
	const char *value;
	int letter;

	while ((letter = prog_option(argc, argv, &value)) != -1)
		prog.json |= letter == OPTION_JSON;
	if (optind != argc) {
		fault_set(
		    f, PERM, "5.5.4", 0, "%s: not expected", argv[optind]);
		prog_usage(f);
	}
	if (prog_home(f) != OK)
		return f->outcome;
	s.json = json_array();
	s.now_ms = clock_wall_ms();
	status_services(&s);
	status_queue(&s, prog.settings.queue.directory);
	status_journal(&s);
	status_disk(&s, "queue", prog.settings.queue.directory);
	status_disk(&s, "mail", prog.settings.mail.directory);
	status_disk(&s, "journal", "journal");
	status_put_json(
	    &s, json_pack("{s:s, s:b}", "what", "verdict", "well", s.well));
	if (prog.json)
		print_json(&s);
	else
		(void)printf("%s", s.text.p);
	json_decref(s.json);
	buf_free(&s.text);
	if (!s.well)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "not all is well: see the lines with !");
	return OK;
}
