"""Recordings in text: every form of a line, written by hand after the formats' descriptions, and garbled ones."""

from pathlib import Path

import pytest

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.logs import LogFrame
from support.log_files import CSV, START_S, read

# candump for people --------------------------------------------------------------------------

SHOWN = {
    "  can0  123   [2]  01 FE": LogFrame(0.0, "can0", 0x123, b"\x01\xfe"),
    " (1768464000.250000)  can1  18DAF110   [8]  03 03 03 03 03 03 03 03": LogFrame(
        START_S + 0.25, "can1", 0x18DAF110 | EXTENDED, b"\x03" * 8
    ),
    " (2026-01-15 08:00:00.500000)  can0  7FF   [0]": LogFrame(START_S + 0.5, "can0", 0x7FF, b""),
    " (000.000010)  can0  123   [3]  remote request": LogFrame(0.00001, "can0", 0x123, bytes(3), "remote"),
    " (1.5)  can0  20000080   [8]  00 00 00 00 00 00 00 00   ERRORFRAME": LogFrame(
        1.5, "can0", 0x80, bytes(8), "error"
    ),
    " (1.5)  can0  005  [12]  00 01 02 03 04 05 06 07 08 09 0A 0B": LogFrame(
        1.5, "can0", 5, bytes(range(12)), "data", 0
    ),
    " (1.5)  can0  TX B E  005  [01]  FF": LogFrame(1.5, "can0", 5, b"\xff", "data", 3),
    " (1.5)  can0  RX - -  123   [2]  01 FE": LogFrame(1.5, "can0", 0x123, b"\x01\xfe"),
    "  can0  123   [3]  41 42 27   'AB''": LogFrame(0.0, "can0", 0x123, b"AB'"),
    "  can0  123   [3]  03`02`01": LogFrame(0.0, "can0", 0x123, b"\x01\x02\x03"),
    "  can0  123   [2]  00000001 11111110": LogFrame(0.0, "can0", 0x123, b"\x01\xfe"),
    "  can0  123   {B}  01 02 03 04 05 06 07 08": LogFrame(0.0, "can0", 0x123, bytes(range(1, 9))),
}


@pytest.mark.parametrize("line", SHOWN)
def test_candump_as_it_is_shown(tmp_path: Path, line: str) -> None:
    frames, _ = read(tmp_path, "drive.log", f"{line}\n")
    assert frames == [SHOWN[line]]


@pytest.mark.parametrize(
    "line",
    [
        "  can0  123   [3]  01 FE",
        "  can0  123   [1]  01 FE",
        "  can0  800   [1]  01",
        "  can0  123   [9]  01 02 03 04 05 06 07 08 09",
        "  can0  123   [65]  " + "00 " * 65,
        " (2026-13-15 08:00:00.5)  can0  7FF   [0]",
        " (1.5)  can0  123   [2]  01 F",
    ],
)
def test_a_shown_line_that_is_garbled_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"drive\.log:2: expected .* mend or remove the line"):
        read(tmp_path, "drive.log", f"  can0  123   [1]  01\n{line}\n  can0  123   [1]  01\n")


def test_lines_without_stamps_say_so_and_what_candump_explains_is_passed_over(tmp_path: Path) -> None:
    text = "  can0  20000004   [8]  00 04 00 00 00 00 00 00   ERRORFRAME\n\tcontroller-problem{rx-error-warning}\n"
    frames, notes = read(tmp_path, "drive.log", text + "  can0  123   [1]  01\n")
    assert [frame.kind for frame in frames] == ["error", "data"]
    assert len(notes) == 1
    assert "from line 1 on the lines carry no time stamps" in notes[0]
    assert "candump -L" in notes[0]


def test_times_between_frames_are_added_up(tmp_path: Path) -> None:
    steps = [0.0, *[0.01, 0.002, 0.008] * 20]
    frames, notes = read(tmp_path, "d.log", "".join(f" ({step:010.6f})  can0  123   [1]  01\n" for step in steps))
    assert frames[-1].at_s == pytest.approx(0.4)
    assert ["added up" in note for note in notes] == [True]


