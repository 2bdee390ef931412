/* SPDX-License-Identifier: ISC */
/* explain.c: every step that resolve takes for an address, and why. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "json_text.h"
#include "phrase.h"
#include "service.h"
#include "verbs.h"
#include "wire_resolve.h"

enum { OPTION_JSON = 256 };

const struct prog_option explain_options[] = {
	{ OPTION_JSON, "json", NULL, "one JSON object an address" },
	{ 0, NULL, NULL, NULL },
};

/*
 * What is found of an address is one object, and the text is made of it.
 * `error` of a mailbox: resolve looks at the directory only, and whether it is
 * there is for the disk.
 */
static json_t *
json_answer(
    enum outcome got, const struct resolve_ans *ans, const struct fault *why)
{
	char name[RECORD_MAX];
	struct stat st;

	if (got != OK)
		return json_pack("{s:s, s:s, s:o}", "outcome",
		    outcome_word(got), "code", why->code, "text",
		    json_text(span_of(why->text)));
	if (ans->kind == RESOLVE_REMOTE)
		return json_pack("{s:s, s:s, s:o, s:o}", "outcome", "ok",
		    "kind", "remote", "domain", json_text(span_of(ans->domain)),
		    "for", json_text(span_of(ans->address)));
	if (ans->kind == RESOLVE_PROGRAM)
		return json_pack("{s:s, s:s, s:s}", "outcome", "ok", "kind",
		    "program", "name", ans->program);
	(void)snprintf(name, sizeof(name), "%s/%s",
	    prog.settings.mail.directory, ans->path);
	return json_pack("{s:s, s:s, s:o, s:s*}", "outcome", "ok", "kind",
	    "mailbox", "path", json_text(span_of(name)), "error",
	    stat(name, &st) == 0 ? NULL : strerror(errno));
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

/* A phrase_value: a string of the object. */
static bool
put_text(const void *o, struct span key, struct buf *b)
{
	char name[32];
	const char *s;

	(void)span_copy(key, name, sizeof(name));
	s = text_of(o, name);
	buf_adds(b, s);
	return *s != '\0';
}

static const char *
words_of_answer(const json_t *o)
{
	if (strcmp(text_of(o, "outcome"), "perm") == 0)
		return "  => refused: {code} {text|text}\n";
	if (strcmp(text_of(o, "outcome"), "ok") != 0)
		return "  => not now: {code} {text|text}\n";
	if (strcmp(text_of(o, "kind"), "remote") == 0)
		return "  => another system: domain {domain}[, for {for}]\n"
		       "     this version carries no mail there: an SMTP "
		       "client "
		       "hears 550 5.7.1\n";
	if (strcmp(text_of(o, "kind"), "program") == 0)
		return "  => program {name} of [deliver-program] command\n";
	if (text_of(o, "error")[0] != '\0')
		return "  => mailbox {path}\n"
		       "     it cannot be reached: {error|text}; mail for it "
		       "waits in retry1\n";
	return "  => mailbox {path}\n"
	       "     deliver-mailbox links it into new/ there; queue-run lets "
	       "go after the sync\n";
}

static void
print(const json_t *o)
{
	struct buf b = BUF_INIT(16UL * RECORD_MAX);
	const json_t *step;
	size_t i;

	if (prog.json) {
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return;
	}
	phrase_put(&b, "{address}\n", put_text, o);
	json_array_foreach(json_object_get(o, "steps"), i, step)
	{
		buf_addf(&b, "  %2zu. ", i + 1);
		phrase_put(&b, "{rule:10} {text|text}\n", put_text, step);
	}
	phrase_put(&b, words_of_answer(o), put_text, o);
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
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
	(void)json_object_update_new(o, json_answer(got, &ans, &why));
	print(o);
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

enum outcome
verb_explain(int argc, char *argv[], struct fault *f)
{
	struct fault worst = FAULT_NONE;
	struct service s;
	const char *value;
	int letter;

	while ((letter = prog_option(argc, argv, &value)) != -1)
		prog.json |= letter == OPTION_JSON;
	if (optind == argc) {
		fault_set(f, PERM, "5.5.4", 0, "no address");
		prog_usage(f);
	}
	if (prog_home(f) != OK)
		return f->outcome;
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
