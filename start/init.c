/* SPDX-License-Identifier: ISC */
/* init.c: makes a home, or what is missing of one; all of it synced. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "fds.h"
#include "path.h"
#include "spawn.h"
#include "store_state.h"
#include "verbs.h"

#define DOMAINS_MAX  64 /* of one call; pneu.conf takes more. Ours */
#define CONF_MAX     65536
#define USER_DEFAULT "pneu"
#define USER_ELSE    "nobody"

enum { OPTION_DOMAIN = 256, OPTION_USER };

const struct prog_option init_options[] = {
	{ OPTION_DOMAIN, "domain", "DOMAIN",
	    "a local domain; may be repeated; the first is postmaster's" },
	{ OPTION_USER, "user", "USER",
	    "as root: who shall own the home (" USER_DEFAULT ", else " USER_ELSE
	    ")" },
	{ 0, NULL, NULL, NULL },
};

struct plan {
	const char *domain[DOMAINS_MAX];
	size_t domains;
	const char *user;
};

/* ---- the home itself, perhaps as root ---- */

static enum outcome
make_part(const char *part, const char *parent, mode_t mode, struct fault *f)
{
	if (mkdir(part, mode) != 0) {
		if (errno == EEXIST)
			return OK;
		return fault_set(f, PERM, "5.3.5", errno, "make %s", part);
	}
	if (chmod(part, mode) != 0) /* the umask is 077 */
		return fault_set(f, PERM, "5.3.5", errno, "%s", part);
	return fds_sync_directory(parent, f);
}

/* Every missing directory of the path, each synced into its parent. */
static enum outcome
make_path(const char *path, struct fault *f)
{
	char part[4096], parent[4096];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(part))
		return fault_set(f, PERM, "5.3.5", EINVAL, "home %s", path);
	(void)snprintf(
	    parent, sizeof(parent), "%s", path[0] == '/' ? "/" : ".");
	for (size_t i = 1; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		(void)span_copy((struct span){ path, i }, part, sizeof(part));
		if (make_part(part, parent, i == len ? 0700 : 0755, f) != OK)
			return f->outcome;
		memcpy(parent, part, sizeof(parent));
	}
	return OK;
}

/* Empty, or a home: else somebody's files would become a mail system. */
static enum outcome
check_empty(const char *home, struct fault *f)
{
	DIR *d = opendir(home);
	const struct dirent *e;
	bool is_empty = true, is_home = false;

	if (d == NULL)
		return fault_set(f, PERM, "5.3.5", errno, "%s", home);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, "lost+found") == 0)
			continue;
		is_empty = false;
		is_home |= strcmp(e->d_name, "pneu.conf") == 0;
	}
	(void)closedir(d);
	if (!is_empty && !is_home)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is not empty and has no pneu.conf: choose another "
		    "directory",
		    home);
	return OK;
}

static enum outcome
find_user(const struct plan *plan, const struct passwd **who, struct fault *f)
{
	if (plan->user != NULL) {
		*who = getpwnam(plan->user);
		if (*who == NULL)
			return fault_set(f, PERM, "5.3.5", 0,
			    "--user %s: there is no such user", plan->user);
	} else if ((*who = getpwnam(USER_DEFAULT)) == NULL) {
		*who = getpwnam(USER_ELSE);
		if (*who != NULL)
			prog_warn(
			    "no user %s here, so the user %s owns the home: "
			    "`adduser --system %s` and --user make a "
			    "better one",
			    USER_DEFAULT, USER_ELSE, USER_DEFAULT);
	}
	if (*who == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no user to own the home: name one with --user");
	if ((*who)->pw_uid == 0)
		return fault_set(
		    f, PERM, "5.3.5", 0, "the home cannot belong to root");
	return OK;
}

/* As root: the home gets its owner, unless it has one. */
static enum outcome
give_owner(const struct plan *plan, const char *home, struct fault *f)
{
	const struct passwd *who;
	struct stat st;

	if (geteuid() != 0)
		return OK;
	if (stat(home, &st) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "%s", home);
	if (st.st_uid != 0 && plan->user == NULL)
		return OK;
	if (find_user(plan, &who, f) != OK)
		return f->outcome;
	if (st.st_uid != 0 && st.st_uid != who->pw_uid)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s belongs to uid %lu already, not to %s", home,
		    (unsigned long)st.st_uid, plan->user);
	if (lchown(home, who->pw_uid, who->pw_gid) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "chown %s", home);
	return OK;
}

/* ---- what lies in it, as its owner ---- */

static enum outcome
make_directory(const char *path, struct fault *f)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fault_set(f, PERM, "5.3.5", errno, "make %s", path);
	return OK;
}

static enum outcome
make_queue(const char *queue, struct fault *f)
{
	char path[4096];

	if (make_directory(queue, f) != OK)
		return f->outcome;
	for (int i = 0; i <= STORE_STATES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", queue,
		    i < STORE_STATES ? store_state_word((enum store_state)i)
		                     : "message");
		if (make_directory(path, f) != OK)
			return f->outcome;
	}
	return fds_sync_directory(queue, f);
}

static void
put_domains(struct buf *b, const struct plan *plan)
{
	for (size_t i = 0; i < plan->domains; i++)
		buf_addf(b, "domain = %s\n", plan->domain[i]);
	if (plan->domains == 0)
		buf_adds(b, "#domain = example.org\n");
}

/* What people change, with the defaults in comments. The rest: pneu.conf(5). */
static void
put_conf(struct buf *b, const struct plan *plan)
{
	buf_adds(b,
	    "# pneu.conf: what differs from the defaults. All settings, their\n"
	    "# meaning and limits: pneu config show --explain, pneu.conf(5).\n"
	    "# Check with `pneu config check`, put in force with `pneu "
	    "reload`.\n\n"
	    "[pneu]\n"
	    "# Name in banner, trace field and reports; default: the "
	    "machine's.\n"
	    "#hostname = mx.example.org\n"
	    "# required: refuse to run where the kernel lacks a part of it.\n"
	    "#sandbox = auto\n\n"
	    "[resolve]\n"
	    "# The domains whose mail is delivered here.\n");
	put_domains(b, plan);
	buf_adds(b,
	    "\n[smtpd]\n"
	    "# Where mail is accepted; repeat for more: [2001:db8::1]:25\n"
	    "listen = 127.0.0.1:2525\n"
	    "#max_size = 50M\n"
	    "# Workers: at first, idle at least, more at a time, at most.\n"
	    "#start = 4\n"
	    "#min_idle = 2\n"
	    "#add = 2\n"
	    "#max = 20\n\n"
	    "[pop3d]\n"
	    "# Where mail programs read it.\n"
	    "listen = 127.0.0.1:2110\n");
}

static enum outcome
write_conf(const struct plan *plan, struct fault *f)
{
	struct buf b = BUF_INIT(CONF_MAX);
	int fd = -1;

	f->outcome = OK;
	put_conf(&b, plan);
	fd = open(".pneu.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || fds_write_all(fd, buf_span(&b), f) != OK ||
	    fsync(fd) != 0 || rename(".pneu.conf", "pneu.conf") != 0)
		fault_set(f, TEMP, "4.3.0", errno, "write pneu.conf");
	if (fd != -1)
		(void)close(fd);
	buf_free(&b);
	return f->outcome;
}

static enum outcome
make_inside(struct fault *f)
{
	const struct settings *s = &prog.settings;

	if (make_queue(s->queue.directory, f) != OK ||
	    make_directory(s->mail.directory, f) != OK ||
	    make_directory("journal", f) != OK ||
	    make_directory("directory", f) != OK ||
	    make_directory("secrets", f) != OK ||
	    make_directory("run", f) != OK)
		return f->outcome;
	return fds_sync_directory(".", f);
}

/* ---- postmaster, through the directory program ---- */

