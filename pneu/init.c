/* SPDX-License-Identifier: ISC */
/* init.c: makes a home, or what is missing of one; all of it synced. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "identity.h"
#include "layout.h"
#include "path.h"
#include "spawn.h"
#include "users.h"
#include "verbs.h"

#define USER_DEFAULT USERS_OWNER
#define USER_ELSE    "nobody"

static struct plan {
	const char *domain[PROG_REPEATS + 1]; /* ends with NULL */
	const char *user;
	const char *users; /* of pneu.conf; NULL: owner */
} asked;

const struct prog_option init_options[] = {
	{ 0, "domain", "DOMAIN...", "a local domain; the first is postmaster's",
	    asked.domain },
	{ 0, "user", "USER",
	    "as root: who shall own the home (" USER_DEFAULT ", else " USER_ELSE
	    ")",
	    &asked.user },
	{ 0, "users", "WHICH",
	    "owner: all programs run as the home's owner; separate: each as "
	    "its user",
	    &asked.users },
	{ .name = NULL },
};

/* ---- the home itself, perhaps as root ---- */

static enum outcome
make_part(const char *part, mode_t mode, struct fault *f)
{
	char copy[FDS_PATH_MAX];

	if (mkdir(part, mode) != 0) {
		if (errno == EEXIST)
			return OK;
		return fault_set(f, PERM, "5.3.5", errno, "make %s", part);
	}
	if (chmod(part, mode) != 0) /* the umask is 077 */
		return fault_set(f, PERM, "5.3.5", errno, "%s", part);
	(void)snprintf(copy, sizeof(copy), "%s", part);
	return fds_sync_directory(dirname(copy), f);
}

/* Every missing directory of the path, each synced into its parent. */
static enum outcome
make_path(const char *path, struct fault *f)
{
	char part[FDS_PATH_MAX];
	struct span whole = span_of(path);

	while (whole.len > 1 && path[whole.len - 1] == '/')
		whole.len--;
	if (whole.len == 0 || whole.len >= sizeof(part))
		return fault_set(f, PERM, "5.3.5", EINVAL, "home %s", path);
	for (size_t i = 1; i < whole.len; i++) {
		(void)span_copy(span_head(whole, i), part, sizeof(part));
		if (path[i] == '/' && make_part(part, 0755, f) != OK)
			return f->outcome;
	}
	(void)span_copy(whole, part, sizeof(part));
	/* Everybody may go through it, to the socket that is for all. */
	return make_part(part, 0711, f);
}

/* A directory of a home, which tmpfiles.d may have made. */
static bool
is_part(const char *name)
{
	for (const struct layout_row *r = layout_rows; r->path; r++)
		if (!r->is_file && strcmp(r->path, name) == 0)
			return true;
	return false;
}

/* Empty, or a home: else somebody's files would become a mail system. */
static enum outcome
check_empty(const char *home, struct fault *f)
{
	DIR *d = opendir(home);
	const struct dirent *e;
	bool is_home, is_empty = true;

	if (d == NULL)
		return fault_set(f, PERM, "5.3.5", errno, "%s", home);
	is_home = faccessat(dirfd(d), "pneu.conf", F_OK, 0) == 0 ||
	    (strcmp(home, PNEU_HOME) == 0 && access(PNEU_CONF, F_OK) == 0);
	while ((e = readdir(d)) != NULL)
		is_empty = is_empty &&
		    (is_part(e->d_name) ||
		        span_is_word(span_of(e->d_name), ". .. lost+found"));
	(void)closedir(d);
	if (is_home || is_empty)
		return OK;
	return fault_set(f, PERM, "5.3.5", 0,
	    "%s is not empty and has no pneu.conf: choose another directory",
	    home);
}

/* Of the configuration of an installed home, which people look for in /etc. */
static enum outcome
make_config_directory(const char *home, uid_t uid, gid_t gid, struct fault *f)
{
	char copy[] = PNEU_CONF;
	const char *path = dirname(copy);

	if (strcmp(home, PNEU_HOME) != 0)
		return OK;
	if (make_path(path, f) != OK)
		return f->outcome;
	if (lchown(path, uid, gid) != 0 || chmod(path, 0750) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "%s", path);
	return OK;
}

