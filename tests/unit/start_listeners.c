/* SPDX-License-Identifier: ISC */
/* The listeners of a new configuration, and of one that is refused. */
#include "../../start/listeners.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "config.h"
#include "tap.h"

static struct supervisor s;
static char path[] = "/tmp/pneu-unit.XXXXXX";

static bool
load(struct settings *settings, unsigned port, unsigned timeout_s,
    const char *smtpd)
{
	struct buf errors = BUF_INIT(4096);
	struct fault f = FAULT_NONE;
	FILE *file = fopen(path, "w");
	enum outcome got;

	if (file == NULL)
		return false;
	(void)fprintf(file,
	    "[pop3d]\nlisten = 127.0.0.1:%u\nlogin_timeout = %us\n"
	    "[smtpd]\nlisten = %s\n",
	    port, timeout_s, smtpd);
	(void)fclose(file);
	got = config_load(settings, path, &errors, &f);
	buf_free(&errors);
	return got == OK;
}

/* A free port is what the kernel gave to a socket that is closed again. */
static unsigned
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		a.sin_port = 0;
	(void)close(fd);
	return ntohs(a.sin_port);
}

static long
deadline_s(void)
{
	struct timeval t = { -1, 0 };
	socklen_t len = sizeof(t);

	for (size_t i = 0; i < s.listeners; i++)
		if (strcmp(s.listener[i]->row->name, "pop3d") == 0)
			(void)getsockopt(s.listener[i]->fd, SOL_SOCKET,
			    SO_RCVTIMEO, &t, &len);
	return (long)t.tv_sec;
}

int
main(void)
{
	struct settings first, second;
	struct fault f = FAULT_NONE;
	unsigned port = free_port();
	int fd = mkstemp(path);

	(void)close(fd);
	if (!load(&first, port, 60, "") ||
	    !load(&second, port, 30, "192.0.2.77:1"))
		return 99;
	tap_ok(listeners_open(&s, &first, &f) == OK, "the first one listens");
	tap_ok(deadline_s() == 60, "with its deadline");
	tap_ok(listeners_open(&s, &second, &f) == PERM,
	    "one with an address that is not ours is refused");
	tap_ok(deadline_s() == 60, "and its deadline with it");
	for (size_t i = 0; i < s.listeners; i++)
		s.listener[i]->wanted = false;
	listeners_drop(&s);
	config_free(&first);
	config_free(&second);
	(void)unlink(path);
	return tap_done();
}
