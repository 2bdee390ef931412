/* SPDX-License-Identifier: ISC */
/* trace_verb.c: `pneu trace`: reads what sessions tell in run/trace. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "config_value.h"
#include "control.h"
#include "fds.h"
#include "identity.h"
#include "net.h"
#include "output.h"
#include "record.h"
#include "verbs.h"

#define SESSIONS_MAX 1024 /* that wait for a user or a recipient. Chosen */
#define HELD_MAX     16384 /* octets of each */
#define OCTETS_MAX   (16UL * 1024 * 1024) /* printed in all. Chosen */
#define TICK_MS      500 /* how soon an end is noticed. Chosen */

static const char *ip, *port, *user, *recipient, *length;

const struct prog_option trace_options[] = {
	{ 0, "ip", "NETWORK", "of this address or network", &ip },
	{ 0, "port", "PORT", "of this port of the client", &port },
	{ 0, "user", "NAME", "in which this user is named or logs in", &user },
	{ 0, "recipient", "ADDRESS", "with this recipient", &recipient },
	{ 0, "for", "TIME", "for so long: 30s, 5m, at most 1h; 60s", &length },
	{ .name = NULL },
};

/* A session that is not known to be wanted yet, and what was said. */
struct held {
	uint64_t pid, session;
	bool is_wanted;
	struct buf lines;
};

struct watch {
	struct span program;
	struct net_range from;
	uint64_t since_ms, port;
	size_t printed; /* octets */
	struct held held[SESSIONS_MAX];
	size_t next; /* whose place is taken next */
};

/* ---- which ---- */

static bool
is_of_client(const struct watch *w, const struct record *r)
{
	struct span text = record_value(r, "ip");
	struct net_addr a;
	uint64_t at = 0;

	(void)num_parse(record_value(r, "port"), 0, 65535, &at);
	if (port != NULL && at != w->port)
		return false;
	return ip == NULL ||
	    (net_parse_addr(text, &a) && a.is_v6 == w->from.first.is_v6 &&
	        memcmp(a.octet, w->from.first.octet, NET_OCTETS) >= 0 &&
	        memcmp(a.octet, w->from.last.octet, NET_OCTETS) <= 0);
}

static bool
has_text(struct span all, const char *part)
{
	for (; all.len > 0; all = span_from(all, 1))
		if (span_has_prefix_nocase(all, part))
			return true;
	return false;
}

/* Does this line tell that the session is wanted? */
static bool
tells(const struct record *r)
{
	struct span text = record_value(r, "text");
	bool by_client = span_eq(record_value(r, "client"), "1");

	if (user != NULL && !has_text(record_value(r, "user"), user) &&
	    !(by_client && span_has_prefix_nocase(text, "USER ") &&
	        has_text(text, user)))
		return false;
	return recipient == NULL ||
	    (by_client && span_has_prefix_nocase(text, "RCPT ") &&
	        has_text(text, recipient));
}

static struct held *
held_of(struct watch *w, const struct record *r)
{
	struct held *h;
	uint64_t pid = 0, session = 0;

	(void)num_parse(record_value(r, "pid"), 0, UINT64_MAX, &pid);
	(void)num_parse(record_value(r, "session"), 0, UINT64_MAX, &session);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (w->held[i].pid == pid && w->held[i].session == session)
			return &w->held[i];
	h = &w->held[w->next++ % SESSIONS_MAX];
	buf_reset(&h->lines);
	*h = (struct held){ .pid = pid, .session = session, .lines = h->lines };
	return h;
}

/* ---- printing ---- */

static void
put_time(uint64_t ms, char out[16])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char second[9] = "";

	if (localtime_r(&s, &tm) != NULL)
		(void)strftime(second, sizeof(second), "%H:%M:%S", &tm);
	(void)snprintf(out, 16, "%s.%03u", second, (unsigned)(ms % 1000));
}

static void
print(struct watch *w, struct span line)
{
	struct record r;
	struct fault f;
	uint64_t ms = 0, lost = 0, at_port = 0;
	char at[16];

	if (record_parse(line, &r, &f) != OK)
		return;
	(void)num_parse(record_value(&r, "ms"), 0, UINT64_MAX, &ms);
	(void)num_parse(record_value(&r, "lost"), 0, INT64_MAX, &lost);
	(void)num_parse(record_value(&r, "port"), 0, 65535, &at_port);
	put_time(ms, at);
	w->printed += line.len;
	output(
	    json_pack("{s:o, s:I, s:s, s:o, s:o, s:I, s:o, s:s, s:I, s:o}",
	        "program", json_text(record_value(&r, "program")), "ms",
	        (json_int_t)ms, "time", at, "session",
	        json_text(record_value(&r, "pid")), "ip",
	        json_text(record_value(&r, "ip")), "port", (json_int_t)at_port,
	        "user", json_text(record_value(&r, "user")), "by",
	        span_eq(record_value(&r, "client"), "1") ? "C" : "S", "lost",
	        (json_int_t)lost, "text", json_text(record_value(&r, "text"))),
	    "{time} {session:7} {ip:15} {by}: {text|text}"
	    "[  ({lost} lines before it are lost)]\n");
	(void)fflush(stdout);
}

