# SPDX-License-Identifier: GPL-2.0-only
# Reports in a real browser: for who changes the page.

.PHONY: browser-check
browser-check: ## open reports in headless Chromium; ONLY=NAME one of them
	$(Q)tests/deps --browser
	$(Q)$(MAKE) -s all
	$(Q)tests/browser/check.py $(ONLY)
