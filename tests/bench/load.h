/* SPDX-License-Identifier: ISC */
/*
 * load.h: what the load generators share: clock, options, connections,
 * latencies. They are clients of the systems under test and link nothing of
 * ours, so that a bug in lib/ cannot hide in both ends.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>

/* One latency an entry, microseconds. */
struct samples {
	uint32_t *us;
	size_t len, cap;
};

/* Prints one line on fd 2 and exits 111. */
void load_die(const char *what) __attribute__((noreturn));
void *load_alloc(size_t n, size_t size);
/* Microseconds of the monotonic clock. */
uint64_t load_now(void);
/* A number of an option, or the end with exit 100. */
uint64_t load_number(const char *text, uint64_t max);
/* An option that is a number, and where it goes in the generator's own. */
struct load_option {
	int letter;
	size_t at;
	uint64_t max;
};
/* Is it one of them? Then its optarg is there. */
bool load_option(const struct load_option *, size_t n, int letter, void *own);
/* "127.0.0.1:2525"; exit 100 when it is malformed. */
struct sockaddr_in load_address(const char *text);
/* A non-blocking connection under way, or -1 with errno. */
int load_connect(const struct sockaddr_in *to);
/* Registers it with its owner for the wait, or the end. */
void load_watch(int epoll, int fd, uint32_t events, void *owner);
/* How many events there are within that time; 0: none, or a signal. */
int load_wait(int epoll, struct epoll_event *, int most, uint64_t us);
/* The environment of the load: many descriptors, no SIGPIPE. */
void load_begin(void);

void samples_add(struct samples *, uint64_t us);
/* Sorts, then prints `,"p50_us":..` and so on; nothing when empty. */
void samples_print(struct samples *, FILE *);
/* `,"cpu_us":..`: what this process used so far. */
void load_print_cpu(FILE *);

#endif
