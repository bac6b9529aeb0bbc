"""Debian's own kernel, fetched once and kept in a cache: the image and the modules a guest needs; never installed."""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rig.tools import RigError, said

_NEWEST = "linux-image-amd64"
_MODULES = (
    "virtio_pci",
    "virtio_console",
    "9pnet_virtio",
    "9p",
    "overlay",
    "can-raw",
    "can-bcm",
    "can-isotp",
    "vcan",
    "kvaser_pci",
)
_LEFTOVER = "partial-"


@dataclass(frozen=True, slots=True)
class Kernel:
    """image: what QEMU boots; modules: files in the order in which insmod takes them."""

    image: Path
    modules: tuple[Path, ...]


def cached_kernel() -> Kernel:
    """The kernel that apt would install, from the cache or downloaded into it."""
    package = _package()
    cache = _cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    # Another list of modules is another entry, so that a changed rig does not find an old one's.
    digest = hashlib.sha256("\n".join(_MODULES).encode()).hexdigest()[:8]
    entry = cache / f"{package.replace('=', '_')}_{digest}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not entry.is_dir():
            _fetch(package, entry)
    return Kernel(entry / "vmlinuz", tuple(sorted((entry / "modules").iterdir())))


def _cache_folder() -> Path:
    """A relative $XDG_CACHE_HOME does not count, says its specification."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "hardshoulder" / "rig"


def _package() -> str:
    """`name=version` of the newest kernel that apt knows."""
    try:
        shown = said(["apt-cache", "show", "--no-all-versions", _NEWEST])
    except RigError:
        raise RigError(f"apt knows no {_NEWEST}; on Debian for amd64, please run: apt-get update") from None
    found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", shown, re.MULTILINE)
    if found is None:
        raise RigError(f"apt does not say which kernel is behind {_NEWEST}")
    return f"{found[1]}={found[2]}"


def _fetch(package: str, entry: Path) -> None:
    """Fills `entry` in one step, so that it is complete whenever it exists; the caller holds the lock."""
    for leftover in entry.parent.glob(_LEFTOVER + "*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_LEFTOVER, dir=entry.parent) as scratch:
        partial = Path(scratch)
        said(["apt-get", "download", package], cwd=partial)
        [archive] = partial.glob("*.deb")
        unpacked = partial / "unpacked"
        said(["dpkg", "-x", str(archive), str(unpacked)])
        chosen = partial / "chosen"
        (chosen / "modules").mkdir(parents=True)
        [image] = (unpacked / "boot").glob("vmlinuz-*")
        shutil.copy(image, chosen / "vmlinuz")
        for number, module in enumerate(_modules_in_order(unpacked)):
            shutil.copy(module, chosen / "modules" / f"{number:02}-{module.name}")
        chosen.rename(entry)


def _modules_in_order(unpacked: Path) -> list[Path]:
    """Every module with all that it needs before it, once."""
    [release] = (folder.name for folder in (unpacked / "lib" / "modules").iterdir())
    said(["depmod", "-b", str(unpacked), release])
    shown = said(["modprobe", "-d", str(unpacked), "-S", release, "--show-depends", "--all", *_MODULES])
    # A module that several need is listed several times; one built into the kernel is listed as such.
    files = [line.removeprefix("insmod ").strip() for line in shown.splitlines() if line.startswith("insmod ")]
    return [Path(file) for file in dict.fromkeys(files)]
