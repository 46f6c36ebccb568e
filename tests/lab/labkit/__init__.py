# SPDX-License-Identifier: GPL-2.0-only
"""The lab of vnetdx: real KVM hosts, emulated."""