def test_stamps_out_of_order_now_and_then_are_no_times_between_frames(tmp_path: Path) -> None:
    stamps = [number / 100 + (0.02 if number % 10 == 0 else 0.0) for number in range(100)]
    frames, notes = read(tmp_path, "d.log", "".join(f" ({stamp:010.6f})  can0  123   [1]  01\n" for stamp in stamps))
    assert [frame.at_s for frame in frames] == pytest.approx(stamps)
    assert notes == []


# Vector asc ----------------------------------------------------------------------------------

ASC = """date Thu Jan 15 08:00:00.000 am 2026
base {base}  timestamps {stamps}
{events}// version 9.0.0
Begin Triggerblock Thu Jan 15 08:00:00.000 am 2026
   0.000000 Start of measurement
   0.015991 CAN 1 Status:chip status error passive - TxErr: 132 RxErr: 0
   1.015991 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%
{lines}End TriggerBlock
"""


def asc(lines: str, base: str = "hex", stamps: str = "absolute", events: str = "internal events logged\n") -> str:
    return ASC.format(lines=lines, base=base, stamps=stamps, events=events)


ASC_LINES = {
    "   3.098426 1  18EBFF00x       Rx d 8 01 A0 0F A6 60 3B D1 40    Length = 273910 BitCount = 141 ID = 418119424x": (
        LogFrame(3.098426, "1", 0x18EBFF00 | EXTENDED, bytes.fromhex("01A00FA6603BD140"))
    ),
    "  17.876708 2  6F9             Tx   d 8 05 0C 00 00 00 00 00 FF  Length = 240015 BitCount = 124 ID = 1785": (
        LogFrame(17.876708, "2", 0x6F9, bytes.fromhex("050C0000000000FF"))
    ),
    "   2.5 1  123  Rx   d 0": LogFrame(2.5, "1", 0x123, b""),
    "   2.5 1  123  Rx   d F 01 02 03 04 05 06 07 08": LogFrame(2.5, "1", 0x123, bytes(range(1, 9))),
    "   2.5 1  200x  Rx   r 8 Length = 0": LogFrame(2.5, "1", 0x200 | EXTENDED, bytes(8), "remote"),
    "   2.5 2  200  Tx   r": LogFrame(2.5, "2", 0x200, b"", "remote"),
    "   2.501000 1 ErrorFrame": LogFrame(2.501, "1", 0, b"", "error"),
    "   3.501000 2  ErrorFrame	ECC: 10100010": LogFrame(3.501, "2", 0, b"", "error"),
    "  30.806898 CANFD   5 Tx ErrorFrame Not Acknowledge error, dominant error flag fffe c7 31ca Arb. 556 44 0 0 f": (
        LogFrame(30.806898, "5", 0, b"", "error")
    ),
    "   0.045522 CANFD   62 Rx         7d  BrakeSnData_4                    1 0 8  8 01 1b d6 d0 8a 1f d7 f6   "
    "104812  132   323000 a800f6c9 46500250 4b140250 20011736 2001040d": (
        LogFrame(0.045522, "62", 0x7D, bytes.fromhex("011bd6d08a1fd7f6"), "data", 1)
    ),
    "   0.045636 CANFD   7 Rx      18EBFF00x                        0 1 9 12 00 01 02 03 04 05 06 07 08 09 0a 0b   "
    "105812  137   325000 d001b0b3 46500250 4b140250 20011736 2001040d": (
        LogFrame(0.045636, "7", 0x18EBFF00 | EXTENDED, bytes(range(12)), "data", 2)
    ),
    "   0.5 CANFD   1 Rx 88 0 0 0 0  105812  137   303000 0 0 0 0 0": LogFrame(0.5, "1", 0x88, b"", "data", 0),
    "   0.5 CANFD   1 Rx 88 0 0 2 2 01 02 105812  137   300000 0 0 0 0 0": LogFrame(0.5, "1", 0x88, b"\x01\x02"),
    "   0.5 CANFD   1 Rx 88 0 0 2 0 105812  137   300010 0 0 0 0 0": LogFrame(0.5, "1", 0x88, bytes(2), "remote"),
}


