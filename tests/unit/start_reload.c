/* SPDX-License-Identifier: ISC */
/* A configuration that is taken, and one that changes nothing. */
#include "../../start/supervisor.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "config.h"
#include "prog.h"
#include "tap.h"

static const struct prog_about about = { .name = "start_reload" };
static struct supervisor s;

static bool
write_conf(unsigned pop3, unsigned timeout_s, unsigned smtp)
{
	FILE *file = fopen("pneu.conf", "w");

	if (file == NULL)
		return false;
	(void)fprintf(file,
	    "[pneu]\nhostname = mx.example.org\n"
	    "[pop3d]\nlisten = 127.0.0.1:%u\nlogin_timeout = %us\n"
	    "[smtpd]\nlisten = 127.0.0.1:%u\n",
	    pop3, timeout_s, smtp);
	return fclose(file) == 0;
}

/* A socket on a port that the kernel gave. */
static int
hold_port(unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		a.sin_port = 0;
	*port = ntohs(a.sin_port);
	return fd;
}

static unsigned
free_port(void)
{
	unsigned port;

	(void)close(hold_port(&port));
	return port;
}

/* The newest pool of a service. */
static struct pool *
find(const char *name)
{
	for (size_t i = s.pools; i-- > 0;)
		if (strcmp(s.pool[i]->row->name, name) == 0)
			return s.pool[i];
	return NULL;
}

static long
deadline_s(const struct pool *p)
{
	struct timeval t = { -1, 0 };
	socklen_t len = sizeof(t);

	(void)getsockopt(p->listener->fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len);
	return (long)t.tv_sec;
}

static bool
has(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
test_take(unsigned pop3, unsigned smtp)
{
	struct fault f = FAULT_NONE;
	unsigned taken;
	int held = hold_port(&taken);
	struct pool *first;
	size_t pools;

	(void)write_conf(pop3, 60, smtp);
	tap_ok(reload_take(&s, &f) == OK, "the first one is taken");
	first = find("pop3d");
	tap_ok(deadline_s(first) == 60, "with its deadline");
	tap_ok(find("resolve")->listener->fd == -1,
	    "a Unix socket waits for the tidying");
	pools = s.pools;

	(void)write_conf(pop3, 30, taken);
	tap_ok(reload_take(&s, &f) == PERM &&
	        strstr(f.text, "another process") != NULL,
	    "one with a port that somebody has is refused");
	tap_ok(s.pools == pools && s.generation == 1 &&
	        first->listener->users == 1 && deadline_s(first) == 60 &&
	        !has("run/pneu.conf.2"),
	    "and nothing has changed");
	(void)close(held);

	(void)write_conf(pop3, 30, taken);
	tap_ok(reload_take(&s, &f) == OK && s.generation == 2,
	    "once the port is free it is taken");
	tap_ok(s.pools == 2 * pools && find("pop3d") != first &&
	        find("pop3d")->listener == first->listener &&
	        deadline_s(first) == 30,
	    "a new pool beside the old one has its socket, and a new deadline");
	tap_ok(has("run/pneu.conf.1") && has("run/pneu.conf.2"),
	    "both copies are there while both are served");
	while (reload_take(&s, &f) == OK)
		continue;
	tap_ok(f.outcome == TEMP && s.pools <= POOLS_MAX,
	    "and there is an end to how many are served at once");
}

int
main(void)
{
	char path[] = "/tmp/pneu-unit.XXXXXX";

	if (mkdtemp(path) == NULL || chdir(path) != 0 ||
	    mkdir("run", 0700) != 0 || mkdir("queue", 0700) != 0)
		return 99;
	prog_begin(&about);
	prog.home = ".";
	test_take(free_port(), free_port());
	while (s.pools > 0)
		pool_free(s.pool[--s.pools]);
	config_free(&s.settings);
	s.generation = 0;
	reload_clean(&s);
	(void)unlink("pneu.conf");
	(void)rmdir("run");
	(void)rmdir("queue");
	(void)rmdir(path);
	return tap_done();
}