static bool
is_of_program(const struct watch *w, struct span program)
{
	return span_same(program, w->program) ||
	    (span_eq(w->program, "pop3d") && span_eq(program, "pop3-session"));
}

static void
take(struct watch *w, struct span line)
{
	struct record r;
	struct fault f;
	struct held *h;
	struct span rest, one;
	uint64_t ms = 0;

	if (record_parse(line, &r, &f) != OK || !record_is(&r, "trace") ||
	    !is_of_program(w, record_value(&r, "program")) ||
	    !num_parse(record_value(&r, "ms"), 0, UINT64_MAX, &ms) ||
	    ms < w->since_ms || !is_of_client(w, &r))
		return;
	h = held_of(w, &r);
	if (!h->is_wanted) {
		buf_add(&h->lines, line);
		buf_addf(&h->lines, "\n");
		h->is_wanted = tells(&r);
		if (!h->is_wanted)
			return;
		rest = buf_span(&h->lines);
		while (span_next(&rest, '\n', &one))
			print(w, one);
		buf_free(&h->lines);
		return;
	}
	print(w, line);
}

/* ---- the FIFO ---- */

static enum outcome
open_fifo(int *fd, struct fault *f)
{
	pid_t pid;

	if (lock_holder(&pid, f) != OK)
		return f->outcome;
	if (pid == 0)
		return fault_set(f, PERM, "5.3.5", 0, "pneu does not run here");
	*fd = open(TRACE_PATH, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open " TRACE_PATH);
	/* Two readers would each have half of the lines. */
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "another trace is under way");
	return OK;
}

static enum outcome
watch(struct watch *w, int fd, uint64_t until_ms, struct fault *f)
{
	static char room[65536];
	struct pollfd p = { fd, POLLIN, 0 };
	struct span rest, line;
	size_t len = 0;
	ssize_t n;

	while (clock_mono_ms() < until_ms && w->printed < OCTETS_MAX) {
		if (poll(&p, 1, TICK_MS) <= 0)
			continue;
		if ((p.revents & POLLIN) == 0)
			return fault_set(
			    f, TEMP, "4.3.0", 0, "the supervisor has stopped");
		n = read(fd, room + len, sizeof(room) - len);
		if (n <= 0)
			continue;
		len += (size_t)n;
		rest = (struct span){ room, len };
		while (memchr(rest.p, '\n', rest.len) != NULL &&
		    span_next(&rest, '\n', &line))
			take(w, line);
		len = rest.len == sizeof(room) ? 0 : rest.len;
		memmove(room, rest.p, len);
	}
	if (w->printed >= OCTETS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "more than 16 MiB: name a client, a user or a recipient");
	return OK;
}

static uint64_t
read_options(struct watch *w)
{
	static const struct setting_row time = {
		.type = SETTING_TIME, .min = 1000, .max = 3600 * 1000UL
	};
	uint64_t for_ms;

	if (!config_parse_number(
	        &time, span_of(length == NULL ? "60s" : length), &for_ms))
		prog_refuse(
		    "--for %s: a time like 30s, 5m, at most 1h", length);
	if (ip != NULL && net_parse_range(span_of(ip), &w->from) != NULL)
		prog_refuse(
		    "--ip %s: %s", ip, net_parse_range(span_of(ip), &w->from));
	if (port != NULL && !num_parse(span_of(port), 1, 65535, &w->port))
		prog_refuse("--port %s: a number from 1 to 65535", port);
	return for_ms;
}

enum outcome
verb_trace(int argc, char *argv[], struct fault *f)
{
	static struct watch w;
	uint64_t for_ms;
	int fd = -1;

	prog_options(argc, argv);
	if (argc - optind != 1 ||
	    !span_is_word(span_of(argv[optind]), "smtpd pop3d passwdd"))
		prog_refuse("which program? smtpd, pop3d or passwdd");
	w.program = span_of(argv[optind]);
	for_ms = read_options(&w);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		w.held[i].lines = BUF_INIT(HELD_MAX);
	if (prog_home(f) != OK || open_fifo(&fd, f) != OK)
		return f->outcome;
	w.since_ms = clock_wall_ms();
	prog_warn("sessions that begin from now on; ^C ends it");
	(void)!watch(&w, fd, clock_mono_ms() + for_ms, f);
	fds_close(&fd);
	return f->outcome;
}