@pytest.mark.parametrize("line", ASC_LINES)
def test_lines_of_an_asc(tmp_path: Path, line: str) -> None:
    frames, notes = read(tmp_path, "drive.asc", asc(f"{line}\n"))
    assert (frames, notes) == ([ASC_LINES[line]], [])


def test_an_asc_with_decimal_numbers(tmp_path: Path) -> None:
    line = "   2.5 1  291  Rx   d 3 10 255 00\n   2.5 CANFD 1 Rx 419430400x 1 0 9 12 " + "16 " * 12 + "0 0 303000\n"
    frames, _ = read(tmp_path, "drive.asc", asc(line, base="dec"))
    assert frames == [
        LogFrame(2.5, "1", 0x123, b"\x0a\xff\x00"),
        LogFrame(2.5, "1", 419430400 | EXTENDED, b"\x10" * 12, "data", 1),
    ]


def test_an_asc_with_stamps_relative_to_the_line_before(tmp_path: Path) -> None:
    """Every line with a stamp moves the clock, also one without a frame."""
    lines = "   0.5 1  123  Rx   d 0\n   0.25 1  Statistic: D 0 R 0\n   0.25 1  123  Rx   d 0\n"
    frames, _ = read(tmp_path, "drive.asc", asc(lines, stamps="relative"))
    assert frames[1].at_s - frames[0].at_s == pytest.approx(0.5)


@pytest.mark.parametrize("events", ["", "no internal events logged\n", "internal events logged\n"])
def test_the_first_frame_of_an_asc_is_there_whatever_the_header_lacks(tmp_path: Path, events: str) -> None:
    frames, _ = read(tmp_path, "d.asc", f"base hex  timestamps absolute\n{events}   2.5 1  123  Rx   d 0\n")
    assert len(frames) == 1


ASC_BROKEN = [
    "   2.5 1  123  Rx   d 3 01 02",
    "   2.5 1  12Z  Rx   d 1 01",
    "   2.5 1  123  Qx   d 1 01",
    "   2.5 1  123  Rx   q 1 01",
    "   2.5 1  800  Rx   d 1 01",
    "   2.5 1  20000000x  Rx   d 1 01",
    "   2.5 1  123  Rx   d 1 0_1",
    "   2.5 1  123  Rx   d 1 1FF",
    "   2,5 1  123  Rx   d 1 01",
    "   2.5 x  123  Rx   d 1 01",
    "   2.5 1",
    "   2.5 1  123  Rx   d 1 01    2.6 1  124  Rx   d 1 01",
    "   2.5 CANFD 1 Rx 88 0 0 9 12 00 01 02",
    "   2.5 CANFD 1 Rx 88 2 0 1 1 00",
    "   2.5 CANFD 1 Rx 88 0 0 1 9 " + "00 " * 9,
]


@pytest.mark.parametrize("line", ASC_BROKEN)
def test_a_garbled_line_of_an_asc_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    good = "   2.5 1  123  Rx   d 0\n"
    frames, notes = read(tmp_path, "drive.asc", asc(f"{good}{line}\n{good}{line}\n"))
    assert len(frames) == 2
    (note,) = notes
    assert note.startswith("2 lines are ")
    assert f"line 10: expected `seconds channel id Rx d length bytes`, got {line.strip()[:60]!r}" in note


def test_other_events_of_an_asc_are_counted(tmp_path: Path) -> None:
    lines = "   2.5 1  123  Rx   d 0\n   2.5 L1 3C Rx 8 00\n   2.6 SV: 2 0 1 ::Speed = 4\n"
    frames, notes = read(tmp_path, "drive.asc", asc(lines))
    assert len(frames) == 1
    assert notes == ["2 lines are no CAN frame and left out, first line 10: '2.5 L1 3C Rx 8 00'"]


# PEAK trc ------------------------------------------------------------------------------------

