# Pneu. GNU make, non-recursive, no configure. `make help` names the targets.
B       ?= build
O       := $(B)/obj
CC      ?= gcc
VERSION := $(shell cat VERSION)
OPT     ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
# Programs are optimised as a whole; tests link the same objects without it.
LTO     ?= -flto=auto -ffat-lto-objects
CFLAGS  ?= $(OPT) $(HARDEN) $(LTO)
# Where it is installed, and where the home lies that is meant without -C.
PREFIX   ?= /usr/local
SBIN     ?= $(PREFIX)/sbin
LIBEXEC  ?= $(PREFIX)/libexec/pneu
MAN      ?= $(PREFIX)/share/man
# systemd looks below /usr and /usr/local.
SYSTEMD  ?= $(PREFIX)/lib
HOME_DIR ?= /var/spool/pneu
CONF     ?= /etc/pneu/pneu.conf
# Of the slice that all of it runs in: systemd.resource-control(5).
CPU_WEIGHT ?= 100
MEMORY_MAX ?= infinity
CPPFLAGS += -D_GNU_SOURCE -DPNEU_VERSION='"$(VERSION)"' -Ilib -Istore -iquote start \
	-DPNEU_HOME='"$(HOME_DIR)"' -DPNEU_CONF='"$(CONF)"'
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SAN     ?=
Q       := $(if $(V),,@)

PROGRAMS := pneu smtpd pop3d pop3-session passwdd queue-add queue-run queue resolve \
	route auth directory directory-self tls-keys certs deliver-mailbox deliver-program \
	journal-write journal sendmail

# Each program lists its own objects and libraries; lib.a gives what it uses.
# Bottom-up: what a file needs stands before it (tests/layers.sh).
LIB := lib/mem lib/span lib/operator lib/buf lib/clock lib/codes lib/fault lib/fds lib/path \
	lib/record lib/net lib/lists lib/pop_window lib/limit lib/qid lib/wire lib/wire_resolve lib/hostname lib/hub lib/settings lib/command \
	lib/block_list lib/wire_route lib/wire_hosts \
	lib/config_value lib/config lib/mounts lib/disk lib/space lib/envelope lib/field \
	lib/identity lib/users lib/journal lib/maildir lib/password lib/phrase \
	lib/sandbox_landlock lib/sandbox lib/prog lib/output lib/receivers \
	lib/select lib/serve lib/serve_clients lib/serve_lines \
	lib/serve_lead lib/serve_sessions lib/service lib/store_state lib/stream lib/trouble \
	lib/scram lib/trace lib/wire_add lib/submit lib/wire_attempt lib/attempts lib/wire_auth lib/wire_self lib/wire_deliver \
	lib/usage lib/logins lib/sasl lib/lockouts lib/tls_provider lib/wire_tls lib/tls_server lib/tls
# start/ is the supervisor, pneu/ the operator's verbs.
SUPERVISOR := start/services start/wanted start/share start/layout start/listen start/services_print \
	start/spawn start/check start/leader start/room start/pool_start start/pool start/accept \
	start/reload start/order start/ready start/stop start/control start/ask start/supervise
VERBS := pneu/config_edit pneu/text_change pneu/config_change pneu/list_edit pneu/explain_access pneu/explain \
	pneu/status pneu/status_services pneu/status_lists pneu/status_limits pneu/status_queue \
	pneu/status_disk pneu/checkup pneu/checkup_net pneu/checkup_mail pneu/check_verb pneu/status_quota \
	pneu/status_journal pneu/lockouts_verb pneu/units pneu/init pneu/config_verb pneu/list_verb \
	pneu/service_verb pneu/trace_verb pneu/setup pneu/verbs
pneu_OBJS := $(SUPERVISOR) $(VERBS) pneu/main
# Without its main: tests link the same.
SMTPD_SESSION := smtpd/blocks smtpd/policy smtpd/fixup smtpd/content \
	smtpd/parameters smtpd/state smtpd/reply smtpd/local \
	smtpd/access smtpd/input smtpd/secure smtpd/auth_command \
	smtpd/transfer smtpd/commands smtpd/session
smtpd_OBJS := $(SMTPD_SESSION) smtpd/explain smtpd/main
# store/ is what the three queue programs share: the queue on disk.
STORE := store/envelope_file store/store store/store_step store/store_read
queue-add_OBJS := $(STORE) queue-add/lines queue-add/tell \
	queue-add/existing queue-add/round queue-add/put queue-add/accept \
	queue-add/bring queue-add/main
RUN_OBJS := $(STORE) store/aside queue-run/message queue-run/window \
	queue-run/run queue-run/history queue-run/stage queue-run/report_text \
	queue-run/names queue-run/transport queue-run/destination \
	queue-run/attempt queue-run/listing queue-run/storage queue-run/operate \
	queue-run/load queue-run/resolve queue-run/deliver queue-run/settle \
	queue-run/report queue-run/rest queue-run/save queue-run/go \
	queue-run/turn queue-run/start queue-run/requests
