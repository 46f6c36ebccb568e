# SPDX-License-Identifier: GPL-2.0-only
"""What the program says of itself, for the tests that hold manual and completions to it."""
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
VNETDX = TOP / "build/vnetdx"
OPTION = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)(?: (\S+))?(?:\s{2,}|\s+(?=\S))(.*)$")
PATIENCE_S = 600        # for what takes a second or two on a quiet machine: only what hangs is given so long
failed = False


def check(good, what, why=""):
    global failed
    failed |= not good
    print(f"{'ok' if good else 'not ok'} - {what}", flush=True)
    for line in str(why).splitlines() if not good else ():
        print(f"# {line}")
    return good


def run(*argv, **more):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, errors="replace", timeout=PATIENCE_S, **more)


def make_docs():
    # What a make above us was asked for (sanitizers, -j) is not ours.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SAN")}
    made = run("make", "-s", "docs", cwd=TOP, env=env)
    return check(made.returncode == 0, "pages and completions are built", made.stdout + made.stderr) and \
        check(not made.stderr, "without a warning", made.stderr)


class Command:
    def __init__(self, name, summary):
        text = run(VNETDX, name, "--help").stdout
        self.name, self.summary = name, summary
        self.usage = text.split("\n", 1)[0].removeprefix("Usage: ")
        self.options = {}   # long name -> (letter or "", argument or "")
        for line in text.split("\nOptions:\n", 1)[1].splitlines():
            m = OPTION.match(line)
            if m:
                # Of a flag the help is at least two blanks away.
                flag = re.match(r"^  (?:-\w, |    )--[a-z-]+\s{2}", line)
                self.options[m[2]] = (m[1] or "", "" if flag else m[3])

    def words(self):
        return {f"--{n}" for n in self.options} | {f"-{o[0]}" for o in self.options.values() if o[0]}


def commands():
    text = run(VNETDX, "--help").stdout.split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    return {m[1]: Command(m[1], m[2]) for m in re.finditer(r"^  ([a-z]+) +(.*)$", text, re.M)}


def sources():
    """The sources of evidence that --without takes."""
    found = set()
    for path in (TOP / "cli/evidence").glob("*.c"):
        if "const struct vnx_source_ops vnx_source_" in path.read_text():
            found |= set(re.findall(r'^\t\.name = "([a-z-]+)"', path.read_text(), re.M))
    return found | {"all"}
