// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands over a character stream, both ends of it in one static program.
 *
 *   agent serve PORT...        inside: one process a port (virtio-serial), runs what it is told
 *   agent run [-p] [-t SECS] DIR CMD   outside: DIR holds the ports' other ends, unix sockets
 * *.sock
 *
 * The lab host is reached this way and, one level further in, so are its guests. It needs no
 * network, so the lab host has no interface and no packet that a test did not ask for.
 *
 * A port serves one command at a time; a client takes a free one by locking DIR/<port>.lock.
 * Frame: type byte, three zero bytes, length (little endian), payload. A zero byte where a type is
 * expected is filler: a client first sends more filler than a frame can hold, so the agent finds
 * the beginning of a frame whatever the previous client left half-written, then a greeting with a
 * nonce. It skips what it reads until that greeting comes back.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 8, FRAME_MAX = 4096, NONCE = 16, QUEUE_MAX = 65536, COMMAND_MAX = 65536 };
enum { EXIT_TIMEOUT = 124, EXIT_NO_AGENT = 125 };

/* to the agent */
#define T_HELLO 'H'
#define T_EXEC 'X'  /* payload: piece of the command */
#define T_START 'S' /* payload: 'p' = on a terminal of its own, '-' = on pipes */
#define T_STDIN 'I'
#define T_STDIN_END 'E'
#define T_KILL 'K'
#define T_SIZE 'W' /* payload: struct winsize */
/* from the agent */
#define T_HELLO_BACK 'h'
#define T_STDOUT 'o'
#define T_STDERR 'e'
#define T_STATUS 'x' /* payload: one byte, as a shell's $? */

struct buffer {
	unsigned char data[QUEUE_MAX + HEADER];
	size_t len;
};

static void put_header(unsigned char *h, int type, uint32_t len)
{
	memset(h, 0, HEADER);
	h[0] = (unsigned char)type;
	for (int i = 0; i < 4; i++)
		h[4 + i] = (unsigned char)(len >> (8 * i));
}

static uint32_t header_len(const unsigned char *h)
{
	return h[4] | h[5] << 8 | h[6] << 16 | (uint32_t)h[7] << 24;
}

/* Writes everything; waits where the other side is slow. -1: the other side is gone. */
static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			if (poll(&pfd, 1, 1000) > 0 && (pfd.revents & POLLHUP))
				return -1;
		} else {
			return -1;
		}
	}
	return 0;
}

static int send_frame(int fd, int type, const void *payload, size_t len)
{
	unsigned char frame[HEADER + FRAME_MAX];

	put_header(frame, type, (uint32_t)len);
	if (len)
		memcpy(frame + HEADER, payload, len);
	return write_all(fd, frame, HEADER + len);
}

static void buffer_drop(struct buffer *b, size_t n)
{
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

/* Frame at the head of b: its type, or 0 when it is not all there yet. Skips filler and rubbish. */
static int frame_ready(struct buffer *b, uint32_t *len)
{
	size_t skip = 0;

	for (;;) {
		while (skip < b->len && !b->data[skip])
			skip++;
		if (b->len - skip < HEADER)
			break;
		*len = header_len(b->data + skip);
		if (*len <= FRAME_MAX && !b->data[skip + 1] && !b->data[skip + 2])
			break;
		skip++;
	}
	buffer_drop(b, skip);
	if (b->len < HEADER || b->len < HEADER + *len)
		return 0;
	return b->data[0];
}

/* ---------------------------------------------------------------- inside: the agent */

struct session {
	int port;
	int sigs; /* signalfd of SIGCHLD and SIGIO */
	pid_t child;
	int in, out, err; /* the child's, -1 when closed */
	int in_ends;      /* close in when the queue is empty */
	int exited, status;
	char command[COMMAND_MAX];
	size_t command_len;
	struct buffer frames, stdin_queue;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void session_clear(struct session *s)
{
	if (s->child > 0 && !s->exited) {
		kill(-s->child, SIGKILL);
		waitpid(s->child, NULL, 0);
	}
	if (s->out == s->in)
		s->out = -1;
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->err);
	s->child = 0;
	s->exited = s->in_ends = 0;
	s->command_len = 0;
	s->stdin_queue.len = 0;
}

static void become_shell(const char *command)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void start_on_terminal(struct session *s)
{
	int master;

	s->child = forkpty(&master, NULL, NULL, NULL);
	if (!s->child)
		become_shell(s->command);
	fcntl(master, F_SETFL, O_NONBLOCK);
	s->in = s->out = master;
	s->err = -1;
}

static void start_on_pipes(struct session *s)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return;
	s->child = fork();
	if (!s->child) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		become_shell(s->command);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	s->in = in[1];
	s->out = out[0];
	s->err = err[0];
	fcntl(s->in, F_SETFL, O_NONBLOCK);
	fcntl(s->out, F_SETFL, O_NONBLOCK);
	fcntl(s->err, F_SETFL, O_NONBLOCK);
}

