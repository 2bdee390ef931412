/* SPDX-License-Identifier: ISC */
/* status_services.c: what the supervisor says of itself and its services. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "fds.h"
#include "record.h"
#include "status.h"

#define ANSWER_MS  5000 /* the supervisor answers at once, or it hangs. Ours */
#define FIFO_FULL  (1024 * 1024 / 2) /* half of the pipe waits: too slow */
#define WORD_MAX   256
#define PIDS_MAX   1024
#define PIDS_SHOWN 3 /* on the screen; --json has all */

struct service_line {
	struct span name, address, kind, pids;
	uint64_t generation, retires, ready, live, busy, max, served, refused,
	    restarts, full, uptime;
};

static enum outcome
ask(struct buf *answer, struct fault *f)
{
	size_t got = 1;
	int fd;

	if (fds_connect_unix(CONTROL_PATH, &fd, f) != OK)
		return f->outcome;
	fds_set_timeouts(fd, ANSWER_MS, ANSWER_MS);
	f->outcome = OK;
	while (f->outcome == OK && got > 0)
		f->outcome = fds_read_some(fd, answer, 65536, &got, f);
	(void)close(fd);
	return f->outcome;
}

static bool
get_service(struct record *r, struct service_line *l)
{
	memset(l, 0, sizeof(*l));
	return record_take(r, "name", WORD_MAX, &l->name) &&
	    record_take(r, "address", WORD_MAX, &l->address) &&
	    record_take(r, "kind", WORD_MAX, &l->kind) &&
	    record_take_optional(r, "pids", PIDS_MAX, &l->pids) &&
	    record_take_num(r, "generation", 0, UINT64_MAX, &l->generation) &&
	    record_take_num_optional(r, "retires", 0, 1, &l->retires) &&
	    record_take_num(r, "ready", 0, 1, &l->ready) &&
	    record_take_num(r, "live", 0, UINT64_MAX, &l->live) &&
	    record_take_num(r, "busy", 0, UINT64_MAX, &l->busy) &&
	    record_take_num(r, "max", 0, UINT64_MAX, &l->max) &&
	    record_take_num(r, "served", 0, UINT64_MAX, &l->served) &&
	    record_take_num(r, "refused", 0, UINT64_MAX, &l->refused) &&
	    record_take_num(r, "restarts", 0, UINT64_MAX, &l->restarts) &&
	    record_take_num_optional(r, "full", 0, 1, &l->full) &&
	    record_take_num_optional(r, "uptime", 0, UINT64_MAX, &l->uptime) &&
	    record_all_taken(r);
}

static json_t *
pids_json(struct span pids)
{
	json_t *list = json_array();
	struct span one;
	uint64_t pid;

	while (span_next(&pids, ',', &one))
		if (num_parse(one, 1, INT32_MAX, &pid))
			(void)json_array_append_new(
			    list, json_integer((json_int_t)pid));
	return list;
}

static void
put_json(struct status *s, const struct service_line *l, bool well)
{
	status_put_json(s,
	    json_pack("{s:s, s:s%, s:s%, s:s%, s:I, s:b, s:b, s:I, s:I, s:I, "
	              "s:I, s:I, s:I, s:b, s:I, s:o, s:b}",
	        "what", "service", "name", l->name.p, l->name.len, "address",
	        l->address.p, l->address.len, "kind", l->kind.p, l->kind.len,
	        "generation", (json_int_t)l->generation, "retires",
	        (int)l->retires, "ready", (int)l->ready, "live",
	        (json_int_t)l->live, "busy", (json_int_t)l->busy, "max",
	        (json_int_t)l->max, "served", (json_int_t)l->served, "refused",
	        (json_int_t)l->refused, "restarts", (json_int_t)l->restarts,
	        "full", (int)l->full, "uptime_ms", (json_int_t)l->uptime,
	        "pids", pids_json(l->pids), "well", well));
}

static void
gauge_text(const struct service_line *l, char *out, size_t size)
{
	out[0] = '\0';
	if (span_eq(l->kind, "pool"))
		(void)snprintf(out, size,
		    "busy %llu idle %llu max %llu served %llu refused %llu%s",
		    (unsigned long long)l->busy,
		    (unsigned long long)(l->live - l->busy),
		    (unsigned long long)l->max, (unsigned long long)l->served,
		    (unsigned long long)l->refused,
		    l->full ? " FULL: raise max?" : "");
	else if (span_eq(l->kind, "replaced"))
		(void)snprintf(out, size, "replaced; running %llu max %llu",
		    (unsigned long long)l->live, (unsigned long long)l->max);
}

