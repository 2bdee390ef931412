/* SPDX-License-Identifier: ISC */
/*
 * round.c: what a round of queue-add writes and syncs. The order of these
 * calls is the protocol that tests/model proves: a name appears when the file
 * is whole; of two files the envelope is made when content and the content's
 * names are synced; every file is synced once; the answers come last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "clock.h"
#include "codes.h"

#define FIELDS_MAX                                                             \
	2048 /* Return-Path: and Delivered-To: of the longest paths */
#define HEAD_MAX    (ENVELOPE_ONE_LINE + FIELDS_MAX)
#define NOTICES_MAX (ROUND_REQUESTS_MAX * (ENVELOPE_ONE_MAX + 2UL))
#define APART_MAX   STORE_ENVELOPE_MAX

void
accept_begin(struct accept *a, struct store *store, struct journal *journal,
    const struct settings *s)
{
	memset(a, 0, sizeof(*a));
	a->store = store;
	a->journal = journal;
	a->one_file_max = s->queue.one_file_max;
	a->min_free = s->queue.min_free;
	a->recipients_max = s->queue.recipients_max;
	a->head = BUF_INIT(HEAD_MAX);
	a->fields = BUF_INIT(FIELDS_MAX);
	a->notices = BUF_INIT(NOTICES_MAX);
	a->told = BUF_INIT(NOTICES_MAX);
	tell_begin(&a->tell);
}

void
accept_end(struct accept *a)
{
	tell_end(&a->tell);
	buf_free(&a->head);
	buf_free(&a->fields);
	buf_free(&a->notices);
	buf_free(&a->told);
	free(a->entry);
}

struct accepted *
accept_enter(struct accept *a, struct client *c, enum accepted_kind kind,
    const struct qid *qid)
{
	struct accepted *entry;

	if (a->entries == a->entries_cap) {
		size_t cap = a->entries_cap == 0 ? ROUND_REQUESTS_MAX
		                                 : 2 * a->entries_cap;

		entry = reallocarray(a->entry, cap, sizeof(*entry));
		if (entry == NULL)
			return NULL;
		a->entry = entry;
		a->entries_cap = cap;
	}
	entry = &a->entry[a->entries++];
	entry->kind = kind;
	entry->client = c;
	entry->qid = *qid;
	entry->file = entry->content = STORE_FILE_NONE;
	entry->envelope = NULL;
	entry->notice_at = entry->notice_len = 0;
	entry->pass_fd = -1;
	return entry;
}

static void
alarm_journal(struct accept *a, const struct qid *qid, const struct fault *f)
{
	struct record_out out = journal_begin(a->journal, CODE_ALARM, qid);

	record_puts(out, "code", f->code);
	record_puts(out, "text", f->text);
	journal_end(a->journal, out);
}

