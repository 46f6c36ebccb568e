# SPDX-License-Identifier: GPL-2.0-only
"""Places, messages and errors shared by the lab's parts."""
import os
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
ROOT = SOURCE.parent.parent
CACHE = Path(os.environ.get("LAB_CACHE", ROOT / "build" / "lab")).resolve()
KERNELS = ("6.1", "6.12")

_start = time.monotonic()


class LabError(Exception):
    """Something a person can act on; the text says what."""


class LabCrash(LabError):
    """The lab's own kernel died: not the fault of what ran in it."""


def say(text):
    print(f"lab {time.monotonic() - _start:6.1f}s  {text}", file=sys.stderr, flush=True)
