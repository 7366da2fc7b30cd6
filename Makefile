# stile: GNU make. Settings that you always want go into config.mak, which is not in the repository.
#
## make              build the program in $(BUILD)
## make demo         install what is lacking, build, log in through stile with the real ssh
## make test         install what is lacking, build, run unit and end-to-end tests
## make fuzz         libFuzzer (clang) on the targets that match T=, for TIME= seconds each
## make bench        measure against nc, ncat, socat, connect and plain ssh; writes the README's table
## make lint         clang-tidy, cppcheck, man pages, and both compilers with -Werror
## make format       clang-format over all sources
## make install      DESTDIR= PREFIX=/usr/local: program, man pages, public headers
## make uninstall    takes those away again
## make clean        removes $(BUILD)
## make help         this text
##
## BUILD=dir         where objects go (default: build, and a name of its own for each variant)
## SAN=address,undefined   with sanitizers
## PORTABLE=1        POSIX only: no splice, no TCP_QUICKACK
## MODULES=static    modules linked in instead of loaded; the default with SAN and PORTABLE
## T=pattern         make test: only the tests whose name matches
## V=1               show the commands
-include config.mak

empty :=
space := $(empty) $(empty)
comma := ,

SAN ?=
PORTABLE ?=
MODULES ?= $(if $(SAN)$(PORTABLE),static,shared)
BUILD ?= build$(if $(PORTABLE),-portable)$(if $(SAN),-$(subst $(comma),-,$(SAN)),$(if $(PORTABLE),,$(if $(filter static,$(MODULES)),-static)))
ifeq ($(filter $(MODULES),shared static),)
$(error MODULES is shared or static)
endif

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
INCLUDEDIR ?= $(PREFIX)/include/stile
DOCDIR ?= $(PREFIX)/share/doc/stile
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
MODULEDIR = $(LIBDIR)/stile/transports
DESTDIR ?=

CC ?= cc
PKG_CONFIG ?= pkg-config
INSTALL ?= install
PYTHON ?= /usr/bin/python3

# From the tag where there is a git checkout, so that a bug report names the very commit.
RELEASE := 0.1.0
VERSION := $(shell git describe --tags --dirty --match 'v*' 2>/dev/null | sed 's/^v//')
VERSION := $(or $(VERSION),$(RELEASE))

# --- flags -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wformat-security \
	-Wimplicit-fallthrough -Wnull-dereference -Wunused-result
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection -fno-common
HARDENING_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
ifneq ($(filter x86_64 i686,$(shell uname -m)),)
HARDENING += -fcf-protection=full
endif
ifeq ($(SAN),)
# FORTIFY hides from the sanitizers what they look for, so a build has one or the other.
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else
SANITIZE := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -pthread -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I. $(WARNINGS) $(CFLAGS) \
	$(HARDENING) $(SANITIZE) $(EXTRA_CFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(HARDENING_LD) $(SANITIZE)

# Without a pkg-config the libraries are where the compiler looks.
CARES_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcares 2>/dev/null)
CARES_LIBS = $(or $(shell $(PKG_CONFIG) --libs libcares 2>/dev/null),-lcares)
CURL_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl openssl 2>/dev/null)
CURL_LIBS = $(or $(shell $(PKG_CONFIG) --libs libcurl openssl 2>/dev/null),-lcurl -lssl -lcrypto)
SSH_CFLAGS = $(shell $(PKG_CONFIG) --cflags libssh2 libcrypto 2>/dev/null)
SSH_LIBS = $(or $(shell $(PKG_CONFIG) --libs libssh2 libcrypto 2>/dev/null),-lssh2 -lcrypto)
CMOCKA_LIBS = $(or $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null),-lcmocka)

ifeq ($(V),)
say = @printf '  %-7s %s\n' $(1) '$(2)';
endif

# --- sources -----------------------------------------------------------------------------------

OS := $(if $(PORTABLE),portable,$(if $(filter Linux,$(shell uname -s)),linux,portable))
OTHER_OS := $(filter-out core/os_$(OS).c,$(wildcard core/os_*.c))

OTHER_MODULES := $(filter-out transports/module_$(MODULES).c,transports/module_shared.c transports/module_static.c)