static void handle_frame(struct session *s, int type, const unsigned char *p, uint32_t len)
{
	switch (type) {
	case T_HELLO:
		session_clear(s);
		send_frame(s->port, T_HELLO_BACK, p, len);
		break;
	case T_EXEC:
		if (s->command_len + len < sizeof(s->command)) {
			memcpy(s->command + s->command_len, p, len);
			s->command_len += len;
		}
		break;
	case T_START:
		s->command[s->command_len] = 0;
		if (len && p[0] == 'p')
			start_on_terminal(s);
		else
			start_on_pipes(s);
		break;
	case T_STDIN:
		if (s->in >= 0 && s->stdin_queue.len + len <= QUEUE_MAX) {
			memcpy(s->stdin_queue.data + s->stdin_queue.len, p, len);
			s->stdin_queue.len += len;
		}
		break;
	case T_STDIN_END:
		s->in_ends = 1;
		break;
	case T_KILL:
		if (s->child > 0 && len)
			kill(-s->child, p[0]);
		break;
	case T_SIZE:
		if (s->in >= 0 && len == sizeof(struct winsize))
			ioctl(s->in, TIOCSWINSZ, p);
		break;
	}
}

static void read_port(struct session *s)
{
	struct buffer *b = &s->frames;
	uint32_t len;
	ssize_t n = read(s->port, b->data + b->len, sizeof(b->data) - b->len);
	int type;

	if (n <= 0)
		return;
	b->len += (size_t)n;
	while ((type = frame_ready(b, &len))) {
		if (type == T_STDIN && s->in >= 0 && s->stdin_queue.len + len > QUEUE_MAX)
			return; /* the child reads slowly: leave it in the buffer */
		handle_frame(s, type, b->data + HEADER, len);
		buffer_drop(b, HEADER + len);
	}
}

static void feed_child(struct session *s)
{
	ssize_t n;

	if (s->in >= 0 && s->stdin_queue.len) {
		n = write(s->in, s->stdin_queue.data, s->stdin_queue.len);
		if (n > 0)
			buffer_drop(&s->stdin_queue, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			s->stdin_queue.len = 0, s->in_ends = 1;
	}
	if (s->in_ends && !s->stdin_queue.len && s->in != s->out)
		close_fd(&s->in);
}

/* 0 when there was nothing to read. */
static int forward(struct session *s, int *fd, int type)
{
	char data[FRAME_MAX];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0) {
		send_frame(s->port, type, data, (size_t)n);
		return 1;
	}
	if (n == 0 || errno != EAGAIN) {
		if (s->in == s->out)
			s->in = -1;
		close_fd(fd);
	}
	return 0;
}

