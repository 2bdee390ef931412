/* SPDX-License-Identifier: ISC */
/* arguments.c: the command line of sendmail. */
#include "arguments.h"

#include <string.h>

#include "envelope.h"

/* Options of sendmail 8 with a value, in the same word or the next; those whose
   value can only be in the same word; and those that have none. */
#define WITH_VALUE "ABbCeFfhLMNOopRrVX"
#define MAY_HAVE   "dq"
#define WITHOUT    "cGIimnsTtUvx"

static enum outcome
refuse(struct fault *f, const char *option, const char *why)
{
	return fault_set(f, PERM, "5.5.4", 0, "%.40s: %s", option, why);
}

/* -bs, -bp ... */
static enum outcome
take_mode(struct arguments *a, const char *value, struct fault *f)
{
	static const struct {
		char letter;
		enum mode mode;
	} modes[] = { { 'm', MODE_SEND }, { 's', MODE_SESSION },
		{ 'p', MODE_LIST }, { 'i', MODE_ALIASES } };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (value[0] == modes[i].letter && value[1] == '\0') {
			a->mode = modes[i].mode;
			return OK;
		}
	if (value[0] == 'd' || value[0] == 'D')
		return refuse(f, "-bd", "`pneu run` is what serves here");
	return refuse(f, "-b", "only -bm, -bs, -bp and -bi are known");
}

/* "never", or of "failure,delay,success". RFC 3461 4.1 */
static enum outcome
take_notify(struct arguments *a, const char *value, struct fault *f)
{
	struct span rest = span_of(value), word;
	bool good = rest.len > 0 && rest.len <= ENVELOPE_NOTIFY_MAX;

	while (good && span_next(&rest, ',', &word))
		good = span_is_word(word, "SUCCESS FAILURE DELAY");
	if (!good && !span_is_word(span_of(value), "NEVER"))
		return refuse(
		    f, "-N", "say never, or some of failure,delay,success");
	a->notify = value;
	return OK;
}

static enum outcome
take_value(struct arguments *a, char letter, const char *value, struct fault *f)
{
	switch (letter) {
	case 'b':
		return take_mode(a, value, f);
	case 'f':
	case 'r':
		a->sender = value;
		return OK;
	case 'F':
		a->name = value;
		return OK;
	case 'C':
		a->home = value;
		return OK;
	case 'N':
		return take_notify(a, value, f);
	case 'R':
		if (!span_is_word(span_of(value), "FULL HDRS"))
			return refuse(f, "-R", "say full or hdrs");
		a->ret = value;
		return OK;
	case 'V':
		if (strlen(value) > ENVELOPE_ENVID_MAX || value[0] == '\0' ||
		    !span_is_all(span_of(value), is_graph))
			return refuse(f, "-V", "it is no envelope id");
		a->envid = value;
		return OK;
	case 'B':
		if (!span_is_word(span_of(value), "7BIT 8BITMIME"))
			return refuse(f, "-B", "say 7bit or 8bitmime");
		a->body = value;
		return OK;
	case 'o': /* the old way: -oi is -i, -ot is -t */
		a->takes_dots |= value[0] == 'i';
		a->reads_header |= value[0] == 't';
		return OK;
	default: /* what other systems have */
		return OK;
	}
}

static void
take_letter(struct arguments *a, char letter)
{
	a->reads_header |= letter == 't';
	a->takes_dots |= letter == 'i';
	a->is_verbose |= letter == 'v';
	if (letter == 'I')
		a->mode = MODE_ALIASES;
}

/* One word of options, and the next where its value stands there. */
static enum outcome
take_word(struct arguments *a, const char *word, const char *next,
    bool *used_next, struct fault *f)
{
	*used_next = false;
	for (const char *p = word + 1; *p != '\0'; p++) {
		if (strchr(WITHOUT, *p) != NULL) {
			take_letter(a, *p);
		} else if (strchr(MAY_HAVE, *p) != NULL) {
			if (*p == 'q')
				a->mode = MODE_RUN;
			return OK;
		} else if (strchr(WITH_VALUE, *p) == NULL) {
			return refuse(f, word, "no such option");
		} else if (p[1] != '\0') {
			return take_value(a, *p, p + 1, f);
		} else {
			*used_next = true;
			return next == NULL
			    ? refuse(f, word, "its value is missing")
			    : take_value(a, *p, next, f);
		}
	}
	return OK;
}

/* Those of the other programs. */
static enum outcome
take_long(struct arguments *a, const char *word, struct fault *f)
{
	static const char home[] = "--home=";

	if (strcmp(word, "--version") == 0)
		a->mode = MODE_VERSION;
	else if (strcmp(word, "--help") == 0)
		a->mode = MODE_HELP;
	else if (strncmp(word, home, sizeof(home) - 1) == 0)
		a->home = word + sizeof(home) - 1;
	else
		return refuse(f, word, "no such option");
	return OK;
}

/* By the name that it was called by. */
static enum mode
mode_of(const char *called)
{
	const char *slash = strrchr(called, '/');
	const char *name = slash == NULL ? called : slash + 1;

	return strcmp(name, "mailq") == 0     ? MODE_LIST
	    : strcmp(name, "newaliases") == 0 ? MODE_ALIASES
	                                      : MODE_SEND;
}

/* A recipient that looks like an option is one that somebody else chose. */
static enum outcome
take_recipients(struct arguments *a, char *argv[], size_t n, struct fault *f)
{
	a->recipient = argv;
	a->recipients = n;
	for (size_t i = 0; i < n; i++)
		if (argv[i][0] == '-')
			return refuse(
			    f, argv[i], "options stand before all recipients");
	return OK;
}

enum outcome
arguments_parse(int argc, char *argv[], struct arguments *a, struct fault *f)
{
	bool used_next = false;
	int i;

	*a = (struct arguments){ .mode =
		                     argc == 0 ? MODE_SEND : mode_of(argv[0]) };
	/* With an envelope id it is another option. */
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		a->mode = MODE_VERSION;
		return OK;
	}
	if (argc == 2 && strcmp(argv[1], "-h") == 0) {
		a->mode = MODE_HELP;
		return OK;
	}
	for (i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (word[0] != '-' || word[1] == '\0')
			break;
		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if ((word[1] == '-' ? take_long(a, word, f)
		                    : take_word(a, word,
		                          i + 1 < argc ? argv[i + 1] : NULL,
		                          &used_next, f)) != OK)
			return f->outcome;
		i += used_next;
		used_next = false;
	}
	if (i >= argc)
		return OK;
	return take_recipients(a, argv + i, (size_t)(argc - i), f);
}
