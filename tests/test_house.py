"""The rules of the house that a machine can check: sizes, first lines, and nothing of one machine in a file."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULE_LINES = 400
FUNCTION_LINES = 40

# "path" or "path::function" -> why it may be longer.
LONGER: dict[str, str] = {}

REGISTRY = re.compile(
    r"\bpypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|\bcrates\.io"
    r"|proxy\.golang\.org|\b(?:deb|security|snapshot)\.debian\.org",
    re.IGNORECASE,
)
# Only where a path begins: `${scratch}/root` and an address that ends so are somebody else's.
MACHINE_PATH = re.compile(r"(?<![\w.}~/*-])/(?:work|root|farm)(?![\w-])")


def tracked() -> tuple[Path, ...]:
    """Every file that git knows and that still exists."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


FILES = tracked()
MODULES = {path.relative_to(ROOT).as_posix(): path for path in FILES if path.suffix == ".py"}


def lines_with(pattern: re.Pattern[str]) -> Iterator[str]:
    """`path:line: text` for every line of a text file in which the pattern is found."""
    for path in FILES:
        raw = path.read_bytes()
        if b"\0" in raw:
            continue
        for number, line in enumerate(raw.decode(errors="replace").splitlines(), start=1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and length in lines of every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_file_names_a_package_registry() -> None:
    assert list(lines_with(REGISTRY)) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert list(lines_with(MACHINE_PATH)) == []


@pytest.mark.parametrize("text", ["see https://" + "pypi" + ".org/simple", "files.python" + "hosted.org"])
def test_a_registry_is_recognised(text: str) -> None:
    assert REGISTRY.search(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cd /" + "work/main", True),
        ('"/' + 'root/.cache"', True),
        ("HOME=/" + "root", True),
        ("${scratch}/root", False),
        ("a/work/b", False),
        ("/" + "rooted", False),
    ],
)
def test_a_path_of_one_machine_is_recognised(text: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is found


@pytest.mark.parametrize("name", MODULES)
def test_module_keeps_the_house_rules(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{name} does not open with a line that says what it is for"
    lines = len(text.splitlines())
    assert lines <= MODULE_LINES or name in LONGER, f"{name} has {lines} lines"
    long = [f"{name}::{function} has {length} lines" for function, length in functions(tree) if length > FUNCTION_LINES]
    assert [entry for entry in long if entry.split(" ")[0] not in LONGER] == []


def test_every_exception_is_needed() -> None:
    for name, reason in LONGER.items():
        path, _, function = name.partition("::")
        tree = ast.parse(text := MODULES[path].read_text(encoding="utf-8"))
        lengths = [length for other, length in functions(tree) if other == function]
        needed = max(lengths, default=0) > FUNCTION_LINES if function else len(text.splitlines()) > MODULE_LINES
        assert needed, f"{name} needs no exception any more"
        assert reason
