/* SPDX-License-Identifier: ISC */
/* explain.c: every step that resolve takes for an address, and why. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "service.h"
#include "verbs.h"
#include "wire_resolve.h"

/* resolve looks at the directory only; whether it is there is for the disk. */
static void
print_mailbox(const char *path)
{
	char name[RECORD_MAX];
	struct stat st;

	(void)snprintf(
	    name, sizeof(name), "%s/%s", prog.settings.mail.directory, path);
	(void)printf("  => mailbox %s\n", name);
	if (stat(name, &st) != 0)
		(void)printf("     it cannot be reached: %s; mail for it waits "
		             "in retry1\n",
		    strerror(errno));
	else
		(void)printf("     deliver-mailbox links it into new/ there; "
		             "queue-run lets go after the sync\n");
}

static void
print_answer(
    enum outcome got, const struct resolve_ans *ans, const struct fault *why)
{
	if (got != OK) {
		(void)printf("  => %s: %s %s\n",
		    got == PERM ? "refused" : "not now", why->code, why->text);
		return;
	}
	switch (ans->kind) {
	case RESOLVE_MAILBOX:
		print_mailbox(ans->path);
		break;
	case RESOLVE_REMOTE:
		(void)printf("  => another system: domain %s%s%s\n",
		    ans->domain, ans->address[0] == '\0' ? "" : ", for ",
		    ans->address);
		(void)printf("     this version carries no mail there: an SMTP "
		             "client hears 550 5.7.1\n");
		break;
	}
}

/* Lines until the answer. *got: what the question's outcome is. */
static enum outcome
read_steps(struct service *s, const struct resolve_req *req, struct fault *f)
{
	struct resolve_ans ans;
	struct resolve_step step;
	struct record r;
	struct span line;
	struct fault why = FAULT_NONE;
	enum outcome got;

	for (unsigned n = 1;; n++) {
		if (service_line(s, &line, f) != OK)
			return f->outcome;
		if (!wire_resolve_is_step(line))
			break;
		if (wire_resolve_get_step(line, &r, &step, f) != OK)
			return f->outcome;
		(void)printf("  %2u. %-10.*s %.*s\n", n, SPAN_ARG(step.rule),
		    SPAN_ARG(step.text));
	}
	got = wire_resolve_get_ans(line, req->forward_path, &ans, &why);
	print_answer(got, &ans, &why);
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

	if (path_parse_bare(span_of(address), &path, f) != OK)
		return fault_context(f, "%s", address);
	req.forward_path = path_span(&path);
	req.reverse_path = SPAN_EMPTY;
	(void)printf("%s\n", address);
	if (wire_resolve_put_req(&b, &req, f) == OK &&
	    service_send(s, buf_span(&b), f) == OK)
		f->outcome = read_steps(s, &req, f);
	buf_free(&b);
	return f->outcome;
}

enum outcome
verb_explain(int argc, char *argv[], struct fault *f)
{
	struct fault worst = FAULT_NONE;
	struct service s;
	const char *value;

	while (prog_option(argc, argv, &value) != -1)
		continue;
	if (optind == argc) {
		fault_set(f, PERM, "5.5.4", 0, "no address");
		prog_usage(f);
	}
	if (prog_home(f) != OK)
		return f->outcome;
	service_begin(&s, "resolve", SERVICE_TIMEOUT_MS);
	if (service_open(&s, f) != OK)
		return f->outcome;
	for (int i = optind; i < argc; i++)
		if (explain(&s, argv[i], f) != OK)
			worst = *f;
	service_free(&s);
	*f = worst;
	return f->outcome;
}