static enum outcome
find_user(const struct plan *plan, const struct passwd **who, struct fault *f)
{
	const char *name = plan->user == NULL ? USER_DEFAULT : plan->user;

	*who = getpwnam(name);
	if (*who == NULL && plan->user == NULL) {
		prog_warn(
		    "no user " USER_DEFAULT " here, so the user " USER_ELSE
		    " owns the home; better: `adduser --system " USER_DEFAULT
		    "`, then init --user=" USER_DEFAULT);
		*who = getpwnam(name = USER_ELSE);
	}
	if (*who == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "there is no user %s to own the home: name one with --user",
		    name);
	if ((*who)->pw_uid == 0)
		return fault_set(
		    f, PERM, "5.3.5", 0, "the home cannot belong to root");
	return OK;
}

static bool
is_separate(const struct plan *plan)
{
	return plan->users != NULL && strcmp(plan->users, "separate") == 0;
}

/* As root: the home gets its owner, unless it has one. */
static enum outcome
give_owner(const struct plan *plan, const char *home, struct fault *f)
{
	const struct passwd *who;
	struct stat st;
	gid_t group;

	if (geteuid() != 0)
		return OK;
	if (stat(home, &st) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "%s", home);
	if (st.st_uid != 0 && plan->user == NULL)
		return OK;
	if (find_user(plan, &who, f) != OK)
		return f->outcome;
	group = who->pw_gid;
	if (is_separate(plan) && users_find_callers(NULL, &group, f) != OK)
		return f->outcome;
	if (st.st_uid != 0 && st.st_uid != who->pw_uid)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s belongs to uid %lu already, not to %s", home,
		    (unsigned long)st.st_uid, plan->user);
	if (lchown(home, who->pw_uid, group) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "chown %s", home);
	return make_config_directory(home, who->pw_uid, group, f);
}

/* ---- what lies in it ---- */

/* What people change, with the defaults in comments. The rest: pneu.conf(5). */
static const char conf_before[] =
    "# pneu.conf: what differs from the defaults. All settings, their\n"
    "# meaning and limits: pneu config show --explain, pneu.conf(5).\n"
    "# Check with `pneu config check`, put in force with `pneu reload`.\n\n"
    "[pneu]\n"
    "# Name in banner, trace field and reports; default: the machine's.\n"
    "#hostname = mx.example.org\n"
    "# separate: each program as its own user; only root can start it.\n";
static const char conf_middle[] =
    "# required: refuse to run where the kernel lacks a part of it.\n"
    "#sandbox = auto\n\n"
    "[resolve]\n"
    "# The domains whose mail is delivered here.\n";
static const char conf_after[] =
    "\n[smtpd]\n"
    "# Where mail is accepted; repeat for more: [2001:db8::1]:25\n"
    "listen = 127.0.0.1:2525\n"
    "# For mail programs: after STARTTLS, and TLS from the first octet.\n"
    "listen = 127.0.0.1:2587 submission\n"
    "listen = 127.0.0.1:2465 tls submission\n"
    "#max_size = 50M\n"
    "# Workers: at first, idle at least, more at a time, at most.\n"
    "#start = 4\n"
    "#min_idle = 2\n"
    "#add = 2\n"
    "#max = 20\n\n"
    "[pop3d]\n"
    "# Where mail programs read it.\n"
    "listen = 127.0.0.1:2110\n"
    "listen = 127.0.0.1:2995 tls\n\n"
    "[tls]\n"
    "# Label, certificate with its chain, key; repeat for more: certs(8).\n"
    "certificate = own tls/server.pem tls/server.key\n";

static enum outcome
write_conf(const struct plan *plan, struct fault *f)
{
	const char *path = prog_config_path();
	char fresh[FDS_PATH_MAX];
	FILE *out;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	out = fopen(fresh, "we");
	if (out == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "write %s", fresh);
	(void)fputs(conf_before, out);
	(void)fprintf(out, "%susers = %s\n", plan->users == NULL ? "#" : "",
	    plan->users == NULL ? "owner" : plan->users);
	(void)fputs(conf_middle, out);
	for (size_t i = 0; plan->domain[i] != NULL; i++)
		(void)fprintf(out, "domain = %s\n", plan->domain[i]);
	if (plan->domain[0] == NULL)
		(void)fputs("#domain = example.org\n", out);
	(void)fputs(conf_after, out);
	/* The programs of all users read it: their group is the home's. */
	if ((is_separate(plan) && fchmod(fileno(out), 0640) != 0) ||
	    fflush(out) != 0 || fsync(fileno(out)) != 0 ||
	    rename(fresh, path) != 0)
		fault_set(f, TEMP, "4.3.0", errno, "write %s", path);
	(void)fclose(out);
	return f->outcome;
}

static const char *
home_of(void)
{
	return prog.home == NULL ? PNEU_HOME : prog.home;
}