static void reap(struct session *s)
{
	int status;

	if (s->child <= 0 || waitpid(s->child, &status, WNOHANG) != s->child)
		return;
	s->exited = 1;
	s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What the child left in its pipes, then its status. A background job may keep the pipes open. */
static void finish(struct session *s)
{
	unsigned char status = (unsigned char)s->status;

	while (s->out >= 0 && forward(s, &s->out, T_STDOUT))
		;
	while (s->err >= 0 && forward(s, &s->err, T_STDERR))
		;
	send_frame(s->port, T_STATUS, &status, 1);
	session_clear(s);
}

static void serve_once(struct session *s, int *host_gone)
{
	struct signalfd_siginfo si;
	struct pollfd p[5] = {
		{ .fd = s->sigs, .events = POLLIN },
		{ .fd = *host_gone ? -1 : s->port, .events = POLLIN },
		{ .fd = s->out, .events = POLLIN },
		{ .fd = s->err, .events = POLLIN },
		{ .fd = s->stdin_queue.len || s->in_ends ? s->in : -1, .events = POLLOUT },
	};

	if (poll(p, 5, *host_gone ? 1000 : -1) < 0)
		return;
	*host_gone = 0; /* look again: SIGIO or the timer brought us here */
	if (p[0].revents)
		while (read(s->sigs, &si, sizeof(si)) > 0)
			;
	if (p[1].revents & POLLHUP) {
		session_clear(s);
		s->frames.len = 0;
		*host_gone = 1;
	} else if (p[1].revents) {
		read_port(s);
	}
	if (p[2].revents && s->out >= 0)
		forward(s, &s->out, T_STDOUT);
	if (p[3].revents && s->err >= 0)
		forward(s, &s->err, T_STDERR);
	feed_child(s);
	reap(s);
	if (s->exited)
		finish(s);
}

static void serve_port(const char *path)
{
	static struct session s;
	sigset_t set;
	int host_gone = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.sigs = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	s.in = s.out = s.err = -1;
	s.port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (s.port < 0) {
		perror(path);
		_exit(1);
	}
	fcntl(s.port, F_SETOWN, getpid());
	fcntl(s.port, F_SETFL, O_NONBLOCK | O_ASYNC); /* SIGIO when the outside connects */
	for (;;)
		serve_once(&s, &host_gone);
}

/* ---------------------------------------------------------------- outside: the client */

struct client {
	int sock;
	int terminal;
	int stdin_open;
	struct buffer frames;
};

static volatile sig_atomic_t client_signal;

static void note_signal(int sig)
{
	client_signal = sig;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path); /* short: the client stands in the ports' folder */
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int by_name(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".sock");
}

/* First port nobody else uses, locked for the life of this process; the cwd is the ports' folder.
 */
static int take_port(void)
{
	struct dirent **names;
	int n = scandir(".", &names, by_name, alphasort);
	int sock = -1;

	for (int i = 0; i < n; i++) {
		char lock[300];
		int fd;

		snprintf(lock, sizeof(lock), "%s.lock", names[i]->d_name);
		fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
			close_fd(&fd);
			continue;
		}
		sock = connect_unix(names[i]->d_name);
		if (sock >= 0)
			break;
		close(fd);
	}
	return sock;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Next frame's type, 0 at the deadline or a signal, -1 when the agent's side is gone. */
static int next_frame(struct client *c, uint32_t *len, double deadline)
{
	for (;;) {
		int type = frame_ready(&c->frames, len);
		int wait_ms = 1000;
		struct pollfd p[2] = {
			{ .fd = c->sock, .events = POLLIN },
			{ .fd = c->stdin_open ? 0 : -1, .events = POLLIN },
		};
		char data[FRAME_MAX];
		ssize_t n;

		if (type)
			return type;
		if (client_signal)
			return 0;
		if (deadline > 0) {
			double left = deadline - now_s();

			if (left <= 0)
				return 0;
			wait_ms = left < 1 ? (int)(left * 1000) + 1 : 1000;
		}
		if (poll(p, 2, wait_ms) < 0)
			continue;
		if (p[1].revents) {
			n = read(0, data, sizeof(data));
			if (n > 0) {
				send_frame(c->sock, T_STDIN, data, (size_t)n);
			} else {
				send_frame(c->sock, T_STDIN_END, NULL, 0);
				c->stdin_open = 0;
			}
		}
		if (p[0].revents) {
			n = read(c->sock, c->frames.data + c->frames.len,
				 sizeof(c->frames.data) - c->frames.len);
			if (n <= 0)
				return -1;
			c->frames.len += (size_t)n;
		}
	}
}

static int greet(struct client *c, double deadline)
{
	static const unsigned char filler[FRAME_MAX + HEADER];
	unsigned char nonce[NONCE];
	uint32_t len;
	int type;

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		return -1;
	if (write_all(c->sock, filler, sizeof(filler)) ||
	    send_frame(c->sock, T_HELLO, nonce, sizeof(nonce)))
		return -1;
	while ((type = next_frame(c, &len, deadline)) > 0) {
		int ours = type == T_HELLO_BACK && len == NONCE &&
			   !memcmp(c->frames.data + HEADER, nonce, NONCE);

		buffer_drop(&c->frames, HEADER + len);
		if (ours)
			return 0;
	}
	return -1;
}