TRC = {
    "1.0": (
        """;##########################################################################
;   C:\\TraceFile.trc
;----+-   ---+---  ----+---  +  -+ -- -- ...
     1)      1841      0001  8  00 00 00 00 00 00 00 10
     2)      1842      0008  4  ERROR 00 19 08 08
     3)      1843  FFFFFFFF  4  00 00 00 04 -- -- -- --  BUSLIGHT
     4)      1844      0100  3  RTR
     5)      1845  18EFC034  2  01 02
""",
        "1",
    ),
    "1.1": (
        """;$FILEVERSION=1.1
;$STARTTIME=37704.5364870833
;---+--   ----+----  --+--  ----+---  +  -+ -- -- -- -- -- -- --
     1)      1841.0  Rx         0001  8  00 00 00 00 00 00 00 10
     2)      1842.0  Error      0008  4  00 19 08 08
     3)      1843.2  Warng  FFFFFFFF  4  00 00 00 04  BUSLIGHT
     4)      1844.0  Rx         0100  3  RTR
     5)      1845.0  Tx     18EFC034  2  01 02
""",
        "1",
    ),
    "1.2": (
        """;$FILEVERSION=1.2
;$STARTTIME=39878.6772258947
     1)      1841.000  2  Rx         0001  8  00 00 00 00 00 00 00 10
     2)      1842.000  2  Error      0008  4  00 19 08 08
     3)      1843.834  2  Warng  FFFFFFFF  4  00 00 00 04  BUSLIGHT
     4)      1844.000  2  Rx         0100  3  RTR
     5)      1845.000  2  Tx     18EFC034  2  01 02
""",
        "2",
    ),
    "1.3": (
        """;$FILEVERSION=1.3
;$STARTTIME=40023.5245451516
     1)      1841.000 2  Rx        0001 -  8    00 00 00 00 00 00 00 10
     2)      1842.000 2  Error     0008 -  4    00 19 08 08
     3)      1843.834 2  Warng FFFFFFFF -  4    00 00 00 04  BUSLIGHT
     4)      1844.000 2  Rx        0100 -  3    RTR
     5)      1845.000 2  Tx    18EFC034 -  2    01 02
""",
        "2",
    ),
    "2.0": (
        """;$FILEVERSION=2.0
;$STARTTIME=42209.4075997106
;$COLUMNS=N,O,T,I,d,l,D
      1      1841.000 DT     0001 Rx 8  00 00 00 00 00 00 00 10
      6      1842.000 ER          Rx    04 00 02 00 00
      7      1843.531 ST          Rx    00 00 00 08
      8      1843.643 EC          Rx    02 02
     10      1844.000 RR     0100 Rx 3
      9      1845.000 DT 18EFC034 Tx 2  01 02
      5      1846.000 FD     0500 Tx 12 01 02 03 04 05 06 07 08 09 0A 0B 0C
""",
        "1",
    ),
    "2.1": (
        """;$FILEVERSION=2.1
;$STARTTIME=41766.4648963872
;$COLUMNS=N,O,T,B,I,d,R,L,D
      1      1841.000 DT 2      0001 Rx -  8    00 00 00 00 00 00 00 10
      6      1842.000 ER 2         - Rx -  5    04 00 02 00 00
      7      1842.224 EV 2  User-defined event for bus 1
      8      1842.225 EV -  User-defined event for all busses
      9      1843.231 ST 2         - Rx -  4    00 00 00 08
     11      1843.643 EC 2         - Rx -  2    02 02
     13      1844.000 RR 2      0100 Rx -  3
     12      1845.000 DT 2  18EFC034 Tx -  2    01 02
      5      1846.000 FD 2      0500 Tx -  9    01 02 03 04 05 06 07 08 09 0A 0B 0C
""",
        "2",
    ),
}


@pytest.mark.parametrize("version", TRC)
def test_every_version_of_trc(tmp_path: Path, version: str) -> None:
    text, channel = TRC[version]
    frames, notes = read(tmp_path, "drive.trc", text)
    wanted = [
        LogFrame(1.841, channel, 1, bytes(7) + b"\x10"),
        LogFrame(1.842, channel, 0, b"", "error"),
        LogFrame(1.844, channel, 0x100, bytes(3), "remote"),
        LogFrame(1.845, channel, 0x18EFC034 | EXTENDED, b"\x01\x02"),
        LogFrame(1.846, channel, 0x500, bytes(range(1, 13)), "data", 0),
    ]
    assert (frames, notes) == (wanted[: 5 if version >= "2" else 4], [])


@pytest.mark.parametrize(("kind", "flags"), [("FD", 0), ("FB", 1), ("FE", 2), ("BI", 3)])
def test_the_kinds_of_fd_frames_of_a_trc(tmp_path: Path, kind: str, flags: int) -> None:
    head = ";$FILEVERSION=2.1\n;$COLUMNS=N,O,T,B,I,d,L,D\n"
    frames, _ = read(tmp_path, "d.trc", f"{head} 1 1.0 {kind} 1 0500 Rx F {'AA ' * 64}\n".replace(" F ", " 15 "))
    assert frames == [LogFrame(0.001, "1", 0x500, b"\xaa" * 64, "data", flags)]


@pytest.mark.parametrize(
    "line",
    [
        "     2)      1842.0  Rx         0001  3  00 00",
        "     2)      1842.0  Rx         0001  1  00 00",
        "     2)      1842.0  Rx         0001  1  0",
        "     2)      1842.0  Rx         00Z1  1  00",
        "     2)      1842.0  Rx         0801  1  00",
        "     2)      1842.0  Qx         0001  1  00",
        "     2)      18x2.0  Rx         0001  1  00",
        "     x)      1842.0  Rx         0001  1  00",
        "     2)      1842.0",
        "nonsense",
    ],
)
def test_a_garbled_line_of_a_trc_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    good = "     1)      1841.0  Rx         0001  1  00\n"
    frames, notes = read(tmp_path, "drive.trc", f";$FILEVERSION=1.1\n{good}{line}\n{good}")
    assert len(frames) == 2
    (note,) = notes
    assert note.startswith("1 line is ")
    assert f"line 3: expected the columns N,O,T,I,L,D of the file's version, got {line.strip()!r}" in note


def test_a_version_of_trc_that_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"version '3\.0' of \.trc is unknown; save it as one of 1\.0, "):
        read(tmp_path, "drive.trc", ";$FILEVERSION=3.0\n 1 1.0 DT\n")


# SavvyCAN ------------------------------------------------------------------------------------


def test_csv_of_savvycan_with_direction_and_long_frames(tmp_path: Path) -> None:
    text = CSV + "1500000,00000541,false,Rx,1,2,0A,FF,\n" + "1600000,18DAF110,true,Tx,0,12," + "01," * 12 + "\n"
    frames, notes = read(tmp_path, "kona.csv", text)
    assert frames == [
        LogFrame(1.5, "1", 0x541, b"\x0a\xff"),
        LogFrame(1.6, "0", 0x18DAF110 | EXTENDED, b"\x01" * 12, "data", 0),
    ]
    assert notes == []


def test_csv_with_wide_ids_that_nobody_marked(tmp_path: Path) -> None:
    frames, notes = read(tmp_path, "kona.csv", CSV + "1500000,18DAF110,false,Rx,1,0\n")
    assert frames[0].can_id == 0x18DAF110 | EXTENDED
    assert notes == ["1 frames have 29-bit ids that are not marked as extended; read as extended"]


@pytest.mark.parametrize(
    "row",
    [
        "1500000,00000541,false,Rx,1,-1,0A",
        "1500000,00000541,false,Rx,1,65" + ",00" * 65,
        "1500000,00000541,perhaps,Rx,1,1,0A",
        "1500000,20000000,true,Rx,1,1,0A",
        "1500000,00000541,false,Rx,1,1,1FF",
        "nan,00000541,false,Rx,1,1,0A",
        "1500000",
    ],
)
def test_a_garbled_row_of_a_csv_is_an_error_unless_it_is_the_last_and_cut(tmp_path: Path, row: str) -> None:
    good = "1500000,00000541,false,Rx,1,0\n"
    with pytest.raises(UserError, match=r"kona\.csv:3: expected Time Stamp,ID,.*; mend or remove the line"):
        read(tmp_path, "kona.csv", f"{CSV}{good}{row}\n{good}")
    frames, notes = read(tmp_path, "kona.csv", f"{CSV}{good}{row}")
    assert len(frames) == 1
    assert notes == ["line 3, the last, is cut off and was left out"]
