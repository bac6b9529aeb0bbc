"""cosmic-ray, with the tests of each mutant in a fork of this process, which has loaded their tools once and for all.

scripts/mutate starts it in its copies of the tree, with cosmic-ray's own arguments. A run of pytest in a new process
spends most of its time on loading pytest and hypothesis; the core and its tests are loaded by each fork for itself.
"""

import os
import select
import shlex
import signal
import sys

import cosmic_ray.mutating
import hypothesis.strategies  # noqa: F401  loaded here for every fork
import pytest
from cosmic_ray.cli import main
from cosmic_ray.work_item import TestOutcome


def forked(command: str, timeout_s: float) -> tuple[TestOutcome, str]:
    """Runs `python -m pytest ...` in a fork, in place of cosmic-ray's `run_tests`."""
    words = shlex.split(command)
    child = os.fork()
    if child == 0:
        run(words[words.index("pytest") + 1 :])
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor], [], [], timeout_s)
    os.close(descriptor)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return TestOutcome.SURVIVED if status == 0 else TestOutcome.KILLED, ""


def run(arguments: list[str]) -> None:
    """The fork: runs pytest in silence and ends with its exit code, without returning."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = int(pytest.main(arguments))
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    cosmic_ray.mutating.run_tests = forked
    sys.exit(main())
