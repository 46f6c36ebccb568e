# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages, fetched and unpacked into the lab's cache: nothing is installed.

Lists and downloads lie in folders of our own, so that the machine's own apt is not touched: those
of the machine's own sources, and for a kernel of another suite those of that suite, at the address
of the machine's own archive.
"""
import re
import shutil
import subprocess

from .common import CACHE, Unavailable, need, say

SUITES = {"5.10": "bullseye", "7.3": "trixie-backports"}     # others: the machine's own sources


def _run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{command[0]}: {' | '.join(said[-2:]) or 'failed'}")
    return done.stdout


def _apt_options(suite):
    """Options of every apt command; None: the machine's own sources."""
    folder = CACHE / "apt" / (suite or "own")
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache",
               "-o", "APT::Sandbox::User=root",     # _apt may not be able to read the cache
               "-o", "Acquire::Languages=none", "-o", "Debug::NoLocking=1"]
    if suite:
        options += ["-o", f"Dir::Etc::SourceList={folder}/sources.list", "-o", "Dir::Etc::SourceParts=-"]
    return options


def _fetch_lists(suite):
    """A suite's package lists, anew; gives apt's options for it."""
    options = _apt_options(suite)
    if suite:
        archives = _run("apt-get", *_fetch_lists(None), "indextargets", "--format", "$(REPO_URI)",
                        "Created-By: Packages", "Label: Debian").split()
        if not archives:
            raise Unavailable("this machine's apt sources name no archive of Debian")
        (CACHE / "apt" / suite / "sources.list").write_text(f"deb {archives[0]} {suite} main\n")
    say(f"package lists of {suite or 'the own suite'}")
    _run(need("apt-get"), *options, "update", *(["--error-on=any"] if suite else []))
    return options


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
    options = _apt_options(suite)
    if update or not chosen.exists():
        _fetch_lists(suite)
        image = _newest_image(kernel, options)
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_text(image)
    image = chosen.read_text()
    tree = CACHE / "kernel" / image
    if not tree.exists():
        flavour = re.escape(image.removeprefix("linux-image-"))
        parts = re.findall(rf"Depends: (linux-(?:binary|modules|base)-{flavour})\s",
                           _run("apt-cache", *options, "depends", image))
        _unpack([_download(p, options) for p in (image, *parts)], tree)
    return tree


def unpacked(*packages):
    """A folder with these packages and with what they depend on and this machine lacks."""
    tree = CACHE / "unpacked" / packages[0]
    if not tree.exists():
        debs = CACHE / "debs" / packages[0]
        (debs / "partial").mkdir(parents=True, exist_ok=True)
        tree.parent.mkdir(exist_ok=True)
        options = _fetch_lists(None)
        say(f"downloading {' '.join(packages)}")
        _run("apt-get", *options, "-o", f"Dir::Cache::Archives={debs}", "install", "-y", "--download-only",
             "--reinstall", "--no-install-recommends", *packages)
        _unpack(sorted(debs.glob("*.deb")), tree)
    return tree
