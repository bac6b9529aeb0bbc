"""What all tests share: the folder of recordings and how hard hypothesis tries."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

DRIVES_VARIABLE = "HARDSHOULDER_DRIVES"
_NO_DRIVES = f"{DRIVES_VARIABLE} is not set"

# A slow machine is no reason to fail; the blob lets anybody repeat a failure.
settings.register_profile("quick", deadline=None, print_blob=True)
# The inner loop looks at a few examples; those that count stand in the tests by name.
settings.register_profile("inner", deadline=None, print_blob=True, max_examples=15)
settings.register_profile("full", deadline=None, print_blob=True, max_examples=300)
# For runs that repeat everything a thousand times (scripts/mutate): the same few examples each time.
settings.register_profile("brief", deadline=None, max_examples=8, derandomize=True, database=None)
settings.load_profile("quick")


def drives_folder() -> Path | None:
    """The folder of recordings, for tests that are parametrized over its files; None when none is named."""
    named = os.environ.get(DRIVES_VARIABLE)
    return Path(named).resolve() if named else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden results are written anew on request alone, and then looked at with `git diff`."""
    parser.addoption("--update", action="store_true", help="write the golden results of tests/golden anew")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden results are to be written anew."""
    return bool(request.config.getoption("--update"))


def pytest_configure() -> None:
    """A misspelt folder must not look like one that was tested; and what is started here can be interrupted.

    A shell makes its background jobs deaf to Ctrl-C, and they hand that on to every process they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = drives_folder()
    if folder is not None and not folder.is_dir():
        pytest.exit(f"{DRIVES_VARIABLE} names no folder: {folder}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def drives() -> Path:
    """The folder of recordings; whoever asks for it is skipped where there is none."""
    folder = drives_folder()
    if folder is None:
        pytest.skip(_NO_DRIVES)
    return folder


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Says, after everything else, what a run without recordings leaves open."""
    yield
    if drives_folder() is not None:
        return
    left_out = sum(_NO_DRIVES in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    terminalreporter.write_line(f"Recordings were not tested: {_NO_DRIVES} ({left_out} tests left out).")
