# SPDX-License-Identifier: GPL-2.0-only
"""Builds what the lab boots: a kernel's uncompressed vmlinux and modules, the host's programs, the guest.

Each is an initramfs of its own; what a lab host boots is some of them, one after the other.
"""
import fcntl
import glob
import hashlib
import io
import lzma
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

from .common import CACHE, KERNELS, SOURCE, LabError, need, say
from .cpio import Archive
from .packages import kernel_tree
from .software import fill as fill_software

# Programs of the lab host: name -> Debian package. Libraries follow from ldd.
HOST_PROGRAMS = {
    "ip": "iproute2", "tc": "iproute2", "bridge": "iproute2", "ss": "iproute2",
    "kmod": "kmod", "qemu-system-x86_64": "qemu-system-x86", "iperf3": "iperf3",
    "trace-cmd": "trace-cmd", "perf": "linux-perf", "flock": "util-linux",
}
HOST_PROGRAMS_IF_THERE = ("bash", "tcpdump", "strace", "ethtool", "stdbuf", "sqlite3", "bpftool",
                          "chrt", "taskset")
GUEST_PROGRAMS = {"iperf3": "iperf3"}

# Libraries vnetdx may be linked with, so that a fresh build runs in the lab as it is.
HOST_LIBRARIES = (
    "libbpf.so.1", "libtracefs.so.1", "libtraceevent.so.1", "libsqlite3.so.0", "libjansson.so.4",
    "libmnl.so.0", "libRmath.so.1", "libzstd.so.1", "libelf.so.1", "libz.so.1", "libncursesw.so.6",
    "libtinfo.so.6", "libpthread.so.0", "libm.so.6", "libcap.so.2", "libasan.so.8",
    "libubsan.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libstdbuf.so",
)
FIRMWARE = (
    ("/usr/share/seabios/bios-256k.bin", "seabios"),
    ("/usr/share/seabios/bios-microvm.bin", "seabios"),
    ("/usr/share/qemu/kvmvapic.bin", "qemu-system-data"),
    ("/usr/share/qemu/linuxboot_dma.bin", "qemu-system-data"),
    ("/usr/share/qemu/pvh.bin", "qemu-system-data"),
)

HOST_MODULES = (
    "kvm_amd", "vhost_net", "tun", "tap", "bridge", "veth", "macvlan", "macvtap", "openvswitch",
    "vport-vxlan", "dummy", "ifb", "8021q", "bonding",
    "sch_netem", "sch_tbf", "sch_htb", "sch_fq", "sch_fq_codel", "sch_ingress", "act_mirred",
    "inet_diag", "tcp_diag", "act_police", "act_gact", "cls_u32", "cls_matchall", "cls_bpf", "act_bpf",
    "virtio_pci", "virtio_console", "virtio_blk", "virtio_net", "9p", "9pnet_virtio", "e1000",
    "msr", "configs", "nf_conntrack", "iptable_filter", "fuse", "overlay", "loop",
    "crc32c_generic",   # libcrc32c asks for it by an alias, so no dependency names it
)
GUEST_MODULES = (
    "virtio_pci", "virtio_mmio", "virtio_console", "virtio_net", "e1000", "e1000e", "sch_tbf",
    "sch_netem", "sch_fq", "8139cp",
)


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# ------------------------------------------------------------------ a kernel

def _kernel_files(kernel, update):
    """Where it is unpacked, its release, its image and its configuration."""
    tree = kernel_tree(kernel, update)
    release = next((tree / "lib" / "modules").iterdir()).name
    below = tree / "lib" / "modules" / release      # newer packages have all there
    files = [below / name if (below / name).exists() else tree / "boot" / f"{name}-{release}"
             for name in ("vmlinuz", "config")]
    return tree, release, *files


