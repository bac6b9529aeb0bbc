"""A GNSS receiver on a real pseudo-terminal: what its sentences say, what is refused, a port that comes and goes."""

import contextlib
import os
import pty
import tty
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardshoulder.core.position import Fix
from hardshoulder.edge.clocks import TRUSTED_FROM, Trust
from hardshoulder.edge.location import Receiver
from hardshoulder.edge.nmea import LINE_LIMIT, Sentences, Told
from hardshoulder.settings import LocationSettings
from hardshoulder_sim.processes import wait_until
from support.car import Said

MORNING = datetime(2026, 3, 14, 6, 30, 15, tzinfo=UTC)


def sentence(body: str) -> bytes:
    """With the checksum of NMEA 0183: every character between $ and * combined by exclusive or."""
    checksum = 0
    for character in body.encode():
        checksum ^= character
    return f"${body}*{checksum:02X}\r\n".encode()


def gga(quality: int = 1, hdop: str = "1.2") -> bytes:
    return sentence(f"GPGGA,063015.00,4808.220,N,01134.500,E,{quality},08,{hdop},520.0,M,47.0,M,,")


def gsa(fix_type: int = 3, hdop: str = "0.8") -> bytes:
    return sentence(f"GPGSA,A,{fix_type},01,02,03,04,,,,,,,,,1.4,{hdop},1.1")


def rmc(
    status: str = "A", place: str = "4808.220,N,01134.500,E", moves: str = "54.0,271.5", date: str = "140326"
) -> bytes:
    return sentence(f"GPRMC,063015.00,{status},{place},{moves},{date},,,A")


def read(*lines: bytes, now_s: float = 100.0) -> list[Told]:
    return Sentences(TRUSTED_FROM).feed(b"".join(lines), now_s)


def test_a_fix_says_place_accuracy_speed_and_time() -> None:
    [told] = read(gga(), rmc())
    assert (told.fix.latitude, told.fix.longitude) == pytest.approx((48.137, 11.575), abs=1e-6)
    assert (told.fix.accuracy_m, told.fix.speed_kph) == pytest.approx((6.0, 100.008))
    assert (told.fix.heading, told.fix.at_s) == (271.5, 100.0)
    assert told.utc == MORNING


def test_the_southern_and_the_western_half() -> None:
    [told] = read(rmc(place="3356.000,S,01825.000,E"), now_s=1.0)
    assert told.fix.latitude == pytest.approx(-33.93333, abs=1e-4)
    [told] = read(rmc(place="4042.000,N,07400.000,W"))
    assert told.fix.longitude == pytest.approx(-74.0)
    assert told.fix.accuracy_m is None, "nobody said how good it is"


def test_the_accuracy_is_of_the_last_word_on_it_and_not_older_than_five_seconds() -> None:
    sentences = Sentences(TRUSTED_FROM)
    sentences.feed(gga(hdop="2.0") + gsa(hdop="0.8"), 100.0)
    [told] = sentences.feed(rmc(), 104.9)
    assert told.fix.accuracy_m == pytest.approx(4.0)
    [told] = sentences.feed(rmc(), 105.0)
    assert told.fix.accuracy_m is None


def test_a_course_at_rest_is_noise() -> None:
    [told] = read(rmc(moves="0.4,188.0"))
    assert told.fix.heading is None and told.fix.speed_kph == pytest.approx(0.74, abs=0.01)
    [told] = read(rmc(moves=","))
    assert (told.fix.heading, told.fix.speed_kph) == (None, None)


@pytest.mark.parametrize(
    "lines",
    [
        (rmc(status="V"),),
        (gga(quality=0), rmc()),
        (gga(quality=7), rmc()),
        (gga(quality=8), rmc()),
        (gga(), gsa(fix_type=1), rmc()),
        (rmc(place=",,,"),),
        (rmc(place="4808.220,N,,E"),),
        (rmc(place="9108.220,N,01134.500,E"),),
        (rmc(place="4808.220,N,18134.500,E"),),
        (rmc(place="x,N,y,E"),),
        (rmc()[:-4] + b"00\r\n",),
        (rmc()[:30], b"\r\n"),
        (b"$GPRMC,063015.00,A,4808.220,N,01134.500,E,54.0,271.5,140326,,,A\r\n",),
        (b"\xff\xfe\x00\x81\r\n",),
        (b"$\r\n", b"*00\r\n", b"\r\n"),
    ],
)
def test_what_is_no_fix_is_none(lines: tuple[bytes, ...]) -> None:
    good = rmc()
    if any(line == good for line in lines):
        assert read(*lines) == []
    else:
        # And the next good one counts.
        assert len(read(*lines, b"\r\n", good)) == 1


