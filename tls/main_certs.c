/* SPDX-License-Identifier: ISC */
/*
 * certs: the operator's command for certificates: makes them, says which are
 * set and what is wrong with them, brings authorities in and out. `pneu certs`
 * runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "identity.h"
#include "look.h"
#include "make.h"
#include "output.h"
#include "pair.h"
#include "prog.h"
#include "write.h"

#define ROOTS "ca" /* of the home: whom tls.ca = own believes */

static const char *again;

static const struct prog_option options[] = {
	{ 0, "again", NULL, "init: also when there is a certificate", &again },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "certs",
	.usage = "[-C DIR] [-c FILE] [--json] VERB ...",
	.options = options,
	.summary = "Certificates of TLS. Verbs:\n"
	           "  init                    make an authority of this home, "
	           "and a certificate of it\n"
	           "  assign WHAT LABEL [CERTIFICATE KEY]\n"
	           "                          set a certificate; WHAT: "
	           "smtp-server, pop-server\n"
	           "  show                    which are set, and until when\n"
	           "  check                   what is wrong with them\n"
	           "  export-ca FILE          the authority's certificate, for "
	           "clients\n"
	           "  import-ca LABEL FILE    believe certificates of clients "
	           "that it signed",
	.verbs = false,
	.json = true,
	.operands = true,
};

static enum outcome
run_init(char *argv[], struct fault *f)
{
	(void)argv;
	if (make_certificates(
	        &prog.settings, prog_hostname(), again != NULL, f) != OK)
		return f->outcome;
	output(json_pack("{s:s, s:s, s:s}", "certificate", MAKE_SERVER, "key",
	           MAKE_KEY, "ca", MAKE_CA),
	    "{certificate} and {key}; clients verify it with {ca}\n");
	return OK;
}

/*
 * In a child, which gives root up before it reads a certificate: what comes
 * after needs it, to tell the supervisor.
 */
static enum outcome
check_pair(const struct pair_names *names, struct fault *f)
{
	struct pair pair;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (prog_user(f) == OK && pair_load(names, &pair, f) == OK)
			pair_free(&pair);
		prog_exit(f);
	}
	if (child == -1 || waitpid(child, &status, 0) != child)
		return fault_set(f, TEMP, "4.3.0", errno, "fork");
	if (status != 0) /* it has said why */
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : 111);
	return OK;
}

/* By the program that changes settings: it checks, keeps comments, reloads. */
static enum outcome
set_certificate(const char *line, struct fault *f)
{
	char path[sizeof(prog.directory) + 8];

	(void)snprintf(path, sizeof(path), "%s/pneu", prog.directory);
	(void)fflush(stdout);
	(void)identity_raise(); /* it works as the home's owner by itself */
	(void)execl(path, "pneu", "-C", ".", "-c", prog_config_path(), "config",
	    "set", "tls.certificate", line, (char *)NULL);
	return fault_set(f, TEMP, "4.3.0", errno, "start %s", path);
}

static enum outcome
run_assign(char *argv[], struct fault *f)
{
	static const char words[] = "smtp-server pop-server";
	char line[TLS_LABEL_MAX + 2 * PAIR_PATH_MAX + 3];
	struct pair_names names;
	bool has_files = argv[2] != NULL;

	if (span_is_word(span_of(argv[0]), "smtp-client link"))
		return fault_set(f, PERM, "5.5.4", 0,
		    "%s: nothing here sends mail to other systems yet",
		    argv[0]);
	if (!span_is_word(span_of(argv[0]), words))
		return fault_set(
		    f, PERM, "5.5.4", 0, "%s is none of: %s", argv[0], words);
	(void)snprintf(line, sizeof(line), "%s %s %s", argv[1],
	    has_files ? argv[2] : MAKE_SERVER,
	    has_files && argv[3] != NULL ? argv[3]
	        : has_files              ? argv[2]
	                                 : MAKE_KEY);
	if (pair_parse(span_of(line), &names, f) != OK ||
	    check_pair(&names, f) != OK)
		return f->outcome;
	return set_certificate(line, f);
}

