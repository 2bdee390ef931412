/* SPDX-License-Identifier: ISC */
/* command.c: the words of a `command =` line. */
#include "command.h"

#include <string.h>

#include "wire_resolve.h"

enum outcome
command_parse(const char *line, struct command *c, struct fault *f)
{
	size_t words = 0;
	char *rest = c->text, *word;

	if (!span_copy(span_of(line), c->text, sizeof(c->text)))
		return fault_set(f, PERM, "5.3.5", 0, "too long");
	c->line = line;
	c->name = NULL;
	while ((word = strsep(&rest, " ")) != NULL) {
		if (*word == '\0')
			continue;
		if (c->name == NULL)
			c->name = word;
		else if (words == COMMAND_WORDS_MAX)
			return fault_set(f, PERM, "5.3.5", 0, "too many words");
		else
			c->argv[words++] = word;
	}
	c->argv[words] = NULL;
	if (words == 0)
		return fault_set(
		    f, PERM, "5.3.5", 0, "a name and a program are needed");
	if (!resolve_is_program_name(span_of(c->name)))
		return fault_set(f, PERM, "5.3.5", 0,
		    "%.64s is not a name of 1 to %d of A-Z a-z 0-9 _ . -",
		    c->name, PROGRAM_NAME_MAX);
	if (c->argv[0][0] != '/')
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is not an absolute path", c->argv[0]);
	return OK;
}

bool
command_find(
    const struct setting_list *list, struct span name, struct command *c)
{
	struct fault f;

	for (size_t i = 0; i < list->n; i++)
		if (command_parse(list->value[i], c, &f) == OK &&
		    span_eq(name, c->name))
			return true;
	return false;
}
