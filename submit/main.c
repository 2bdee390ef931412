/* SPDX-License-Identifier: ISC */
/*
 * sendmail: hands a message of fd 0 to the mail system, over the socket that
 * every user of this machine may use. No set-uid: the kernel tells the other end
 * who calls. It reads the message inside its sandbox, and trusts none of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "client.h"
#include "fds.h"
#include "path.h"
#include "prog.h"

#define PROMISES "stdio unix"

static const char usage[] =
    "usage: sendmail [-C DIR] [-tiv] [-f SENDER] [-F NAME] [-N NOTIFY] [-R "
    "RETURN]\n"
    "                [-V ENVID] [-B BODY] [RECIPIENT...] < MESSAGE\n"
    "       sendmail -bs | -bp | -q\n";

static const char help[] =
    "Hand a message to the mail system of this machine.\n\n"
    "  -t                      recipients are those of To, Cc and Bcc, too\n"
    "  -i, -oi                 a line with a dot alone does not end the "
    "message\n"
    "  -f SENDER               the reverse-path; an address of yours, or ''\n"
    "  -F NAME                 your name, for a From field\n"
    "  -bs                     SMTP on descriptors 0 and 1\n"
    "  -bp                     say what shows the queue\n"
    "  -q                      say what tries waiting messages at once\n"
    "  -N NOTIFY               never, or some of failure,delay,success\n"
    "  -R RETURN               full or hdrs: what reports contain\n"
    "  -V ENVID                an id for reports\n"
    "  -B BODY                 7bit or 8bitmime; else as the message is\n"
    "  -v                      say what became of it\n"
    "  -C, --home=DIR          the home of the mail system\n"
    "  -V, --version           alone: version, sandbox and promises\n"
    "  -h, --help              print this\n\n"
    "Other options of sendmail are taken, and mean nothing here.\n\n"
    "Exit status (sysexits): 0 queued, 64 wrong usage, 65 the message is\n"
    "refused, 67 a recipient is, 77 the sender is, 69 something else is, 75\n"
    "try again later; nothing was queued then.\n"
    "Manual: sendmail(8), beside the source: man -l */sendmail.8\n";

static const struct prog_about about = { .name = "sendmail",
	.promises = PROMISES };

/* The statuses that its users know. sysexits.h */
static int
status_of(const struct fault *f, enum client_stage stage)
{
	static const int statuses[] = { [STAGE_CONNECT] = EX_NOPERM,
		[STAGE_SENDER] = EX_NOPERM,
		[STAGE_RECIPIENT] = EX_NOUSER,
		[STAGE_MESSAGE] = EX_DATAERR,
		[STAGE_DONE] = EX_UNAVAILABLE };

	if (f->outcome == OK)
		return EX_OK;
	return f->outcome == PERM ? statuses[stage] : EX_TEMPFAIL;
}

static void end(int status, const struct fault *) __attribute__((noreturn));
static void
end(int status, const struct fault *f)
{
	if (fflush(stdout) != 0 && status == EX_OK)
		status = EX_IOERR;
	if (status != EX_OK)
		prog_warn("%s", f->text);
	exit(status);
}

/* ---- what is asked for, but a message ---- */

static void
print_version(void)
{
	(void)printf("sendmail (Pneu) %s\nsandbox: %s\npromises: %s\n",
	    PNEU_VERSION, sandbox_summary(), PROMISES);
}

/* false: it is a message, or a session. */
static bool
tell(enum mode mode, int *status)
{
	*status = EX_OK;
	switch (mode) {
	case MODE_VERSION:
		print_version();
		return true;
	case MODE_HELP:
		(void)printf("%s\n%s", usage, help);
		return true;
	case MODE_LIST:
		(void)printf("The queue is shown by: pneu queue list\n");
		*status = EX_UNAVAILABLE;
		return true;
	case MODE_RUN:
		(void)printf("Waiting messages are tried by themselves; at "
		             "once: pneu queue flush\n");
		return true;
	case MODE_ALIASES:
		(void)printf("Aliases are in force when they are made: pneu "
		             "directory alias add\n");
		return true;
	default:
		return false;
	}
}

/* ---- the message ---- */

