/* SPDX-License-Identifier: ISC */
#include "lists.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char directory[] = "/tmp/pneu-unit-lists.XXXXXX";

static void
put(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	if (out == NULL || fputs(text, out) == EOF || fclose(out) != 0)
		abort();
}

static enum outcome
compile(struct lists *l, struct buf *errors)
{
	struct fault f = FAULT_NONE;

	buf_reset(errors);
	return lists_compile(l, errors, &f);
}

/* The line of the list that has the client; 0: none has. */
static unsigned
line_of(const struct lists *l, enum list_type type, const char *ip)
{
	struct net_addr a;
	unsigned line = 0;

	if (!net_parse_addr(span_of(ip), &a))
		abort();
	return lists_has_client(l, type, &a, &line) ? line : 0;
}

static void
test_clients(void)
{
	struct buf errors = BUF_INIT(65536);
	struct lists l;

	put("lists/reject",
	    "# bad neighbours\n192.0.2.0/24 # all of it\n\n  192.0.2.7\n"
	    "10.0.0.0/24\n10.0.0.0/8\n2001:db8::/32\n2001:db8:1::/48\n"
	    "::ffff:198.51.100.0/120\n255.255.255.255\n");
	tap_ok(compile(&l, &errors) == OK, "networks: %s", errors.p);
	tap_ok(line_of(&l, LIST_REJECT, "192.0.2.0") == 2 &&
	        line_of(&l, LIST_REJECT, "192.0.2.255") == 2 &&
	        line_of(&l, LIST_REJECT, "192.0.3.0") == 0 &&
	        line_of(&l, LIST_REJECT, "192.0.1.255") == 0,
	    "the first and the last of a network are in it, their neighbours "
	    "not");
	tap_ok(line_of(&l, LIST_REJECT, "192.0.2.7") == 2,
	    "of one in another the wider is told");
	tap_ok(line_of(&l, LIST_REJECT, "10.0.0.1") == 6 &&
	        line_of(&l, LIST_REJECT, "10.255.0.1") == 6,
	    "also where both begin together, and the narrow one stands first");
	tap_ok(line_of(&l, LIST_REJECT, "2001:db8:1::5") == 7 &&
	        line_of(&l, LIST_REJECT, "2001:db9::") == 0,
	    "networks of IPv6");
	tap_ok(line_of(&l, LIST_REJECT, "198.51.100.9") == 9 &&
	        line_of(&l, LIST_REJECT, "::ffff:198.51.100.9") == 9,
	    "a mapped network and a mapped client are of IPv4");
	tap_ok(line_of(&l, LIST_REJECT, "255.255.255.255") == 10 &&
	        line_of(&l, LIST_REJECT, "0.0.0.0") == 0 &&
	        line_of(&l, LIST_REJECT, "::") == 0,
	    "the ends of all addresses");
	tap_ok(line_of(&l, LIST_ACCEPT, "192.0.2.0") == 0 &&
	        lists_count(&l, LIST_ACCEPT) == 0,
	    "a list that is not there is empty");
	lists_free(&l);
	put("lists/reject", "0.0.0.0/0\n::/0\n10.0.0.1\n");
	tap_ok(compile(&l, &errors) == OK &&
	        line_of(&l, LIST_REJECT, "10.0.0.1") == 1 &&
	        line_of(&l, LIST_REJECT, "255.255.255.255") == 1 &&
	        line_of(&l, LIST_REJECT, "::1") == 2,
	    "/0 has everybody");
	lists_free(&l);
	(void)unlink("lists/reject");
	buf_free(&errors);
}

static unsigned
domain(const struct lists *l, const char *name)
{
	unsigned line = 0;

	return lists_has_domain(l, LIST_NEAR, span_of(name), &line) ? line : 0;
}

static unsigned
address(const struct lists *l, const char *name)
{
	unsigned line = 0;

	return lists_has_address(l, LIST_SENDERS, span_of(name), &line) ? line
	                                                                : 0;
}

static void
test_names(void)
{
	struct buf errors = BUF_INIT(65536);
	struct lists l;

	put("lists/near",
	    "\xEF\xBB\xBF"
	    "near.test\r\n.below.test\r\nXN--BCHER-kva.test\n");
	put("lists/senders",
	    "info@example.org\n*@lists.example.org\nnews-*@*.test\n"
	    "192.0.2.0/24\na*b*c@x.test\n");
	tap_ok(compile(&l, &errors) == OK, "names: %s", errors.p);
	tap_ok(domain(&l, "near.test") == 1 && domain(&l, "a.near.test") == 0 &&
	        domain(&l, "earnear.test") == 0,
	    "a domain is itself and nothing below it");
	tap_ok(domain(&l, "a.below.test") == 2 &&
	        domain(&l, "b.a.below.test") == 2 &&
	        domain(&l, "below.test") == 0 && domain(&l, "xbelow.test") == 0,
	    "with a leading dot it is what lies below it, and not itself");
	tap_ok(domain(&l, "xn--bcher-kva.test") == 3 && domain(&l, "") == 0,
	    "case does not matter");
	tap_ok(address(&l, "Info@Example.ORG") == 1 &&
	        address(&l, "info@example.or") == 0 && address(&l, "") == 0,
	    "an address");
	tap_ok(address(&l, "any@lists.example.org") == 2 &&
	        address(&l, "@lists.example.org") == 2 &&
	        address(&l, "any@x.lists.example.org") == 0,
	    "a mask for a whole domain");
	tap_ok(address(&l, "news-1@a.b.test") == 3 &&
	        address(&l, "news-1@x@y.test") == 0 &&
	        address(&l, "snews-1@a.test") == 0,
	    "stars stand for anything but @");
	tap_ok(address(&l, "abc@x.test") == 5 &&
	        address(&l, "a--b-b-cc@x.test") == 5 &&
	        address(&l, "ab@x.test") == 0,
	    "several in one part");
	tap_ok(line_of(&l, LIST_SENDERS, "192.0.2.9") == 4,
	    "a network stands among addresses");
	lists_free(&l);
	buf_free(&errors);
}

