# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages, fetched and unpacked into the lab's cache: nothing is installed.

A kernel of another suite comes by a sources list and a list folder of our own, so that the
machine's own apt is not touched; the archive's address is that of the machine's own sources.
"""
import re
import shutil
import subprocess

from .common import CACHE, Unavailable, need, say

SUITES = {"5.10": "bullseye", "7.3": "trixie-backports"}     # others: the machine's own lists
AS_ROOT = ("-o", "APT::Sandbox::User=root")     # the cache need not be readable by _apt


def _run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{' '.join(command[:1])}: {' | '.join(said[-2:]) or 'failed'}")
    return done.stdout


def _suite_options(suite):
    if not suite:
        return AS_ROOT
    folder = CACHE / "apt" / suite
    return (*AS_ROOT, "-o", f"Dir::Etc::SourceList={folder}/sources.list", "-o", "Dir::Etc::SourceParts=-",
            "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache")


def _fetch_lists(suite):
    """A suite's package lists, anew; the machine's own are left as they are."""
    if not suite:
        return
    archives = _run(need("apt-get"), "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
                    "Label: Debian").split()
    if not archives:
        raise Unavailable("this machine's package lists name no Debian archive: apt-get update")
    folder = CACHE / "apt" / suite
    for below in ("lists/partial", "cache/archives/partial"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(f"deb {archives[0]} {suite} main\n")
    say(f"package lists of {suite}")
    _run("apt-get", "update", "--error-on=any", *_suite_options(suite), "-o", "Acquire::Languages=none")


def _newest_image(kernel, options):
    pattern = re.compile(rf"linux-image-{re.escape(kernel)}\.[0-9.]+(?:\+deb[0-9]+)?(?:-[0-9]+)?-amd64")
    names = _run("apt-cache", *options, "pkgnames", f"linux-image-{kernel}.").split()
    found = [n for n in names if pattern.fullmatch(n)
             and "Candidate: (none)" not in _run("apt-cache", *options, "policy", n)]
    if not found:
        raise Unavailable(f"the package lists name no linux-image-{kernel}: apt-get update")
    return max(found, key=lambda n: [int(d) for d in re.findall(r"\d+", n)])


def _download(package, options):
    debs = CACHE / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{package}_*.deb")):
        say(f"downloading {package}")
        _run("apt-get", "download", *options, package, cwd=debs)
    return sorted(debs.glob(f"{package}_*.deb"))[-1]


def _unpack(debs, tree):
    partial = tree.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for deb in debs:
        say(f"unpacking {deb.name}")
        _run(need("dpkg-deb"), "-x", str(deb), str(partial))
    if not (partial / "lib").exists():
        (partial / "lib").symlink_to("usr/lib")     # newer packages know /usr only
    partial.rename(tree)


def kernel_tree(kernel, update=False):
    """The unpacked kernel; what is cached is kept until an update is asked for.

    Newer packages of Debian are split: the image's names those that hold it.
    """
    chosen = CACHE / "kernel" / f"{kernel}.package"
    suite = SUITES.get(kernel)
    options = _suite_options(suite)
    if update or not chosen.exists():
        chosen.parent.mkdir(parents=True, exist_ok=True)
        _fetch_lists(suite)
        chosen.write_text(_newest_image(kernel, options))
    image = chosen.read_text()
    tree = CACHE / "kernel" / image
    if not tree.exists():
        flavour = re.escape(image.removeprefix("linux-image-"))
        parts = re.findall(rf"Depends: (linux-(?:binary|modules|base)-{flavour})\s",
                           _run("apt-cache", *options, "depends", image))
        _unpack([_download(p, options) for p in (image, *parts)], tree)
    return tree
