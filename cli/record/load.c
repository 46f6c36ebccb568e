// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running the load. One epoll descriptor stands for all there is to wait for: its output, its
 * errors and (pidfd) its end.
 *
 * The dead child stays a zombie until vnx_load_free(): that keeps its number, which is the
 * process group's too, from being given to a stranger whom we would then signal.
 */
#include "cli/record/load.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/record/memory.h"

#define LINE_MAX_BYTES (1u << 20)
#define TOTAL_MAX_BYTES (128ull << 20)
#define SILENCE_NS (3 * VNX_NSEC_PER_SEC)
#define TAIL_BYTES 512

struct vnx_load {
	pid_t pid;
	int epoll_fd, out_fd, err_fd, pid_fd; /* -1: closed */
	bool ended;                           /* the child has; status is valid */
	int status;                           /* as siginfo: code and value */
	int code;
	uint64_t last_read_ns, ended_ns;
	uint64_t total;        /* bytes of output so far */
	bool full;             /* more than TOTAL_MAX_BYTES came */
	char *name;            /* argv[0] */
	char added[64];        /* options put in */
	char tail[TAIL_BYTES]; /* end of its stderr */
	size_t tail_n;
	char last_error[TAIL_BYTES]; /* last line of output with "error" in it */
	char *partial;               /* a line without its newline yet */
	size_t partial_n, partial_cap;
};

/* Starting */

/* In the child: become the command, or tell the parent why not. */
static void child_exec(char **argv, int out_fd, int err_fd, int report_fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR);
	sigset_t none;
	int e;

	setpgid(0, 0);
	/* A load must not outlive the measurement, whatever kills that. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	vnx_memory_restore();
	if (null_fd >= 0 && dup2(null_fd, 0) == 0 && dup2(out_fd, 1) == 1 && dup2(err_fd, 2) == 2)
		execvp(argv[0], argv);
	e = errno;
	if (write(report_fd, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

static int start_failed(const char *name, int e, struct vnx_err *err)
{
	if (e == ENOENT) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "no-such-command",
			    "the load cannot be started: %s was not found", name);
		if (!strcmp(name, "iperf3"))
			vnx_err_hint(err, "Install it: apt install iperf3");
		else
			vnx_err_hint(err, "Check its name, or give its whole path");
	} else {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "cannot-start",
			    "the load %s cannot be started: %s", name, strerror(e));
		if (e == EACCES)
			vnx_err_hint(err, "Make it executable: chmod +x %s", name);
	}
	return -e;
}

static void close_pair(int fd[2])
{
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static int watch(struct vnx_load *load, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static void unwatch(struct vnx_load *load, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(load->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

/* Forks; *exec_errno tells whether the command itself could be started. */
static int spawn(struct vnx_load *load, char **argv, int *exec_errno)
{
	int out[2] = { -1, -1 }, errs[2] = { -1, -1 }, report[2] = { -1, -1 };
	pid_t parent = getpid();
	ssize_t got;
	int ret = 0;

	*exec_errno = 0;
	if (pipe2(out, O_CLOEXEC) || pipe2(errs, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
		ret = -errno;
		goto out;
	}
	load->pid = fork();
	if (load->pid < 0) {
		ret = -errno;
		goto out;
	}
	if (load->pid == 0)
		child_exec(argv, out[1], errs[1], report[1], parent);
	setpgid(load->pid, load->pid); /* both sides do: whoever comes first */
	close(report[1]);
	report[1] = -1;
	do
		got = read(report[0], exec_errno, sizeof(*exec_errno));
	while (got < 0 && errno == EINTR);
	if (got != sizeof(*exec_errno))
		*exec_errno = 0; /* the pipe closed by exec: it runs */
	load->out_fd = out[0];
	load->err_fd = errs[0];
	out[0] = errs[0] = -1;
	fcntl(load->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(load->err_fd, F_SETFL, O_NONBLOCK);
out:
	close_pair(out);
	close_pair(errs);
	close_pair(report);
	return ret;
}

static int watch_all(struct vnx_load *load)
{
	int ret;

	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll_fd < 0)
		return -errno;
	ret = watch(load, load->out_fd);
	if (!ret)
		ret = watch(load, load->err_fd);
	/* Without pidfd (kernels before 5.3) the end is noticed when the caller looks. */
	load->pid_fd = (int)syscall(SYS_pidfd_open, load->pid, 0);
	if (!ret && load->pid_fd >= 0)
		ret = watch(load, load->pid_fd);
	return ret;
}

int vnx_load_start(struct vnx_load **out, char *const *argv, uint64_t bin_ns, struct vnx_err *err)
{
	struct vnx_load *load = calloc(1, sizeof(*load));
	char **args = NULL;
	int ret = -ENOMEM, exec_errno = 0;

	*out = NULL;
	if (!load)
		return -ENOMEM;
	load->epoll_fd = load->out_fd = load->err_fd = load->pid_fd = -1;
	load->name = strdup(argv[0]);
	if (!load->name || vnx_load_argv(argv, bin_ns, &args, load->added, sizeof(load->added)))
		goto out;
	ret = spawn(load, args, &exec_errno);
	if (!ret && exec_errno)
		ret = start_failed(argv[0], exec_errno, err);
	if (!ret)
		ret = watch_all(load);
	if (ret)
		goto out;
	load->last_read_ns = vnx_clock_mono();
	*out = load;
	load = NULL;
out:
	vnx_load_argv_free(args);
	vnx_load_free(load);
	return ret ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "cannot-start",
				 "the load %s cannot be started: %s", argv[0], strerror(-ret))
		   : 0;
}