static void
pids_text(struct span pids, char out[48])
{
	size_t n = 0, shown = 0;
	struct span one;

	out[0] = '\0';
	while (shown++ < PIDS_SHOWN && span_next(&pids, ',', &one))
		n += (size_t)snprintf(out + n, 48 - n, "%s%.*s",
		    n == 0 ? "" : ",", (int)(one.len > 10 ? 10 : one.len),
		    one.p);
	if (span_next(&pids, ',', &one))
		(void)snprintf(out + n, 48 - n, ",...");
}

static void
put_service(struct status *s, const struct service_line *l)
{
	bool replaced = span_eq(l->kind, "replaced");
	bool well =
	    l->retires || (l->ready && (l->live > 0 || replaced) && !l->full);
	char age[32], gauge[160], pids[48];

	status_age(l->uptime, age);
	gauge_text(l, gauge, sizeof(gauge));
	pids_text(l->pids, pids);
	status_put(s, well,
	    "  %-15.*s %-18.*s %-9s up %-8s restarts %llu  pid %s%s%s",
	    SPAN_ARG(l->name), SPAN_ARG(l->address),
	    l->retires     ? "retires"
	        : l->ready ? "ready"
	                   : "starts",
	    l->live > 0 ? age : "-", (unsigned long long)l->restarts,
	    pids[0] == '\0' ? "-" : pids, gauge[0] == '\0' ? "" : "  ", gauge);
	put_json(s, l, well);
}

static void
put_supervisor(struct status *s, struct record *r)
{
	uint64_t pid, since, generation, ready, stopping, fifo;
	char age[32];
	bool well;

	if (!record_take_num(r, "pid", 1, INT32_MAX, &pid) ||
	    !record_take_num(r, "since", 0, UINT64_MAX, &since) ||
	    !record_take_num(r, "generation", 0, UINT64_MAX, &generation) ||
	    !record_take_num(r, "ready", 0, 1, &ready) ||
	    !record_take_num(r, "stopping", 0, 1, &stopping) ||
	    !record_take_num(r, "fifo", 0, UINT64_MAX, &fifo)) {
		status_fail(s, "pneu", "pneu: its answer is malformed");
		return;
	}
	status_age(s->now_ms > since ? s->now_ms - since : 0, age);
	well = ready && !stopping;
	status_put(s, well, "pneu pid %llu up %s, configuration %llu: %s",
	    (unsigned long long)pid, age, (unsigned long long)generation,
	    stopping    ? "stopping"
	        : ready ? "ready"
	                : "starting");
	if (fifo > FIFO_FULL)
		status_fail(s, "journal",
		    "journal-write is behind: %llu octets wait in run/journal",
		    (unsigned long long)fifo);
	status_put_json(s,
	    json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:I, s:b}", "what",
	        "pneu", "pid", (json_int_t)pid, "since_ms", (json_int_t)since,
	        "generation", (json_int_t)generation, "ready", (int)ready,
	        "stopping", (int)stopping, "journal_waiting", (json_int_t)fifo,
	        "well", well));
}

static void
put_line(struct status *s, struct span line)
{
	struct service_line l;
	struct record r;
	struct fault f;

	if (record_parse(line, &r, &f) != OK)
		status_fail(s, "pneu", "pneu: %s", f.text);
	else if (record_is(&r, "pneu"))
		put_supervisor(s, &r);
	else if (record_is(&r, "service") && get_service(&r, &l))
		put_service(s, &l);
	else if (!record_is(&r, "end"))
		status_fail(s, "pneu", "pneu: its answer is malformed");
}

void
status_services(struct status *s)
{
	struct buf answer = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	struct fault f;

	if (ask(&answer, &f) != OK) {
		status_put(
		    s, false, "pneu does not run here (`pneu run` starts it)");
		status_put_json(s,
		    json_pack("{s:s, s:b, s:b}", "what", "pneu", "running", 0,
		        "well", 0));
	}
	rest = buf_span(&answer);
	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			put_line(s, line);
	buf_free(&answer);
}

enum outcome
status_generation(uint64_t *generation, struct fault *f)
{
	struct buf answer = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	struct record r;

	if (ask(&answer, f) == OK) {
		rest = buf_span(&answer);
		if (!span_next(&rest, '\n', &line) ||
		    record_parse(line, &r, f) != OK || !record_is(&r, "pneu") ||
		    !record_take_num(
		        &r, "generation", 0, UINT64_MAX, generation))
			fault_set(f, TEMP, "4.3.0", 0,
			    "the supervisor gives no answer in run/pneu");
	}
	buf_free(&answer);
	return f->outcome;
}