enum outcome
accept_enter_failed(struct accept *a, struct client *c, const struct qid *qid,
    const struct fault *why, struct fault *f)
{
	struct accepted *entry = accept_enter(a, c, ACCEPTED_FAILED, qid);

	if (entry == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	entry->why = *why;
	if (why->error == EIO || why->error == EROFS) {
		store_trouble_set(a->store, "queue-add", why->text);
		alarm_journal(a, qid, why);
	}
	return OK;
}

/* ---- Writing. ---- */

/* The disk may begin; the fsync of the round will wait less. */
static void
start_disk(const struct accept *a, int fd)
{
	if (!a->store->in_memory)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* What we put before the content. None may see the other recipients. */
static enum outcome
put_fields(struct accept *a, const struct envelope *e, struct fault *f)
{
	struct buf *b = &a->fields;

	buf_reset(b);
	buf_adds(b, "Return-Path: <");
	buf_add(b, path_span(&e->reverse_path));
	buf_adds(b, ">\r\n");
	if (e->recipients == 1) {
		buf_adds(b, "Delivered-To: ");
		buf_add(b, path_span(&e->recipient[0].forward_path));
		buf_adds(b, "\r\n");
	}
	if (buf_failed(b))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "queue: fields");
	return OK;
}

static void
digest_of(struct span a, struct span b, unsigned char *out)
{
	struct envelope_digest d;

	envelope_digest_begin(&d);
	envelope_digest_add(&d, a);
	envelope_digest_add(&d, b);
	envelope_digest_end(&d, out);
}

enum outcome
accept_begin_content(struct accept *a, const struct envelope *e,
    struct store_file *file, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	if (put_fields(a, e, f) != OK)
		return f->outcome;
	store_shard_name(&e->qid, shard);
	if (store_create(a->store, shard, &e->qid, 0400, file, f) != OK)
		return f->outcome;
	if (store_write(file->fd, buf_span(&a->fields), SPAN_EMPTY, f) != OK)
		store_abandon(a->store, file);
	return file->fd == -1 ? f->outcome : OK;
}

/* ---- A name that is taken. ---- */

static enum outcome
sync_existing(struct accept *a, const struct store_content *c,
    const struct envelope *e, struct store_place place, struct fault *f)
{
	char name[STORE_NAME_MAX];
	enum outcome got;
	int fd;

	if (store_sync_file(c->fd, f) != OK)
		return f->outcome;
	if (e->shape == ENVELOPE_ONE)
		return store_sync_state_dir(a->store, place, f);
	if (store_sync_shard(a->store, &e->qid, f) != OK)
		return f->outcome;
	store_envelope_name(place, &e->qid, name);
	fd = openat(a->store->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "queue: open %s", name);
	got = store_sync_file(fd, f);
	(void)close(fd);
	return got == OK ? store_sync_state_dir(a->store, place, f) : got;
}

/*
 * Somebody brought this message before: it is there when what is there is
 * believed and on disk, and not before.
 */
static enum outcome
check_existing(struct accept *a, const struct qid *qid, struct fault *f)
{
	bool fresh = store_is_trouble(a->store);
	struct store_content c = STORE_CONTENT_NONE;
	struct store_place place;
	struct envelope e;
	struct fault why;
	enum outcome got;

	if (store_find_envelope(a->store, qid, &place, f) != OK)
		return f->outcome;
	envelope_begin(&e);
	got = store_read_envelope(a->store, qid, place, fresh, &e, f);
	if (got == OK)
		got = store_open_content(a->store, &e, &c, f);
	if (got == OK)
		got = store_check_content(&c, &e, fresh, f);
	if (got == OK)
		got = sync_existing(a, &c, &e, place, f);
	store_close_content(&c);
	envelope_free(&e);
	if (got == OK)
		return OK;
	/* What is wrong with it is not what is wrong with this one. */
	why = *f;
	return fault_set(f, TEMP, "4.3.0", 0,
	    "a message with this qid is there: %s", why.text);
}

static enum outcome
enter_existing(
    struct accept *a, struct client *c, const struct qid *qid, struct fault *f)
{
	struct fault why;

	if (check_existing(a, qid, &why) != OK)
		return accept_enter_failed(a, c, qid, &why, f);
	if (accept_enter(a, c, ACCEPTED_EXISTS, qid) == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	return OK;
}

/*
 * Only what has a derived qid comes twice: a report, from the null
 * reverse-path. It may have left in/ since, as an envelope of its own.
 */
static bool
is_there_elsewhere(struct accept *a, const struct envelope *e)
{
	struct store_place place;
	struct fault f;

	return path_is_null(&e->reverse_path) &&
	    store_has_content(a->store, &e->qid) &&
	    store_find_envelope(a->store, &e->qid, &place, &f) == OK;
}

/* ---- The whole message is there. ---- */

static enum outcome
put_one(struct accept *a, struct client *c, const struct envelope *e,
    struct span content, struct fault *f)
{
	struct store_file file;
	struct accepted *entry;
	struct span record;
	struct fault why;

	if (store_create(a->store, "in", &e->qid, 0400, &file, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	if (store_write(file.fd, buf_span(&a->head), content, &why) != OK) {
		store_abandon(a->store, &file);
		return accept_enter_failed(a, c, &e->qid, &why, f);
	}
	start_disk(a, file.fd);
	if (store_publish(a->store, &file, &e->qid, &why) != OK) {
		store_abandon(a->store, &file);
		if (why.error == EEXIST)
			return enter_existing(a, c, &e->qid, f);
		return accept_enter_failed(a, c, &e->qid, &why, f);
	}
	entry = accept_enter(a, c, ACCEPTED_ONE, &e->qid);
	if (entry == NULL) {
		/* Its name is there, but nobody is answered: as if killed. */
		store_file_close(&file);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	}
	entry->file = file;
	/* The notice is the first line without `Pneu: ` and CR. */
	record = span_from(span_head(buf_span(&a->head), (size_t)e->start - 2),
	    sizeof(ENVELOPE_ONE_PREFIX) - 1);
	entry->notice_at = a->notices.len;
	buf_add(&a->notices, record);
	buf_addc(&a->notices, '\n');
	entry->notice_len = a->notices.len - entry->notice_at;
	return OK;
}

static enum outcome
put_apart(struct accept *a, struct client *c, struct envelope *e,
    struct span content, struct fault *f)
{
	struct store_file file;
	struct fault why;

	if (accept_begin_content(a, e, &file, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	e->start = 0;
	e->skip = a->fields.len;
	if (store_write(file.fd, content, SPAN_EMPTY, &why) != OK) {
		store_abandon(a->store, &file);
		return accept_enter_failed(a, c, &e->qid, &why, f);
	}
	return accept_put_content(a, c, e, &file, f);
}

/*
 * Can it be one file? Then its head is in a->head. The sizes and the digest
 * are those of both shapes.
 */
static bool
make_head(struct accept *a, struct envelope *e, struct span content)
{
	struct fault f;

	e->skip = a->fields.len;
	e->size = a->fields.len + content.len;
	digest_of(buf_span(&a->fields), content, e->digest);
	if (e->recipients != 1 || content.len > a->one_file_max)
		return false;
	buf_reset(&a->head);
	if (envelope_put_one(&a->head, e, &f) != OK)
		return false;
	buf_add(&a->head, buf_span(&a->fields));
	return !buf_failed(&a->head);
}

enum outcome
accept_put(struct accept *a, struct client *c, struct envelope *e,
    struct span content, bool dots, struct fault *f)
{
	struct fault why;

	e->dots = dots;
	e->time_ms = clock_wall_ms();
	if (put_fields(a, e, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	if (is_there_elsewhere(a, e))
		return enter_existing(a, c, &e->qid, f);
	if (make_head(a, e, content))
		return put_one(a, c, e, content, f);
	return put_apart(a, c, e, content, f);
}

static void
free_envelope(struct envelope **e)
{
	if (*e == NULL)
		return;
	envelope_free(*e);
	free(*e);
	*e = NULL;
}

enum outcome
accept_put_content(struct accept *a, struct client *c, struct envelope *e,
    struct store_file *file, struct fault *f)
{
	struct accepted *entry;
	struct envelope *own;
	struct qid qid = e->qid;
	struct fault why;

	e->time_ms = clock_wall_ms();
	e->shape = ENVELOPE_APART;
	start_disk(a, file->fd);
	if (store_publish(a->store, file, &qid, &why) != OK) {
		store_abandon(a->store, file);
		if (why.error == EEXIST)
			return enter_existing(a, c, &qid, f);
		return accept_enter_failed(a, c, &qid, &why, f);
	}
	own = malloc(sizeof(*own));
	entry = own == NULL ? NULL : accept_enter(a, c, ACCEPTED_APART, &qid);
	if (entry == NULL) {
		free(own);
		store_file_close(file);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	}
	*own = *e;
	envelope_begin(e);
	entry->envelope = own;
	entry->content = *file;
	*file = STORE_FILE_NONE;
	return OK;
}

/* ---- The round's end. ---- */

static void
fail(struct accepted *entry, const struct fault *why)
{
	entry->kind = ACCEPTED_FAILED;
	entry->why = *why;
	entry->why.outcome = TEMP;
}

static bool
is_full(const struct fault *f)
{
	return f->error == ENOSPC || f->error == EDQUOT;
}

/*
 * A published envelope or one file whose sync failed. Nothing is synced again:
 * full: it goes, the disk has told us what is missing. Else it goes aside: the
 * pages may look whole while the disk lacks them. Of two files the content
 * stays, for tidying: after a cut the envelope may be back.
 */
static void
take_back(struct accept *a, struct accepted *entry, const struct fault *why)
{
	struct fault second = FAULT_NONE;

	fail(entry, why);
	if (is_full(why)) {
		if (store_unlink_state(
		        a->store, &entry->qid, STORE_PLACE_IN, &second) == OK)
			return;
	} else {
		store_trouble_set(a->store, "queue-add", why->text);
		if (store_set_aside(
		        a->store, &entry->qid, STORE_PLACE_IN, &second) == OK) {
			alarm_journal(a, &entry->qid, why);
			return;
		}
	}
	fault_append(&entry->why, &second);
	alarm_journal(a, &entry->qid, &entry->why);
}

/* Content whose sync failed: no envelope was made, so none can come back. */
static void
take_back_content(
    struct accept *a, struct accepted *entry, const struct fault *why)
{
	struct fault second = FAULT_NONE;
	enum outcome got;

	fail(entry, why);
	if (is_full(why)) {
		got = store_unlink_content(a->store, &entry->qid, &second);
	} else {
		store_trouble_set(a->store, "queue-add", why->text);
		got = store_set_aside_content(a->store, &entry->qid, &second);
	}
	if (got != OK)
		fault_append(&entry->why, &second);
	if (got != OK || !is_full(why))
		alarm_journal(a, &entry->qid, &entry->why);
}

static void
sync_contents(struct accept *a)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];

		if (entry->kind == ACCEPTED_APART &&
		    store_sync_file(entry->content.fd, &why) != OK)
			take_back_content(a, entry, &why);
		store_file_close(&entry->content);
	}
}

/* Each shard of the round once; they are the same but for a change of hour. */
static void
sync_shards(struct accept *a)
{
	struct fault why = FAULT_NONE;
	char last[QID_SHARD_LEN + 1] = "";
	enum outcome got = OK;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];

		if (entry->kind != ACCEPTED_APART)
			continue;
		if (strncmp(last, entry->qid.text, QID_SHARD_LEN) != 0) {
			got = store_sync_shard(a->store, &entry->qid, &why);
			memcpy(last, entry->qid.text, QID_SHARD_LEN);
		}
		if (got != OK)
			take_back_content(a, entry, &why);
	}
}

static enum outcome
write_envelope(struct accept *a, struct accepted *entry, struct fault *f)
{
	struct buf b = BUF_INIT(APART_MAX);
	enum outcome got = envelope_put_apart(&b, entry->envelope, f);

	if (got == OK)
		got = store_create(
		    a->store, "in", &entry->qid, 0600, &entry->file, f);
	if (got == OK)
		got = store_write(entry->file.fd, buf_span(&b), SPAN_EMPTY, f);
	if (got == OK) {
		start_disk(a, entry->file.fd);
		got = store_publish(a->store, &entry->file, &entry->qid, f);
	}
	buf_free(&b);
	return got;
}

static void
put_envelope(struct accept *a, struct accepted *entry)
{
	struct fault why, second;

	if (write_envelope(a, entry, &why) != OK) {
		/* It never had its name, so the content may go at once. */
		store_abandon(a->store, &entry->file);
		fail(entry, &why);
		if (store_unlink_content(a->store, &entry->qid, &second) != OK)
			fault_append(&entry->why, &second);
		return;
	}
	entry->notice_at = a->notices.len;
	if (envelope_put_notice(&a->notices, entry->envelope, &why) == OK)
		entry->notice_len = a->notices.len - entry->notice_at;
}

static void
sync_files(struct accept *a)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];

		if (entry->file.fd == -1)
			continue;
		if (store_sync_file(entry->file.fd, &why) != OK)
			take_back(a, entry, &why);
		store_file_close(&entry->file);
	}
}

