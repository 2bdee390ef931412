/* SPDX-License-Identifier: ISC */
/* message.c: lists of messages, and how each recipient fares. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists. ---- */

void
list_begin(struct list *list)
{
	*list = (struct list){ .first = NULL, .last = &list->first };
}

void
list_add(struct list *list, struct message *m)
{
	m->next = NULL;
	m->listed = true;
	*list->last = m;
	list->last = &m->next;
	list->n++;
}

struct message *
list_take(struct list *list)
{
	struct message *m = list->first;

	if (m == NULL)
		return NULL;
	list->first = m->next;
	if (list->first == NULL)
		list->last = &list->first;
	list->n--;
	m->next = NULL;
	m->listed = false;
	return m;
}

void
list_remove(struct list *list, struct message *m)
{
	for (struct message **at = &list->first; *at != NULL; at = &(*at)->next)
		if (*at == m) {
			*at = m->next;
			if (m->next == NULL)
				list->last = at;
			list->n--;
			m->next = NULL;
			m->listed = false;
			return;
		}
}

void
list_move(struct list *to, struct list *from)
{
	*to = *from;
	if (to->n == 0)
		to->last = &to->first;
	list_begin(from);
}

/* ---- Texts of a message. ---- */

const char *
message_text(const struct message *m, uint32_t at)
{
	return at < m->text.len ? m->text.p + at : "";
}

/* 0, which is an empty text, when there is no memory. */
uint32_t
message_keep(struct message *m, struct span s)
{
	size_t at = m->text.len;

	buf_add(&m->text, s);
	buf_addc(&m->text, '\0');
	if (buf_failed(&m->text) || at > UINT32_MAX) {
		buf_undo(&m->text, at);
		return 0;
	}
	return (uint32_t)at;
}

/* ---- How one recipient fares. ---- */

enum outcome
status_prepare(struct message *m, struct fault *f)
{
	size_t n = m->envelope.recipients;

	if (n > m->status_max) {
		free(m->status);
		m->status_max = 0;
		m->status = malloc(n * sizeof(*m->status));
		if (m->status == NULL)
			return fault_set(f, TEMP, "4.3.0", 0, "no memory");
		m->status_max = n;
	}
	memset(m->status, 0, n * sizeof(*m->status));
	for (size_t i = 0; i < n; i++)
		if (m->envelope.recipient[i].state != RECIPIENT_WAITS)
			m->status[i].state = STATUS_SETTLED;
	buf_reset(&m->text);
	buf_addc(&m->text, '\0');
	return OK;
}

void
status_end(
    struct message *m, size_t i, enum status_state state, const struct fault *f)
{
	struct status *status = &m->status[i];

	status->state = state;
	status->saved = status->journaled = status->postponed = false;
	status->delayed = status->reported = false;
	status->notice = 0;
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
		return true;
	rest = span_of(r->notify);
	while (span_next(&rest, ',', &word))
		if (span_same_nocase(word, span_of(wanted)))
			return true;
	return false;
}

void
message_parks(struct message *m)
{
	m->step = STEP_ATTEMPTS;
}

void
message_report_failed(struct message *m, const struct fault *f)
{
	struct fault why = *f;

	why.outcome = TEMP;
	fault_context(&why, "report not entered");
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_FAILED &&
		    !m->status[i].reported &&
		    report_is_wanted(
		        &m->envelope, &m->envelope.recipient[i], "FAILURE"))
			status_end(m, i, STATUS_DEFERRED, &why);
}
