/* SPDX-License-Identifier: ISC */
/* explain.c: every step that resolve takes for an address, and why. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "explain_access.h"
#include "output.h"
#include "service.h"
#include "verbs.h"
#include "wire_resolve.h"

/*
 * The answer, added to what is found of an address, and the words for it.
 * `error` of a mailbox: resolve looks at the directory only, and whether it is
 * there is for the disk.
 */
static const char *
add_answer(json_t *o, enum outcome got, const struct resolve_ans *ans,
    const struct fault *why)
{
	char name[RECORD_MAX];
	const char *error;
	struct stat st;

	(void)json_object_set_new(o, "outcome", json_string(outcome_word(got)));
	if (got != OK) {
		(void)json_object_update_new(o,
		    json_pack("{s:s, s:o}", "code", why->code, "text",
		        json_text(span_of(why->text))));
		return got == PERM ? "  => refused: {code} {text|text}\n"
		                   : "  => not now: {code} {text|text}\n";
	}
	if (resolve_is_remote(ans)) {
		(void)json_object_update_new(o,
		    json_pack("{s:s, s:o, s:o}", "kind", "remote", "domain",
		        json_text(span_of(ans->nexthop)), "for",
		        json_text(span_of(ans->address))));
		return "  => another system: domain {domain}[, for {for}]\n"
		       "     this version carries no mail there: an SMTP "
		       "client hears 550 5.7.1\n";
	}
	if (!resolve_is_mailbox(ans)) {
		(void)json_object_update_new(o,
		    json_pack("{s:s, s:s}", "kind", ans->transport, "name",
		        ans->nexthop));
		return "  => {kind} {name} of [deliver-program] command\n";
	}
	(void)snprintf(name, sizeof(name), "%s/%s",
	    prog.settings.mail.directory, ans->nexthop);
	error = stat(name, &st) == 0 ? NULL : strerror(errno);
	(void)json_object_update_new(o,
	    json_pack("{s:s, s:o, s:s*}", "kind", "mailbox", "path",
	        json_text(span_of(name)), "error", error));
	return error != NULL
	    ? "  => mailbox {path}\n     it cannot be reached: {error|text}; "
	      "mail for it waits in retry1\n"
	    : "  => mailbox {path}\n     deliver-mailbox links it into new/ "
	      "there; queue-run removes it from the queue after the sync\n";
}

/* Lines until the answer, which is the outcome. What comes after a line that is
   no answer to this question would be none to the next. */
static enum outcome
read_steps(struct service *s, const struct resolve_req *req, json_t *o,
    struct fault *f)
{
	struct resolve_ans ans;
	struct resolve_step step;
	struct record r;
	struct span line;
	struct fault why = FAULT_NONE;
	json_t *steps = json_array();
	const char *words;
	enum outcome got;

	(void)json_object_set_new(o, "steps", steps);
	for (;;) {
		if (service_line(s, &line, f) != OK)
			return f->outcome;
		if (!wire_resolve_is_step(line))
			break;
		if (wire_resolve_get_step(line, &r, &step, f) != OK) {
			service_close(s);
			return f->outcome;
		}
		(void)json_array_append_new(steps,
		    json_pack("{s:o, s:o}", "rule", json_text(step.rule),
		        "text", json_text(step.text)));
	}
	got = wire_resolve_get_ans(line, req->forward_path, &ans, &why);
	words = add_answer(o, got, &ans, &why);
	output_text(o, "{address}\n");
	output_each(steps, "  {#:>2}. {rule:10} {text|text}\n");
	output(json_incref(o), words);
	if (why.error == EPROTO)
		service_close(s);
	if (got != OK)
		return fault_set(f, got, why.code, 0, "%s", why.text);
	return OK;
}

static enum outcome
explain(struct service *s, const char *address, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct path path;
	struct resolve_req req = { .explain = true };
	json_t *o;

	if (path_parse_bare(span_of(address), &path, f) != OK)
		return fault_context(f, "%s", address);
	req.forward_path = path_span(&path);
	req.reverse_path = SPAN_EMPTY;
	o = json_pack("{s:o}", "address", json_text(span_of(address)));
	if (wire_resolve_put_req(&b, &req, f) == OK &&
	    service_open(s, f) == OK && service_send(s, buf_span(&b), f) == OK)
		f->outcome = read_steps(s, &req, o, f);
	json_decref(o);
	buf_free(&b);
	return f->outcome;
}

static struct access_question access_question;
static const char *with_tls;

const struct prog_option explain_options[] = {
	{ 0, "client", "IP", "what the rules of access say of this client",
	    &access_question.client },
	{ 0, "user", "ADDRESS", "who has logged in as this user",
	    &access_question.user },
	{ 0, "tls", NULL, "over TLS", &with_tls },
	{ 0, "role", "ROLE", "on a listener of this role; mx",
	    &access_question.role },
	{ 0, "from", "ADDRESS", "with this reverse-path; empty: the null one",
	    &access_question.from },
	{ 0, "to", "ADDRESS", "and this recipient", &access_question.to },
	{ .name = NULL },
};

enum outcome
verb_explain(int argc, char *argv[], struct fault *f)
{
	struct fault worst = FAULT_NONE;
	struct service s;

	prog_options(argc, argv);
	if (optind == argc && access_question.client == NULL)
		prog_refuse("no address");
	if (optind < argc && access_question.client != NULL)
		prog_refuse("an address, or --client: not both");
	if (prog_home(f) != OK)
		return f->outcome;
	access_question.tls = with_tls != NULL;
	if (access_question.client != NULL)
		return explain_access(&access_question, f);
	service_begin(&s, "resolve", SERVICE_TIMEOUT_MS);
	/* What could not be answered outweighs a refusal. */
	for (int i = optind; i < argc; i++)
		if (explain(&s, argv[i], f) != OK &&
		    (worst.outcome == OK || f->outcome == TEMP))
			worst = *f;
	service_free(&s);
	*f = worst;
	return f->outcome;
}