static void send_size(struct client *c)
{
	struct winsize ws;

	if (!ioctl(0, TIOCGWINSZ, &ws))
		send_frame(c->sock, T_SIZE, &ws, sizeof(ws));
}

static void request(struct client *c, const char *command)
{
	size_t len = strlen(command);

	while (len) {
		size_t n = len < FRAME_MAX ? len : FRAME_MAX;

		send_frame(c->sock, T_EXEC, command, n);
		command += n;
		len -= n;
	}
	send_frame(c->sock, T_START, c->terminal ? "p" : "-", 1);
	if (c->terminal)
		send_size(c);
}

/* Signal or deadline: SIGTERM to the command, SIGKILL two seconds later. */
static void stop_command(struct client *c, int *stops, double *deadline)
{
	unsigned char sig = ++*stops > 1 ? SIGKILL : SIGTERM;

	client_signal = 0;
	send_frame(c->sock, T_KILL, &sig, 1);
	*deadline = now_s() + 2;
}

static int relay(struct client *c, double deadline)
{
	int stops = 0, cause = 0;

	for (;;) {
		uint32_t len;
		int type = next_frame(c, &len, deadline);

		if (type < 0)
			return EXIT_NO_AGENT;
		if (type == 0 && client_signal == SIGWINCH) {
			client_signal = 0;
			send_size(c);
			continue;
		}
		if (type == 0) {
			cause = cause ? cause : client_signal ? 128 + client_signal : EXIT_TIMEOUT;
			if (stops == 2)
				return cause;
			stop_command(c, &stops, &deadline);
			continue;
		}
		if (type == T_STDOUT)
			write_all(1, c->frames.data + HEADER, len);
		else if (type == T_STDERR)
			write_all(2, c->frames.data + HEADER, len);
		else if (type == T_STATUS)
			return cause ? cause : c->frames.data[HEADER];
		buffer_drop(&c->frames, HEADER + len);
	}
}

static int run(const char *dir, const char *command, int terminal, double timeout_s)
{
	static struct client c;
	struct sigaction sa = { .sa_handler = note_signal };
	struct termios saved, raw;
	double deadline;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (chdir(dir) || (c.sock = take_port()) < 0) {
		fprintf(stderr, "lab: no free port in %s\n", dir);
		return EXIT_NO_AGENT;
	}
	deadline = now_s() + (timeout_s > 0 && timeout_s < 20 ? timeout_s : 20);
	if (greet(&c, deadline)) {
		fprintf(stderr, "lab: the agent does not answer\n");
		return EXIT_NO_AGENT;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	if (terminal)
		sigaction(SIGWINCH, &sa, NULL);
	c.terminal = terminal;
	request(&c, command);
	c.stdin_open = terminal || !isatty(0);
	if (terminal && !tcgetattr(0, &saved)) {
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(0, TCSANOW, &raw);
	}
	status = relay(&c, timeout_s > 0 ? now_s() + timeout_s : 0);
	if (terminal && isatty(0))
		tcsetattr(0, TCSANOW, &saved);
	return status;
}

static int usage(void)
{
	fprintf(stderr, "usage: agent serve PORT...\n"
			"       agent run [-p] [-t SECS] DIR CMD\n");
	return 2;
}

static _Noreturn void serve(char **ports)
{
	for (; *ports; ports++)
		if (!fork())
			serve_port(*ports);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	double timeout_s = 0;
	int terminal = 0, opt;

	if (argc > 2 && !strcmp(argv[1], "serve"))
		serve(argv + 2);
	if (argc < 2 || strcmp(argv[1], "run"))
		return usage();
	argv++;
	argc--;
	while ((opt = getopt(argc, argv, "+pt:")) != -1) {
		if (opt == 'p')
			terminal = 1;
		else if (opt == 't')
			timeout_s = strtod(optarg, NULL);
		else
			return usage();
	}
	if (argc - optind != 2)
		return usage();
	return run(argv[optind], argv[optind + 1], terminal, timeout_s);
}