queue-run_OBJS := $(RUN_OBJS) queue-run/main
queue_OBJS := $(STORE) store/aside queue/entries queue/show queue/tidy queue/verbs \
	queue/main
COMPILED := resolve/accounts resolve/address resolve/compiled
resolve_OBJS := $(COMPILED) resolve/answerer resolve/lookup resolve/main_resolve
auth_OBJS := $(COMPILED) resolve/answerer resolve/scram_keys \
	resolve/checker resolve/verify resolve/authority resolve/main_auth
ROUTE := route/message route/block route/mx route/tlsa route/own route/dns \
	route/target route/plan route/route
route_OBJS := $(ROUTE) route/main_route
DIRECTORY := $(COMPILED) resolve/scram_keys resolve/directory resolve/names \
	resolve/directory_parse resolve/directory_write resolve/mailboxes \
	resolve/maker resolve/directory_check
directory-self_OBJS := $(DIRECTORY) resolve/answerer resolve/edit \
	resolve/self resolve/main_directory-self
directory_OBJS := $(DIRECTORY) resolve/edit resolve/say resolve/verbs_use \
	resolve/verbs_look resolve/clientinfo resolve/verbs \
	resolve/main_directory
deliver-mailbox_OBJS := deliver/directories deliver/quota deliver/mailbox \
	deliver/main_deliver-mailbox
deliver-program_OBJS := deliver/runner deliver/program \
	deliver/main_deliver-program
pop3d_OBJS := pop3d/command pop3d/alone pop3d/secure pop3d/relay pop3d/login \
	pop3d/main_pop3d
passwdd_OBJS := pop3d/command pop3d/alone pop3d/secure pop3d/passwd \
	pop3d/main_passwdd
pop3-session_OBJS := pop3d/spool pop3d/snapshot pop3d/maildrop pop3d/command \
	pop3d/session pop3d/main_pop3-session
certs_OBJS := tls/pair tls/write tls/make tls/look tls/main_certs
tls-keys_OBJS := tls/pair tls/keeper tls/main_tls-keys
SENDMAIL := submit/arguments submit/addresses submit/message submit/client
sendmail_OBJS := $(SENDMAIL) submit/main
journal-write_OBJS := journal/receiver journal/main_journal-write
journal_OBJS := journal/show journal/story journal/main_journal

SODIUM  := -lsodium
OPENSSL := -lssl -lcrypto
SECCOMP := -lseccomp
CDB     := -lcdb
JSON    := -ljansson
IDN     := -lidn2 -lunistring
DNS     := -lunbound -lresolv
LIBS    := $(SODIUM) $(SECCOMP) -pthread
pneu_LIBS := $(JSON)
smtpd_LIBS := $(OPENSSL)
pop3d_LIBS := $(OPENSSL)
passwdd_LIBS := $(OPENSSL)
tls-keys_LIBS := $(OPENSSL)
certs_LIBS := $(OPENSSL) $(JSON)
queue_LIBS := $(JSON)
journal_LIBS := $(JSON)
resolve_LIBS := $(CDB) $(IDN)
route_LIBS := $(DNS)
auth_LIBS := $(CDB) $(IDN)
directory-self_LIBS := $(CDB) $(IDN)
directory_LIBS := $(CDB) $(IDN) $(JSON)

# Objects lie under obj/: a program may have the name of its folder.
O       := $(B)/obj
LIB_OBJS := $(LIB:%=$(O)/%.o)

all: compiler $(PROGRAMS:%=$(B)/%)
	@:

# Said in words, before a compiler says it in its own.
HEADERS := sodium.h openssl/ssl.h seccomp.h cdb.h jansson.h idn2.h unistr.h \
	unbound-event.h
compiler:
	@for h in $(HEADERS); do echo "#include <$$h>"; done | \
		$(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || { \
		echo "no compiler $(firstword $(CC)), or headers of a library" \
		"are missing: make deps installs them, or prints the line that" \
		"does. By their Debian names: $(BUILD_DEPS)" >&2; exit 1; }

# As many jobs as processors, unless -j was said.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

define program
$(B)/$(1): $$($(1)_OBJS:%=$(O)/%.o) $(B)/lib.a
	@echo "  LD   $$@"
	$(Q)$$(CC) $$(CFLAGS) $$(SAN) $$(LDFLAGS) -o $$@ $$($(1)_OBJS:%=$(O)/%.o) \
		$(B)/lib.a $$($(1)_LIBS) $$(LIBS)
# The same objects with a back door around sandbox_close(): tests/drill.
$(B)/drill/$(1): $$($(1)_OBJS:%=$(O)/%.o) $(O)/tests/drill/drill.o $(B)/lib.a
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS) -fno-lto $$(SAN) $$(LDFLAGS) -Wl,--wrap=sandbox_close,--wrap=sandbox_paths \
		-o $$@ $$(filter %.o,$$^) $(B)/lib.a $$($(1)_LIBS) $$(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))
