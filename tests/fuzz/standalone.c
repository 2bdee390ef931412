/* SPDX-License-Identifier: ISC */
/* standalone.c: runs a fuzz target over files; a folder means all in it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1024UL * 1024)

static int count;

static void
run_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);
	size_t n;

	if (in == NULL || data == NULL) {
		printf("not ok %d - %s cannot be read\n", ++count, path);
		exit(1);
	}
	n = fread(data, 1, INPUT_MAX, in);
	(void)fclose(in);
	(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	printf("ok %d - %s\n", ++count, path);
	(void)fflush(stdout);
}

static void
run_folder(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	char name[4096];

	if (d == NULL) {
		run_file(path);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		run_file(name);
	}
	(void)closedir(d);
}

int
main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++)
		run_folder(argv[i]);
	printf("1..%d\n", count);
	return 0;
}
