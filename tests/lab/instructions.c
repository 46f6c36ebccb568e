// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU: counts the instructions that the emulated CPU executes, guests' included, in
 * a number at the start of the file "instructions" in QEMU's working directory. Of time, the lab
 * cannot tell a cost of a few percent: what its CPU does in a second wanders by a third. What it
 * has to execute for a byte does not. One CPU only: the counter is not atomic.
 *
 * The interface is QEMU's, version 1 (docs/devel/tcg-plugins.rst); no package ships its header.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *number, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

PUBLIC int qemu_plugin_version = 1;
PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static uint64_t *count;

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, count,
						 qemu_plugin_tb_n_insns(tb));
}

PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int fd = open("instructions", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)info, (void)argc, (void)argv;
	if (fd < 0 || ftruncate(fd, sizeof(*count)))
		return -1;
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (count == MAP_FAILED)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
