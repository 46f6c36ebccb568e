# SPDX-License-Identifier: GPL-2.0-only
"""What a lab host has only where a scenario asks for it: Open vSwitch, libvirt; of the machine's own Debian."""
from .packages import unpacked

LIBS = "usr/lib/x86_64-linux-gnu"

# What it is made of; folders are taken whole. Their dependencies' programs are not needed.
SOFTWARE = {
    "openvswitch": {
        "packages": ("openvswitch-switch", "openvswitch-common"),
        "programs": ("usr/lib/openvswitch-switch/ovs-vswitchd", "usr/sbin/ovsdb-server", "usr/bin/ovsdb-tool",
                     "usr/bin/ovs-vsctl"),
        "files": ("usr/share/openvswitch/vswitch.ovsschema",),
        "texts": {},
    },
    "libvirt": {
        "packages": ("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients"),
        "programs": ("usr/sbin/libvirtd", "usr/bin/virsh", f"{LIBS}/libvirt/connection-driver/libvirt_driver_qemu.so"),
        "files": ("usr/share/libvirt/cpu_map", "usr/share/libvirt/schemas"),
        "texts": {
            # no accounts, no security module, no virtlogd here
            "etc/libvirt/qemu.conf": 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\n'
                                     'stdio_handler = "file"\n',
            "etc/libvirt/libvirtd.conf": 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n',
            "usr/bin/dmidecode": "#!/bin/sh\n",     # without it libvirtd says an error at each start
        },
    },
}


def fill(parts, name):
    """Puts a piece of software into an archive; Unavailable where its packages cannot be had."""
    what = SOFTWARE[name]
    parts.tree = unpacked(*what["packages"])
    for program in what["programs"]:
        inside = program if program.endswith(".so") else None
        parts.program(parts.tree / program, inside)
    for path in what["files"]:
        top = parts.tree / path
        for file in sorted(p for p in (top.rglob("*") if top.is_dir() else [top]) if p.is_file()):
            parts.file(str(file.relative_to(parts.tree)), file, 0o644)
    for path, text in what["texts"].items():
        parts.archive.data(path, text.encode(), 0o755 if "bin/" in path else 0o644)
