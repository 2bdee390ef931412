/* SPDX-License-Identifier: ISC */
/* message.c: lists of messages, and how each recipient fares. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* ---- Lists. ---- */

void
list_begin(struct list *list)
{
	TAILQ_INIT(&list->head);
	list->n = 0;
}

void
list_add(struct list *list, struct message *m)
{
	TAILQ_INSERT_TAIL(&list->head, m, link);
	m->listed = true;
	list->n++;
}

struct message *
list_take(struct list *list)
{
	struct message *m = TAILQ_FIRST(&list->head);

	if (m != NULL)
		list_remove(list, m);
	return m;
}

void
list_remove(struct list *list, struct message *m)
{
	TAILQ_REMOVE(&list->head, m, link);
	m->listed = false;
	list->n--;
}

void
list_move(struct list *to, struct list *from)
{
	TAILQ_CONCAT(&to->head, &from->head, link);
	to->n += from->n;
	from->n = 0;
}

/* ---- How one recipient fares. ---- */

struct text {
	struct text *next;
	char text[];
};

const char *
message_keep(struct message *m, struct span s)
{
	struct text *t = mem_new(1, sizeof(*t) + s.len + 1);

	memcpy(t->text, s.p, s.len);
	t->next = m->texts;
	m->texts = t;
	return t->text;
}

void
status_free(struct message *m)
{
	struct text *t;

	while ((t = m->texts) != NULL) {
		m->texts = t->next;
		free(t);
	}
	free(m->status);
	m->status = NULL;
}

void
status_prepare(struct message *m)
{
	status_free(m);
	m->status = mem_new(m->envelope.recipients, sizeof(*m->status));
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i];

		status->path = status->address = status->text = "";
		status->notice = status->host = "";
		if (m->envelope.recipient[i].state != RECIPIENT_WAITS)
			status->state = STATUS_SETTLED;
	}
}

void
status_end(
    struct message *m, size_t i, enum status_state state, const struct fault *f)
{
	struct status *status = &m->status[i];

	status->state = state;
	status->put = status->saved = false;
	status->journaled = status->postponed = status->parked = false;
	status->delayed = status->relayed = false;
	status->in_report = status->reported = false;
	status->notice = status->host = "";
	status->reply = 0;
	if (f != NULL && f->outcome != OK) {
		memcpy(status->code, f->code, sizeof(status->code));
		status->text = message_keep(m, span_of(f->text));
	}
}

void
status_end_by_fault(struct message *m, size_t i, const struct fault *f)
{
	status_end(
	    m, i, f->outcome == PERM ? STATUS_FAILED : STATUS_DEFERRED, f);
}

bool
message_has(const struct message *m, enum status_state state)
{
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == state)
			return true;
	return false;
}

bool
report_is_wanted(
    const struct envelope *e, const struct recipient *r, const char *wanted)
{
	struct span rest, word;

	if (path_is_null(&e->reverse_path))
		return false;
	if (r->notify == NULL || r->notify[0] == '\0')
		return strcmp(wanted, "SUCCESS") != 0;
	rest = span_of(r->notify);
	while (span_next(&rest, ',', &word))
		if (span_same_nocase(word, span_of(wanted)))
			return true;
	return false;
}