LIB_SRC := $(filter-out $(OTHER_OS) $(OTHER_MODULES),$(wildcard core/*.c config/*.c transports/*.c))
CMD_SRC := $(wildcard cmd/*.c)
UNIT_SRC := $(wildcard tests/unit/*_test.c)
UNIT_HELP_SRC := $(wildcard tests/unit/fake_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
HEADERS := $(wildcard */*.h transports/*/*.h tests/*/*.h)
C_FILES := $(wildcard */*.c transports/*/*.c tests/*/*.c)
MAN1 := $(wildcard cmd/*.1)
MAN5 := $(wildcard config/*.5)

# What an out-of-tree transport includes: transport.h and all that it stands on.
PUBLIC_HEADERS := transports/transport.h config/credential.h config/hop.h config/place.h core/clock.h core/ctx.h \
	core/endpoint.h core/err.h core/exchange.h core/stream.h core/text.h core/timing.h core/trace.h
# The functions of those, and what our own modules need besides: all that a module can see of the executable.
SYMBOLS := transports/public.syms

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
# Modules: a folder each, and the libraries that they are for.
MODULE_NAMES := curl dns ssh
MODULE_CFLAGS_curl = $(CURL_CFLAGS)
MODULE_LIBS_curl = $(CURL_LIBS)
MODULE_CFLAGS_dns = $(CARES_CFLAGS)
MODULE_LIBS_dns = $(CARES_LIBS)
MODULE_CFLAGS_ssh = $(SSH_CFLAGS)
MODULE_LIBS_ssh = $(SSH_LIBS)
module_obj = $(patsubst %.c,$(BUILD)/%.o,$(wildcard transports/$(1)/*.c))
MODULE_OBJ := $(foreach name,$(MODULE_NAMES),$(call module_obj,$(name)))
MODULE_LIBS = $(foreach name,$(MODULE_NAMES),$(MODULE_LIBS_$(name)))
ifeq ($(MODULES),shared)
MODULE_BIN := $(MODULE_NAMES:%=$(BUILD)/transports/%.so)
else
LINKED_OBJ := $(MODULE_OBJ)
LINKED_LIBS = $(MODULE_LIBS)
endif
CMD_OBJ := $(CMD_SRC:%.c=$(BUILD)/%.o)
UNIT_HELP_OBJ := $(UNIT_HELP_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
# All that a test can link: everything but the commands themselves.
UNIT_OBJ := $(UNIT_HELP_OBJ) $(filter-out %/module_shared.o %/module_static.o,$(LIB_OBJ)) \
	$(BUILD)/transports/module_static.o $(MODULE_OBJ) $(BUILD)/cmd/options.o $(BUILD)/cmd/json.o
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
# The peer, and what runs a target over files where libFuzzer does not.
FUZZ_OBJ := $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/tests/fuzz/once.o
FUZZ_LINK_OBJ = $(filter-out $(UNIT_HELP_OBJ),$(UNIT_OBJ))
BENCH_BIN := $(BENCH_SRC:%.c=$(BUILD)/%)

# --- build -------------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all demo test bench lint format install uninstall clean help
.SECONDARY:

all: $(BUILD)/stile $(MODULE_BIN)

$(BUILD)/stile: $(CMD_OBJ) $(LIB_OBJ) $(LINKED_OBJ) $(SYMBOLS)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,--dynamic-list=$(SYMBOLS) -o $@ $(filter %.o,$^) \
		$(LINKED_LIBS) -ldl

# Linked into the executable, a module's descriptor has a name of its own; as a file, that of all modules. What it
# takes from the executable is not there when it is linked: the tests that load it find what is missing.
define module_rules
$(BUILD)/transports/$(1).so: $$(call module_obj,$(1))
	$$(call say,LD,$$@)$$(CC) $$(filter-out -fPIE,$$(ALL_CFLAGS)) -shared $$(filter-out -pie,$$(ALL_LDFLAGS)) \
		-Wl,--defsym=stile_module=stile_module_$(1) -o $$@ $$^ $$(MODULE_LIBS_$(1))
$$(call module_obj,$(1)): private ALL_CFLAGS := $$(filter-out -fPIE,$$(ALL_CFLAGS)) -fPIC \
	-DSTILE_MODULE=stile_module_$(1) $$(MODULE_CFLAGS_$(1))
endef
$(foreach name,$(MODULE_NAMES),$(eval $(call module_rules,$(name))))

# Objects depend on the flags that they were made with, so a change of CFLAGS rebuilds.
$(BUILD)/flags: STAMP = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(BUILD)/version: STAMP = $(VERSION)
$(BUILD)/libdir: STAMP = $(LIBDIR)
$(BUILD)/flags $(BUILD)/version $(BUILD)/libdir: FORCE
	@mkdir -p $(@D)
	@echo '$(STAMP)' | cmp -s - $@ || echo '$(STAMP)' >$@
.PHONY: FORCE
FORCE:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Private, or the stamp of the flags would have them, too, whenever such an object is what make was asked for.
$(BUILD)/transports/module.o: private ALL_CFLAGS += -DSTILE_LIBDIR='"$(LIBDIR)"'
$(BUILD)/transports/module.o: $(BUILD)/libdir
$(CMD_OBJ): private ALL_CFLAGS += -DSTILE_VERSION='"$(VERSION)"'
$(CMD_OBJ): $(BUILD)/version

-include $(LIB_OBJ:.o=.d) $(MODULE_OBJ:.o=.d) $(BUILD)/transports/module_static.d $(CMD_OBJ:.o=.d) $(UNIT_HELP_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d) \
	$(FUZZ_OBJ:.o=.d) $(BENCH_BIN:=.d)

$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(UNIT_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CMOCKA_LIBS) \
		$(MODULE_LIBS) -ldl

$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.o $(FUZZ_OBJ) $(FUZZ_LINK_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out $(FUZZ_OMIT),$^) $(FUZZ_LIBS) \
		$(MODULE_LIBS) -ldl

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/core/clock.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# --- the two commands of the README, and bench ---------------------------------------------------

NEED := sh tests/need.sh
BUILD_NEEDS := gcc libc6-dev pkg-config libc-ares-dev libcurl4-openssl-dev libssh2-1-dev libssl-dev
DEMO_NEEDS := openssh-client openssh-server tinyproxy
TEST_NEEDS := $(DEMO_NEEDS) libcmocka-dev python3 python3-pytest python3-paramiko python3-fabric \
	git rsync iproute2 nftables dnsmasq-base netbase locales \
	squid dante-server microsocks stunnel4 socat openssl netcat-openbsd ncat connect-proxy corkscrew proxytunnel \
	krb5-kdc krb5-admin-server krb5-user dropbear-bin
BENCH_NEEDS := $(DEMO_NEEDS) python3 iproute2 netcat-openbsd ncat socat connect-proxy corkscrew \
	dante-server microsocks squid openssl

demo:
	@$(NEED) $(BUILD_NEEDS) $(DEMO_NEEDS)
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh $(BUILD)/stile

test:
	@$(NEED) $(BUILD_NEEDS) $(TEST_NEEDS)
	@$(MAKE) --no-print-directory -k all unit corpora e2e

.PHONY: unit corpora e2e fuzz
unit: $(UNIT_BIN)
	@sh tests/unit.sh '$(T)' $(UNIT_BIN)

# Those whose name contains T; all without it.
matching = $(if $(T),$(foreach file,$(1),$(if $(findstring $(T),$(notdir $(file))),$(file))),$(1))

# What the fuzzers have learnt, as tests.
corpora: $(FUZZ_BIN)
	@for target in $(call matching,$(FUZZ_BIN)); do \
		name=$${target##*/}; timeout 60 $$target tests/fuzz/corpus/$${name%_fuzz}/* || exit 1; done

# In a build of its own: all of it is instrumented, and libFuzzer has the main function.
TIME ?= 60
FUZZ_NEEDS := clang libclang-rt-14-dev
fuzz:
	@$(NEED) $(BUILD_NEEDS) $(FUZZ_NEEDS)
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang SAN=address,undefined \
		EXTRA_CFLAGS='-fsanitize=fuzzer-no-link -Wno-unknown-warning-option' \
		FUZZ_OMIT=build-fuzz/tests/fuzz/once.o FUZZ_LIBS=-fsanitize=fuzzer $(FUZZ_SRC:%.c=build-fuzz/%)
	@for target in $(call matching,$(FUZZ_SRC:%.c=build-fuzz/%)); do \
		name=$${target##*/}; name=$${name%_fuzz}; echo "=== $$name"; \
		mkdir -p build-fuzz/corpus/$$name && $$target -max_total_time=$(TIME) -print_final_stats=1 \
			-artifact_prefix=build-fuzz/$$name- build-fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; done

