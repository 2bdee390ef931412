/* SPDX-License-Identifier: ISC */
#include "wire_hosts.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

static const struct hosts_req req = { .domain = "example.net" };

/* Of each kind one, as route writes it. */
static const char answer[] =
    "hosts domain=example.net source=mx tls=dane port=25 secure=1 auth=me "
    "source4=192.0.2.9 source6=2001:db8::9 helo=out.example.org\n"
    "host name=mx1.example.net ip=192.0.2.1 pref=10 secure=1\n"
    "host name=mx1.example.net ip=2001:db8::1 pref=10 secure=1\n"
    "host name=router.example.org ip=192.0.2.8 fallback=1\n"
    "tlsa name=mx1.example.net usage=3 selector=1 matching=1 data=00ff7f\n"
    "end domain=example.net\n";

static enum outcome
read_lines(struct span lines, struct hosts *h, bool *end, struct fault *f)
{
	struct hosts_reader reader;
	struct span line;

	*end = false;
	wire_hosts_begin(&reader, &req, h);
	while (!*end && span_next(&lines, '\n', &line) &&
	    (line.len > 0 || lines.len > 0))
		if (wire_hosts_get(&reader, line, end, f) != OK)
			return f->outcome;
	return OK;
}

static void
test_requests(void)
{
	static const char *const wrong[] = { "route",
		"route domain=", "route domain=a%20b", "route from=example.org",
		"route domain=example.net more=1",
		"resolve domain=example.net" };
	struct hosts_req with = { .domain = "example.net",
		.from = "example.org",
		.explain = true },
	                 again;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;

	tap_ok(wire_hosts_put_req(&b, &with, &f) == OK &&
	        span_eq(buf_span(&b),
	            "explain domain=example.net from=example.org\n"),
	    "a request is written");
	tap_ok(wire_hosts_is_req(buf_span(&b)) &&
	        wire_hosts_get_req(
	            span_head(buf_span(&b), b.len - 1), &again, &f) == OK &&
	        memcmp(&with, &again, sizeof(with)) == 0,
	    "and read");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		tap_ok(
		    wire_hosts_get_req(span_of(wrong[i]), &again, &f) == TEMP,
		    "no request: %s", wrong[i]);
	buf_free(&b);
}

static void
test_hosts(void)
{
	static struct hosts h;
	struct buf b = BUF_INIT(1 << 20);
	struct fault f;
	bool end;

	tap_ok(read_lines(SPAN_LIT(answer), &h, &end, &f) == OK && end &&
	        h.source == HOSTS_MX && h.tls == HOSTS_TLS_DANE &&
	        h.port == 25 && h.secure && h.hosts == 3 && h.tlsas == 1 &&
	        h.host[1].ip.is_v6 && h.host[0].preference == 10 &&
	        h.host[2].fallback && h.tlsa[0].len == 3 &&
	        memcmp(h.tlsa[0].data, "\0\xFF\x7F", 3) == 0,
	    "hosts are read");
	tap_ok(wire_hosts_put_ans(&b, &req, OK, &h, &f, &f) == OK &&
	        span_eq(buf_span(&b), answer),
	    "and written as they were");
	for (size_t n = 0; n < sizeof(answer) - 2; n++)
		if (read_lines((struct span){ answer, n }, &h, &end, &f) ==
		        OK &&
		    end) {
			tap_ok(false, "cut at %zu, it is whole", n);
			return;
		}
	tap_ok(true, "cut anywhere, they are not whole");
	(void)read_lines(SPAN_LIT(answer), &h, &end, &f);
	buf_free(&b);
	b = BUF_INIT(sizeof(answer) - 10);
	tap_ok(wire_hosts_put_ans(&b, &req, OK, &h, &f, &f) != OK && b.len == 0,
	    "an answer that does not fit leaves nothing behind");
	buf_free(&b);
}

static void
test_none(void)
{
	static struct hosts h;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault why, f;
	bool end;

	(void)fault_set(&why, PERM, "5.1.10", 0, "takes no mail");
	tap_ok(wire_hosts_put_ans(&b, &req, PERM, &h, &why, &f) == OK &&
	        span_eq(buf_span(&b),
	            "perm domain=example.net code=5.1.10 "
	            "text=takes%20no%20mail\n"),
	    "that there are none is written");
	tap_ok(read_lines(buf_span(&b), &h, &end, &f) == PERM &&
	        strcmp(f.code, "5.1.10") == 0 &&
	        strcmp(f.text, "takes no mail") == 0,
	    "and read");
	buf_free(&b);
}

#define FIRST "hosts domain=example.net source=mx tls=may port=25\n"
#define HOST  "host name=a ip=192.0.2.1\n"

static void
test_strays(void)
{
	static const char *const lines[] = { "ok domain=example.net\n",
		"temp domain=example.org code=4.4.3 text=x\n",
		"hosts domain=example.org source=mx tls=may port=25\n",
		"hosts domain=example.net source=odd tls=may port=25\n",
		"hosts domain=example.net source=mx tls=odd port=25\n",
		"hosts domain=example.net source=mx tls=may port=0\n",
		"hosts domain=example.net source=mx tls=may port=65536\n",
		"hosts domain=example.net source=mx tls=may\n",
		FIRST "host name=a ip=192.0.2\n", FIRST "host name=a\n",
		FIRST "host name=a ip=192.0.2.1 pref=65536\n",
		FIRST "tlsa name=a usage=256 selector=0 matching=0 data=00\n",
		FIRST "tlsa name=a usage=3 selector=0 matching=0 data=0\n",
		FIRST "tlsa name=a usage=3 selector=0 matching=0 data=0x\n",
		FIRST "end domain=example.net\n",
		FIRST HOST "end domain=example.org\n", FIRST HOST FIRST };
	static struct hosts h;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct fault f = FAULT_NONE;
		bool end;

		tap_ok(read_lines(span_of(lines[i]), &h, &end, &f) == TEMP &&
		        f.error == EPROTO && !end,
		    "no answer: row %zu", i);
	}
}

static void
test_limits(void)
{
	static struct hosts h;
	struct buf b = BUF_INIT(1 << 20);
	struct fault f;
	bool end;

	buf_adds(&b, FIRST);
	for (int i = 0; i < HOSTS_MAX; i++)
		buf_adds(&b, HOST);
	buf_adds(&b, "end domain=example.net\n");
	tap_ok(read_lines(buf_span(&b), &h, &end, &f) == OK && end, "%d hosts",
	    HOSTS_MAX);
	buf_reset(&b);
	buf_adds(&b, FIRST);
	for (int i = 0; i <= HOSTS_MAX; i++)
		buf_adds(&b, HOST);
	tap_ok(
	    read_lines(buf_span(&b), &h, &end, &f) == TEMP, "and not one more");
	buf_free(&b);
}

int
main(void)
{
	test_requests();
	test_hosts();
	test_none();
	test_strays();
	test_limits();
	return tap_done();
}
