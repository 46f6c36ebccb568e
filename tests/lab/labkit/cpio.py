# SPDX-License-Identifier: GPL-2.0-only
"""Writes initramfs archives (format "newc", see the kernel's buffer-format document)."""
import os
import stat


class Archive:
    """Files, links and device nodes, written in the order they were added."""

    def __init__(self):
        self._entries = {}

    def __contains__(self, name):
        return name in self._entries

    def _parents(self, name):
        parts = name.split("/")[:-1]
        for i in range(1, len(parts) + 1):
            self._entries.setdefault("/".join(parts[:i]), (stat.S_IFDIR | 0o755, b"", 0))

    def directory(self, name):
        self._parents(name + "/")

    def data(self, name, content, mode=0o644):
        self._parents(name)
        self._entries[name] = (stat.S_IFREG | mode, content, 0)

    def file(self, name, path, mode=None):
        with open(path, "rb") as f:
            content = f.read()
        self.data(name, content, os.stat(path).st_mode & 0o777 if mode is None else mode)

    def link(self, name, target):
        self._parents(name)
        self._entries[name] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def node(self, name, major, minor):
        self._parents(name)
        self._entries[name] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def write(self, out):
        for number, (name, (mode, content, dev)) in enumerate(self._entries.items(), 1):
            _write_entry(out, number, name, mode, content, dev or (0, 0))
        _write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))


def _write_entry(out, number, name, mode, content, dev):
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, dev[0], dev[1], len(encoded), 0)
    out.write(b"070701" + b"".join(b"%08X" % f for f in fields))
    out.write(encoded + b"\0" * (-(110 + len(encoded)) % 4))
    out.write(content)
    out.write(b"\0" * (-len(content) % 4))
