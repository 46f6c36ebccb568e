/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands. Each file here exports one row; main.c lists them.
 */
#ifndef VNX_COMMANDS_H
#define VNX_COMMANDS_H

#include "cli/options.h"

extern const struct vnx_command vnx_command_check;
extern const struct vnx_command vnx_command_topology;
extern const struct vnx_command vnx_command_diagnose;
extern const struct vnx_command vnx_command_record;
extern const struct vnx_command vnx_command_replay;
extern const struct vnx_command vnx_command_report;
extern const struct vnx_command vnx_command_live;

#endif