drill: $(PROGRAMS:%=$(B)/drill/%)

$(B)/lib.a: $(LIB_OBJS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) -std=c11 $(CPPFLAGS) $(WARN) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/<folder>_<file>.c tests <folder>/<file>.c. Objects of
# the folder that the test needs besides lib.a: <name>_OBJS in unit.mk.
-include tests/unit/unit.mk
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))
.SECONDEXPANSION:
$(B)/unit/%: $(O)/tests/unit/%.o \
	$$(addprefix $(O)/,$$(addsuffix .o,$$($$*_OBJS))) $(B)/lib.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) -fno-lto $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/lib.a \
		$($*_LIBS) $(LIBS)
unit: $(UNIT)

# What tests/layers.sh reads.
layers:
	@echo lib $(LIB)
	@$(foreach p,$(PROGRAMS),echo $(p) $($(p)_OBJS);)

# Every source by another compiler's eyes: make CC=clang syntax.
syntax:
	$(Q)for f in $$(git ls-files '*.c' ':!tests/bench'); do \
		$(CC) -std=c11 $(CPPFLAGS) -I$$(dirname $$f) $(WARN) -fsyntax-only $$f || exit 1; done

clean:
	rm -rf $(B)

# ---- Set-up: what a fresh Debian 12 lacks. As root it is installed, else the
# line to run is printed and nothing is half-built.
BUILD_DEPS := gcc libc6-dev pkg-config libssl-dev libsodium-dev libseccomp-dev \
	libcdb-dev libjansson-dev libidn2-dev libunistring-dev libunbound-dev
# What README.md tries by hand, and what every test needs.
RUN_DEPS := curl swaks libnet-ssleay-perl
NEED_DEPS := perl python3 procps curl
TEST_DEPS := $(NEED_DEPS) iproute2 util-linux e2fsprogs strace \
	swaks libnet-ssleay-perl msmtp mpop fetchmail s-nail mutt git-email libmailtools-perl php-cli openbsd-inetd systemd \
	systemd-container systemd-sysv dbus \
	dovecot-imapd dovecot-pop3d clang clang-format cppcheck mandoc spin \
	libclang-rt-14-dev netcat-openbsd nsd gsasl checkpw
BENCH_DEPS := postfix dovecot-pop3d openssl linux-perf strace python3 e2fsprogs
DEPS ?= $(BUILD_DEPS)
missing = $(shell for p in $(1); do dpkg-query -W -f '$${db:Status-Status}' \
	$$p 2>/dev/null | grep -qx installed || printf '%s ' $$p; done)

deps:
	@missing='$(strip $(call missing,$(DEPS)))'; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { \
		echo "needed, by their Debian names: $$missing" >&2; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then \
		echo "installing, a minute or two: $$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $$missing \
			>/dev/null; \
	else \
		echo "missing; as root (sudo) run this line, then make again:" >&2; \
		echo "  apt-get update && apt-get install" \
			"--no-install-recommends $$missing" >&2; exit 1; \
	fi

# ---- The main job: SMTP on 127.0.0.1:2525, POP3 on :2110, home ./run.
run:
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) $(RUN_DEPS)" deps
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@B=$(B) sh pneu/demo.sh

# ---- Tests. One prove(1) run counts them all; those marked san run on a build
# with AddressSanitizer and UndefinedBehaviorSanitizer.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
test:
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) $(TEST_DEPS)" test-deps
	@$(MAKE) --no-print-directory $(PARALLEL) all unit corpus
	@$(MAKE) --no-print-directory $(PARALLEL) B=$(B)/san \
		SAN="$(SANITIZE)" CFLAGS="-O1 -g" all unit
	@B=$(B) sh tests/run.sh $(T)

# Without root, what every test needs must be there; tests that need another
# tool skip and say so.
test-deps:
	@if [ "$$(id -u)" = 0 ] || [ -n "$$CI" ]; then $(MAKE) -s deps; else \
		$(MAKE) -s DEPS="$(BUILD_DEPS) $(NEED_DEPS)" deps || exit 1; \
		$(MAKE) -s deps || \
			echo "going on: tests that need them are skipped"; \
	fi

# Fuzz targets: `make fuzz T=60` runs each for so many seconds; `make corpus`
# builds them with a plain main that takes files.
-include tests/fuzz/fuzz.mk
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
T ?=
$(B)/corpus/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/standalone.o \
	$$(addprefix $(O)/,$$(addsuffix .o,$$($$*_OBJS))) $(B)/lib.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/lib.a \
		$($*_LIBS) $(LIBS)
