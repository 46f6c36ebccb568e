#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""same_json.py WANT GOT: exits 1 and says where they differ. Numbers may differ by 1e-9 of themselves:
libm picks other code on other CPUs, and the last digits follow."""
import json
import math
import sys


def differ(a, b, path="$"):
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        for key in a:
            yield from differ(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differ(x, y, f"{path}[{i}]")
    elif isinstance(a, float) and isinstance(b, float):
        if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300):
            yield f"{path}: {a!r}, now {b!r}"
    elif a != b or type(a) is not type(b):
        yield f"{path}: {str(a)[:80]}, now {str(b)[:80]}"


found = list(differ(json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))))
print("\n".join(found[:20]))
sys.exit(1 if found else 0)