static bool
has_published(const struct accepted *entry)
{
	return entry->kind == ACCEPTED_ONE || entry->kind == ACCEPTED_APART;
}

/* Where fsync of a file does not carry its name: the directory, once. */
static void
sync_in(struct accept *a)
{
	struct fault why = FAULT_NONE;
	bool any = false;

	for (size_t i = 0; i < a->entries; i++)
		any = any || has_published(&a->entry[i]);
	if (!any || store_sync_state_dir(a->store, STORE_PLACE_IN, &why) == OK)
		return;
	for (size_t i = 0; i < a->entries; i++)
		if (has_published(&a->entry[i]))
			take_back(a, &a->entry[i], &why);
}

static void
answer(struct accept *a, struct accepted *entry)
{
	static const enum add_answer words[] = { [ACCEPTED_ONE] = ADD_OK,
		[ACCEPTED_APART] = ADD_OK,
		[ACCEPTED_EXISTS] = ADD_EXISTS,
		[ACCEPTED_WRITE] = ADD_WRITE,
		[ACCEPTED_FAILED] = ADD_FAILED };
	struct client *c = entry->client;
	struct fault f;

	if (wire_add_put_answer(&c->outbuf, words[entry->kind], &entry->qid,
	        entry->offset, &entry->why, &f) != OK)
		c->end = true; /* no memory: the end is his answer */
	if (entry->kind == ACCEPTED_WRITE) {
		if (c->pass_fd != -1)
			(void)close(c->pass_fd);
		c->pass_fd = entry->pass_fd;
	}
	if (has_published(entry) && entry->notice_len > 0)
		buf_add(&a->told,
		    span_head(
		        span_from(buf_span(&a->notices), entry->notice_at),
		        entry->notice_len));
	else if (has_published(entry))
		a->tell.owes_look = true;
}

void
accept_finish(void *arg)
{
	struct accept *a = arg;
	bool apart = false;

	for (size_t i = 0; i < a->entries; i++)
		apart = apart || a->entry[i].kind == ACCEPTED_APART;
	if (apart) {
		sync_contents(a);
		if (!a->store->fsync_carries_name)
			sync_shards(a);
		for (size_t i = 0; i < a->entries; i++)
			if (a->entry[i].kind == ACCEPTED_APART)
				put_envelope(a, &a->entry[i]);
	}
	sync_files(a);
	if (!a->store->fsync_carries_name)
		sync_in(a);
	for (size_t i = 0; i < a->entries; i++) {
		answer(a, &a->entry[i]);
		free_envelope(&a->entry[i].envelope);
	}
	a->entries = 0;
	buf_reset(&a->notices);
}

void
accept_after(void *arg)
{
	struct accept *a = arg;

	if (a->told.len > 0 || a->tell.owes_look || a->tell.pending.len > 0)
		tell_send(&a->tell, buf_span(&a->told));
	if (buf_failed(&a->told))
		a->tell.owes_look = true;
	buf_reset(&a->told);
	if (a->journal->pending_entries > 0)
		journal_flush(a->journal);
}