/* -f: NULL the caller's own, "" none. PERM: it is no address. */
static enum outcome
take_sender(const struct arguments *a, char sender[PATH_TEXT_MAX + 1],
    const char **out, struct fault *f)
{
	struct addresses list = ADDRESSES_INIT;
	struct span first = SPAN_EMPTY, rest;

	*out = NULL;
	if (a->sender == NULL)
		return OK;
	*out = sender;
	sender[0] = '\0';
	if (a->sender[0] == '\0' || strcmp(a->sender, "<>") == 0)
		return OK;
	if (addresses_add(&list, span_of(a->sender), f) == OK && list.n == 1) {
		rest = buf_span(&list.text);
		(void)span_next(&rest, '\n', &first);
		(void)span_copy(first, sender, PATH_TEXT_MAX + 1);
	} else {
		(void)fault_set(f, PERM, "5.1.7", 0,
		    "-f %.100s: not one address", a->sender);
	}
	addresses_free(&list);
	return f->outcome;
}

static enum outcome
take_recipients(const struct arguments *a, const struct message *m,
    struct addresses *to, struct fault *f)
{
	for (size_t i = 0; i < a->recipients; i++)
		if (addresses_add(to, span_of(a->recipient[i]), f) != OK)
			return f->outcome;
	if (a->reads_header && message_recipients(m, to, f) != OK)
		return f->outcome;
	if (to->n == 0)
		return fault_set(f, PERM, "5.5.4", 0,
		    a->reads_header ? "no recipient in To, Cc or Bcc"
		                    : "no recipient: name one, or say -t");
	return OK;
}

static enum outcome
connect_there(int *fd, struct fault *f)
{
	if (fds_connect_unix(CLIENT_SOCKET, fd, f) == OK)
		return OK;
	return fault_set(f, TEMP, "4.3.2", f->error,
	    "the mail system is not there: %s/" CLIENT_SOCKET
	    "; nothing was sent",
	    prog.home == NULL ? PNEU_HOME : prog.home);
}

/* Read all of it before the mail system is asked: a program that writes slowly
   keeps no worker waiting. */
static int
send_message(const struct arguments *a, struct fault *f)
{
	struct addresses to = ADDRESSES_INIT;
	struct buf text = BUF_INIT(MESSAGE_MAX), answer = BUF_INIT(1024);
	char room[PATH_TEXT_MAX + 1];
	const char *sender;
	struct message m;
	enum client_stage stage = STAGE_CONNECT;
	int fd = -1, status = EX_USAGE;

	if (take_sender(a, room, &sender, f) != OK)
		return EX_USAGE;
	if (fds_read_to_end(FD_IN, "the message", &text, f) != OK)
		return f->outcome == PERM ? EX_DATAERR : EX_TEMPFAIL;
	message_begin(&m, buf_span(&text), a->takes_dots);
	if (take_recipients(a, &m, &to, f) == OK) {
		if (connect_there(&fd, f) == OK &&
		    client_send(fd, a, sender, &to, &m, &stage, &answer, f) ==
		        OK &&
		    a->is_verbose)
			(void)printf("%s\n", answer.p);
		status = status_of(f, stage);
	}
	fds_close(&fd);
	addresses_free(&to);
	buf_free(&text);
	buf_free(&answer);
	return status;
}

static int
join_session(struct fault *f)
{
	int fd, status;

	if (connect_there(&fd, f) != OK)
		return EX_TEMPFAIL;
	status = client_join(fd, f) == OK ? EX_OK : EX_TEMPFAIL;
	fds_close(&fd);
	return status;
}

/* Only to the home, of which nothing is read, and into the sandbox: no program
   may say on fd 2 what this kernel lacks, cron would mail it. */
static enum outcome
enter(struct fault *f)
{
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };

	if (prog_stand(f) != OK)
		return fault_set(f, TEMP, "4.3.2", f->error,
		    "the mail system is not there: %s; nothing was sent",
		    prog.home == NULL ? PNEU_HOME : prog.home);
	if (sandbox_paths(SANDBOX_AUTO, no_paths, f) != OK ||
	    sandbox_prepare(SANDBOX_AUTO, PROMISES, f) != OK)
		return f->outcome;
	return sandbox_close(f);
}

int
main(int argc, char *argv[])
{
	struct arguments a;
	struct fault f = FAULT_NONE;
	int status;

	prog_begin(&about);
	if (arguments_parse(argc, argv, &a, &f) != OK) {
		prog_warn("%s", f.text);
		(void)fputs(usage, stderr);
		return EX_USAGE;
	}
	prog.home = a.home;
	if (tell(a.mode, &status))
		end(status, &f);
	if (enter(&f) != OK)
		end(EX_TEMPFAIL, &f);
	status =
	    a.mode == MODE_SESSION ? join_session(&f) : send_message(&a, &f);
	end(status, &f);
}
