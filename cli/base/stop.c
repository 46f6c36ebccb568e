// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_signal;
static void (*volatile last_rites)(void);
static struct sigaction hup_before;

/*
 * SIGHUP comes twice where a terminal closes, from the kernel and from the shell: the second one
 * must not cut short what the first began.
 */
static void on_signal(int sig)
{
	if (sig == SIGQUIT || (stop_signal == sig && sig != SIGHUP)) {
		if (last_rites)
			last_rites();
		signal(sig, SIG_DFL);
		raise(sig); /* once this handler has returned */
	}
	stop_signal = sig;
}

void vnx_stop_catch(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	stop_signal = 0;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, &hup_before);
	if (hup_before.sa_handler == SIG_IGN) /* nohup */
		sigaction(SIGHUP, &hup_before, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void vnx_stop_release(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigaction(SIGHUP, &hup_before, NULL);
}

bool vnx_stop_asked(void)
{
	return stop_signal;
}

void vnx_stop_on_death(void (*rites)(void))
{
	last_rites = rites;
	signal(SIGQUIT, rites ? on_signal : SIG_DFL);
}
