"""The site that the stories take place in: configurations, cards and who hangs where.

Two doors, as in the demo. The lobby's parts hang on unit 1; the lab's reader is unit 2, its
lock, contact and exit button are unit 3. Unit 4 is Classic in the simulated site and a
reader on its own in the foreign one.
"""

from pathlib import Path

from gatewayd.simulate.scene import Card
from tests.interop.foreign import Who
from tests.stories.upstream import ROOT, Document

ANNA: Card = ("H10301", 12, 345)  # may pass both doors
BOB: Card = ("H10301", 12, 346)  # his time is over
CARL: Card = ("H10301", 12, 347)  # may pass the lab only
DORA: Card = ("H10301", 12, 348)  # disabled
STRANGER: Card = ("H10301", 99, 1)

PERMISSIONS: dict[str, Document] = {
    "levels": {
        "everywhere": {"rules": [{"doors": ["lobby", "lab"]}]},
        "lab": {"rules": [{"doors": ["lab"]}]},
    },
    "holders": {
        "anna": {"levels": ["everywhere"]},
        "bob": {"levels": ["lab"]},
        "carl": {"levels": ["lab"]},
        "dora": {"levels": ["everywhere"]},
    },
    "credentials": {
        "H10301:12:345": {"holder": "anna"},
        "H10301:12:346": {"holder": "bob", "valid_until": "2020-01-01T00:00:00Z"},
        "H10301:12:347": {"holder": "carl"},
        "H10301:12:348": {"holder": "dora", "state": "disabled"},
    },
}

READER = {"lobby": 1, "lab": 2}
LOCK = {"lobby": 1, "lab": 3}
CONTACT = {"lobby": (1, 0), "lab": (3, 0)}
BUTTON = {"lobby": (1, 1), "lab": (3, 1)}
UNIT = {"lobby-unit": 1, "lab-reader": 2, "lab-io": 3, "fourth": 4}
CLASSIC = "fourth"

RELEASE, OPEN, PRE_ALARM = 0.4, 1.2, 0.6  # seconds, as configured below

_CONFIG = """\
[site]
id = "{site}"
state_dir = "{place}/state"
control_socket = "{place}/control"
[mqtt]
host = "127.0.0.1"
port = {port}
trust = "{trust}"
[audit]
on_classic = "{on_classic}"
{catalogue}
{keys}
[lines.north]
kind = "serial"
device = "{place}/{line}"
baud = 115200
poll_interval_ms = 20
[controllers]
{controllers}
[doors.lobby]
reader = {{ controller = "lobby-unit" }}
lock = {{ controller = "lobby-unit" }}
contact = {{ controller = "lobby-unit", number = 0 }}
exit_button = {{ controller = "lobby-unit", number = 1 }}
{lobby}
release_seconds = {release}
open_seconds = {open}
prealarm_seconds = {pre_alarm}
[doors.lab]
reader = {{ controller = "lab-reader" }}
lock = {{ controller = "lab-io" }}
contact = {{ controller = "lab-io", number = 0 }}
exit_button = {{ controller = "lab-io", number = 1 }}
release_seconds = {release}
open_seconds = {open}
prealarm_seconds = {pre_alarm}
{more}
"""

EXIT_READER = """\
exit_reader = { controller = "lobby-unit", number = 1 }
inside = "hall"
"""  # of the lobby

_APPROVED = """\
[[families]]
name = "foreign unit {address}"
status = "approved"
vendor = "{vendor}"
model = {model}
"""


def write_config(
    place: Path,
    port: int,
    *,
    line: str,
    units: int = 3,
    trust: str = "broker",
    on_classic: str = "block",
    catalogue: Path | None = None,
    root_key: Path | None = None,
    release: float = RELEASE,
    lobby: str = "",
    more: str = "",
) -> Path:
    """Write the configuration of a site with the first so many `units`.

    With a root key they must be secure. `lobby` is put into that door's table, `more` behind
    everything.
    """
    secure = "off" if root_key is None else "required"
    controllers = (
        f'{name} = {{ line = "north", address = {address}, secure = "{secure}" }}'
        for name, address in UNIT.items()
        if address <= units
    )
    path = place / "config.toml"
    path.write_text(
        _CONFIG.format(
            site=ROOT.partition("/")[2],
            place=place,
            port=port,
            trust=trust,
            on_classic=on_classic,
            keys="" if root_key is None else f'[keys]\nroot_key_file = "{root_key}"',
            catalogue="" if catalogue is None else f'catalogue = "{catalogue}"',
            line=line,
            controllers="\n".join(controllers),
            release=release,
            lobby=lobby,
            more=more,
            open=max(OPEN, release),
            pre_alarm=PRE_ALARM,
        )
    )
    return path


def write_catalogue(place: Path) -> Path:
    """Write a site's catalogue that approves the foreign units."""
    path = place / "catalogue.toml"
    families = (Who.at(address) for address in UNIT.values())
    path.write_text(
        "".join(
            _APPROVED.format(address=who.version, vendor=who.vendor, model=who.model)
            for who in families
        )
    )
    return path