static enum outcome
run_show(char *argv[], struct fault *f)
{
	(void)argv;
	return look_show(&prog.settings, f);
}

static enum outcome
run_check(char *argv[], struct fault *f)
{
	(void)argv;
	return look_check(&prog.settings, prog_hostname(), f);
}

static enum outcome
run_export(char *argv[], struct fault *f)
{
	STACK_OF(X509) *all = NULL;

	/* Certificates alone, whatever else stands in the file. */
	if (pair_read_certificates(MAKE_CA, &all, f) == OK &&
	    write_beside(argv[0], 0644, all, NULL, f) == OK &&
	    write_take(argv[0], false, f) == OK)
		output(json_pack("{s:s}", "file", argv[0]), "{file}\n");
	sk_X509_pop_free(all, X509_free);
	return f->outcome;
}

static bool
is_label(const char *label)
{
	size_t n = strlen(label);

	for (size_t i = 0; i < n; i++)
		if (!is_alnum((unsigned char)label[i]) &&
		    strchr(i == 0 ? "_" : "-._", label[i]) == NULL)
			return false;
	return n > 0 && n <= TLS_LABEL_MAX;
}

static enum outcome
run_import(char *argv[], struct fault *f)
{
	char path[sizeof(ROOTS) + TLS_LABEL_MAX + 8];
	STACK_OF(X509) *all = NULL;

	if (!is_label(argv[0]))
		return fault_set(f, PERM, "5.5.4", 0,
		    "a label has letters, digits, `-`, `.` and `_`, at most %d",
		    TLS_LABEL_MAX);
	if (pair_read_certificates(argv[1], &all, f) != OK)
		return f->outcome;
	for (int i = 0; f->outcome == OK && i < sk_X509_num(all); i++)
		if (X509_check_ca(sk_X509_value(all, i)) == 0)
			(void)fault_set(f, PERM, "5.5.4", 0,
			    "%s: certificate %d is no authority's", argv[1],
			    i + 1);
	if (f->outcome == OK && mkdir(ROOTS, 0750) != 0 && errno != EEXIST)
		(void)fault_set(f, TEMP, "4.3.0", errno, "make " ROOTS);
	(void)snprintf(path, sizeof(path), ROOTS "/%s.pem", argv[0]);
	if (f->outcome == OK && write_beside(path, 0644, all, NULL, f) == OK &&
	    write_take(path, true, f) == OK)
		output(json_pack("{s:s}", "file", path),
		    "{file}; `pneu reload` puts it in force\n");
	sk_X509_pop_free(all, X509_free);
	return f->outcome;
}

static const struct verb {
	const char *name;
	int least, most; /* operands */
	bool stays_root; /* it gives root up by itself */
	enum outcome (*run)(char *argv[], struct fault *);
} verbs[] = {
	{ "init", 0, 0, false, run_init },
	{ "assign", 2, 4, true, run_assign },
	{ "show", 0, 0, false, run_show },
	{ "check", 0, 0, false, run_check },
	{ "export-ca", 1, 1, false, run_export },
	{ "import-ca", 2, 2, false, run_import },
};

int
main(int argc, char *argv[])
{
	const struct verb *v = verbs, *end = v + sizeof(verbs) / sizeof(*v);
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	argc -= optind;
	argv += optind;
	while (v < end && (argc == 0 || strcmp(argv[0], v->name) != 0))
		v++;
	if (v == end)
		prog_refuse("say init, assign, show, check, export-ca or "
		            "import-ca");
	if (argc - 1 < v->least || argc - 1 > v->most)
		prog_refuse("%s: --help says what it takes", v->name);
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (prog_enter(&f) == OK && (v->stays_root || prog_user(&f) == OK))
		(void)v->run(argv + 1, &f);
	prog_exit(&f);
}
