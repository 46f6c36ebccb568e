# SPDX-License-Identifier: GPL-2.0-only
"""Places, messages and errors shared by the lab's parts."""
import os
import shutil
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
ROOT = SOURCE.parent.parent
CACHE = Path(os.environ.get("LAB_CACHE", ROOT / "build" / "lab")).resolve()
KERNELS = ("6.1", "5.10", "6.12", "7.3")      # of the lab host; the first is every guest's too
DEBIAN_OF_TOOL = {"apt-get": "apt", "dpkg-deb": "dpkg", "gcc": "gcc", "zstd": "zstd",
                  "depmod": "kmod", "busybox": "busybox-static",
                  "qemu-system-x86_64": "qemu-system-x86"}

_start = time.monotonic()


class LabError(Exception):
    """Something a person can act on; the text says what."""


class Unavailable(LabError):
    """A kernel or program that this machine's archive does not give: a reason to skip."""


class LabCrash(LabError):
    """The lab's own kernel died: not the fault of what ran in it."""


def say(text):
    print(f"lab {time.monotonic() - _start:6.1f}s  {text}", file=sys.stderr, flush=True)


def need(tool, package=None):
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if not path:
        package = package or DEBIAN_OF_TOOL.get(tool, tool)
        raise LabError(f"{tool} is missing: apt-get install {package}")
    return path
