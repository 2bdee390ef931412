/* SPDX-License-Identifier: ISC */
/*
 * run.h: queue-run's memory: a bounded window of messages, each of them in one
 * step of its life; the stages it asks; and what one file offers the others.
 *
 * A message stands in the list of one step, or waits for answers (`open`) in
 * none. A turn works through the table of steps in run.c in order, each step
 * for all messages that stand in it, then writes once to each stage. So what
 * a step must do once for many (a sync, a write) is done once a turn.
 */
#ifndef QUEUE_RUN_RUN_H
#define QUEUE_RUN_RUN_H

#include "envelope_file.h"
#include "journal.h"
#include "serve.h"
#include "service.h"
#include "aside.h"
#include "settings.h"
#include "store.h"
#include "wire_deliver.h"

/* The life of a message. The order is the order of work in a turn. */
enum step {
	STEP_LOAD, /* listed or told by qid: to be read and believed */
	STEP_RESOLVE, /* recipients to be resolved */
	STEP_DELIVER, /* attempts to be made */
	STEP_SETTLE, /* delivered; its mailboxes are to be synced */
	STEP_REPORT, /* recipients failed; a report is to be entered */
	STEP_REST, /* all that was asked is answered: what now? */
	STEP_MEMORY, /* needs a memory, or another state */
	STEP_GO, /* settled: the queue's name goes */
	STEP_CONTENT, /* two files: the content goes a round later */
	STEP_WAIT, /* could not be remembered on disk: here, until due */
	STEPS
};

/* How one recipient fares in this attempt. */
enum way_state {
	WAY_OPEN = 0, /* not yet decided */
	WAY_CLOSED, /* was settled before this attempt */
	WAY_SAME, /* another recipient's copy serves (`same`) */
	WAY_DELIVERED, /* linked, not yet synced */
	WAY_DONE, /* and synced */
	WAY_DEFERRED, /* temp */
	WAY_FAILED, /* perm */
};

struct way {
	enum way_state state;
	bool died; /* deferred because a stage died on it */
	bool again; /* may have been asked before: look first */
	bool keeps_detail; /* its address says more than its mailbox */
	bool reported; /* failed: a report covers it, or must not */
	uint8_t how; /* enum deliver_how */
	uint32_t same; /* index of the recipient whose copy serves */
	uint32_t path; /* offset in the message's text; 0: none */
	uint32_t text; /* the same: why */
	uint32_t notice; /* the same: qid of the report */
	char code[FAULT_CODE_MAX];
};

/* What fills the window. What is told, and what is due again, has a part of its
   own beside what a listing brings. */
enum window_part { WINDOW_LISTED, WINDOW_TOLD, WINDOW_DUE };
#define WINDOW_PARTS 3

struct operation;

struct message {
	struct message *next; /* in its step's list */
	struct message *next_hash; /* in the window */
	struct envelope envelope;
	struct store_place place;
	enum step step;
	bool listed; /* its step's list holds it */
	bool told; /* by a notice: not read and digested again */
	bool again; /* may lie in a mailbox already: look first */
	bool recovered; /* found at the start */
	bool fetched; /* from the disk, for an operator alone */
	enum window_part part; /* where it is counted */
	size_t weight; /* its share of the window's */
	uint32_t open; /* answers that are due */
	uint64_t due_ms; /* STEP_WAIT: monotonic */
	struct way *way; /* one a recipient; kept */
	size_t ways_max;
	struct buf text; /* paths and reasons, each with its closing 0 */
	struct buf lines; /* done and try lines to be written */
	bool lines_lost; /* there was no memory for one of them */
	struct store_place to; /* STEP_MEMORY: where it goes */
	struct qid notice; /* the report that is under way */
	size_t notice_share; /* failed recipients it is about */

	struct operation *operation; /* an operator waits for its rest */
};

struct list {
	struct message *first, **last;
	size_t n;
};

/* ---- Stages: line services that are asked without waiting. ---- */

/* Who is asked; run.c has a row for each. */
enum { STAGE_RESOLVE, STAGE_DELIVER, STAGE_ADD, STAGES };

enum ask_kind { ASK_RESOLVE, ASK_DELIVER, ASK_SYNC, ASK_ADD, ASK_NONE };

struct ask {
	struct message *m; /* NULL: a sync, or nobody waits any more */
	enum ask_kind kind;
	bool again; /* was sent to a stage that died */
	uint32_t i; /* recipient, or path of the batch */
};

/* A sync waits for the disk, which may have much to write. Ours. */
#define STAGE_SYNC_MS 600000

struct stage {
	struct service service;
	struct ask *ring; /* head .. head + n, the first `sent` of them sent */
	size_t head, n, sent, cap;
	size_t most; /* sent at once */
	size_t suspects; /* at the head: asked one by one after a death */
	uint64_t answered_ms; /* last progress; monotonic */
	uint64_t open_ms; /* not opened again before; monotonic */
	uint64_t pause_ms; /* between openings; doubles */
	bool readable; /* poll says that answers, or its end, are there */
};

