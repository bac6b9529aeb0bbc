"""The host's programs that the rig needs, and how it runs them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

TOOLS = (
    "qemu-system-x86_64",
    "setpriv",
    "busybox",
    "cpio",
    "depmod",
    "modprobe",
    "ip",
    "candump",
    "cansend",
    "canplayer",
)

# Debian keeps some of them where a plain user's PATH does not look.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RigError(Exception):
    """The machine could not be built, did not start or has stopped, or a command that had to succeed did not."""


def environment() -> dict[str, str]:
    """Ours, with all places where programs lie, and English, since we read what they say."""
    return {**os.environ, "PATH": _search_path(), "LC_ALL": "C"}


def require_tools() -> None:
    """Raises RigError, which says what to do, when one is missing."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=_search_path()) is None]
    if missing:
        raise RigError(f"the rig misses {', '.join(missing)}; please run: scripts/setup full")


def path_of(tool: str) -> Path:
    """Where a required tool lies."""
    found = shutil.which(tool, path=_search_path())
    assert found is not None, f"{tool} is not required"
    return Path(found)


def said(command: Sequence[str], cwd: Path | None = None, told: str | None = None) -> str:
    """What a command prints when it is told something on its standard input; RigError when it fails."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment(), input=told, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise RigError(f"the rig needs Debian, which has {command[0]}") from None
    except subprocess.CalledProcessError as error:
        raise RigError(f"{' '.join(command)} failed: {error.stderr.strip()}") from None
    return done.stdout


def _search_path() -> str:
    return f"{os.environ.get('PATH', '')}:{SEARCH_PATH}"