def _vmlinux(bzimage):
    """The kernel proper out of a bzImage: booted by PVH it spares the emulated CPU the unpacking."""
    data = Path(bzimage).read_bytes()
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (data[0x1F1] + 1) * 512 + offset
    payload = data[start:start + length - 4]    # the last four bytes are the unpacked size
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(payload)
    if payload[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run([need("zstd"), "-dc"], input=payload, capture_output=True,
                              check=True).stdout
    raise LabError(f"{bzimage}: packed in a way not known here ({payload[:4].hex()})")


# ------------------------------------------------------------------ parts of an initramfs

def _libraries_of(path, tree=None):
    found_in = {"LD_LIBRARY_PATH": ":".join(f"{tree}/{d}/x86_64-linux-gnu" for d in ("usr/lib", "lib"))} if tree else {}
    done = subprocess.run(["ldd", path], capture_output=True, text=True, env={**os.environ, **found_in})
    return [m.group(1) for m in re.finditer(r"(/\S+) \(0x", done.stdout)]


class Parts:
    """Collects files for an archive and remembers each as an input of the build.

    tree: where packages not installed here are unpacked; libraries are looked for there first.
    """

    def __init__(self):
        self.tree = None
        self.archive = Archive()
        self.inputs = []

    def file(self, name, path, mode=None):
        self.inputs.append(str(path))
        self.archive.file(name, path, mode)

    def program(self, path, name=None):
        real = os.path.realpath(path)
        self.file(name or f"usr/bin/{os.path.basename(path)}", real, 0o755)
        for library in _libraries_of(real, self.tree):
            self.library(library)

    def library(self, path):
        name = path.removeprefix(str(self.tree)).lstrip("/")
        if name.startswith("lib"):
            name = "usr/" + name
        if name not in self.archive:
            self.file(name, os.path.realpath(path), 0o755)

    def base(self):
        for name in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "var", "mnt", "share",
                     "usr/bin", "usr/lib", "usr/lib64"):
            self.archive.directory(name)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.archive.link(name, f"usr/{'bin' if name.endswith('bin') else name}")
        self.archive.link("usr/sbin", "bin")
        self.archive.link("var/run", "/run")
        self.archive.node("dev/console", 5, 1)
        self.archive.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
                          b"libvirt-qemu:x:64055:106::/:/bin/false\n")
        self.archive.data("etc/group", b"root:x:0:\nnogroup:x:65534:\nkvm:x:106:\nlibvirt-qemu:x:64055:\n")
        busybox = need("busybox")
        if _libraries_of(busybox):
            raise LabError("busybox is not the static one: apt-get install busybox-static")
        self.file("usr/bin/busybox", busybox)
        for applet in sorted(set(_output(busybox, "--list").split()) - {"busybox"}):
            self.archive.link(f"usr/bin/{applet}", "busybox")
        # not busybox's shell: it prefers its own ip and modprobe to the full ones beside it
        self.program(need("dash"), "usr/bin/sh")


def _host_parts():
    parts = Parts()
    parts.base()
    for program, package in HOST_PROGRAMS.items():
        parts.program(need(program, package))
    for program in ("modprobe", "insmod", "rmmod", "lsmod", "depmod", "modinfo"):
        parts.archive.link(f"usr/bin/{program}", "kmod")
    for program in HOST_PROGRAMS_IF_THERE:
        if shutil.which(program):
            parts.program(shutil.which(program))
    known = dict(re.findall(r"\s(\S+) \(libc6,x86-64[^)]*\) => (\S+)", _output("/sbin/ldconfig", "-p")))
    for library in HOST_LIBRARIES:
        if library in known:
            parts.library(known[library])
            for below in _libraries_of(known[library]):
                parts.library(below)
    for path, package in FIRMWARE:
        if not os.path.exists(path):
            raise LabError(f"{path} is missing: apt-get install {package}")
        parts.file(f"usr/share/qemu/{os.path.basename(path)}", path)
    for path in glob.glob("/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so"):    # built in, in older ones
        parts.file(path.lstrip("/"), path)
    for path in glob.glob("/lib/terminfo/[xlsv]/*"):
        if os.path.basename(path) in ("xterm", "xterm-256color", "linux", "screen", "screen-256color", "vt100"):
            parts.file("usr" + path, path)
    parts.file("init", SOURCE / "image" / "host-init", 0o755)
    for program in ("guest", "carries"):
        parts.file(f"usr/bin/{program}", SOURCE / "image" / program, 0o755)
    for program in ("agent", "kick"):
        if (CACHE / "bin" / program).exists():
            parts.file(f"usr/bin/{program}", CACHE / "bin" / program, 0o755)
    return parts


def _guest_parts():
    parts = Parts()
    parts.base()
    for program, package in GUEST_PROGRAMS.items():
        parts.program(need(program, package))
    parts.program(need("tc", "iproute2"))
    parts.program(need("kmod"))
    for program in ("modprobe", "insmod", "rmmod", "lsmod"):
        parts.archive.link(f"usr/bin/{program}", "kmod")
    parts.file("init", SOURCE / "image" / "guest-init", 0o755)
    parts.file("usr/bin/agent", CACHE / "bin" / "agent", 0o755)
    return parts


