"""Prints what an independent candump sees of a breakdown on the rig, with what it means: the listing of docs/HANDS.md.

    PYTHONPATH=daemon:dbc:firmware_bridge:fleet:sim:tests .venv/bin/python tests/rig/show_breakdown.py

Of the car's own frames those are printed that say something new about its drive or its lamps; of ours that say the same
again and again the first three, and `...` for the others.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import Vss
from rig.conftest import set_up
from rig.hands import Car, Daemon, make_config
from rig.machine import Rig
from rig.witness import Seen, Witness
from support.live_car import DISPLAY_ID, REQUEST_ID
from support.talker import reference_plan

SHOWN_OF_A_ROW = 3
_SHOWN = {
    0: "display: cleared",
    1: "display: hazards are on",
    2: "display: press the hazard button",
    3: "display: stopped",
    4: "display: recovered",
    5: "display: help is asked",
}
_ASKED = {1: "hazards asked for", 2: "RELEASED: the request is taken back"}
_WORDS = {
    (Vss.DRIVE_READY, False): "the car says that its drive is dead",
    (Vss.DRIVE_READY, True): "the drive is back",
    (Vss.HAZARD_SIGNALING, True): "CONFIRMED: the car says that its hazards flash",
    (Vss.HAZARD_SIGNALING, False): "the hazards are dark",
}


def breakdown() -> list[Seen]:
    """What was on the bus from just before the drive dies until the lamps are dark again."""
    with Rig() as rig, tempfile.TemporaryDirectory(prefix="hs-") as folder:
        for interface in ("can0", "can1"):
            set_up(rig, interface)
        for name in ("car", "daemon"):
            Path(folder, name).mkdir()
        config = make_config(Path(folder, "daemon"), "socketcan:can0")
        with Car(rig, Path(folder, "car"), "can1") as car, Daemon(rig, config) as daemon:
            car.drive("can1")
            daemon.logs("state=driving")
            with Witness(rig, "can1") as witness:
                witness.wait_for(50)
                car.lose_drive()
                daemon.logs("hazards=confirmed")
                car.drive("can1")
                daemon.until(lambda: car.lamps[-1:] == ["off"], "the lamps are dark")
                return witness.wait_for(len(witness.seen) + 50)


def told(seen: list[Seen]) -> Iterator[tuple[Seen, str]]:
    """The frames that mean something to a reader, and what; "" for one that says what was said before."""
    decoder, known, row = Decoder(reference_plan("electric")), dict[Vss, object](), ("", 0)
    notice = 0
    for entry in seen:
        name, _, text = entry.frame.partition("#")
        can_id, data = int(name, 16), bytes.fromhex(text)
        if can_id == REQUEST_ID:
            word = _ASKED[data[1] >> 4]
            row = (word, row[1] + 1 if row[0] == word else 1)
            yield entry, word if row[1] <= SHOWN_OF_A_ROW else ""
        elif can_id == DISPLAY_ID and data[0] != notice:
            notice = data[0]
            yield entry, _SHOWN[notice]
        decoded = decoder.decode(Frame(entry.at_s, "main", can_id, data))
        for vss, value in decoded.readings if decoded is not None else []:
            if (vss, value) in _WORDS and known.get(vss, value) != value:
                yield entry, _WORDS[vss, value]  # type: ignore[index]
            known[vss] = value


def main() -> int:
    """Prints the listing, times from the first line on."""
    marked = list(told(breakdown()))
    cut = False
    for entry, meaning in marked:
        if meaning:
            print(f"({entry.at_s - marked[0][0].at_s:9.6f}) {entry.interface} {entry.frame:<20}  {meaning}")
        elif not cut:
            print("...")
        cut = not meaning
    return 0


if __name__ == "__main__":
    sys.exit(main())
