"""Files that a person writes or gets from somebody: profile, config.toml, fleet.toml and DBC."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from hardshoulder.compile import compile_profile
from hardshoulder.config import make_bundle
from hardshoulder.errors import UserError
from hardshoulder_fleet.config import ConfigError, load_config
from hardshoulder_fuzz.target import Check, Target
from support.dbc import DBC

_PROFILE = """\
format = 1
name = "small-car"
description = "A speed and a brake."
propulsion = "combustion"
dbc = "small.dbc"

[[bus]]
name = "main"
log_channels = ["can0"]

[messages.Speed]
bus = "main"
cycle_s = 0.02
length = 8
counter = { signal = "Count", modulo = 16 }
checksum = { signal = "Sum", kind = "crc8-sae-j1850", data_id = 272 }

[signals."Vehicle.Speed"]
message = "Speed"
signal = "Kph"
unit = "km/h"
scale = 1.0
valid = [0.0, 400.0]
not_available = [65535]

[signals."Vehicle.Chassis.Brake.IsPedalPressed"]
message = "Speed"
signal = "Brake"
values = { "0" = false, "1..2" = true }
valid_while = { Ready = [1] }

[hazard]
readback = "none"

[hazard_button]
en = "on the dashboard"
de = "am Armaturenbrett"

[traits]
start_stop_below_kph = 10.0

[thresholds]
arm_above_kph = 12.0

[diagnostics]
requests = [{ bus = "main", ids = [2015, 0x7E0] }]
"""

_DBC = DBC.replace(
    ' SG_ Brake : 23|2@0+ (1,0) [0|1] "" DSP\n',
    ' SG_ Brake : 23|2@0+ (1,0) [0|1] "" DSP\n SG_ Count : 51|4@0+ (1,0) [0|15] "" DSP\n'
    ' SG_ Sum : 63|8@0+ (1,0) [0|255] "" DSP\n SG_ Which M : 28|2@0+ (1,0) [0|3] "" DSP\n'
    ' SG_ Ready m1 : 26|1@0+ (1,0) [0|1] "" DSP\n',
) + (
    'CM_ SG_ 272 Kph "how fast\nit goes";\nVAL_ 272 Brake 0 "no" 1 "yes" ;\nSIG_VALTYPE_ 272 Kph : 0;\n'
    "SG_MUL_VAL_ 272 Ready Which 1-1, 3-3;\n"
)

_CONFIG = """\
format = 1
vehicle = "car-7"
mode = "monitor"
profile = "small.toml"
dbc = ["small.dbc"]
language = "en"

[market]
drives_on = "left"

[[bus]]
name = "main"
url = "socketcan:can0"
bitrate = 500000

[mqtt]
host = "broker.example"
port = 8883
username = "car"
password_file = "password"
ca_file = "ca.pem"
cert_file = "car.pem"
key_file = "car.key"
client_id = "car-7"
keepalive_s = 30
resend_after_s = 10.0

[storage]
folder = "state"
max_events = 1000

[recorder]
enabled = true
before_s = 30.0
memory_mb = 8

[notice]
command = ["say", "it"]

[status]
socket = "status.sock"

[thresholds]
arm_above_kph = 12.0

[candidate]
ruleset = "bolder"
thresholds = { arm_above_kph = 14.0 }
"""

_FLEET = """\
format = 1
base_url = "https://fleet.example"
database = "fleet.sqlite3"
secret_file = "links.secret"
operator_token_file = "operator.token"
answer_within_s = 90.0
link_valid_h = 24.0
emergency_number = "112"
time_zone = "Europe/Berlin"

[listen]
host = "127.0.0.1"
port = 8080

[mqtt]
host = "broker.example"
port = 8883
username = "fleet"
password_file = "mqtt.password"
ca_file = "ca.pem"

[notify]
urls = ["json://127.0.0.1:9000/"]

[provider]
url = "https://tows.example"
webhook_secret_file = "webhook.secret"
callback_url = "https://fleet.example"
timeout_s = 5.0

[lost_contact]
grace_s = 180.0
above_kph = 15.0
at_once = 10
"""

_FILES = {"small.toml": _PROFILE, "small.dbc": _DBC, "config.toml": _CONFIG, "fleet.toml": _FLEET}


def _reads(name: str, read: Callable[[Path], object], refusal: type[Exception]) -> Callable[[Path], Check]:
    """The check that writes the input under this name, beside the other files, and reads it."""

    def make(folder: Path) -> Check:
        for other, text in _FILES.items():
            (folder / other).write_text(text, encoding="utf-8")
        path = folder / name

        def check(data: bytes) -> bool:
            path.write_bytes(data)
            try:
                read(path)
            except refusal as error:
                _told(error, path)
                return False
            return True

        return check

    return make


def _told(error: Exception, path: Path) -> None:
    """Every problem is a line, and names a file."""
    problems = error.problems  # type: ignore[attr-defined]  # both classes have it
    assert problems, "refused without a word"
    for problem in problems:
        assert str(path.parent) in problem or path.name in problem or ": " in problem, f"names no place: {problem!r}"


def _seeds(name: str) -> Callable[[], list[bytes]]:
    return lambda: [_FILES[name].encode(), *_fewer(name)]


@cache
def _fewer(name: str) -> tuple[bytes, ...]:
    """The same without each of its paragraphs: shorter, and often refused."""
    parts = _FILES[name].split("\n\n")
    return tuple("\n\n".join(parts[:at] + parts[at + 1 :]).encode() for at in range(1, len(parts)))


_TOLD = "read, or refused with a finished sentence for each problem"
PROFILE = Target("profile", _TOLD, _seeds("small.toml"), _reads("small.toml", compile_profile, UserError))
CONFIG = Target("config", _TOLD, _seeds("config.toml"), _reads("config.toml", make_bundle, UserError))
FLEET = Target("fleet", _TOLD, _seeds("fleet.toml"), _reads("fleet.toml", load_config, ConfigError))
DBC_FILE = Target(
    "dbc",
    _TOLD,
    _seeds("small.dbc"),
    _reads("small.dbc", lambda path: compile_profile(path.with_name("small.toml"), (path,)), UserError),
)