/* ---- Listings: what waits on disk, oldest first, a part at a time. ---- */

struct scan {
	struct store_place place;
	struct store_listed *name;
	size_t at, n;
	char after[QID_LEN + 1];
	bool active, more;
	bool wanted; /* from the start again, when there is room */
};

/* Names of one listing in memory. Ours: 1.8 MB; a directory is read once for
   each so many of its names. */
#define SCAN_NAMES_MAX 65536

/* ---- An operator's request, under way. ---- */

enum operation_word {
	OPERATION_HOLD,
	OPERATION_RELEASE,
	OPERATION_DELETE,
	OPERATION_FLUSH,
	OPERATION_EXPIRE
};

#define OPERATION_REASON_MAX 255 /* octets; it stands in records. Ours */

struct operation {
	enum operation_word word;
	struct qid qid;
	char reason[OPERATION_REASON_MAX + 1];
	bool begun; /* expire: who waited has failed */
	uint64_t client; /* serial of who asked */
	/* Its end; f is OK or says why not. Called once; frees it. */
	void (*answer)(struct operation *, const struct fault *f);
};

/* Messages with two names that cannot be read: more is a broken disk. Ours. */
#define NAMES_LEFT_MAX 64

struct run {
	const struct settings *settings;
	const char *hostname;
	const char *postmaster; /* the first local domain: mail to it arrives */
	struct store store;
	struct journal journal;
	dev_t mail_device; /* of the mailbox root */
	bool mail_is_far; /* other file systems lie below it, or it is one */

	struct stage stage[STAGES];

	/* The window. */
	struct message **hash;
	size_t hash_size;
	size_t held, weight; /* messages; recipients of them */
	struct {
		size_t held, weight; /* the same, of one part */
	} part[WINDOW_PARTS];
	struct message *spare;
	struct list step[STEPS];

	/* What waits on disk. */
	struct scan in, retry;
	char retry_after[QID_LEN + 1]; /* minutes up to it were listed */
	char ahead_after[QID_LEN + 1]; /* of those too far ahead; "": all */
	uint64_t due_ms; /* next minute of retry1, wall; 0: none */
	uint64_t rescan_ms; /* monotonic */
	uint64_t listed_ms; /* when in/ was last begun; monotonic */
	uint64_t pause_ms; /* no memory: nothing begun before; monotonic */
	bool draining; /* we are to end: nothing new is begun */
	bool by_hand; /* serves operators' requests only */
	bool starting; /* the first listing: recovered ones */
	/* The queue-run before us died: each step names its message first. */
	bool careful;
	/* Of two names, and cannot be mended now: not touched until the next
	   start, by listings and notices. */
	struct qid left[NAMES_LEFT_MAX];
	size_t lefts;

	/* The batch whose mailboxes are being synced. */
	struct list batch;
	size_t batch_open;
	bool batch_failed;
	struct fault batch_fault;
	struct buf batch_paths; /* each with its closing 0 */
	uint64_t settle_ms; /* since when the oldest waits; 0: none */
	uint64_t content_ms; /* the same for contents that are to go */

	struct buf content; /* of a report that is being made */
	struct buf scratch;
};

/* ---- run.c ---- */
enum outcome run_begin(struct run *, const struct settings *,
    const char *program, struct fault *) MUST_USE;
void run_end(struct run *);
/* One turn: every step, then one write to each stage, then the journal. */
void run_turn(struct run *);
/* The message that a step works on from here on; NULL: none. A write for each
   message and step, so only while we are careful. */
void run_takes(struct run *, const struct message *);
/* There was no memory for what is to be begun: a second's rest. */
void run_pause(struct run *);
bool run_is_paused(const struct run *);
/* A write to the disk failed: queue/trouble, and an alarm. */
void run_trouble(struct run *, const struct fault *);
/*
 * What was seen in the queue is on disk, and may be rested on. TEMP: some of it
 * is not; that is told once, so there is trouble from then on.
 */
enum outcome run_syncfs(struct run *, struct fault *) MUST_USE;
/* Milliseconds until something is due; -1: nothing. */
int run_wait_ms(const struct run *);
/* The message stands in that step now. */
void message_go(struct run *, struct message *, enum step);
/* The first of a list, or NULL. */
struct message *list_take(struct list *);
void list_begin(struct list *);
/* Take one out of the list of its step. */
void message_leave(struct run *, struct message *);
/* Nothing is open any more: the step that follows the answers. */
void message_answered(struct run *, struct message *);
/* Serve notices and verbs on fd 0 until it ends. */
enum outcome run_serve(struct run *, struct fault *) MUST_USE;
/* A journal entry; ended with journal_end(). */
struct record_out run_entry(struct run *, const char *code, const struct qid *);
/* The same, and which recipient of it: n=, to=. */
struct record_out run_entry_recipient(
    struct run *, const char *code, const struct message *, size_t i);