@pytest.mark.parametrize("date", ["060180", "250805", "010126", "310226", "", "999999"])
def test_a_date_of_another_week_costs_the_time_and_not_the_place(date: str) -> None:
    """GPS counts 1024 weeks and begins anew: a receiver that lost count says 1980, or twenty years ago."""
    told = read(rmc(date=date))
    assert [each.utc for each in told if each.utc is not None] == (
        [MORNING.replace(month=1, day=1)] * (date == "010126")
    )
    assert len(told) == (date not in ("310226", "999999")), "a date that no calendar has is a broken sentence"


def test_sentences_come_in_any_pieces() -> None:
    sentences, whole = Sentences(TRUSTED_FROM), gga() + rmc() + gsa() + rmc()
    told = [each for number in range(len(whole)) for each in sentences.feed(whole[number : number + 1], 100.0)]
    assert told == read(whole) and len(told) == 2 and sentences.refused == 0


def test_noise_without_an_end_is_let_go() -> None:
    sentences = Sentences(TRUSTED_FROM)
    for _ in range(100):
        sentences.feed(b"x" * 100, 1.0)
    assert len(sentences._rest) <= LINE_LIMIT and sentences.refused >= 9
    sentences.feed(b"\n", 1.0)
    assert len(sentences.feed(rmc(), 1.0)) == 1


_FIELD = st.one_of(st.text(alphabet="0123456789.-NSEWAVx,", max_size=12), st.sampled_from(["", "nan", "inf", "1e999"]))


@given(st.sampled_from(["GPRMC", "GNRMC", "GPGGA", "GPGSA", "PUBX", "GPXXX", "XX", ""]), st.lists(_FIELD, max_size=20))
@example("GPRMC", ["063015", "A", "nan", "N", "nan", "E", "inf", "nan", "140326"])
@example("GPGGA", ["", "", "", "", "", "99999999999999999999", "", "-1"])
def test_whatever_a_sentence_says_nothing_breaks(kind: str, fields: list[str]) -> None:
    sentences = Sentences(TRUSTED_FROM)
    for told in sentences.feed(sentence(",".join((kind, *fields))) + rmc(), 100.0):
        assert told.fix.possible
        assert told.fix.accuracy_m is None or told.fix.accuracy_m > 0


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_whatever_comes_on_the_line_nothing_breaks(pieces: list[bytes]) -> None:
    sentences = Sentences(TRUSTED_FROM)
    for piece in pieces:
        sentences.feed(piece, 100.0)
    assert len(sentences.feed(b"\r\n" + rmc(), 100.0)) >= 1


# On a real line -----------------------------------------------------------------------------


class Port:
    """The receiver's end of a pseudo-terminal that appears under a path, and may be pulled out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        path.symlink_to(os.ttyname(self._theirs))

    def say(self, data: bytes) -> None:
        os.write(self._ours, data)

    def pull(self) -> None:
        self.path.unlink()
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def said() -> Said:
    return Said()


@contextlib.contextmanager
def listening(path: Path, said: Said, trust: Trust) -> Iterator[Receiver]:
    receiver = Receiver(LocationSettings(str(path)), trust, said)
    receiver.start()
    try:
        yield receiver
    finally:
        assert receiver.stop(10.0)


def heard(receiver: Receiver, port: Port) -> Fix:
    found: list[Fix] = []

    def look() -> bool:
        port.say(gga() + rmc())
        fix = receiver.take()
        if fix is not None:
            found.append(fix)
        return bool(found)

    wait_until(look, "the receiver says where the car is")
    return found[0]


def test_a_receiver_that_comes_late_and_goes_away_and_comes_back(tmp_path: Path, said: Said) -> None:
    path = tmp_path / "gnss"
    trust = Trust(wall=lambda: MORNING + timedelta(seconds=0.4), witnesses=())
    with listening(path, said, trust) as receiver:
        wait_until(lambda: said.count("cannot be read: No such file or directory") == 1, "it is missed")
        port = Port(path)
        assert heard(receiver, port).latitude == pytest.approx(48.137, abs=1e-6)
        assert trust(), "its time agrees with the wall clock: somebody has set it"
        assert said.count("says where the car is") == 1
        port.pull()
        wait_until(lambda: said.count("cannot be read") == 2, "it is missed again")
        port = Port(path)
        heard(receiver, port)
        assert said.count("says where the car is") == 2
        port.pull()


def test_a_receiver_rests_with_the_module(tmp_path: Path, said: Said) -> None:
    port = Port(tmp_path / "gnss")
    with listening(port.path, said, Trust(wall=lambda: MORNING, witnesses=())) as receiver:
        heard(receiver, port)
        receiver.rest(True)
        held = port.path.readlink()
        wait_until(lambda: not is_open(held), "the port is closed")
        receiver.rest(False)
        heard(receiver, port)
    port.pull()


def is_open(device: Path) -> bool:
    """Whether this process holds the device more than once: its other end is ours."""
    held = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            held.append(link.readlink())
    return held.count(device) > 1


def test_without_a_port_nothing_runs(said: Said) -> None:
    receiver = Receiver(LocationSettings(), Trust(witnesses=()), said)
    receiver.start()
    assert receiver.take() is None and receiver.stop(1.0) and said.lines == []