# pytest's 5 is "nothing matched", which is fine when a pattern meant the unit tests.
e2e: $(BUILD)/stile
	@STILE='$(if $(filter /%,$(BUILD)),,$(CURDIR)/)$(BUILD)/stile' STILE_PORTABLE='$(PORTABLE)' STILE_SAN='$(SAN)' \
		$(PYTHON) -m pytest -q -rs -p no:cacheprovider $(if $(T),-k '$(T)') tests/e2e \
		$(if $(T),|| [ $$? -eq 5 ])

bench:
	@$(NEED) $(BUILD_NEEDS) $(BENCH_NEEDS)
	@$(MAKE) --no-print-directory all $(BENCH_BIN)
	@sh tests/bench/run.sh $(BUILD)

# --- care --------------------------------------------------------------------------------------

LINT_NEEDS := clang clang-format clang-tidy cppcheck mandoc python3
lint:
	@$(NEED) $(BUILD_NEEDS) $(LINT_NEEDS) libcmocka-dev
	@sh tests/lint.sh '$(ALL_CFLAGS)' $(C_FILES)

format:
	clang-format -i $(C_FILES) $(HEADERS)

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

clean:
	rm -rf $(BUILD)

# --- installation --------------------------------------------------------------------------------

install: all
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(LIBDIR)/pkgconfig'
	$(INSTALL) -m 755 $(BUILD)/stile '$(DESTDIR)$(BINDIR)/stile'
	$(INSTALL) -d '$(DESTDIR)$(MODULEDIR)'
	$(if $(MODULE_BIN),$(INSTALL) -m 644 $(MODULE_BIN) '$(DESTDIR)$(MODULEDIR)/')
	$(INSTALL) -m 644 $(MAN1) '$(DESTDIR)$(MANDIR)/man1/'
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(COMPLETIONDIR)' '$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -m 644 $(MAN5) '$(DESTDIR)$(MANDIR)/man5/'
	$(INSTALL) -m 644 completion/stile.bash '$(DESTDIR)$(COMPLETIONDIR)/stile'
	$(INSTALL) -m 644 config/example.conf '$(DESTDIR)$(DOCDIR)/'
	for header in $(PUBLIC_HEADERS); do \
		$(INSTALL) -d "$(DESTDIR)$(INCLUDEDIR)/$${header%/*}" && \
		$(INSTALL) -m 644 $$header "$(DESTDIR)$(INCLUDEDIR)/$$header" || exit 1; done
	printf 'Name: stile\nDescription: transports for stile\nVersion: %s\nmoduledir=%s\nCflags: -I%s\n' \
		'$(VERSION)' '$(MODULEDIR)' '$(INCLUDEDIR)' >'$(DESTDIR)$(LIBDIR)/pkgconfig/stile.pc'

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/stile' '$(DESTDIR)$(LIBDIR)/pkgconfig/stile.pc'
	for page in $(notdir $(MAN1)); do rm -f "$(DESTDIR)$(MANDIR)/man1/$$page"; done
	for page in $(notdir $(MAN5)); do rm -f "$(DESTDIR)$(MANDIR)/man5/$$page"; done
	rm -f '$(DESTDIR)$(COMPLETIONDIR)/stile' '$(DESTDIR)$(DOCDIR)/example.conf'
	-! [ -d '$(DESTDIR)$(DOCDIR)' ] || rmdir '$(DESTDIR)$(DOCDIR)'
	for header in $(PUBLIC_HEADERS); do rm -f "$(DESTDIR)$(INCLUDEDIR)/$$header"; done
	rm -f $(MODULE_NAMES:%='$(DESTDIR)$(MODULEDIR)/%.so')
	-! [ -d '$(DESTDIR)$(MODULEDIR)' ] || rmdir '$(DESTDIR)$(MODULEDIR)' '$(DESTDIR)$(LIBDIR)/stile'
	-! [ -d '$(DESTDIR)$(INCLUDEDIR)' ] || (cd '$(DESTDIR)$(INCLUDEDIR)' && \
		rmdir core config transports && cd .. && rmdir '$(notdir $(INCLUDEDIR))')
