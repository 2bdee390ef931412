/* SPDX-License-Identifier: ISC */
/* setup.c: `pneu setup`: six questions, and the settings that answer them. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config_change.h"
#include "output.h"
#include "verbs.h"

#define ANSWER_MAX 1024 /* octets. Chosen */
#define WORDS_MAX  16 /* of an answer. Chosen */

enum { Q_DOMAINS, Q_DNS, Q_FIREWALL, Q_ROUTER, Q_OTHER, Q_POP, QUESTIONS };

static const char *given[QUESTIONS], *checks;

static const struct question {
	const char *option, *ask;
	const char *setting; /* NULL: none in this version */
} questions[QUESTIONS] = {
	{ "domains",
	    "Domains whose mail is delivered here, with commas between",
	    "resolve.domain" },
	{ "dns", "DNS servers, by address (none: those of the machine)",
	    "route.resolver" },
	{ "firewall", "Firewall that mail to the world goes through (none)",
	    NULL },
	{ "router", "Mail router or relay that takes it (none)", NULL },
	{ "listen",
	    "Addresses with ports for SMTP, where another mail server is on "
	    "this machine",
	    "smtpd.listen" },
	{ "pop", "Do users fetch mail by POP3? (yes, no)", "pop3d.autostart" },
};

const struct prog_option setup_options[] = {
	{ 0, "domains", "DOMAIN,...", "local domains", &given[Q_DOMAINS] },
	{ 0, "dns", "ADDRESS,...", "DNS servers", &given[Q_DNS] },
	{ 0, "firewall", "none", "firewall for mail to the world",
	    &given[Q_FIREWALL] },
	{ 0, "router", "none", "router for mail to the world",
	    &given[Q_ROUTER] },
	{ 0, "listen", "ADDRESS:PORT,...", "where SMTP is spoken",
	    &given[Q_OTHER] },
	{ 0, "pop", "yes|no", "POP3 for users", &given[Q_POP] },
	{ 0, "check", NULL, "only answer the questions from what is set",
	    &checks },
	{ .name = NULL },
};

/* What is set now; "none" where it is nothing. */
static void
put_now(const struct question *q, struct buf *out)
{
	struct setting_row const *row = NULL;
	struct fault f;

	if (q->setting != NULL &&
	    config_edit_find(span_of(q->setting), &row, &f) == OK)
		config_put_value(out, &prog.settings, row, ", ");
	if (out->len == 0)
		buf_addf(out, "none");
}

static void
answer_all(void)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct buf now = BUF_INIT(65536);

		put_now(&questions[i], &now);
		output(json_pack("{s:s, s:s, s:s*, s:o}", "question",
		           questions[i].ask, "option", questions[i].option,
		           "setting", questions[i].setting, "answer",
		           json_text(buf_span(&now))),
		    "{question|text}: {answer|text}[  ({setting})]\n");
		buf_free(&now);
	}
}

/* One line of the standard input; an empty one, or its end, leaves it. */
static void
ask(const struct question *q, char answer[ANSWER_MAX])
{
	struct buf now = BUF_INIT(65536);

	answer[0] = '\0';
	put_now(q, &now);
	(void)printf("%s [%s]: ", q->ask, now.p);
	(void)fflush(stdout);
	if (fgets(answer, ANSWER_MAX, stdin) == NULL)
		answer[0] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
	buf_free(&now);
}

/* Words into an edit; "none" puts the default in force. */
static enum outcome
take(const struct question *q, struct span rest, struct config_edit *e,
    struct span value[WORDS_MAX], struct fault *f)
{
	struct span word;
	bool is_none = span_eq(rest, "none");

	if (q->setting == NULL && !is_none)
		return fault_set(f, PERM, "5.5.4", 0,
		    "--%s: this version sends no mail to other systems; say "
		    "none",
		    q->option);
	if (q->setting == NULL)
		return OK;
	if (config_edit_find(span_of(q->setting), &e->row, f) != OK)
		return f->outcome;
	e->how = is_none ? CONFIG_UNSET : CONFIG_SET;
	e->value = value;
	while (!is_none && span_next(&rest, ',', &word)) {
		while (word.len > 0 && word.p[0] == ' ')
			word = span_from(word, 1);
		if (word.len > 0 && e->values < WORDS_MAX)
			value[e->values++] = word;
		else if (word.len > 0)
			return fault_set(f, PERM, "5.5.4", 0,
			    "--%s: at most %d; the rest with `config set "
			    "--add`",
			    q->option, WORDS_MAX);
	}
	return OK;
}

enum outcome
verb_setup(int argc, char *argv[], struct fault *f)
{
	static char answer[QUESTIONS][ANSWER_MAX];
	static struct span value[QUESTIONS][WORDS_MAX];
	struct config_edit edit[QUESTIONS] = { 0 };
	struct text_changed done;
	bool asks = true;
	size_t n = 0;

	prog_options(argc, argv);
	for (size_t i = 0; i < QUESTIONS; i++)
		asks = asks && given[i] == NULL;
	if (text_change_stand(f) != OK || prog_load(f) != OK)
		return f->outcome;
	if (checks != NULL) {
		answer_all();
		return OK;
	}
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (asks)
			ask(&questions[i], answer[i]);
		else if (given[i] != NULL)
			(void)span_copy(
			    span_of(given[i]), answer[i], ANSWER_MAX);
		if (answer[i][0] == '\0')
			continue;
		if (take(&questions[i], span_of(answer[i]), &edit[n], value[i],
		        f) != OK)
			return f->outcome;
		n += questions[i].setting != NULL;
	}
	if (n > 0 && config_change(edit, n, true, &done, f) != OK)
		return f->outcome;
	if (n > 0)
		text_say("setup", &done);
	return OK;
}