corpus:
	@$(MAKE) --no-print-directory B=$(B)/san SAN="$(SANITIZE)" \
		CFLAGS="-O1 -g" $(FUZZ:%=$(B)/san/corpus/%)
$(B)/fuzzer/%: $(O)/tests/fuzz/%.o \
	$$(addprefix $(O)/,$$(addsuffix .o,$$($$*_OBJS))) $(B)/lib.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(SAN) -fsanitize=fuzzer $(LDFLAGS) -o $@ \
		$(filter %.o,$^) $(B)/lib.a $($*_LIBS) $(LIBS)
fuzz:
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) clang libclang-rt-14-dev" deps
	@$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang \
		SAN="-fsanitize=fuzzer-no-link,address,undefined" \
		CFLAGS="-O1 -g" $(FUZZ:%=$(B)/fuzz/fuzzer/%)
	@for f in $(FUZZ); do mkdir -p $(B)/fuzz/corpus/$$f; \
		echo "== $$f, $(or $(T),60) s"; \
		$(B)/fuzz/fuzzer/$$f -max_total_time=$(or $(T),60) \
		-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/$$f- $(B)/fuzz/corpus/$$f \
		tests/fuzz/corpus/$${f#fuzz_} 2>&1 | tail -n 8 || exit 1; done

lint:
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) clang-format cppcheck mandoc" deps
	@$(MAKE) --no-print-directory all
	@B=$(B) sh tests/lint.sh
bench: 
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) $(BENCH_DEPS)" test-deps
	@$(MAKE) --no-print-directory all
	@tests/bench/run --build $(B) $(BENCH)
crash:
	@$(MAKE) --no-print-directory DEPS="$(BUILD_DEPS) strace e2fsprogs python3" test-deps
	@$(MAKE) --no-print-directory all
	@tests/crash/run --build $(B) $(CRASH)
model:
	@$(MAKE) --no-print-directory DEPS="gcc libc6-dev spin" deps
	@sh tests/model/check $(MODEL)

# ---- Installation. Users, directories and units are printed by pneu, from the
# tables that it runs by. Nothing of a home is touched, here or by uninstall.
PAGES = $(wildcard */*.[1578])
UNITS = sysusers.d/pneu.conf tmpfiles.d/pneu.conf systemd/system/pneu.service \
	systemd/system/pneu.socket systemd/system/pneu.slice
unit = $(B)/pneu units --program=$(SBIN)/pneu --libexec=$(LIBEXEC) \
	--cpu-weight=$(CPU_WEIGHT) --memory-max=$(MEMORY_MAX)
D = $(DESTDIR)
install: all
	install -d $(D)$(SBIN) $(D)$(LIBEXEC) $(dir $(UNITS:%=$(D)$(SYSTEMD)/%)) \
		$(sort $(foreach p,$(PAGES),$(D)$(MAN)/man$(subst .,,$(suffix $p))))
	install -m 755 $(PROGRAMS:%=$(B)/%) $(D)$(LIBEXEC)
	ln -sf $(LIBEXEC)/pneu $(D)$(SBIN)/pneu
	ln -sf $(LIBEXEC)/sendmail $(D)$(SBIN)/sendmail
	$(foreach p,$(PAGES),install -m 644 $p $(D)$(MAN)/man$(subst .,,$(suffix $p)) &&) :
	$(unit) sysusers > $(D)$(SYSTEMD)/sysusers.d/pneu.conf
	$(unit) tmpfiles > $(D)$(SYSTEMD)/tmpfiles.d/pneu.conf
	for u in service socket slice; do \
		$(unit) $$u > $(D)$(SYSTEMD)/systemd/system/pneu.$$u || exit 1; done
	$(unit) inetd > $(D)$(LIBEXEC)/inetd.conf.example
	@echo "installed. Next, as root: systemd-sysusers," \
		"pneu init --users=separate --domain=DOMAIN, then" \
		"systemctl enable --now pneu (doc/operating.md)"

uninstall:
	rm -f $(D)$(SBIN)/pneu $(D)$(SBIN)/sendmail $(UNITS:%=$(D)$(SYSTEMD)/%) \
		$(foreach p,$(PAGES),$(D)$(MAN)/man$(subst .,,$(suffix $p))/$(notdir $p))
	rm -rf $(D)$(LIBEXEC)
	@echo "removed. Mail and configuration stay: $(HOME_DIR)," \
		"$(dir $(CONF)); so do the users pneu and pneu-*."

help:
	@echo "all deps run install uninstall test lint fuzz bench crash model clean (B=DIR, T=SECONDS, V=1)"

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all drill install uninstall layers syntax compiler unit clean deps run test test-deps corpus fuzz lint bench crash \
	model help
.DELETE_ON_ERROR:
