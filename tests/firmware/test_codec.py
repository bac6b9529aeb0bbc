"""The codec: two of them, Python and C, that agree on every stream, however it is cut, broken or mixed up."""

import hashlib
import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder_bridge import protocol
from hardshoulder_bridge.codec import ENCODED_MAX, PAYLOAD_MAX, Decoder, Packet, cobs, encode, uncobs
from hardshoulder_bridge.messages import Record, pack_records, read_records
from support.firmware import ROOT, CDecoder, c_encode, c_records

VECTORS = Path(__file__).parent / "vectors.json"
PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text("utf-8")
HEADER = (ROOT / "firmware_bridge" / "firmware" / "src" / "protocol.h").read_text("utf-8")

# Many zeros: they are what COBS is about.
payloads = st.lists(st.one_of(st.just(0), st.integers(0, 255)), max_size=PAYLOAD_MAX).map(bytes)
packets = st.builds(Packet, st.integers(0, 255), st.integers(0, 255), payloads)
frames = st.builds(
    lambda delta, wide, number, data: (delta, (number | protocol.EXTENDED) if wide else number & 0x7FF, data),
    st.integers(0, 0xFFFF), st.booleans(), st.integers(0, 0x1FFF_FFFF), st.binary(max_size=8),
)  # fmt: skip


def python_faults(decoder: Decoder) -> tuple[int, int, int]:
    return decoder.faults.overlong, decoder.faults.malformed, decoder.faults.crc_errors


def made_vectors() -> list[dict[str, str | int]]:
    """One line for each kind of packet and each corner of the framing."""
    chance = random.Random(20261122)
    corners = [b"", b"\0", b"\0" * PAYLOAD_MAX, b"\xff" * PAYLOAD_MAX, bytes(range(PAYLOAD_MAX)), b"123456789"]
    rows = [Packet(kind, 0, b"") for kind in protocol.Kind]
    rows += [Packet(0x83, number, payload) for number, payload in enumerate(corners)]
    rows += [Packet(chance.randrange(256), chance.randrange(256), chance.randbytes(8 * i)) for i in range(1, 31)]
    return [{"kind": p.kind, "number": p.number, "payload": p.payload.hex(), "line": encode(p).hex()} for p in rows]


def test_the_vectors_are_those_of_the_python_codec(update: bool) -> None:
    if update:
        VECTORS.write_text(json.dumps(made_vectors(), indent=0) + "\n")
    assert json.loads(VECTORS.read_text()) == made_vectors()


def test_python_reads_the_vectors() -> None:
    decoder = Decoder()
    for row in json.loads(VECTORS.read_text()):
        packet = Packet(row["kind"], row["number"], bytes.fromhex(row["payload"]))
        assert decoder.feed(bytes.fromhex(row["line"])) == [packet]
    assert python_faults(decoder) == (0, 0, 0)


@pytest.mark.slow
def test_the_firmware_writes_and_reads_the_vectors() -> None:
    decoder = CDecoder()
    for row in json.loads(VECTORS.read_text()):
        packet = Packet(row["kind"], row["number"], bytes.fromhex(row["payload"]))
        assert c_encode(packet).hex() == row["line"]
        assert decoder.feed(bytes.fromhex(row["line"])) == [packet]
    assert decoder.faults == (0, 0, 0)


def test_the_page_is_the_one_both_ends_were_built_from() -> None:
    hashed = PAGE[: PAGE.index("End of what is hashed.\n") + len("End of what is hashed.\n")]
    digest = hashlib.sha256(hashed.encode()).digest()[:8]
    assert digest == protocol.HASH, "docs/PROTOCOL.md changed: scripts/firmware hash"
    written = re.search(r"HS_PROTOCOL_HASH \{(.*)\}", HEADER)
    assert written is not None
    assert bytes(int(part, 16) for part in written[1].split(",")) == digest


def test_page_and_both_ends_name_the_same_numbers() -> None:
    table = {name: int(number, 16) for number, name in re.findall(r"^\| ([0-9a-f]{2}) \| (\w+) \|", PAGE, re.MULTILINE)}
    assert table == {kind.name: kind.value for kind in protocol.Kind}
    header = {name: int(value, 0) for name, value in re.findall(r"\bHS_(\w+) = (\w+)", HEADER)}
    assert {name: header[name] for name in table} == table
    assert {f"END_{end.name}": end.value for end in protocol.End}.items() <= header.items()
    assert {f"WANTS_{w.name}": w.value for w in protocol.Wants}.items() <= header.items()
    assert {f"SEEN_{s.name}": s.value for s in protocol.Seen}.items() <= header.items()
    assert {verdict.name: verdict.value for verdict in protocol.Verdict}.items() <= header.items()
    defined = {name: int(value, 0) for name, value in re.findall(r"#define HS_(\w+) (\w+?)u\b", HEADER)}
    assert defined["PROTOCOL_VERSION"] == protocol.VERSION
    assert (defined["BODY_MIN"], defined["BODY_MAX"]) == (protocol.BODY_MIN, protocol.BODY_MAX)
    assert (defined["PAYLOAD_MAX"], defined["ENCODED_MAX"]) == (PAYLOAD_MAX, ENCODED_MAX)
    assert (defined["NO_END_MS"], defined["UNKNOWN_MV"]) == (protocol.NO_END_MS, protocol.UNKNOWN_MV)


