/* SPDX-License-Identifier: ISC */
/* blocks.c: one round trip to route for all block lists. */
#include "blocks.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "fds.h"

void
blocks_begin(struct blocks *b, const struct settings *set)
{
	const struct setting_list *lines = &set->connect.rbl;
	struct fault f;

	*b = (struct blocks){ .timeout_ms = set->connect.rbl_timeout_ms,
		.questions = BUF_INIT(BLOCK_LISTS_MAX * RECORD_MAX) };
	service_begin(&b->route, "route", b->timeout_ms);
	for (size_t i = 0; i < lines->n && b->lists < BLOCK_LISTS_MAX; i++)
		if (block_list_parse(
		        span_of(lines->value[i]), &b->list[b->lists], &f) == OK)
			b->lists++;
}

void
blocks_free(struct blocks *b)
{
	service_free(&b->route);
	buf_free(&b->questions);
}

static bool
is_asked_about(const char *ip)
{
	return ip[0] != '\0' && strcmp(ip, "127.0.0.1") != 0 &&
	    strcmp(ip, "::1") != 0;
}

static struct block_req
request(const struct blocks *b, size_t i, const char *ip)
{
	struct block_req req = { .list = b->list[i] };

	(void)span_copy(span_of(ip), req.ip, sizeof(req.ip));
	return req;
}

static enum outcome
ask_all(struct blocks *b, const char *ip, struct fault *f)
{
	buf_reset(&b->questions);
	for (size_t i = 0; i < b->lists; i++) {
		const struct block_req req = request(b, i, ip);

		if (wire_block_put_req(&b->questions, &req, f) != OK)
			return f->outcome;
	}
	/* An answer that came too late for the client before is none to us. */
	if (b->route.at < b->route.in.len)
		service_close(&b->route);
	*f = FAULT_NONE;
	if (service_open(&b->route, f) != OK)
		return f->outcome;
	return service_send(&b->route, buf_span(&b->questions), f);
}

/* The next answer, but not after the deadline. */
static enum outcome
next_answer(struct blocks *b, const struct block_req *req, uint64_t deadline_ms,
    struct block_ans *ans, struct fault *f)
{
	uint64_t now_ms = clock_mono_ms();
	struct span line;

	if (!service_next(&b->route, &line)) {
		if (now_ms >= deadline_ms)
			return fault_set(f, TEMP, "4.4.3", ETIMEDOUT, "route");
		fds_set_timeouts(
		    b->route.fd, deadline_ms - now_ms, b->timeout_ms);
		if (service_line(&b->route, &line, f) != OK)
			return f->outcome;
	}
	return wire_block_get_ans(line, req, ans, f);
}

static enum outcome
say_listed(
    const struct block_req *req, const struct block_ans *ans, struct fault *f)
{
	return fault_set(f, PERM, "5.7.1", 0, "%s is listed in %s%s%s", req->ip,
	    req->list.zone, ans->text[0] == '\0' ? "" : ": ", ans->text);
}

/* All answers. TEMP with an error: the connection is of no use any more. */
static enum outcome
take_all(struct blocks *b, const char *ip, uint64_t deadline_ms, size_t *taken,
    struct fault *f)
{
	struct fault one, listed = FAULT_NONE, unknown = FAULT_NONE;
	struct block_ans ans;

	for (*taken = 0; *taken < b->lists; ++*taken) {
		const struct block_req req = request(b, *taken, ip);
		enum outcome got =
		    next_answer(b, &req, deadline_ms, &ans, &one);

		if (got == OK && ans.verdict == BLOCK_LISTED &&
		    listed.outcome == OK)
			(void)say_listed(&req, &ans, &listed);
		if (got != OK)
			unknown = one;
		if (got != OK && one.error != 0)
			break;
	}
	*f = listed.outcome != OK ? listed : unknown;
	f->error = unknown.error;
	return f->outcome;
}

enum outcome
blocks_find(struct blocks *b, const char *ip, struct fault *f)
{
	uint64_t deadline_ms;
	size_t taken = 0;

	*f = FAULT_NONE;
	if (b->lists == 0 || !is_asked_about(ip))
		return OK;
	deadline_ms = clock_mono_ms() + b->timeout_ms;
	/* Twice: route may have been replaced since the client before. */
	for (int tries = 0; tries < 2; tries++) {
		if (ask_all(b, ip, f) == OK)
			(void)take_all(b, ip, deadline_ms, &taken, f);
		if (f->error == 0)
			break;
		service_close(&b->route);
		if (taken > 0 || f->error == ETIMEDOUT || f->error == EPROTO)
			break;
	}
	return f->outcome;
}
