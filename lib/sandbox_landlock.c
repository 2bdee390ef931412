/* SPDX-License-Identifier: ISC */
/*
 * sandbox_landlock.c: paths and ports are rules for Landlock, by its system calls:
 * the C library has none of its own, and the header of the system may be older than
 * the kernel. Every right that the kernel knows is handled.
 */
#include "sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LL_EXECUTE     (1ULL << 0)
#define LL_WRITE_FILE  (1ULL << 1)
#define LL_READ_FILE   (1ULL << 2)
#define LL_READ_DIR    (1ULL << 3)
#define LL_REMOVE_DIR  (1ULL << 4)
#define LL_REMOVE_FILE (1ULL << 5)
#define LL_MAKE_DIR    (1ULL << 7)
#define LL_MAKE_REG    (1ULL << 8)
#define LL_REFER       (1ULL << 13)
#define LL_TRUNCATE    (1ULL << 14)
#define LL_IOCTL_DEV   (1ULL << 15)
/* What a rule for a single file may carry. landlock(7) */
#define LL_OF_FILE                                                             \
	(LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV)
#define LL_NET_BIND_TCP        (1ULL << 0)
#define LL_NET_CONNECT_TCP     (1ULL << 1)
#define LL_SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define LL_SCOPE_SIGNAL        (1ULL << 1)
#define LL_RULE_PATH_BENEATH   1
#define LL_RULE_NET_PORT       2
#define LL_CREATE_VERSION      1U

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif

struct ll_ruleset {
	uint64_t fs, net, scoped;
};

struct ll_port {
	uint64_t allowed, port;
};

struct ll_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int
landlock_version(void)
{
	long n =
	    syscall(__NR_landlock_create_ruleset, NULL, 0, LL_CREATE_VERSION);

	return n < 0 ? 0 : (int)n;
}

/* All that this version can refuse. A right that is not handled is free. */
static struct ll_ruleset
landlock_handled(int version)
{
	struct ll_ruleset all = { (1ULL << 13) - 1, 0, 0 };

	if (version >= 2)
		all.fs |= LL_REFER;
	if (version >= 3)
		all.fs |= LL_TRUNCATE;
	if (version >= 4)
		all.net = LL_NET_BIND_TCP | LL_NET_CONNECT_TCP;
	if (version >= 5)
		all.fs |= LL_IOCTL_DEV;
	if (version >= 6)
		all.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
	return all;
}

/* Letters to rights; 0: a letter that is none. */
static uint64_t
rights_of(const char *letters)
{
	static const uint64_t rights[128] = {
		['r'] = LL_READ_FILE | LL_READ_DIR,
		['w'] = LL_WRITE_FILE | LL_TRUNCATE,
		['c'] =
		    LL_MAKE_REG | LL_MAKE_DIR | LL_REMOVE_FILE | LL_REMOVE_DIR,
		['l'] = LL_REFER | LL_MAKE_REG,
		['x'] = LL_EXECUTE | LL_READ_FILE,
	};
	uint64_t all = 0;

	for (; *letters != '\0'; letters++) {
		if (rights[*letters & 127] == 0)
			return 0;
		all |= rights[*letters & 127];
	}
	return all;
}

static enum outcome
add_path(int ruleset, uint64_t handled, const struct sandbox_path *path,
    struct fault *f)
{
	bool must = path->path[0] == '!';
	const char *name = path->path + (must ? 1 : 0);
	struct ll_beneath rule = { rights_of(path->rights) & handled, -1 };
	struct stat st;
	int error = 0;

	if (rule.allowed == 0)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sandbox: %s: rights \"%s\"", name, path->rights);
	rule.fd = open(name, O_PATH | O_CLOEXEC);
	if (rule.fd == -1 && errno == ENOENT && !must)
		return OK;
	if (rule.fd == -1 || fstat(rule.fd, &st) != 0)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		rule.allowed &= LL_OF_FILE;
	if (error == 0 &&
	    syscall(__NR_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH,
	        &rule, 0) != 0)
		error = errno;
	if (rule.fd != -1)
		(void)close(rule.fd);
	if (error != 0)
		return fault_set(f, TEMP, "4.3.0", error, "sandbox: %s", name);
	return OK;
}

/* Where this version knows nothing of TCP all ports are free. */
static enum outcome
add_port(int ruleset, uint64_t handled, const struct sandbox_path *path,
    struct fault *f)
{
	struct ll_port rule = { LL_NET_CONNECT_TCP & handled, 0 };

	if (strcmp(path->rights, "t") != 0 ||
	    !num_parse(span_of(path->path + 1), 1, UINT16_MAX, &rule.port))
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sandbox: %s: rights \"%s\"", path->path, path->rights);
	if (rule.allowed != 0 &&
	    syscall(__NR_landlock_add_rule, ruleset, LL_RULE_NET_PORT, &rule,
	        0) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "sandbox: %s", path->path);
	return OK;
}

static enum outcome
add_paths(int ruleset, const struct ll_ruleset *handled,
    const struct sandbox_path *paths, struct fault *f)
{
	static const struct sandbox_path proc = { "/proc", "r" };

	for (; paths != NULL && paths->path != NULL; paths++)
		if ((paths->path[0] == ':'
		            ? add_port(ruleset, handled->net, paths, f)
		            : add_path(ruleset, handled->fs, paths, f)) != OK)
			return TEMP;
	return SANITIZED ? add_path(ruleset, handled->fs, &proc, f) : OK;
}

static bool
has_refer(const struct sandbox_path *paths)
{
	for (; paths != NULL && paths->path != NULL; paths++)
		if (strchr(paths->rights, 'l') != NULL)
			return true;
	return false;
}

bool
landlock_is_usable(int version, const struct sandbox_path *paths)
{
	return version >= 2 || (version == 1 && !has_refer(paths));
}

enum outcome
landlock_enter(int version, const struct sandbox_path *paths, struct fault *f)
{
	struct ll_ruleset handled = landlock_handled(version);
	size_t size = version < 4 ? sizeof(uint64_t)
	    : version < 6         ? 2 * sizeof(uint64_t)
	                          : sizeof(handled);
	int fd = (int)syscall(__NR_landlock_create_ruleset, &handled, size, 0);
	enum outcome result;

	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "sandbox: landlock");
	result = add_paths(fd, &handled, paths, f);
	if (result == OK && syscall(__NR_landlock_restrict_self, fd, 0) != 0)
		result =
		    fault_set(f, TEMP, "4.3.0", errno, "sandbox: landlock");
	(void)close(fd);
	return result;
}