/* A program of ours to its end: its status. */
static enum outcome
run_fellow(const char *const *argv, bool keeps_root, int *code, struct fault *f)
{
	struct spawn sp = { .argv = argv,
		.in = -1,
		.out = -1,
		.nofile = UINT64_MAX,
		.keeps_root = keeps_root };
	int status;
	pid_t pid;

	if (spawn_start(&sp, &pid, f) != OK)
		return f->outcome;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "wait for %s", argv[0]);
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : TEMP;
	return OK;
}

/* So that STARTTLS works at once. Mail works without it, too. */
static void
make_certificate(void)
{
	const char *init[] = { "certs", "-C", ".", "-c", prog_config_path(),
		"init", NULL };
	struct fault f = FAULT_NONE;
	int code = TEMP;

	if (run_fellow(init, false, &code, &f) != OK || code != OK)
		prog_warn("there is no certificate yet: see `pneu -C %s certs "
		          "init`",
		    home_of());
}

/* By the directory program. RFC 5321 4.5.1 wants postmaster, RFC 2142 the
   others. */
static enum outcome
make_postmaster(const char *domain, struct fault *f)
{
	char address[512], abuse[512], hostmaster[512];
	const char *add[] = { "directory", "-C", ".", "-c", prog_config_path(),
		"add", address, "--alias", abuse, "--alias", hostmaster, NULL };
	int code;

	(void)snprintf(address, sizeof(address), "postmaster@%s", domain);
	(void)snprintf(abuse, sizeof(abuse), "abuse@%s", domain);
	(void)snprintf(hostmaster, sizeof(hostmaster), "hostmaster@%s", domain);
	if (run_fellow(add, prog.settings.pneu.users == USERS_SEPARATE, &code,
	        f) != OK)
		return f->outcome;
	if (code == OK) {
		(void)printf("%s: a mailbox without a password; `pneu -C %s "
		             "directory passwd %s` sets one\n",
		    address, home_of(), address);
		return OK;
	}
	return fault_set(f, code == PERM ? PERM : TEMP, "4.3.0", 0,
	    "directory add %s ended with %d", address, code);
}

/* ---- the verb ---- */

/* All of them, before anything is made. */
static enum outcome
check_users(const struct plan *plan, struct fault *f)
{
	struct identity who;

	f->outcome = OK;
	for (const struct users_row *r = users_rows; r->program != NULL; r++)
		if (is_separate(plan) && users_find(r->program, &who, f) != OK)
			return f->outcome;
	return OK;
}

static void
check_domains(void)
{
	for (const char **d = asked.domain; *d != NULL; d++)
		if (!path_is_domain(span_of(*d), true))
			prog_refuse("--domain %s: not a domain name", *d);
}

static enum outcome
fill_home(const struct plan *plan, struct fault *f)
{
	bool fresh = access(prog_config_path(), F_OK) != 0;
	struct stat st;

	if (fresh && write_conf(plan, f) != OK)
		return f->outcome;
	if (prog_load(f) != OK || layout_make(&prog.settings, f) != OK)
		return f->outcome;
	if (prog.settings.pneu.users == USERS_ALL_OWNER &&
	    identity_drop(NULL, f) != OK)
		return f->outcome;
	if (fresh)
		make_certificate();
	if (!fresh && plan->domain[0] != NULL)
		prog_warn("pneu.conf is there already: --domain is left out");
	/* A start before there was a domain has made an empty one. */
	if (stat("directory/entries", &st) == 0 && st.st_size > 0)
		return OK;
	if (prog.settings.resolve.domain.n > 0)
		return make_postmaster(
		    prog.settings.resolve.domain.value[0], f);
	prog_warn("no local domain yet: add `domain = ...` to [resolve] in "
	          "pneu.conf and call init again for postmaster");
	return OK;
}

enum outcome
verb_init(int argc, char *argv[], struct fault *f)
{
	const char *home;

	prog_options(argc, argv);
	check_domains();
	if (asked.users != NULL &&
	    !span_is_word(span_of(asked.users), "owner separate"))
		prog_refuse("--users %s: owner, or separate", asked.users);
	home = home_of();
	if (check_users(&asked, f) != OK || make_path(home, f) != OK ||
	    check_empty(home, f) != OK || give_owner(&asked, home, f) != OK ||
	    prog_stand(f) != OK || identity_take(".", f) != OK ||
	    fill_home(&asked, f) != OK)
		return f->outcome;
	(void)printf("home %s: OK. Next: pneu -C %s run\n", home, home);
	return OK;
}
