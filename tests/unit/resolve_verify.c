/* SPDX-License-Identifier: ISC */
#include "../../resolve/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

/* Small enough for a test, large enough to be told from a keyed hash. */
#define OPS    2
#define MEMORY (8UL * 1024 * 1024)

static bool
make_database(const char *password)
{
	struct compiled_maker m;
	char hash[crypto_pwhash_STRBYTES];
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out;
	struct fault f;
	bool good;
	int fd;

	(void)mkdir("secrets", 0700);
	fd = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (crypto_pwhash_str(hash, password, strlen(password), OPS, MEMORY) !=
	    0)
		return false;
	out = record_begin(&b, "secret");
	record_puts(out, "smtp", "Bob@example.org");
	record_puts(out, "path", "example.org/bob");
	record_puts(out, "hash", hash);
	good = record_end(out, &f) == OK;
	compiled_make_begin(&m, fd, "secrets");
	compiled_make_add(&m, SPAN_LIT("bob@example.org"), buf_span(&b));
	compiled_make_add(
	    &m, SPAN_LIT("bad@example.org"), SPAN_LIT("nonsense"));
	good = compiled_make_end(&m, &f) == OK && close(fd) == 0 && good;
	buf_free(&b);
	return good && rename("scratch", SECRETS_DB) == 0;
}

static struct auth_ans ans;
static struct fault fault;

static enum outcome
login(struct verifier *v, const char *user, const char *password, uint64_t now)
{
	struct auth_req req = { .user = span_of(user),
		.password = span_of(password),
		.ip = SPAN_EMPTY,
		.service = SPAN_LIT(AUTH_POP3) };

	return verify_login(v, &req, now, &ans, &fault);
}

static double
cost(struct verifier *v, const char *user, const char *password, uint64_t now)
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	(void)login(v, user, password, now);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e3 +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e6;
}

static void
test_names(struct verifier *v)
{
	struct fault f;

	tap_ok(login(v, "bob@example.org", "secret", 1000) == OK &&
	        strcmp(ans.user, "Bob@example.org") == 0 &&
	        strcmp(ans.path, "example.org/bob") == 0 &&
	        auth_ticket_check(v->ticket_key, &ans, &f) == OK,
	    "the right password has an identity and a ticket");
	tap_ok(login(v, "BOB@EXAMPLE.ORG", "secret", 1000) == OK,
	    "the name in any case");
	tap_ok(login(v, "Bob", "secret", 1000) == OK,
	    "a bare name is of the first domain");
	tap_ok(login(v, "bob@example.net", "secret", 1000) == PERM &&
	        login(v, "@", "secret", 1000) == PERM &&
	        login(v, "", "secret", 1000) == PERM,
	    "other names have none");
	tap_ok(login(v, "bad@example.org", "secret", 1000) == TEMP,
	    "a record that is not ours is a deferral");
}

static void
test_refusals(struct verifier *v)
{
	struct fault wrong;

	(void)login(v, "bob", "Secret", 1000);
	wrong = fault;
	tap_ok(wrong.outcome == PERM && strcmp(wrong.code, "5.7.8") == 0 &&
	        ans.user[0] == '\0' && ans.ticket[0] == '\0',
	    "a wrong password has no identity");
	(void)login(v, "nobody", "Secret", 1000);
	tap_ok(memcmp(&wrong, &fault, sizeof(fault)) == 0,
	    "an unknown user is answered in the same words");
	tap_ok(login(v, "bob", "", 1000) == PERM &&
	        login(v, "bob", "secret ", 1000) == PERM,
	    "nothing else is the password");
}

static void
test_costs(struct verifier *v)
{
	double wrong = cost(v, "bob", "x", 2000);
	double unknown = cost(v, "nobody", "x", 2000);
	double again = cost(v, "bob", "secret", 2000);

	tap_ok(unknown > wrong / 3 && unknown < wrong * 3,
	    "an unknown user costs what a wrong password costs: "
	    "%.2f and %.2f ms",
	    unknown, wrong);
	tap_ok(again < wrong / 10, "a repeated login costs a hash: %.3f ms",
	    again);
	tap_ok(cost(v, "bob", "secret", 1000 + v->cache_ms + 1) < wrong / 10,
	    "the cache time counts from the last use");
	tap_ok(cost(v, "bob", "secret", 1000 + 2 * v->cache_ms + 2) > wrong / 3,
	    "after it a login costs a password hash again");
}

static void
test_change(struct verifier *v)
{
	tap_ok(make_database("other") &&
	        compiled_look(&v->secrets, &fault) == OK &&
	        login(v, "bob", "secret", 2000) == PERM &&
	        login(v, "bob", "other", 2000) == OK,
	    "a changed password counts at once, the cache does not hide it");
}

static void
test_sharing(const struct settings *s)
{
	unsigned char key[AUTH_KEY_LEN] = { 1 }, other[AUTH_KEY_LEN] = { 2 };
	int fd = memfd_create("logins", MFD_CLOEXEC);
	struct verifier a, b, c;
	double alone;

	tap_ok(verify_begin(&a, s, key, fd, &fault) == OK &&
	        verify_begin(&b, s, key, fd, &fault) == OK &&
	        verify_begin(&c, s, other, fd, &fault) == OK &&
	        compiled_look(&a.secrets, &fault) == OK &&
	        compiled_look(&b.secrets, &fault) == OK &&
	        compiled_look(&c.secrets, &fault) == OK,
	    "several may have one cache");
	alone = cost(&a, "bob", "other", 1000);
	tap_ok(cost(&b, "bob", "other", 1001) < alone / 10,
	    "what one remembers serves the other");
	tap_ok(cost(&b, "bob", "wrong", 1001) > alone / 3,
	    "a wrong password is never remembered");
	tap_ok(cost(&c, "bob", "other", 1001) > alone / 3,
	    "who has another key finds nothing in it");
	verify_free(&a);
	verify_free(&b);
	verify_free(&c);
	(void)close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/resolve_verify.XXXXXX";
	char *domains[] = { "example.org" };
	struct settings s = { .resolve = { .domain = { domains, 1 },
		                  .auth_cache_ms = 60000,
		                  .auth_cache_max = 16,
		                  .scram_iterations = SCRAM_ITERATIONS_MIN,
		                  .hash_ops = OPS,
		                  .hash_memory = MEMORY } };
	struct verifier v;

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	tap_ok(make_database("secret") &&
	        verify_begin(&v, &s, NULL, -1, &fault) == OK &&
	        login(&v, "bob", "secret", 1000) == TEMP,
	    "without a database every login is a deferral");
	tap_ok(
	    compiled_look(&v.secrets, &fault) == OK, "the database is taken");
	test_names(&v);
	test_refusals(&v);
	test_costs(&v);
	test_change(&v);
	test_sharing(&s);
	verify_free(&v);
	(void)unlink(SECRETS_DB);
	(void)rmdir("secrets");
	(void)rmdir(dir);
	return tap_done();
}