const char *vnx_load_added(const struct vnx_load *load)
{
	return load->added;
}

uint32_t vnx_load_pid(const struct vnx_load *load)
{
	return (uint32_t)load->pid;
}

int vnx_load_fd(const struct vnx_load *load)
{
	return load->epoll_fd;
}

/* Lines */

/* iperf3 -J tells its errors on stdout: kept for the sentence of vnx_load_failed(). */
static void note_error_line(struct vnx_load *load, const char *text)
{
	if (strstr(text, "error"))
		snprintf(load->last_error, sizeof(load->last_error), "%s", text);
}

static int push_line(struct vnx_load *load, struct vnx_load_lines *out, uint64_t at_ns)
{
	struct vnx_load_line line = { .arrival_ns = at_ns };
	int ret;

	if (load->partial_n && load->partial[load->partial_n - 1] == '\r')
		load->partial_n--;
	line.text = strndup(load->partial ? load->partial : "", load->partial_n);
	load->partial_n = 0;
	if (!line.text)
		return -ENOMEM;
	note_error_line(load, line.text);
	ret = vnx_vec_push(out, line);
	if (ret)
		free(line.text);
	return ret;
}

static int partial_add(struct vnx_load *load, const char *bytes, size_t n)
{
	int ret = vnx_vec_grow((void **)&load->partial, &load->partial_cap, load->partial_n + n + 1,
			       1);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) /* a NUL would end the line early */
		load->partial[load->partial_n++] = bytes[i] ? bytes[i] : ' ';
	return 0;
}

/* Cuts what was read at @at_ns into lines. */
static int take_bytes(struct vnx_load *load, const char *buf, size_t n, uint64_t at_ns,
		      struct vnx_load_lines *out)
{
	int ret = 0;

	load->total += n;
	while (n && !ret) {
		const char *nl = memchr(buf, '\n', n);
		size_t len = nl ? (size_t)(nl - buf) : n;
		size_t room = LINE_MAX_BYTES - load->partial_n;
		bool whole = nl && len <= room;

		if (len > room)
			len = room;
		ret = partial_add(load, buf, len);
		buf += len + whole;
		n -= len + whole;
		if (!ret && (whole || load->partial_n == LINE_MAX_BYTES))
			ret = push_line(load, out, at_ns);
	}
	return ret;
}

static int say_full(struct vnx_load *load, struct vnx_load_lines *out, uint64_t at_ns)
{
	static const char words[] =
		"vnetdx: the load printed more than 128 MiB, the rest is not kept";

	load->full = true;
	load->partial_n = 0;
	return partial_add(load, words, sizeof(words) - 1) ?: push_line(load, out, at_ns);
}

/* Reads what is there, at most a mebibyte, so that a flood cannot hold up the caller's bins. */
static int read_output(struct vnx_load *load, struct vnx_load_lines *out, struct vnx_err *err)
{
	char buf[65536];
	int ret = 0;

	for (int i = 0; i < 16 && load->out_fd >= 0 && !ret; i++) {
		ssize_t got = read(load->out_fd, buf, sizeof(buf));
		uint64_t at_ns = vnx_clock_mono();

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0) {
			ret = vnx_err_set(err, -errno, VNX_EXIT_FAILED, "load-io",
					  "reading the output of %s failed: %s", load->name,
					  strerror(errno));
		} else if (got == 0) {
			unwatch(load, &load->out_fd);
			ret = load->partial_n ? push_line(load, out, at_ns) : 0;
		} else {
			load->last_read_ns = at_ns;
			if (load->total < TOTAL_MAX_BYTES)
				ret = take_bytes(load, buf, (size_t)got, at_ns, out);
			else if (!load->full)
				ret = say_full(load, out, at_ns);
		}
	}
	return ret;
}

/* Keeps the end of its stderr. */
static void read_errors(struct vnx_load *load)
{
	char buf[4096];

	for (int i = 0; i < 16 && load->err_fd >= 0; i++) {
		ssize_t got = read(load->err_fd, buf, sizeof(buf));
		size_t n = (size_t)got, keep;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0) {
			unwatch(load, &load->err_fd);
			break;
		}
		if (n > TAIL_BYTES - 1)
			n = TAIL_BYTES - 1;
		keep = load->tail_n + n > TAIL_BYTES - 1 ? TAIL_BYTES - 1 - n : load->tail_n;
		memmove(load->tail, load->tail + load->tail_n - keep, keep);
		memcpy(load->tail + keep, buf + got - n, n);
		load->tail_n = keep + n;
		load->tail[load->tail_n] = 0;
	}
}

