// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnetdx: why is this VM's network slow? Answered without capturing a packet.
 */

#include "cli/commands/commands.h"

static const struct vnx_command *const commands[] = {
	&vnx_command_check,  &vnx_command_topology, &vnx_command_diagnose, &vnx_command_record,
	&vnx_command_replay, &vnx_command_report,   &vnx_command_live,
};

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: vnetdx COMMAND [OPTIONS]\n\n"
		     "Why is this VM's network slow? Answered without capturing a packet.\n\n"
		     "Commands:\n");
	for (size_t i = 0; i < VNX_ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
		"\nStart with: sudo vnetdx check\n"
		"Options of a command: vnetdx COMMAND --help\n"
		"Exit codes: 0 done, 1 failed, 2 usage, 3 privilege or kernel feature missing,\n"
		"4 a VM is degraded or limited (only with --check).\n");
}

int main(int argc, char **argv)
{
	struct vnx_err err = { 0 };

	if (argc < 2) {
		print_usage(stderr);
		return VNX_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return VNX_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vnetdx %s\n", VNX_VERSION);
		return VNX_EXIT_OK;
	}
	for (size_t i = 0; i < VNX_ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1);
	vnx_err_hint(&err, "`vnetdx --help` lists the commands.");
	vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
		    argv[1][0] == '-' ? "a command comes first, not \"%s\""
				      : "there is no command \"%s\"",
		    argv[1]);
	return vnx_fail(&err, vnx_wants_json(argc, argv));
}
