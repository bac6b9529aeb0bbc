"""Sentences of a GNSS receiver (NMEA 0183) as fixes: GGA and GSA say how good a fix is, RMC what it is and when.

Whatever comes from the line is untrusted: a sentence with a wrong checksum, half of one, a fix that is none or a date
of 1980 costs itself and nothing else. pynmea2 takes them apart.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import pynmea2

from hardshoulder.core.position import Fix

LINE_LIMIT = 1024
"""A sentence has 82 characters (NMEA 0183, 5.3); what has no end after so many bytes is noise."""
RANGE_ERROR_M = 5.0
"""What one unit of HDOP means in metres for a receiver without correction data (GPS SPS Performance Standard, 2020)."""
QUALITY_HOLDS_S = 5.0
"""So long GGA and GSA speak for an RMC after them."""
KPH_PER_KNOT = 1.852
HEADING_ABOVE_KPH = 5.0
"""Below, a course over ground is the noise of the position."""

_NO_FIX, _BY_HAND, _SIMULATED = 0, 7, 8  # GGA's quality indicator


@dataclass(frozen=True, slots=True)
class Told:
    """What a sentence told. utc: the receiver's date and time; None where it says none that can be."""

    fix: Fix
    utc: datetime | None


class Sentences:
    """Puts a receiver's sentences together; pure, bytes in and fixes out.

    refused: how many lines could not be used.
    """

    def __init__(self, earliest: datetime) -> None:
        """earliest: no time before it is believed. A receiver that lost its week says 1980, or 1024 weeks ago."""
        self.refused = 0
        self._earliest = earliest
        self._rest = b""
        self._hdop: float | None = None
        self._quality: int | None = None
        self._judged_s = -QUALITY_HOLDS_S

    def feed(self, data: bytes, now_s: float) -> list[Told]:
        """What came on the line, in whatever pieces. now_s: monotonic."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            self._rest = b""
            self.refused += 1
        told = [self._read(line, now_s) for line in lines if line.strip()]
        return [each for each in told if each is not None]

    def _read(self, line: bytes, now_s: float) -> Told | None:
        try:
            sentence = pynmea2.parse(line.decode("ascii").strip(), check=True)
            return self._understand(sentence, now_s)
        except (pynmea2.ParseError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError):
            # pynmea2 takes a field apart when it is asked for, and raises what its text makes it raise.
            self.refused += 1
            return None

    def _understand(self, sentence: Any, now_s: float) -> Told | None:
        kind = getattr(sentence, "sentence_type", "")
        if kind == "GGA":
            self._quality, self._judged_s = int(sentence.gps_qual), now_s
            self._hdop = _number(sentence.horizontal_dil)
        elif kind == "GSA":
            self._hdop, self._judged_s = _number(sentence.hdop), now_s
            if sentence.mode_fix_type == "1":
                self._quality = _NO_FIX
        elif kind == "RMC":
            return self._place(sentence, now_s)
        return None

    def _place(self, sentence: Any, now_s: float) -> Told | None:
        judged = now_s < self._judged_s + QUALITY_HOLDS_S
        if sentence.status != "A" or (judged and self._quality in (_NO_FIX, _BY_HAND, _SIMULATED)):
            return None
        # The properties give 0.0 for an empty field, which is a place in the sea.
        if not (sentence.lat and sentence.lon and sentence.lat_dir and sentence.lon_dir):
            raise ValueError("no place in it")
        hdop = self._hdop if judged else None
        knots, course = _number(sentence.spd_over_grnd), _number(sentence.true_course)
        kph = None if knots is None else knots * KPH_PER_KNOT
        fix = Fix(
            latitude=float(sentence.latitude),
            longitude=float(sentence.longitude),
            accuracy_m=None if hdop is None or hdop <= 0.0 else hdop * RANGE_ERROR_M,
            heading=course if kph is not None and kph >= HEADING_ABOVE_KPH else None,
            speed_kph=kph,
            at_s=now_s,
        )
        if not fix.possible:
            raise ValueError("nowhere on the globe")
        return Told(fix, self._time(sentence))

    def _time(self, sentence: Any) -> datetime | None:
        if sentence.datestamp is None or sentence.timestamp is None:
            return None
        said = datetime.combine(sentence.datestamp, sentence.timestamp.replace(tzinfo=UTC))
        return said if said >= self._earliest else None


def _number(field: Any) -> float | None:
    """The number in a field; None for an empty one, or one that is no number of this world."""
    if field is None or field == "":
        return None
    number = float(field)
    return number if isfinite(number) else None
