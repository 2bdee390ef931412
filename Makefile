# Pneu. GNU make, non-recursive, no configure. `make help` names the targets.
B       ?= build
CC      ?= gcc
VERSION := $(shell cat VERSION)
OPT     ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS  ?= $(OPT) $(HARDEN)
CPPFLAGS += -D_GNU_SOURCE -DPNEU_VERSION='"$(VERSION)"' -Ilib
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SAN     ?=

PROGRAMS := pneu smtpd pop3d pop3-session queue-add queue-run queue resolve \
	auth directory deliver-mailbox journal-write journal

# Each program lists its own objects and libraries; lib.a gives what it uses.
pneu_OBJS := start/main start/services start/supervise start/pool start/init \
	start/status start/explain
smtpd_OBJS := smtpd/main smtpd/session smtpd/commands smtpd/reply \
	smtpd/parameters smtpd/recipients smtpd/content
queue-add_OBJS := queue/main_queue-add queue/accept queue/store
queue-run_OBJS := queue/main_queue-run queue/run queue/schedule \
	queue/attempt queue/settle queue/recover queue/notice queue/store
queue_OBJS := queue/main_queue queue/verbs queue/store
resolve_OBJS := resolve/main_resolve resolve/lookup resolve/compiled
auth_OBJS := resolve/main_auth resolve/verify resolve/compiled
directory_OBJS := resolve/main_directory resolve/directory resolve/compiled
deliver-mailbox_OBJS := deliver/main_deliver-mailbox deliver/mailbox
pop3d_OBJS := pop3d/main_pop3d pop3d/login
pop3-session_OBJS := pop3d/main_pop3-session pop3d/session pop3d/maildrop
journal-write_OBJS := journal/main_journal-write journal/receiver \
	journal/receivers
journal_OBJS := journal/main_journal journal/select journal/show journal/story \
	journal/receivers

SODIUM  := -lsodium
SECCOMP := -lseccomp
CDB     := -lcdb
JSON    := -ljansson
IDN     := -lidn2 -lunistring
LIBS    := $(SODIUM) $(SECCOMP) -pthread
pneu_LIBS := $(JSON)
queue_LIBS := $(JSON)
journal_LIBS := $(JSON)
resolve_LIBS := $(CDB) $(IDN)
auth_LIBS := $(CDB) $(IDN)
directory_LIBS := $(CDB) $(IDN) $(JSON)

LIB_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard lib/*.c)))

all: $(PROGRAMS:%=$(B)/%)

define program
$(B)/$(1): $$($(1)_OBJS:%=$(B)/%.o) $(B)/lib.a
	$$(CC) $$(CFLAGS) $$(SAN) $$(LDFLAGS) -o $$@ $$($(1)_OBJS:%=$(B)/%.o) \
		$(B)/lib.a $$($(1)_LIBS) $$(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(B)/lib.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CPPFLAGS) $(WARN) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/<folder>_<file>.c tests <folder>/<file>.c. Objects of
# the folder that the test needs besides lib.a: <name>_OBJS in unit.mk.
-include tests/unit/unit.mk
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))
.SECONDEXPANSION:
$(B)/unit/%: $(B)/tests/unit/%.o \
	$$(addprefix $(B)/,$$(addsuffix .o,$$($$*_OBJS))) $(B)/lib.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/lib.a \
		$($*_LIBS) $(LIBS)
unit: $(UNIT)

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all unit clean
.DELETE_ON_ERROR:
