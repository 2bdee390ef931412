/* SPDX-License-Identifier: ISC */
/*
 * units.c: what an installation gives to the system, made of the tables: users,
 * directories, units of systemd, lines for inetd. Each is printed; `make
 * install` puts it where it belongs.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "layout.h"
#include "listen.h"
#include "users.h"
#include "verbs.h"

static const char *program = "/usr/local/sbin/pneu";
static const char *libexec = "/usr/local/libexec/pneu";
static const char *cpu_weight = "100", *memory_max = "infinity";

const struct prog_option units_options[] = {
	{ 0, "program", "PATH", "where pneu is installed", &program },
	{ 0, "libexec", "DIR", "and where the programs are", &libexec },
	{ 0, "cpu-weight", "N", "slice: share of the processors, 1..10000",
	    &cpu_weight },
	{ 0, "memory-max", "SIZE", "slice: most memory, like 2G or 50%",
	    &memory_max },
	{ .name = NULL },
};

static const char *
home_of(void)
{
	return prog.home == NULL ? PNEU_HOME : prog.home;
}

/* ---- users and directories ---- */

static void
print_sysusers(void)
{
	(void)printf("# sysusers.d(5): the users of Pneu, and a group of the "
	             "callers of each socket.\n"
	             "u " USERS_OWNER " - \"Pneu mail system\" %s\n",
	    home_of());
	for (const struct users_row *r = users_rows; r->program != NULL; r++)
		if (r->user != NULL && users_is_first(r))
			(void)printf("u " USERS_USER " - \"Pneu %s\"\n",
			    r->user, r->user);
	for (const struct service_row *r = service_rows; r->name; r++)
		if (r->path != NULL && r->kind != SERVICE_JOURNAL)
			(void)printf("g " USERS_CALLERS " -\n", r->name);
}

/* "pneu", or "pneu-store". */
static const char *
name_of(const char *user, char out[IDENTITY_NAME_MAX + 1])
{
	(void)snprintf(out, IDENTITY_NAME_MAX + 1,
	    user == NULL ? USERS_OWNER : USERS_USER, user);
	return out;
}

static void
print_directory(const struct layout_row *r)
{
	const char *path = layout_path(r, &prog.settings);
	char user[IDENTITY_NAME_MAX + 1], group[IDENTITY_NAME_MAX + 1];
	bool is_home = strcmp(path, ".") == 0, is_within = path[0] != '/';

	(void)printf("d %s%s%s %04o %s %s -\n", is_within ? home_of() : "",
	    is_within && !is_home ? "/" : "", is_home ? "" : path,
	    (unsigned)r->mode, name_of(r->user, user),
	    name_of(r->group, group));
}

/* Not what lies in a directory of another user than the home's owner, as in
   queue/: systemd-tmpfiles refuses to go there at each boot. `init` makes it. */
static void
print_tmpfiles(void)
{
	(void)printf("# tmpfiles.d(5): the parts of a home with users = "
	             "separate.\n"
	             "d %.*s 0750 " USERS_OWNER " " USERS_OWNER " -\n",
	    (int)(strrchr(PNEU_CONF, '/') - PNEU_CONF), PNEU_CONF);
	for (const struct layout_row *r = layout_rows; r->path; r++)
		if (!r->is_file)
			print_directory(r);
}

/* ---- systemd ---- */

/*
 * The supervisor is root for four things: ports, users, signals, and a look at
 * whose the parts of the home are. One path that can be written: with two, each
 * is a mount of its own, and no link goes from the queue to a mailbox. No
 * filter of system calls here: each program has one that is smaller. No
 * RestrictSUIDSGID=: it takes openat2(2) away, and no mailbox opens without.
 */
