# SPDX-License-Identifier: GPL-2.0-only
# Manual pages, completions, install, and what is given away: a source archive, a Debian package.

MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DOCDIR ?= $(PREFIX)/share/doc/vnetdx

# Dates within what is built are the last commit's; an unpacked source archive keeps it as its files' time.
ifeq ($(SOURCE_DATE_EPOCH),)
SOURCE_DATE_EPOCH := $(or $(if $(wildcard .git),$(shell git log -1 --format=%ct 2>/dev/null)),$(shell stat -c %Y Makefile))
endif
export SOURCE_DATE_EPOCH

MAN := $(patsubst cli/man/%.scd,$(B)/man/%,$(wildcard cli/man/*.scd))
COMPLETIONS := $(B)/completions/vnetdx $(B)/completions/_vnetdx $(B)/completions/vnetdx.fish

.PHONY: docs uninstall dist deb deb-check FORCE
docs: $(MAN) $(COMPLETIONS) ## manual pages and completions, under build/

# "@include FILE" takes in options that several commands share. A number keeps its per cent sign.
$(B)/man/%.scd: cli/man/%.scd $(wildcard cli/man/*.inc) Makefile
	$(Q)mkdir -p $(@D) && awk '/^@include /{while ((getline l < ("cli/man/" $$2)) > 0) print l; next} 1' $< | \
		sed 's/@VERSION@/$(VERSION)/; s/\([0-9]\) %/\1\xc2\xa0%/g' >$@

# A page carries the day of SOURCE_DATE_EPOCH: this file is new when that is another.
$(B)/man/.epoch: FORCE
	$(Q)mkdir -p $(@D) && echo $(SOURCE_DATE_EPOCH) | cmp -s - $@ || echo $(SOURCE_DATE_EPOCH) >$@

$(B)/man/%: $(B)/man/%.scd $(B)/man/.epoch
	$(call say,MAN,$@)
	$(Q)scdoc <$< >$@.tmp && mv $@.tmp $@

$(B)/completions/vnetdx: SHELL_NAME := bash
$(B)/completions/_vnetdx: SHELL_NAME := zsh
$(B)/completions/vnetdx.fish: SHELL_NAME := fish
$(COMPLETIONS): $(B)/vnetdx cli/completions/generate $(wildcard cli/completions/*.awk)
	$(call say,COMPL,$@)
	$(Q)mkdir -p $(@D) && cli/completions/generate $(SHELL_NAME) $(B)/vnetdx >$@.tmp && mv $@.tmp $@

# FILE|TARGET|MODE, for install and uninstall alike.
man_section = $(subst .,,$(suffix $(1)))
INSTALLED := $(B)/vnetdx|$(PREFIX)/bin/vnetdx|755 \
	$(foreach p,$(MAN),$(p)|$(MANDIR)/man$(call man_section,$(p))/$(notdir $(p))|644) \
	$(B)/completions/vnetdx|$(BASHDIR)/vnetdx|644 \
	$(B)/completions/_vnetdx|$(ZSHDIR)/_vnetdx|644 \
	$(B)/completions/vnetdx.fish|$(FISHDIR)/vnetdx.fish|644 \
	$(foreach f,LICENSE README.md CHANGELOG.md,$(f)|$(DOCDIR)/$(f)|644)

install: all docs ## install to DESTDIR PREFIX
	$(Q)set -e; IFS='|'; printf '%s\n' $(foreach i,$(INSTALLED),'$(i)') | while read -r file target mode; do \
		install -D -m "$$mode" "$$file" "$(DESTDIR)$$target"; done

uninstall: ## remove what install put to DESTDIR PREFIX
	$(Q)IFS='|'; printf '%s\n' $(foreach i,$(INSTALLED),'$(i)') | while read -r file target mode; do \
		rm -f "$(DESTDIR)$$target"; done
	$(Q)rmdir "$(DESTDIR)$(DOCDIR)" 2>/dev/null || true

# Level 9 takes seconds: the test of what is in it does without.
XZ ?= xz -9 -T1
DIST := build/vnetdx-$(VERSION).tar.xz
dist: ## source archive of the last commit, build/vnetdx-VERSION.tar.xz (DIST: elsewhere)
	$(call say,DIST,$(DIST))
	$(Q)git diff --quiet HEAD || echo "vnetdx: what is not committed is not in the archive" >&2
	$(Q)mkdir -p "$(dir $(DIST))" && git -c tar.umask=0022 archive --format=tar --prefix=vnetdx-$(VERSION)/ HEAD >"$(DIST).tmp" && \
		$(XZ) -c "$(DIST).tmp" >"$(DIST)" && rm "$(DIST).tmp"

deb: all docs ## Debian package, build/vnetdx_VERSION_ARCH.deb
	+$(Q)cli/packaging/deb $(VERSION)

deb-check: deb ## install the package in a bare Debian 12 under build/ and run it there (root)
	$(Q)cli/packaging/deb-check build/vnetdx_$(VERSION)_$$(dpkg --print-architecture).deb