static void
test_errors(void)
{
	static const struct {
		const char *list, *text, *error;
	} wrong[] = {
		{ "reject", "\n192.0.2.7/24\n",
		    "lists/reject:2: 192.0.2.7/24: there are bits behind" },
		{ "accept", "example.org\n",
		    "lists/accept:1: example.org: not an IP address" },
		{ "near", "a b\n", "lists/near:1: a b: not a domain name" },
		{ "near", "[192.0.2.1]\n", "not a domain name" },
		{ "near", ".\n", "not a domain name" },
		{ "senders", "info@\n", "lists/senders:1: info@: not an addr" },
		{ "senders", "info\n", "not an IP address" },
		{ "logins", "192.0.2.7\n", "not an address" },
		{ "logins", "a@b@c\n", "not an address" },
		{ "logins", "\033[2J@x.test\n",
		    "lists/logins:1: ?[2J@x.test: not an address" },
	};
	struct buf errors = BUF_INIT(65536);
	struct lists l;
	char name[64];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(name, sizeof(name), "lists/%s", wrong[i].list);
		put(name, wrong[i].text);
		tap_ok(compile(&l, &errors) == PERM &&
		        strstr(errors.p, wrong[i].error) != NULL,
		    "%s: %s", wrong[i].error, errors.p);
		lists_free(&l);
		put(name, "");
	}
	buf_free(&errors);
}

/* Each octet of the blob is turned, and it is cut at each length: nothing
   outside it is read (the sanitizers would tell), whatever is found. */
static void
test_damage(void)
{
	struct buf errors = BUF_INIT(65536);
	struct fault f = FAULT_NONE;
	struct lists l, damaged;
	unsigned char *p;
	bool good = true;
	int fd;

	put("lists/reject", "192.0.2.0/24\n2001:db8::/32\n");
	put("lists/near", "near.test\n.below.test\n");
	put("lists/senders", "a@b.test\n*@c.test\n");
	if (compile(&l, &errors) != OK)
		abort();
	fd = open("blob", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	tap_ok(lists_write(&l, fd, &f) == OK && close(fd) == 0 &&
	        lists_map(&damaged, "blob", &f) == OK &&
	        line_of(&damaged, LIST_REJECT, "192.0.2.1") == 1 &&
	        domain(&damaged, "near.test") == 1 &&
	        address(&damaged, "x@c.test") == 2,
	    "what was written is mapped: %s", f.text);
	lists_free(&damaged);
	p = malloc(l.len);
	for (size_t i = 0; i < l.len; i++) {
		memcpy(p, l.p, l.len);
		p[i] ^= 0xff;
		damaged = (struct lists){ p, l.len, false };
		(void)line_of(&damaged, LIST_REJECT, "192.0.2.1");
		(void)line_of(&damaged, LIST_REJECT, "2001:db8::1");
		(void)domain(&damaged, "a.below.test");
		(void)address(&damaged, "x@c.test");
	}
	free(p);
	for (size_t n = 0; n < l.len && good; n++) {
		fd = open("blob", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (write(fd, l.p, n) != (ssize_t)n || close(fd) != 0)
			abort();
		good = lists_map(&damaged, "blob", &f) == TEMP &&
		    damaged.p == NULL;
	}
	tap_ok(good, "a blob that was cut is not taken");
	(void)unlink("blob");
	tap_ok(lists_map(&damaged, "blob", &f) == TEMP, "nor one that is gone");
	lists_free(&l);
	buf_free(&errors);
}

int
main(void)
{
	char command[sizeof(directory) + 16];

	if (mkdtemp(directory) == NULL || chdir(directory) != 0 ||
	    mkdir("lists", 0700) != 0)
		abort();
	test_clients();
	test_names();
	test_errors();
	test_damage();
	for (size_t i = 0; i < LISTS; i++) {
		(void)snprintf(
		    command, sizeof(command), "lists/%s", list_abouts[i].name);
		(void)unlink(command);
	}
	(void)rmdir("lists");
	(void)!chdir("/");
	(void)rmdir(directory);
	return tap_done();
}
