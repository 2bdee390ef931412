# The load generators: plain C, no library of ours. Uses B, CC, CFLAGS; may be
# included, and works alone (make -f tests/bench/bench.mk).
B      ?= build
CC     ?= gcc
CFLAGS ?= -O2 -g
BENCH_PROGRAMS := load-smtp load-pop3 load-resolve wait-mail watch-exits \
	answer-temp
BENCH_WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror

bench-programs: $(BENCH_PROGRAMS:%=$(B)/bench/%)

$(B)/bench/%: tests/bench/%.c tests/bench/load.c tests/bench/load.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(BENCH_WARN) $(CFLAGS) -o $@ $< \
		tests/bench/load.c

.PHONY: bench-programs