def _closure(tree, release, wanted):
    """Paths of the wanted modules and all they need, by modules.dep."""
    depends, by_name = {}, {}
    base = tree / "lib" / "modules" / release
    if not (base / "modules.dep").exists():
        subprocess.run([need("depmod"), "-b", tree, release], check=True)
    for line in (base / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        depends[path] = needs.split()
        by_name[re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")] = path
    chosen = set()
    for name in wanted:
        path = by_name.get(name.replace("-", "_"))
        if path:    # else built in, or not in this kernel
            chosen.update([path, *depends[path]])
    return base, sorted(chosen)


def _add_modules(archive, tree, release, wanted, scratch):
    """Modules unpacked (an emulated CPU is slow at xz), with a modules.dep of just these."""
    base, chosen = _closure(tree, release, wanted)
    shutil.rmtree(scratch, ignore_errors=True)
    under = scratch / "lib" / "modules" / release
    for path in chosen:
        data = (base / path).read_bytes()
        if path.endswith(".xz"):
            data, path = lzma.decompress(data), path[:-3]
        (under / path).parent.mkdir(parents=True, exist_ok=True)
        (under / path).write_bytes(data)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(base / name, under / name)
    subprocess.run([need("depmod"), "-b", scratch, release], check=True)
    for path in sorted(under.rglob("*")):
        if path.is_file() and path.name not in ("modules.order",):
            archive.file(f"usr/lib/modules/{release}/{path.relative_to(under)}", path, 0o644)
    shutil.rmtree(scratch)


# ------------------------------------------------------------------ the build

def _compile(name, *how):
    source, target = SOURCE / f"{name}.c", CACHE / "bin" / name
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    say(f"compiling {name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([need("gcc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", *how,
                           "-o", f"{target}.new", source, "-lpthread"], capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{source.name} does not compile:\n{done.stderr}")
    os.replace(f"{target}.new", target)


def _stamp(inputs):
    digest = hashlib.sha256()
    for path in inputs:
        st = os.stat(path)
        digest.update(f"{os.path.basename(path)} {st.st_size} {st.st_mtime_ns}\n".encode())
    for path in (SOURCE / "labkit" / f"{name}.py" for name in ("image", "cpio", "software")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _piece(name, parts, more_inputs=(), fill=None):
    """The archive image/NAME.cpio: written anew, with what fill adds, when its inputs changed."""
    path = CACHE / "image" / f"{name}.cpio"
    stamp_path, stamp = path.with_suffix(".stamp"), _stamp([*parts.inputs, *more_inputs])
    if path.exists() and stamp_path.exists() and stamp_path.read_text() == stamp:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if fill:
        fill()
    with open(f"{path}.new", "wb") as out:
        parts.archive.write(out)
    os.replace(f"{path}.new", path)
    stamp_path.write_text(stamp)
    say(f"image {name}: {path.stat().st_size >> 20} MB")


def vmlinux(kernel):
    return CACHE / "image" / f"vmlinux-{kernel}"


def _build_kernel(kernel, update):
    """vmlinux and the archive of its modules."""
    tree, release, bzimage, config = _kernel_files(kernel, update)
    parts = Parts()
    parts.file(f"boot/config-{release}", config)

    def fill():
        vmlinux(kernel).write_bytes(_vmlinux(bzimage))
        _add_modules(parts.archive, tree, release, HOST_MODULES, CACHE / "image" / "scratch")
    _piece(f"modules-{kernel}", parts, [bzimage], fill)


def _build_guest(update):
    """The guest as a file of the host: one for all, as its kernel runs on every host's."""
    tree, release, _, _ = _kernel_files(KERNELS[0], update)
    _build_kernel(KERNELS[0], update)
    guest, outer = _guest_parts(), Parts()

    def fill():
        _add_modules(guest.archive, tree, release, GUEST_MODULES, CACHE / "image" / "scratch")
        inner = io.BytesIO()
        guest.archive.write(inner)
        outer.archive.data("lab/guest.cpio", inner.getvalue())
    outer.file("lab/vmlinux", vmlinux(KERNELS[0]))
    _piece("guest", outer, guest.inputs, fill)


def archives(kernel, software=()):
    """What a lab host's initramfs is made of, in order; build makes them."""
    return [CACHE / "image" / f"{name}.cpio" for name in ("host", "guest", f"modules-{kernel}", *software)]


def build(kernels=KERNELS, software=(), update=False):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # two runs may want the same image at once
        for program in ("agent", "kick"):
            _compile(program, "-static")
        _compile("instructions", "-shared", "-fPIC")
        _piece("host", _host_parts())
        _build_guest(update)
        for kernel in kernels:
            _build_kernel(kernel, update)
        for name in software:
            parts = Parts()
            fill_software(parts, name)
            _piece(name, parts)
