/* SPDX-License-Identifier: ISC */
/* mounts.c: lines of mountinfo. */
#include "mounts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "span.h"

/* The kernel writes space, tab, newline and backslash as \ooo. proc(5). */
static void
unescape_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
		    from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 +
			    (from[2] - '0') * 8 + (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/*
 * "36 35 98:0 /root /mount rw,noatime master:1 - ext4 /dev/sda1 rw": after the
 * sixth field any number of others, then a dash and the type.
 */
bool
mounts_parse(char *line, struct mount *mount)
{
	unsigned high, low;
	int from = 0, to = 0;
	char *type;

	/* Not %s: a name may have a carriage return, which it would end at. */
	if (sscanf(line, "%*s %*s %u:%u %*[^ ] %n%*[^ ]%n", &high, &low, &from,
	        &to) != 2 ||
	    to == 0 || (type = strstr(line + to, " - ")) == NULL)
		return false;
	type += 3;
	type[strcspn(type, " \n")] = '\0';
	line[to] = '\0';
	unescape_octal(line + from);
	*mount = (struct mount){ makedev(high, low), line + from, type };
	return type[0] != '\0';
}

bool
mounts_is_below(const struct mount *mount, const char *directory)
{
	size_t n = strlen(directory);

	if (n > 0 && directory[n - 1] == '/') /* the root itself */
		n--;
	return strncmp(mount->point, directory, n) == 0 &&
	    mount->point[n] == '/' && mount->point[n + 1] != '\0';
}

bool
mounts_open(struct mounts *mounts)
{
	*mounts = (struct mounts){ .in = fopen("/proc/self/mountinfo", "re") };
	return mounts->in != NULL;
}

bool
mounts_next(struct mounts *mounts, struct mount *mount)
{
	while (mounts->in != NULL &&
	    getline(&mounts->line, &mounts->size, mounts->in) > 0)
		if (mounts_parse(mounts->line, mount))
			return true;
	return false;
}

void
mounts_close(struct mounts *mounts)
{
	if (mounts->in != NULL)
		(void)fclose(mounts->in);
	free(mounts->line);
	*mounts = (struct mounts){ 0 };
}

void
mounts_type(dev_t device, char *out, size_t size)
{
	struct mounts mounts;
	struct mount mount;

	(void)snprintf(out, size, "?");
	if (mounts_open(&mounts))
		while (mounts_next(&mounts, &mount))
			if (mount.device == device)
				(void)snprintf(out, size, "%s", mount.type);
	mounts_close(&mounts);
}
