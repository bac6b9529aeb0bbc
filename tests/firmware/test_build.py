"""The firmware's sources as such: built for the board, checked, fuzzed under sanitizers, and of the house's sizes."""

import re
import subprocess
from pathlib import Path

import pytest

from support.firmware import BUILT, ROOT, build, need

HOME = ROOT / "firmware_bridge" / "firmware"
SOURCES = {
    path.relative_to(HOME).as_posix(): path for pattern in ("*.c", "*.h") for path in sorted(HOME.rglob(pattern))
}
FILE_LINES, FUNCTION_LINES = 300, 40
FORBIDDEN = re.compile(r"\b(malloc|calloc|realloc|free|alloca|setjmp|longjmp|strcpy|sprintf|gets)\s*\(|\bgoto\b")


@pytest.mark.full
def test_hostile_input_under_sanitizers_for_twenty_seconds() -> None:
    need("gcc", "gcc")
    assert re.fullmatch(r"\d{5,} turns, \d+ frames sent, \d+ turns held\n", build("fuzz", "20", "7"))


@pytest.mark.full
def test_cppcheck_finds_nothing() -> None:
    need("cppcheck", "cppcheck")
    assert build("check") == ""


@pytest.mark.full
def test_the_board_image_fits_and_its_stack_is_bounded() -> None:
    """64 KiB of RAM for data and stack; no function takes a stack whose size is only known at run time."""
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi")
    build("board")
    sizes = subprocess.run(
        ["arm-none-eabi-size", str(BUILT / "lm3s6965evb.elf")], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1]
    text, data, bss = map(int, sizes.split()[:3])
    assert text < 64 * 1024
    assert data + bss < 48 * 1024
    usage = [line for path in BUILT.glob("*.su") for line in path.read_text().splitlines()]
    assert len(usage) > 50
    assert [line for line in usage if not line.endswith("static")] == []
    assert max(int(line.split("\t")[1]) for line in usage) < 1024


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_keeps_the_house_rules(name: str) -> None:
    text = SOURCES[name].read_text("utf-8")
    lines = text.splitlines()
    assert text.startswith("/* "), f"{name} does not open with a line that says what it is for"
    assert len(lines) <= FILE_LINES, f"{name} has {len(lines)} lines"
    assert max(map(len, lines)) <= 120
    assert not FORBIDDEN.search(text)
    begun = None
    for number, line in enumerate(lines):
        begun = number if line == "{" else begun
        if line == "}" and begun is not None:
            assert number - begun < FUNCTION_LINES, f"{name}:{begun}: {number - begun} lines"


def calls() -> dict[str, set[str]]:
    """Function of the core to the functions of the core that it names."""
    bodies: dict[str, str] = {}
    for path in sorted((HOME / "src").glob("*.c")):
        for match in re.finditer(
            r"^[\w *]*?\b(\w+)\([^;{]*\)\n\{\n(.*?)^\}", path.read_text(), re.MULTILINE | re.DOTALL
        ):
            bodies[f"{path.stem}.{match[1]}"] = match[2]
    names = {key: key.split(".")[1] for key in bodies}
    return {
        key: {
            other
            for other, name in names.items()
            if re.search(rf"\b{name}\(", body) and (name.startswith("hs_") or other.split(".")[0] == key.split(".")[0])
        }
        for key, body in bodies.items()
    }


def test_no_function_of_the_core_comes_back_to_itself() -> None:
    """No recursion: the depth of the stack is known."""
    graph = calls()
    assert len(graph) > 60
    assert any("hs_crc32" in other for others in graph.values() for other in others)
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_freestanding_core_includes_no_library() -> None:
    allowed = {"stdbool.h", "stddef.h", "stdint.h"}
    for folder in ("src", "vehicles", "boards/lm3s6965evb"):
        for path in Path(HOME / folder).glob("*.[ch]"):
            assert set(re.findall(r"#include <(.*)>", path.read_text())) <= allowed, path
