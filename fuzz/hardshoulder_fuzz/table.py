"""Every target, a line each. A new input of the project gets its line here."""

from hardshoulder_fuzz.target import Target
from hardshoulder_fuzz.targets import bridge, frames, recordings, texts, wires

ALL: tuple[Target, ...] = (
    frames.FRAMES,
    texts.PROFILE,
    texts.CONFIG,
    texts.DBC_FILE,
    texts.FLEET,
    bridge.BRIDGE,
    wires.ACK,
    wires.EVENTS,
    wires.WEBHOOK,
    recordings.HSR,
    recordings.CANDUMP,
    recordings.GVRET,
    recordings.ASC,
    recordings.TRC,
    recordings.BLF,
)

TARGETS = {target.name: target for target in ALL}
