# The load generators: plain C, no library of ours; for TLS OpenSSL. Uses B, CC, CFLAGS; may be
# included, and works alone (make -f tests/bench/bench.mk).
B      ?= build
CC     ?= gcc
CFLAGS ?= -O2 -g
BENCH_PROGRAMS := load-smtp load-pop3 load-resolve wait-mail watch-exits \
	answer-temp load-lists
BENCH_WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror

bench-programs: $(BENCH_PROGRAMS:%=$(B)/bench/%)

$(B)/bench/load-smtp $(B)/bench/load-pop3: BENCH_TLS := \
	tests/bench/load-tls.c -lssl -lcrypto
# What it measures is a function of lib/, which `make all` has built.
$(B)/bench/load-lists: $(B)/lib.a
$(B)/bench/load-lists: BENCH_TLS := -Ilib $(B)/lib.a -lsodium -lseccomp
$(B)/bench/%: tests/bench/%.c tests/bench/load.c tests/bench/load.h \
		tests/bench/load-tls.c tests/bench/load-tls.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(BENCH_WARN) $(CFLAGS) -o $@ $< \
		tests/bench/load.c $(BENCH_TLS)

.PHONY: bench-programs
