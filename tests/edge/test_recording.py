"""Our format of raw frames: cut at every byte, with every bit flipped, and back again."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recording import (
    BODY_LIMIT,
    CHUNK_S,
    FLEXIBLE,
    HEADER_BYTES,
    MARK,
    OWN,
    PIECE_LIMIT,
    Fault,
    Kind,
    NotOurs,
    Own,
    chunk,
    chunks,
    head_body,
    parse_head,
    pieces,
)
from support.recordings import BUSES, HEAD, moment, read, small, told, written

FRAMES = small()
WHOLE = written(FRAMES)


def ends(data: bytes) -> list[int]:
    """The byte behind each chunk."""
    return [found.at_byte + HEADER_BYTES + found.length for found in chunks(data, [])]


def test_what_is_written_is_read() -> None:
    recorded = Recorded(WHOLE)
    assert read(WHOLE) == told(FRAMES)
    assert (recorded.state, recorded.notes, recorded.frames, recorded.head) == ("whole", [], len(FRAMES), HEAD)
    assert recorded.seconds == pytest.approx(FRAMES[-1].at_s - FRAMES[0].at_s)
    assert recorded.begins_us == told(FRAMES)[0][0]
    assert all(bool(frame.flags & FLEXIBLE) == (len(frame.data) > 8) for frame in recorded)


def test_the_bytes_are_those_of_the_document() -> None:
    """docs/RECORDINGS.md, read by a hand that shares no code with the program."""
    frame = Frame(2.5, "body", 0x18DA_F110 | EXTENDED, b"\x01\x02")
    data = chunk(Kind.FRAMES, 7, moment(2.5), next(pieces([frame], {"body": 1})).body, 1)
    mark, version, kind, flags, number, length, frames, base, wall, body_crc = struct.unpack("<4sBBHIIIQqI", data[:40])
    assert (mark, version, kind, flags, number, length, frames) == (b"\x89HSR", 1, 2, 1, 7, 13, 1)
    assert base == 2_500_000 and wall == moment(2.5).wall_us
    assert body_crc == zlib.crc32(data[44:]) and data[40:44] == struct.pack("<I", zlib.crc32(data[:40]))
    assert data[44:] == struct.pack("<iIBBB", 0, 0x98DA_F110, 1, 0, 2) + b"\x01\x02"


def test_a_cut_at_any_byte_loses_what_its_last_chunk_held_and_no_more() -> None:
    boundaries = ends(WHOLE)
    frames_by_chunk = [found.frames for found in chunks(WHOLE, [])]
    for cut in range(len(WHOLE)):
        sound = [frames for end, frames in zip(boundaries, frames_by_chunk, strict=True) if end <= cut]
        if not sound:
            with pytest.raises(NotOurs):
                Recorded(WHOLE[:cut])
            continue
        recorded = Recorded(WHOLE[:cut])
        kept = sum(sound)
        assert read(WHOLE[:cut]) == told(FRAMES[:kept]), cut
        assert recorded.state == "cut"
        assert bool(recorded.notes) is (cut not in boundaries)
        # What had reached the file of the frames that are missing lies within half a second.
        begun = next((end for end in boundaries if end > cut), len(WHOLE))
        lost = FRAMES[kept : kept + frames_by_chunk[boundaries.index(begun)]]
        assert not lost or lost[-1].at_s - lost[0].at_s < CHUNK_S


def test_a_flipped_bit_is_told_with_its_chunk_and_costs_no_other() -> None:
    boundaries, found = ends(WHOLE), list(chunks(WHOLE, []))
    for at in range(len(WHOLE)):
        data = bytearray(WHOLE)
        data[at] ^= 1 << (at % 8)
        hit = next(place for place, end in enumerate(boundaries) if at < end)
        kept = [place for place in range(len(found)) if place != hit]
        faults: list[Fault] = []
        sound = list(chunks(bytes(data), faults))
        assert [one.number for one in sound] == kept, at
        (fault,) = faults
        begin = found[hit].at_byte
        if hit == len(found) - 1 and not fault.cut:
            assert f"from byte {begin} to" in fault.text
        elif fault.cut:
            assert f"byte {begin}" in fault.text
        else:
            assert f"from byte {begin} to {boundaries[hit]} is damaged" in fault.text
        if at - begin >= HEADER_BYTES and not fault.cut:
            assert fault.text.startswith(f"chunk {hit} ")


def test_without_its_head_a_recording_is_read_with_numbers_for_buses() -> None:
    data = bytearray(WHOLE)
    data[HEADER_BYTES + 3] ^= 1
    recorded = Recorded(bytes(data))
    assert recorded.state == "damaged" and recorded.head is None
    assert {frame.bus for frame in recorded} == {"bus0", "bus1"}
    assert [frame.data for frame in recorded] == [frame.data for frame in FRAMES]
    assert any("head is missing" in note for note in recorded.notes)


def test_a_part_after_a_cut_is_found_inside_the_torn_chunk() -> None:
    last = ends(WHOLE)[-2]
    torn = WHOLE[: last - 5]
    recorded = Recorded(torn + WHOLE)
    assert len(recorded.parts) == 2 and recorded.state == "cut"
    assert read(torn + WHOLE)[-len(FRAMES) :] == told(FRAMES)
    assert "after a restart" in recorded.notes[0]


def test_a_newer_format_is_named() -> None:
    data = bytearray(chunk(Kind.HEAD, 0, moment(1.0), head_body(HEAD)))
    data[4] = 2
    data[40:44] = struct.pack("<I", zlib.crc32(data[:40]))
    with pytest.raises(NotOurs, match="version 2, and 1 is read here"):
        Recorded(bytes(data))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"incident": "i"}', b"5"])
def test_a_head_that_cannot_be_understood_costs_names_alone(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whichever; the reader says what it is
        parse_head(body)
    recorded = Recorded(chunk(Kind.HEAD, 0, moment(1.0), body) + WHOLE[ends(WHOLE)[0] :])
    assert [frame.data for frame in recorded] == [frame.data for frame in FRAMES]
    assert "cannot be understood" in recorded.notes[0]


@pytest.mark.parametrize("body", [b"\x00" * 5, struct.pack("<iIBBB", 0, 1, 0, 0, 9) + b"12", b"\xff" * 80])
def test_a_sound_chunk_of_nonsense_is_left_out_with_a_note(body: bytes) -> None:
    data = WHOLE + chunk(Kind.FRAMES, 9, moment(1.0), body, 1)
    recorded = Recorded(data)
    assert len(list(recorded)) == len(FRAMES)
    assert any("no row of frames" in note for note in recorded.notes)


def test_bytes_that_are_no_recording_are_refused() -> None:
    for data in (b"", b"(1.0) can0 123#\n" * 40, MARK * 2000, bytes(9999)):
        with pytest.raises(NotOurs):
            Recorded(data)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(noise: bytes) -> None:
    first = ends(WHOLE)[0]
    recorded = Recorded(WHOLE[:first] + noise + WHOLE[first:])
    assert [frame.data for frame in recorded] == [frame.data for frame in FRAMES]


FRAME = st.builds(
    Frame,
    at_s=st.floats(0, 4000, allow_nan=False),
    bus=st.sampled_from(BUSES),
    can_id=st.integers(0, 0x7FF) | st.integers(0, 0x1FFF_FFFF).map(lambda number: number | EXTENDED),
    data=st.binary(max_size=64),
)


@given(st.lists(FRAME | FRAME.map(lambda frame: Own(*frame)), max_size=60))
def test_any_frames_come_back_in_their_order(frames: list[Frame]) -> None:
    recorded = Recorded(written(frames))
    assert [tuple(frame[:4]) for frame in recorded] == told(frames)
    assert [bool(frame.flags & OWN) for frame in recorded] == [type(frame) is Own for frame in frames]
    assert recorded.frames == len(frames) and recorded.state == "whole"


def test_a_chunk_is_bounded_in_time_and_bytes() -> None:
    numbers = {name: number for number, name in enumerate(BUSES)}
    quick = [Frame(5.0 + number / 1e5, "main", 1, b"x" * 64) for number in range(20_000)]
    assert all(len(piece.body) <= PIECE_LIMIT + 75 < BODY_LIMIT for piece in pieces(quick, numbers))
    slow = [Frame(float(number), "main", 1, b"") for number in range(9)]
    assert [piece.frames for piece in pieces(slow, numbers)] == [1] * 9


def test_a_clock_that_was_set_meanwhile_gives_one_time_to_the_whole_part() -> None:
    """The car woke in 1970, and the time came in the middle."""
    numbers = {name: number for number, name in enumerate(BUSES)}
    first, second = list(pieces(FRAMES, numbers))[:2]
    unset = moment(first.base_us / 1e6, trusted=False, ahead_s=-1.7e9)
    late = moment(second.base_us / 1e6)
    data = chunk(Kind.HEAD, 0, unset, head_body(HEAD))
    data += chunk(Kind.FRAMES, 1, unset, first.body, first.frames)
    before = Recorded(data)
    assert not before.clock_trusted and next(iter(before)).at_us < 1e15 / 2
    data += chunk(Kind.FRAMES, 2, late, second.body, second.frames)
    after = Recorded(data)
    assert after.clock_trusted and read(data) == told(FRAMES[: first.frames + second.frames])
