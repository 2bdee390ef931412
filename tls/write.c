/* SPDX-License-Identifier: ISC */
/* write.c: certificates and keys to files. */
#include "write.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"

/* A directory of certificates is read without its dot names. */
static void
name_beside(const char *path, char out[FDS_PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash + 1 - path);

	(void)snprintf(
	    out, FDS_PATH_MAX, "%.*s.%s.new", (int)n, path, path + n);
}

static bool
put_all(FILE *out, STACK_OF(X509) * certificates, EVP_PKEY *key)
{
	bool ok = true;

	for (int i = 0; ok && i < sk_X509_num(certificates); i++)
		ok = PEM_write_X509(out, sk_X509_value(certificates, i)) == 1;
	if (ok && key != NULL)
		ok = PEM_write_PrivateKey(
		         out, key, NULL, NULL, 0, NULL, NULL) == 1;
	return ok && fflush(out) == 0;
}

enum outcome
write_beside(const char *path, mode_t mode, STACK_OF(X509) * certificates,
    EVP_PKEY *key, struct fault *f)
{
	char fresh[FDS_PATH_MAX];
	FILE *out;
	bool ok;
	int fd;

	name_beside(path, fresh);
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	out = fd == -1 ? NULL : fdopen(fd, "w");
	if (out == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "make %s", fresh);
	ok = put_all(out, certificates, key) && fchmod(fd, mode) == 0 &&
	    fsync(fd) == 0;
	if (fclose(out) == 0 && ok)
		return OK;
	fault_set(f, TEMP, "4.3.0", errno, "write %s", fresh);
	(void)unlink(fresh);
	return TEMP;
}

enum outcome
write_take(const char *path, bool replaces, struct fault *f)
{
	char fresh[FDS_PATH_MAX];

	name_beside(path, fresh);
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path,
	        replaces ? 0 : RENAME_NOREPLACE) == 0)
		return OK;
	fault_set(f, TEMP, "4.3.0", errno, "write %s", path);
	(void)unlink(fresh);
	return TEMP;
}
