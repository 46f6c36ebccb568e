// SPDX-License-Identifier: GPL-2.0-only
/* gnuplot as a process: its script in a file, its complaints, what it drew. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output/plot/plot_internal.h"

extern char **environ;

/* Runs gnuplot in @dir over the script in @in; its complaints go to @complaints. */
static int run_gnuplot(int in, int complaints, const char *dir, int *status)
{
	char *argv[] = { "gnuplot", "-d", "-", NULL };
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int ret;

	ret = posix_spawn_file_actions_init(&fa);
	if (ret)
		return -ret;
	ret = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&fa, complaints, 2);
	if (!ret)
		ret = posix_spawn_file_actions_addchdir_np(&fa, dir);
	if (!ret)
		ret = posix_spawnp(&pid, "gnuplot", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (ret)
		return -ret;
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* gnuplot's first line that is not its echo of the script, for a person. */
static int complain(int fd, struct vnx_err *err)
{
	char buf[512] = "", *line;
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	line = strstr(buf, "line ");
	line = line ? line : buf;
	line[strcspn(line, "\n")] = '\0';
	vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "gnuplot", "gnuplot could not draw the figure: %s",
		    *line ? line : "it gave no reason");
	vnx_err_hint(err, "Is there room in the folder, and does `gnuplot -e 'set terminal "
			  "pngcairo'` work?");
	return -EIO;
}

static bool was_drawn(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && st.st_size > 0;
}

/* gnuplot ends with 0 where the disk is full. */
static int check_pictures(const char *dir, const char *stem, int complaints, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *svg = vnx_asprintf("%s/%s.svg", dir, stem);
	VNX_CLEANUP_FREE char *png = vnx_asprintf("%s/%s.png", dir, stem);

	if (!svg || !png)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	if (!was_drawn(svg) || !was_drawn(png))
		return complain(complaints, err);
	return vnx_figure_fonts(svg, err);
}

/* A stem stands in quotes and is part of a path: only letters that mean nothing to either. */
static bool is_stem(const char *stem)
{
	const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *stem && stem[strspn(stem, letters)] == '\0';
}

int vnx_gnuplot_draw(vnx_script_fn write, const void *what, const char *stem, const char *dir,
		     struct vnx_err *err)
{
	VNX_CLEANUP_CLOSE int complaints = memfd_create("vnetdx-gnuplot", MFD_CLOEXEC);
	VNX_CLEANUP_FCLOSE FILE *script = tmpfile();
	int ret, status = 0;

	if (!is_stem(stem))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output",
				   "not a name for a figure's file");
	/* Asked first: the starting of a process says of a missing folder what it says of gnuplot.
	 */
	if (access(dir, W_OK | X_OK))
		return vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "output", "cannot write into %s: %s",
				   dir, strerror(errno));
	/* A file, not a pipe: gnuplot may end early, and nobody waits for anybody. */
	if (!script || complaints < 0)
		return vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "gnuplot",
				   "no temporary file for gnuplot's script: %s", strerror(errno));
	ret = write(what, stem, script, err);
	if (!ret)
		ret = vnx_output_check(script, err);
	if (ret)
		return ret;
	rewind(script);
	ret = run_gnuplot(fileno(script), complaints, dir, &status);
	if (ret == -ENOENT) {
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-gnuplot",
			    "the figures were not drawn: gnuplot is not installed");
		vnx_err_hint(err, "`apt-get install gnuplot-nox`, then write the report again");
		return ret;
	}
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "gnuplot",
				   "gnuplot could not be started: %s", strerror(-ret));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return complain(complaints, err);
	return check_pictures(dir, stem, complaints, err);
}

struct vm_script {
	vnx_vm_script_fn write;
	const struct vnx_finding *f;
	size_t i;
};

static int write_vm(const void *what, const char *stem, FILE *out, struct vnx_err *err)
{
	const struct vm_script *s = what;

	return s->write(s->f, s->i, stem, out, err);
}

int vnx_gnuplot_draw_vm(vnx_vm_script_fn write, const struct vnx_finding *f, size_t i,
			const char *stem, const char *dir, struct vnx_err *err)
{
	return vnx_gnuplot_draw(write_vm, &(struct vm_script){ write, f, i }, stem, dir, err);
}
