/* SPDX-License-Identifier: ISC */
/* spawn.c: fork, become less, exec. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity.h"
#include "prog.h"
#include "serve.h"
#include "users.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

const char *
spawn_fellow(const char *name, char out[SPAWN_PATH_MAX])
{
	(void)snprintf(out, SPAWN_PATH_MAX, "%s/%s", prog.directory, name);
	return out;
}

void
spawn_tell(struct spawn *s, const char *name, int number)
{
	if (s->gives == SPAWN_GIVE_MAX)
		abort();
	s->give[s->gives].name = name;
	s->give[s->gives++].number = number;
}

void
spawn_give(struct spawn *s, const char *name, int fd)
{
	if (fd == -1)
		return;
	spawn_tell(s, name, fd);
	s->give[s->gives - 1].is_fd = true;
}

static void
put(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		_exit(TEMP);
}

static void
put_number(const char *name, long number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ld", number);
	put(name, text);
}

/* All is emptied but these. */
static void
set_environment(const struct spawn *s, pid_t supervisor)
{
	static const char *const kept[] = {
		"PATH",
		"TZ",
#if defined(__SANITIZE_ADDRESS__)
		"ASAN_OPTIONS",
		"LSAN_OPTIONS",
		"UBSAN_OPTIONS",
#endif
	};
	const char *value[sizeof(kept) / sizeof(kept[0])];
	size_t n = sizeof(kept) / sizeof(kept[0]);

	for (size_t i = 0; i < n; i++)
		value[i] = getenv(kept[i]);
	(void)clearenv(); /* the texts stay where they are */
	put("PATH", PATH_DEFAULT);
	for (size_t i = 0; i < n; i++)
		if (value[i] != NULL)
			put(kept[i], value[i]);
	put("LANG", "C");
	/* What a replacement starts in its turn has another parent. */
	if (!s->replaced)
		put_number(SERVE_ENV_SUPERVISOR, supervisor);
	for (size_t i = 0; i < s->gives; i++)
		put_number(s->give[i].name, s->give[i].number);
}

static void
set_limit(__rlimit_resource_t resource, uint64_t wanted)
{
	struct rlimit limit;

	if (wanted == UINT64_MAX || getrlimit(resource, &limit) != 0)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	limit.rlim_max = limit.rlim_cur;
	(void)setrlimit(resource, &limit);
}

static void
set_limits(const struct spawn *s)
{
	set_limit(RLIMIT_CORE, 0); /* a core of auth holds passwords */
	set_limit(RLIMIT_NOFILE, s->nofile);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* 0 and 1 as asked, 2 stays, those given; all else goes with the exec. */
static bool
set_descriptors(const struct spawn *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(s->in == -1 ? null : s->in, 0) == -1 ||
	    dup2(s->out == -1 ? null : s->out, 1) == -1)
		return false;
	for (size_t i = 0; i < s->gives; i++)
		if (s->give[i].is_fd &&
		    fcntl(s->give[i].number, F_SETFD, 0) == -1)
			return false;
	return true;
}

static void
child(const struct spawn *s, pid_t supervisor)
{
	char fellow[SPAWN_PATH_MAX];
	const char *program = s->program;
	struct fault f = FAULT_NONE;

	set_environment(s, supervisor);
	if (!set_descriptors(s)) {
		fault_set(&f, TEMP, "4.3.0", errno, "descriptors");
		goto out;
	}
	set_limits(s);
	if (s->keeps_root)
		(void)identity_raise();
	else if (identity_drop(s->who, &f) != OK)
		goto out;
	/* After the change of user, which clears it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor)
		_exit(TEMP);
	prog_reset_signals();
	if (program == NULL)
		program = spawn_fellow(s->argv[0], fellow);
	(void)execv(program, (char *const *)(uintptr_t)s->argv);
	/* What is not there now will not be there at the next try either. */
	fault_set(&f, errno == ENOENT || errno == EACCES ? PERM : TEMP, "4.3.0",
	    errno, "start %s", program);
out:
	prog_warn("%s", f.text);
	_exit((int)f.outcome);
}

enum outcome
spawn_start(const struct spawn *s, pid_t *pid, struct fault *f)
{
	pid_t self = getpid();

	*pid = fork();
	if (*pid == 0)
		child(s, self);
	if (*pid != -1)
		return OK;
	*pid = 0;
	return fault_set(f, TEMP, "4.3.0", errno, "fork for %s", s->argv[0]);
}

static void
run_part(const char *user, bool (*part)(void *), void *arg)
{
	struct fault f = FAULT_NONE;
	struct identity who;
	bool well;

	if ((user != NULL && users_find_user(user, &who, &f) != OK) ||
	    identity_drop(user == NULL ? NULL : &who, &f) != OK)
		prog_exit(&f);
	well = part(arg);
	(void)fflush(stdout);
	_exit(well ? OK : TEMP);
}

bool
spawn_part(const char *user, bool (*part)(void *), void *arg)
{
	pid_t pid;
	int status;

	if (getuid() != 0 || prog.settings.pneu.users != USERS_SEPARATE)
		return part(arg);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_part(user, part, arg);
	while (pid != -1 && waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			pid = -1;
	return pid != -1 && WIFEXITED(status) && WEXITSTATUS(status) == OK;
}