@given(st.binary(max_size=254))
def test_cobs_takes_out_every_zero_and_puts_it_back(body: bytes) -> None:
    encoded = cobs(body)
    assert 0 not in encoded
    assert len(encoded) == len(body) + 1
    assert uncobs(encoded) == body


@given(st.lists(packets, max_size=5))
def test_a_byte_at_a_time_is_the_same_as_all_at_once(sent: list[Packet]) -> None:
    line = b"".join(map(encode, sent))
    whole, single = Decoder(), Decoder()
    assert whole.feed(line) == sent
    assert [packet for byte in line for packet in single.feed(bytes((byte,)))] == sent


@given(packets, st.binary(max_size=600), packets)
def test_garbage_costs_no_frame_but_the_one_it_touches(before: Packet, garbage: bytes, after: Packet) -> None:
    decoder = Decoder()
    got = decoder.feed(encode(before) + garbage + encode(after) + encode(before))
    assert got[0] == before
    assert got[-1] == before, "in step again after one frame at the latest"
    assert Decoder().feed(garbage + b"\0" + encode(after))[-1] == after, "and at once after a zero"


@given(packets, st.data())
def test_a_broken_bit_is_seen(sent: Packet, data: st.DataObject) -> None:
    line = bytearray(encode(sent))
    bit = data.draw(st.integers(0, 8 * len(line) - 1))
    line[bit // 8] ^= 1 << bit % 8
    decoder = Decoder()
    assert sent not in decoder.feed(bytes(line) + b"\0")
    # Only the bit that makes of a last zero something else leaves a frame that is merely longer.
    assert sum(python_faults(decoder)) >= 1


def damaged(line: bytes, chance: random.Random) -> bytes:
    """Bytes lost, doubled, changed and put in, about one in fifty each."""
    out = bytearray()
    for byte in line:
        fate = chance.random()
        if fate < 0.02:
            continue
        if fate < 0.04:
            out.append(byte)
        if fate < 0.06:
            byte ^= 1 << chance.randrange(8)
        if fate < 0.07:
            out += chance.randbytes(chance.randrange(300))
        out.append(byte)
    return bytes(out)


@pytest.mark.slow
@given(st.lists(packets, max_size=8), st.randoms(use_true_random=False), st.booleans())
def test_both_codecs_make_the_same_of_a_bad_line(sent: list[Packet], chance: random.Random, reordered: bool) -> None:
    lines = [encode(packet) for packet in sent]
    assert lines == [c_encode(packet) for packet in sent]
    if reordered:
        chance.shuffle(lines)
    line = damaged(b"".join(lines), chance)
    python, firmware = Decoder(), CDecoder()
    while line:
        size = chance.choice((1, 1, 2, 7, 64, 1000))
        piece, line = line[:size], line[size:]
        assert python.feed(piece) == firmware.feed(piece)
        assert python_faults(python) == firmware.faults


@given(st.lists(frames, min_size=1, max_size=16), st.integers(0, 0xFFFF_FFFF))
def test_frames_come_out_of_a_packet_as_they_went_in(heard: list[tuple[int, int, bytes]], begin_us: int) -> None:
    at_us, records = begin_us, list[Record]()
    for delta_us, can_id, data in heard:
        at_us = (at_us + (delta_us if records else 0)) & 0xFFFF_FFFF
        records.append(Record(at_us, can_id, data))
    assert read_records(pack_records(records)) == records


@pytest.mark.slow
@given(st.one_of(st.binary(max_size=PAYLOAD_MAX), st.lists(frames, min_size=1, max_size=16)))
def test_both_ends_read_the_same_frames(heard: bytes | list[tuple[int, int, bytes]]) -> None:
    payload = heard if isinstance(heard, bytes) else pack_records(Record(7, can_id, data) for _, can_id, data in heard)
    assert read_records(payload) == c_records(payload)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param("", id="no frame"),
        pytest.param("09 0000 0001 000000000000000000", id="nine bytes"),
        pytest.param("10 0000 0001", id="reserved bit"),
        pytest.param("00 0000 0008", id="12 bits"),
        pytest.param("80 0000 00000020", id="30 bits"),
        pytest.param("01 0000 0001", id="cut off"),
        pytest.param("00 0000 0001 00", id="left over"),
    ],
)
def test_a_list_of_frames_that_is_wrong_is_wrong_as_a_whole(records: str) -> None:
    assert read_records(bytes(4) + bytes.fromhex(records)) is None


@pytest.mark.parametrize("records", [[], [Record(0, 1, b"123456789")], [Record(0, 1, b""), Record(70_000, 1, b"")]])
def test_what_fits_no_packet_is_refused(records: list[Record]) -> None:
    with pytest.raises(ValueError, match=r"frame|8 bytes"):
        pack_records(records)