static enum outcome
run_directory(const char *const argv[], int *code, struct fault *f)
{
	struct spawn sp = { .argv = argv,
		.in = -1,
		.out = -1,
		.slot = -1,
		.nofile = UINT64_MAX };
	pid_t pid;
	int status;

	if (spawn_start(&sp, &pid, f) != OK)
		return f->outcome;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "wait for directory");
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : TEMP;
	return OK;
}

/* RFC 5321 4.5.1 wants postmaster, RFC 2142 the others. */
static enum outcome
make_postmaster(const char *domain, struct fault *f)
{
	char address[512], abuse[512], hostmaster[512];
	const char *add[] = { "directory", "-C", ".", "add", address, "--alias",
		abuse, "--alias", hostmaster, NULL };
	int code = TEMP;

	(void)snprintf(address, sizeof(address), "postmaster@%s", domain);
	(void)snprintf(abuse, sizeof(abuse), "abuse@%s", domain);
	(void)snprintf(hostmaster, sizeof(hostmaster), "hostmaster@%s", domain);
	if (run_directory(add, &code, f) != OK)
		return f->outcome;
	if (code != OK)
		return fault_set(f, code == PERM ? PERM : TEMP, "4.3.0", 0,
		    "directory add %s ended with %d", address, code);
	return OK;
}

/* ---- the verb ---- */

static void
take_options(int argc, char *argv[], struct plan *plan)
{
	struct fault f;
	const char *value;
	int letter;

	while ((letter = prog_option(argc, argv, &value)) != -1) {
		if (letter == OPTION_USER) {
			plan->user = value;
			continue;
		}
		if (plan->domains == DOMAINS_MAX) {
			fault_set(&f, PERM, "5.5.4", 0,
			    "--domain %s: at most %d at once; pneu.conf takes "
			    "more",
			    value, DOMAINS_MAX);
			prog_usage(&f);
		}
		plan->domain[plan->domains++] = value;
	}
}

static enum outcome
check_domains(const struct plan *plan, struct fault *f)
{
	char address[512];
	struct path path;

	for (size_t i = 0; i < plan->domains; i++) {
		(void)snprintf(
		    address, sizeof(address), "postmaster@%s", plan->domain[i]);
		if (path_parse_bare(span_of(address), &path, f) != OK)
			return fault_context(f, "--domain %s", plan->domain[i]);
	}
	return OK;
}

static enum outcome
fill_home(const struct plan *plan, struct fault *f)
{
	bool fresh = access(prog_config_path(), F_OK) != 0;
	struct stat st;

	if (fresh && write_conf(plan, f) != OK)
		return f->outcome;
	if (prog_load(f) != OK || make_inside(f) != OK)
		return f->outcome;
	if (!fresh && plan->domains > 0)
		prog_warn("pneu.conf is there already: --domain is left out");
	/* A start before there was a domain has made an empty one. */
	if (stat("directory/entries", &st) == 0 && st.st_size > 0)
		return OK;
	if (prog.settings.resolve.domain.n == 0) {
		prog_warn("no local domain yet: add `domain = ...` to "
		          "[resolve] in pneu.conf and call init again for "
		          "postmaster");
		return OK;
	}
	return make_postmaster(prog.settings.resolve.domain.value[0], f);
}

enum outcome
verb_init(int argc, char *argv[], struct fault *f)
{
	const char *home;
	struct plan plan = { .user = NULL };

	take_options(argc, argv, &plan);
	home = prog.home == NULL ? PNEU_HOME : prog.home;
	if (check_domains(&plan, f) != OK || make_path(home, f) != OK ||
	    check_empty(home, f) != OK || give_owner(&plan, home, f) != OK ||
	    prog_stand(f) != OK || prog_become(".", f) != OK ||
	    fill_home(&plan, f) != OK)
		return f->outcome;
	(void)printf("home %s: OK. Next: pneu -C %s run\n", home, home);
	return OK;
}
