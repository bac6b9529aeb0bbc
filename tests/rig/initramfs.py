"""The guest's first file system: busybox, the kernel's modules, and a script that moves on to the host's files."""

import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rig.tools import path_of, said

_INIT = Path(__file__).with_name("init.sh")
_MOUNT_POINTS = ("proc", "sys", "dev", "lower", "memory", "new")


def build_initramfs(modules: Sequence[Path], start: Sequence[str]) -> bytes:
    """The archive; `start` is the command to run with the host's files as root."""
    with tempfile.TemporaryDirectory(prefix="hardshoulder-rig-") as scratch:
        tree = Path(scratch, "tree")
        for name in ("bin", "modules", *_MOUNT_POINTS):
            (tree / name).mkdir(parents=True)
        shutil.copy(path_of("busybox"), tree / "bin" / "busybox")
        shutil.copy(_INIT, tree / "init")
        (tree / "init").chmod(0o755)
        (tree / "start").write_text(shlex.join(["chroot", "/new", *start]) + "\n")
        for module in modules:
            shutil.copy(module, tree / "modules")
        # Parents come before children, as the kernel wants them.
        names = "".join(f"{path.relative_to(tree)}\n" for path in sorted(tree.rglob("*")))
        archive = Path(scratch, "initramfs")
        said(["cpio", "--create", "--format=newc", "--quiet", "--file", str(archive)], cwd=tree, told=names)
        return archive.read_bytes()