static void
print_service(void)
{
	(void)printf("[Unit]\n"
	             "Description=Pneu mail system\n"
	             "Documentation=man:pneu(8)\n"
	             "After=network.target local-fs.target time-sync.target\n"
	             "RequiresMountsFor=%s\n\n"
	             "[Service]\n"
	             "Type=exec\n"
	             "ExecStart=%s -C %s run\n"
	             "ExecReload=%s -C %s reload\n"
	             "KillMode=mixed\n"
	             "TimeoutStopSec=150\n"
	             "Restart=on-failure\n"
	             "RestartPreventExitStatus=100\n"
	             "RestartSec=1\n"
	             "Slice=pneu.slice\n"
	             "UMask=0077\n\n",
	    home_of(), program, home_of(), program, home_of());
	/* AF_NETLINK: route asks for the addresses of this machine's interfaces. */
	(void)printf("CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SETPCAP "
	             "CAP_KILL CAP_NET_BIND_SERVICE CAP_DAC_READ_SEARCH\n"
	             "NoNewPrivileges=yes\n"
	             "ProtectSystem=strict\n"
	             "ReadWritePaths=%s\n"
	             "ProtectHome=yes\n"
	             "PrivateTmp=yes\n"
	             "PrivateDevices=yes\n"
	             "ProtectProc=invisible\n"
	             "ProtectClock=yes\n"
	             "ProtectHostname=yes\n"
	             "ProtectKernelTunables=yes\n"
	             "ProtectKernelModules=yes\n"
	             "ProtectKernelLogs=yes\n"
	             "ProtectControlGroups=yes\n"
	             "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 "
	             "AF_NETLINK\n"
	             "RestrictNamespaces=yes\n"
	             "RestrictRealtime=yes\n"
	             "LockPersonality=yes\n"
	             "MemoryDenyWriteExecute=yes\n"
	             "SystemCallArchitectures=native\n\n"
	             "[Install]\n"
	             "WantedBy=multi-user.target\n",
	    home_of());
}

static void
print_slice(void)
{
	(void)printf("[Unit]\n"
	             "Description=Pneu mail system: what it may take of the "
	             "machine\n\n"
	             "[Slice]\n"
	             "CPUWeight=%s\n"
	             "MemoryMax=%s\n"
	             "TasksMax=2048\n",
	    cpu_weight, memory_max);
}

static void
print_socket(void)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL);

	(void)printf("# The addresses of pneu.conf. After a change there: pneu "
	             "-C %s units socket.\n"
	             "[Unit]\n"
	             "Description=Pneu mail system: its ports\n\n"
	             "[Socket]\n",
	    home_of());
	for (size_t i = 0; i < n; i++)
		if (line[i].row->path == NULL)
			(void)printf("ListenStream=%s\n", line[i].text);
	(void)printf("BindIPv6Only=ipv6-only\n\n"
	             "[Install]\n"
	             "WantedBy=sockets.target\n");
}

/* ---- inetd ---- */

static void
print_inetd(void)
{
	bool separate = prog.settings.pneu.users == USERS_SEPARATE;
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL);

	(void)printf(
	    "# inetd.conf(5): sessions by inetd; what they call must run all "
	    "the same (pneu run,\n# with no listen line for these ports)."
	    "%s\n",
	    separate ? " Root: each becomes its own user at once." : "");
	for (size_t i = 0; i < n; i++) {
		const struct service_row *r = line[i].row;

		if (r->path == NULL)
			(void)printf("%s stream tcp nowait %s %s/%s %s -C "
			             "%s%s%s\n",
			    line[i].text, separate ? "root" : USERS_OWNER,
			    libexec, r->program, r->program, home_of(),
			    r->role == NULL ? "" : " -r ",
			    r->role == NULL ? "" : r->role);
	}
}

/* ---- the verb ---- */

static const struct {
	const char *name;
	void (*print)(void);
} units[] = { { "sysusers", print_sysusers }, { "tmpfiles", print_tmpfiles },
	{ "service", print_service }, { "socket", print_socket },
	{ "slice", print_slice }, { "inetd", print_inetd } };
#define UNITS (sizeof(units) / sizeof(units[0]))

enum outcome
verb_units(int argc, char *argv[], struct fault *f)
{
	size_t i = 0;

	prog_options(argc, argv);
	while (i < UNITS && optind + 1 == argc &&
	    strcmp(units[i].name, argv[optind]) != 0)
		i++;
	if (optind + 1 != argc || i == UNITS)
		prog_refuse("one of: sysusers, tmpfiles, service, socket, "
		            "slice, inetd");
	/* Of a home that was named, or as a new one would be. */
	if (prog.home == NULL && prog.config == NULL) {
		if (config_load(&prog.settings, NULL, NULL, f) != OK)
			return f->outcome;
		prog.settings.pneu.users = USERS_SEPARATE;
	} else if (prog_home(f) != OK) {
		return f->outcome;
	}
	units[i].print();
	return OK;
}