static void look_for_end(struct vnx_load *load)
{
	siginfo_t si = { 0 };

	if (load->ended)
		return;
	if (waitid(P_PID, (id_t)load->pid, &si, WEXITED | WNOHANG | WNOWAIT) || !si.si_pid)
		return;
	load->ended = true;
	load->code = si.si_code;
	load->status = si.si_status;
	load->ended_ns = vnx_clock_mono();
	unwatch(load, &load->pid_fd); /* or it would be readable for ever */
}

int vnx_load_pump(struct vnx_load *load, struct vnx_load_lines *out, struct vnx_err *err)
{
	int ret;

	look_for_end(load); /* first: what it wrote before its end is then surely there */
	ret = read_output(load, out, err);
	read_errors(load);
	return ret == -ENOMEM ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory",
					    "no memory for the output of %s", load->name)
			      : ret;
}

bool vnx_load_running(struct vnx_load *load)
{
	uint64_t quiet_since;

	look_for_end(load);
	if (!load->ended)
		return true;
	quiet_since = load->ended_ns > load->last_read_ns ? load->ended_ns : load->last_read_ns;
	return load->out_fd >= 0 && vnx_clock_mono() - quiet_since < SILENCE_NS;
}

/* Stopping */

/* Pumps until the load and all that write to its output are gone, or @until_ns. */
static bool wait_end(struct vnx_load *load, uint64_t until_ns, struct vnx_load_lines *out)
{
	struct vnx_err ignored = { 0 };

	for (;;) {
		struct pollfd pfd = { .fd = load->epoll_fd, .events = POLLIN };
		uint64_t now = vnx_clock_mono();
		uint64_t left_ms;

		if (vnx_load_pump(load, out, &ignored))
			unwatch(load, &load->out_fd);
		if (load->ended && load->out_fd < 0)
			return true;
		if (now >= until_ns)
			return false;
		left_ms = (until_ns - now) / VNX_NSEC_PER_MSEC + 1;
		/* Short naps where there is no pidfd to wake us. */
		poll(&pfd, 1, load->pid_fd < 0 && !load->ended ? 10 : (int)left_ms);
	}
}

void vnx_load_stop(struct vnx_load *load, uint64_t grace_ns, struct vnx_load_lines *out)
{
	static const int signals[] = { SIGINT, SIGTERM };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(signals); i++) {
		if (!vnx_load_running(load))
			break;
		kill(-load->pid, signals[i]);
		kill(-load->pid, SIGCONT); /* a stopped one would never see it */
		if (wait_end(load, vnx_clock_mono() + grace_ns, out))
			break;
	}
	/* Whoever is left: the command itself, or children that ignore signals. */
	kill(-load->pid, SIGKILL);
	/* Its descriptors close a moment later; one that left the group is not waited for. */
	wait_end(load, vnx_clock_mono() + 200 * VNX_NSEC_PER_MSEC, out);
}

void vnx_load_free(struct vnx_load *load)
{
	if (!load)
		return;
	if (load->pid > 0) {
		kill(-load->pid, SIGKILL);
		while (waitpid(load->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	unwatch(load, &load->out_fd);
	unwatch(load, &load->err_fd);
	unwatch(load, &load->pid_fd);
	if (load->epoll_fd >= 0)
		close(load->epoll_fd);
	free(load->partial);
	free(load->name);
	free(load);
}

/* How it went */

/* The last line in @text that is not blank, without spaces at its ends; cut to fit. */
static void last_line(const char *text, char *out, size_t size)
{
	size_t end = strlen(text), start;

	while (end && strchr(" \t\r\n", text[end - 1]))
		end--;
	for (start = end; start && text[start - 1] != '\n'; start--)
		;
	while (start < end && strchr(" \t", text[start]))
		start++;
	snprintf(out, size, "%.*s", (int)(end - start), text + start);
}

bool vnx_load_failed(const struct vnx_load *load, bool ours, struct vnx_err *why)
{
	char how[64], words[200];

	if (ours || !load->ended || (load->code == CLD_EXITED && !load->status))
		return false;
	if (load->code == CLD_EXITED)
		snprintf(how, sizeof(how), "ended with exit status %d", load->status);
	else
		snprintf(how, sizeof(how), "was killed by signal %d (%s)", load->status,
			 strsignal(load->status));
	last_line(load->tail, words, sizeof(words));
	if (!words[0])
		last_line(load->last_error, words, sizeof(words));
	vnx_err_set(why, 0, VNX_EXIT_FAILED, "load-failed", "the load %s %s%s%s", load->name, how,
		    words[0] ? ": " : "", words);
	if (strstr(words, "unable to connect"))
		vnx_err_hint(why, "Is `iperf3 -s` running on the other side, and reachable?");
	else if (strstr(words, "busy running a test"))
		vnx_err_hint(why, "The server takes one client at a time: wait, or start another");
	return true;
}