void run_alarm(struct run *, const struct qid *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- schedule.c ---- */
enum outcome window_begin(struct run *, struct fault *) MUST_USE;
void window_end(struct run *);
struct message *window_find(struct run *, const struct qid *);
/* A new message in the window, or NULL: no memory. */
struct message *window_add(struct run *, const struct qid *);
/* It is WINDOW_LISTED until this is said. */
void window_count_as(struct run *, struct message *, enum window_part);
void window_weigh(struct run *, struct message *); /* recipients are known */
void window_drop(struct run *, struct message *);
bool window_has_room(const struct run *, enum window_part);
/* Fill the window from what waits on disk. */
void schedule_fill(struct run *);
void schedule_rescan(struct run *);
/* A message was put off until that minute. */
void schedule_due(struct run *, uint64_t minute_ms);
/* Where a message goes that is put off for the tries-th time. Wall time. */
struct store_place schedule_retry(
    const struct settings *, uint64_t now_ms, uint32_t tries);
uint64_t schedule_next_ms(const struct run *); /* monotonic; 0: nothing */

/* ---- attempt.c ---- */
void attempt_resolve(struct run *);
void attempt_deliver(struct run *);
/* The request of an ask; on failure out is as before. */
enum outcome attempt_put(
    struct run *, const struct ask *, struct buf *out, struct fault *) MUST_USE;
/* False: its stage has lost step, and is of no use any more. */
bool attempt_answer(struct run *, const struct ask *, struct span line);
/* It ends without an answer; died: its stage died when only this was asked. */
void attempt_unanswered(
    struct run *, const struct ask *, bool died, const struct fault *);
/* The recipient's end in this attempt. */
void way_end(struct message *, size_t i, enum way_state, const struct fault *);
enum outcome way_prepare(struct message *, struct fault *) MUST_USE;
const char *message_text(const struct message *, uint32_t at);
uint32_t message_keep(struct message *, struct span);

/* ---- stage.c ---- */
void stage_begin(struct stage *, const char *name, size_t most);
void stage_end(struct stage *);
/* Put a question at the end; false: no memory. */
bool stage_ask(struct stage *, struct ask);
/* What was not yet sent for m is taken back. */
void stage_cancel(struct stage *, struct message *);
/* Read answers; send what may be sent, in one write. */
void stage_read(struct run *, struct stage *);
void stage_write(struct run *, struct stage *);
uint64_t stage_next_ms(const struct stage *); /* monotonic; 0: nothing */

/* ---- settle.c ---- */
void settle_batch(struct run *); /* STEP_SETTLE */
void settle_rest(struct run *); /* STEP_REST */
void settle_go(struct run *); /* STEP_GO */
void settle_content(struct run *); /* STEP_CONTENT */
enum outcome settle_put_sync(
    struct run *, const struct ask *, struct buf *, struct fault *) MUST_USE;
void settle_answer(struct run *, const struct ask *, struct span line);
/* done and try lines of this attempt, into m->lines. */
void settle_put_lines(struct run *, struct message *);
void settle_unanswered(struct run *, const struct fault *);
uint64_t settle_next_ms(const struct run *);

/* ---- report.c ---- */
void report_begin(struct run *); /* STEP_REPORT */
enum outcome report_put(
    struct run *, const struct ask *, struct buf *, struct fault *) MUST_USE;
void report_answer(struct run *, const struct ask *, struct span line);
void report_failed(struct message *, const struct fault *);

/* ---- memory.c ---- */
void memory_round(struct run *); /* STEP_MEMORY */
void memory_wait(struct run *); /* STEP_WAIT */
uint64_t memory_next_ms(const struct run *);

/* ---- recover.c, names.c ---- */
/* After a start's syncfs: one name for each message, as a crash left them. */
enum outcome names_repair(struct run *, struct fault *) MUST_USE;
/* A message that it had to leave with two names. */
bool names_are_left(const struct run *, const struct qid *);
/* Lock, list, sync, believe: design.md, Restart. */
/* The same of a queue-run that serves requests only. */
enum outcome recover_names(struct run *, struct fault *) MUST_USE;
enum outcome recover_start(struct run *, struct fault *) MUST_USE;
void recover_load(struct run *); /* STEP_LOAD */
/* A message that is believed begins its attempt. */
void recover_taken(struct run *, struct message *);

/* ---- operate.c ---- */
/* `hold qid= reason=`, `release` and so on from a client. */
enum outcome operate_take(
    struct run *, struct client *, struct record *, struct fault *) MUST_USE;
/* Takes over op (malloc); its answer may come at once. */
void operate_begin(struct run *, struct operation *);
/* Before that: who waits fails now, if that is wanted; true: it is not at rest
   any more. */
bool operate_expire(struct run *, struct message *, bool remaining);
/* At rest: do what the operator wants; false: nothing more to do here. */
bool operate_at_rest(struct run *, struct message *, bool remaining);
void operate_end(struct message *, const struct fault *);
/* STEP_GO has removed the name of one that an operator wanted deleted. */
void operate_deleted(struct run *, const struct message *);
/* `held by= text=` among the lines to be written. */
void operate_put_held(struct message *, const char *by, const char *text);

#endif
