"""What may stand in config.toml, and what is said of what may not."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd import config, tables
from gatewayd.config import Config, load, parse, read_secret, site_config
from gatewayd.core.audit import Status
from gatewayd.core.model import ControllerId, Point
from gatewayd.core.site import OnClassic
from gatewayd.errors import ConfigError, StateError
from protocol import wiegand

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"

SMALL = """
[site]
id = "s"
[mqtt]
host = "127.0.0.1"
[lines.north]
kind = "tcp"
host = "127.0.0.1"
port = 4001
[controllers.unit]
line = "north"
address = 1
[doors.lobby]
lock = { controller = "unit" }
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "config.toml"
    path.write_text(text)
    return path


def wrong(directory: Path, text: str) -> dict[str, str]:
    """Return key → reason of every mistake."""
    path = written(directory, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert {each.file for each in caught.value.mistakes} == {str(path)}
    return {each.key: each.reason for each in caught.value.mistakes}


# --- the example -------------------------------------------------------------------


def test_the_example_is_a_valid_configuration() -> None:
    example = load(EXAMPLE)
    assert example.doors["lobby"].contact is not None
    assert site_config(example).doors[0].id == "lobby"


def test_the_example_explains_every_key() -> None:
    text = EXAMPLE.read_text()
    sections: list[type[tables.Section]] = [config.Config, *config.SECTIONS.values()]
    for section in sections:
        for key in section.model_fields:
            assert key in text, f"{section.__name__}.{key}"


def test_the_example_lists_every_card_format() -> None:
    listed = ", ".join(f'"{name}"' for name in wiegand.FORMATS)
    assert f"card_formats = [{listed}]" in EXAMPLE.read_text()


def without_default(key: str) -> bool:
    named = ("username", "catalogue", "card_formats", "facilities", "max_age_days", "on_stale")
    of_doors = ("exit_reader", "outside", "extended_release_seconds", "extended_open_seconds")
    return key in (*named, *of_doors) or key.endswith("_file")


def test_the_example_shows_the_defaults_as_they_are(tmp_path: Path) -> None:
    lines = []
    for line in EXAMPLE.read_text().splitlines():
        shown = line.removeprefix("# ")
        key = shown.partition(" = ")[0]
        lines.append(shown if key.isidentifier() and not without_default(key) else line)
    shown_config = load(written(tmp_path, "\n".join(lines)))
    by_default = load(EXAMPLE)
    assert shown_config.client_id == by_default.client_id
    without_id = {"mqtt": {"client_id"}}
    assert shown_config.model_dump(exclude=without_id) == by_default.model_dump(
        exclude=without_id
    )


# --- values ------------------------------------------------------------------------


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    small = load(written(tmp_path, SMALL))
    assert small.mqtt.trust == "signed"
    assert small.audit.on_classic == "refuse"
    assert small.client_id == "gatewayd-s"


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    small = load(written(tmp_path, SMALL))
    with pytest.raises(ValueError, match="frozen"):
        small.site.id = "other"


@pytest.mark.parametrize(
    ("section", "line", "key", "reason"),
    [
        ("site", 'colour = "red"', "site.colour", "unknown key"),
        ("site", 'state_dri = "/x"', "site.state_dri", "unknown key; did you mean state_dir?"),
        ("site", 'state_dir = "x"', "site.state_dir", "must be an absolute path"),
        ("site", "state_dir = 3", "site.state_dir", "must be a string"),
        (
            "site",
            f'control_socket = "/{"x" * 107}"',
            "site.control_socket",
            "longer than 107 b",
        ),
        ("mqtt", 'port = "1883"', "mqtt.port", "must be a whole number"),
        ("mqtt", "port = 65536", "mqtt.port", "must be at most 65535"),
        ("mqtt", "port = true", "mqtt.port", "must be a whole number"),
        ("mqtt", "port = 1.5", "mqtt.port", "must be a whole number"),
        ("mqtt", 'prefix = "a/#"', "mqtt.prefix", "levels separated by /"),
        ("mqtt", 'prefix = "/a"', "mqtt.prefix", "levels separated by /"),
        ("mqtt", 'client_id = ""', "mqtt.client_id", "must not be empty"),
        ("mqtt", 'trust = "me"', "mqtt.trust", "must be 'signed' or 'broker'"),
        ("mqtt", 'ca_file = "none.pem"', "mqtt.ca_file", "no such file: "),
        (
            "mqtt",
            'username = "me"\npassword_file = "none"',
            "mqtt.password_file",
            "no such file: ",
        ),
        ("audit", 'on_classic = "ignore"', "audit.on_classic", "must be 'refuse' or 'block'"),
        ("audit", 'catalogue = "none.toml"', "audit.catalogue", "no such file: "),
        ("log", 'level = "loud"', "log.level", "must be 'debug', 'info', 'warning' or 'error'"),
        ("journal", "max_events = 10", "journal.max_events", "must be at least 1000"),
        ("lines.north", "poll_interval_ms = -1", "lines.north.poll_interval_ms", "at least 0"),
        ("lines.north", "baud = 9600", "lines.north.baud", "unknown key"),
        ("controllers.unit", 'check = "sum"', "controllers.unit.check", "must be 'crc' or"),
        ("doors.lobby", "release_seconds = 0", "doors.lobby.release_seconds", "at least 0.1"),
        ("doors.lobby", "release_seconds = 6554", "doors.lobby.release_seconds", "most 6553"),
        ("doors.lobby", "release_seconds = nan", "doors.lobby.release_seconds", "number"),
        ("doors.lobby", "open_seconds = inf", "doors.lobby.open_seconds", "number"),
        (
            "doors.lobby",
            'card_formats = "H10301"',
            "doors.lobby.card_formats",
            "must be a list",
        ),
        ("doors.lobby", 'card_formats = ["H1"]', "doors.lobby.card_formats.0", "one of H10301"),
        ("doors.lobby", "reader = 3", "doors.lobby.reader", "must be a table"),
        ("doors.lobby", "reader = { number = 0 }", "doors.lobby.reader.controller", "missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_the_reason(
    tmp_path: Path, section: str, line: str, key: str, reason: str
) -> None:
    head = f"[{section}]\n"
    text = SMALL.replace(head, head + line + "\n") if head in SMALL else SMALL + head + line
    mistakes = wrong(tmp_path, text)
    assert list(mistakes) == [key]
    assert reason in mistakes[key]


@pytest.mark.parametrize("address", [-1, 127, 200])
def test_only_addresses_that_one_peripheral_may_have_are_taken(
    tmp_path: Path, address: int
) -> None:
    text = SMALL.replace("address = 1", f"address = {address}")
    assert list(wrong(tmp_path, text)) == ["controllers.unit.address"]


@pytest.mark.parametrize("name", ["Main", "a b", "ä", "x" * 33, "a.b", "a/b", "+", "a\\n"])
def test_a_name_is_safe_in_a_topic(tmp_path: Path, name: str) -> None:
    assert wrong(tmp_path, SMALL.replace('id = "s"', f'id = "{name}"')) == {
        "site.id": "a name is 1 to 32 of a-z, 0-9, _ and -"
    }
    in_a_key = wrong(tmp_path, SMALL.replace("[doors.lobby]", f'[doors."{name}"]'))
    assert list(in_a_key.values()) == ["a name is 1 to 32 of a-z, 0-9, _ and -"]


def test_a_device_is_a_name_that_a_file_can_have(tmp_path: Path) -> None:
    line = '[lines.north]\nkind = "serial"\ndevice = "/dev/tty\\u0000USB0"\n'
    text = SMALL.replace(SMALL[SMALL.index("[lines") : SMALL.index("[controllers")], line)
    assert "zero" in wrong(tmp_path, text)["lines.north.device"]


def test_a_line_has_a_kind(tmp_path: Path) -> None:
    assert wrong(tmp_path, SMALL.replace('kind = "tcp"\n', "")) == {
        "lines.north": "has no kind"
    }
    assert wrong(tmp_path, SMALL.replace('"tcp"', '"udp"')) == {
        "lines.north": "kind must be one of 'serial', 'tcp'"
    }


def test_sections_that_are_missing_are_named(tmp_path: Path) -> None:
    assert wrong(tmp_path, "") == dict.fromkeys(
        ("site", "mqtt", "lines", "controllers", "doors"), "missing"
    )


def test_a_section_that_is_no_table_is_named(tmp_path: Path) -> None:
    text = "site = 1\nmqtt = 2\nlines = 3\ncontrollers = 4\ndoors = [1]"
    assert set(wrong(tmp_path, text).values()) == {"must be a table"}


# --- what two values say of each other ---------------------------------------------


def test_a_line_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert wrong(tmp_path, SMALL.replace('line = "north"', 'line = "nroth"')) == {
        "controllers.unit.line": "there is no line nroth"
    }


def test_a_controller_that_does_not_exist_is_named_at_every_part(tmp_path: Path) -> None:
    text = SMALL + "".join(
        f'{part} = {{ controller = "gone", number = {number} }}\n'
        for number, part in enumerate(("reader", "contact", "exit_button"))
    )
    assert wrong(tmp_path, text) == {
        f"doors.lobby.{part}.controller": "there is no controller gone"
        for part in ("reader", "contact", "exit_button")
    }


def test_an_entry_that_is_wrong_in_itself_is_not_also_called_missing(tmp_path: Path) -> None:
    text = SMALL.replace("address = 1", "address = 200")
    assert list(wrong(tmp_path, text)) == ["controllers.unit.address"]


def test_two_controllers_cannot_share_an_address_on_one_line(tmp_path: Path) -> None:
    text = SMALL + '[controllers.twin]\nline = "north"\naddress = 1\n'
    assert wrong(tmp_path, text) == {
        "controllers.twin.address": "controller unit has address 1 on line north already"
    }


def test_two_lines_cannot_share_a_device_even_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/ttyS7")
    text = SMALL + "".join(
        f'[lines.{name}]\nkind = "serial"\ndevice = "{device}"\n'
        for name, device in (("a", "/dev/ttyS7"), ("b", tmp_path / "by-id"))
    )
    assert wrong(tmp_path, text) == {"lines.b.device": "line a has /dev/ttyS7 already"}


def test_two_lines_cannot_share_a_tcp_port(tmp_path: Path) -> None:
    text = SMALL + '[lines.again]\nkind = "tcp"\nhost = "127.0.0.1"\nport = 4001\n'
    assert wrong(tmp_path, text) == {
        "lines.again.host": "line north has 127.0.0.1:4001 already"
    }


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("lock", "lock", "output"),
        ("reader", "reader", "reader"),
        ("contact", "contact", "input"),
        ("contact", "exit_button", "input"),
    ],
)
def test_two_doors_cannot_share_a_part(
    tmp_path: Path, first: str, second: str, kind: str
) -> None:
    shared = '= { controller = "unit", number = 5 }'
    text = SMALL.replace('lock = { controller = "unit" }', "")
    doors = {"lobby": {first}, "side": {second}}
    for door, parts in doors.items():
        text += "" if door == "lobby" else "[doors.side]\n"
        text += "\n".join(f"{part} {shared}" for part in parts) + "\n"
        if "lock" not in parts:
            number = list(doors).index(door)
            text += f'lock = {{ controller = "unit", number = {number} }}\n'
    assert wrong(tmp_path, text) == {
        f"doors.side.{second}": f"{kind} 5 of unit is doors.lobby.{first} already"
    }


def test_a_number_left_out_is_number_nought(tmp_path: Path) -> None:
    text = SMALL + '[doors.side]\nlock = { controller = "unit", number = 0 }\n'
    assert list(wrong(tmp_path, text)) == ["doors.side.lock"]


def test_one_input_is_not_contact_and_exit_button(tmp_path: Path) -> None:
    text = SMALL + "\n".join(
        f'{part} = {{ controller = "unit" }}' for part in ("contact", "exit_button")
    )
    assert wrong(tmp_path, text) == {
        "doors.lobby.exit_button": "input 0 of unit is doors.lobby.contact already"
    }


def test_the_warning_comes_before_the_alarm(tmp_path: Path) -> None:
    for text, reason in (
        (
            "open_seconds = 10\nprealarm_seconds = 10",
            "10 must be less than open_seconds, which is 10",
        ),
        ("open_seconds = 5", "10 must be less than open_seconds, which is 5"),
        ("prealarm_seconds = 31.5", "31.5 must be less than open_seconds, which is 30"),
    ):
        assert wrong(tmp_path, SMALL + text) == {"doors.lobby.prealarm_seconds": reason}


@pytest.mark.parametrize(
    ("given_key", "needed"),
    [("cert_file", {"key_file", "ca_file"}), ("key_file", {"cert_file"})],
)
def test_half_of_a_pair_is_refused(tmp_path: Path, given_key: str, needed: set[str]) -> None:
    (tmp_path / "a.pem").touch(0o600)
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, SMALL.replace("[mqtt]", f'[mqtt]\n{given_key} = "a.pem"')))
    said = {(each.key, each.reason) for each in caught.value.mistakes}
    assert said == {(f"mqtt.{given_key}", f"needs {key} beside it") for key in needed}


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = """
    [site]
    id = "Main Street"
    [mqtt]
    host = "127.0.0.1"
    prot = 1884
    [lines.north]
    kind = "serial"
    device = "/dev/ttyS9"
    baud = 1200
    [controllers.a]
    line = "south"
    address = 1
    [controllers.b]
    line = "north"
    address = 128
    [doors.lobby]
    lock = { controller = "c" }
    release_seconds = 0
    prealarm_seconds = 60
    """
    assert wrong(tmp_path, text) == {
        "site.id": "a name is 1 to 32 of a-z, 0-9, _ and -",
        "mqtt.prot": "unknown key; did you mean port?",
        "lines.north.baud": "must be 9600, 19200, 38400, 57600, 115200 or 230400",
        "controllers.b.address": "must be at most 126",
        "doors.lobby.release_seconds": "must be at least 0.1",
        "controllers.a.line": "there is no line south",
        "doors.lobby.lock.controller": "there is no controller c",
        "doors.lobby.prealarm_seconds": "60 must be less than open_seconds, which is 30",
    }


# --- keys --------------------------------------------------------------------------


def test_every_controller_is_secure_unless_it_is_told_not_to_be(tmp_path: Path) -> None:
    assert load(written(tmp_path, SMALL)).secure == {"unit"}
    assert site_config(load(written(tmp_path, SMALL))).require_secure == {"unit"}
    off = SMALL.replace("address = 1", 'address = 1\nsecure = "off"')
    assert load(written(tmp_path, off)).secure == frozenset()
    perhaps = off.replace('"off"', '"optional"')
    assert wrong(tmp_path, perhaps) == {
        "controllers.unit.secure": "must be 'required' or 'off'"
    }


def test_where_the_root_key_is_may_be_said_before_it_is_there(tmp_path: Path) -> None:
    keys = load(written(tmp_path, SMALL + '[keys]\nroot_key_file = "root"\n')).keys
    assert keys.root_key_file == tmp_path / "root"
    assert keys.root_credential == "gatewayd-root-key"


@pytest.mark.parametrize("name", ["", "../root", ".", ".root", "a b", "x" * 65])
def test_a_credential_has_a_name_that_is_one(tmp_path: Path, name: str) -> None:
    text = f'{SMALL}[keys]\nroot_credential = "{name}"\n'
    (reason,) = wrong(tmp_path, text).values()
    assert reason == "must be 1 to 64 of A-Z, a-z, 0-9, _, - and, not first, ."


# --- files -------------------------------------------------------------------------


def test_a_missing_file_is_a_mistake_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    assert "at line 3" in wrong(tmp_path, '[site]\nid = "s"\nid = \n')[""]


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[site]\nid = '\xff'")
    with pytest.raises(ConfigError, match=r"not UTF-8 \(at line 2\)"):
        load(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# " + "x" * tables.LONGEST, "longer than 1048576 bytes"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "9" * 10_000, "not TOML"),
    ],
)
def test_a_monstrous_file_is_refused_in_words(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in wrong(tmp_path, text)[""]


@given(st.text())
def test_any_text_is_a_configuration_or_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        load(path)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*Config.model_fields, *config.DoorTable.model_fields, "kind", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Config.model_fields, TREES)))
def test_any_tables_are_a_configuration_or_a_configuration_error(
    data: dict[str, object],
) -> None:
    with pytest.raises(ConfigError):
        parse(data, Path("any.toml"))


def test_a_password_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    text = SMALL.replace("[mqtt]", '[mqtt]\nusername = "me"\npassword_file = "secret"')
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "secret").chmod(0o644)
    reason = wrong(tmp_path, text)["mqtt.password_file"]
    assert "open to everybody (mode 644)" in reason
    assert "hunter2" not in reason

    (tmp_path / "secret").chmod(0o640)
    secret = load(written(tmp_path, text)).mqtt.password_file
    assert secret == tmp_path / "secret"
    assert secret is not None
    assert read_secret(secret) == "hunter2"


def test_a_password_file_without_a_name_to_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    text = SMALL.replace("[mqtt]", '[mqtt]\npassword_file = "secret"')
    assert wrong(tmp_path, text) == {"mqtt.password_file": "needs username beside it"}


def test_a_huge_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "secret").write_bytes(bytes(config.LONGEST_SECRET + 1))
    text = SMALL.replace("[mqtt]", '[mqtt]\nusername = "me"\npassword_file = "secret"')
    assert "too long" in wrong(tmp_path, text)["mqtt.password_file"]


def test_a_secret_that_cannot_be_read_is_named_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"hunter2\xff")
    with pytest.raises(StateError, match="not UTF-8") as caught:
        read_secret(tmp_path / "secret")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    with pytest.raises(StateError, match="No such file"):
        read_secret(tmp_path / "none")


def test_a_password_in_the_file_itself_is_not_repeated(tmp_path: Path) -> None:
    text = SMALL.replace("[mqtt]", '[mqtt]\npassword = "hunter2"\npassword_file = 4711')
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert "hunter2" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    text = SMALL.replace("[mqtt]", f'[mqtt]\nca_file = "{tmp_path}"')
    assert "no such file" in wrong(tmp_path, text)["mqtt.ca_file"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        text = SMALL.replace("[mqtt]", '[mqtt]\nca_file = "s"')
        assert "no such file" in wrong(tmp_path, text)["mqtt.ca_file"]


# --- the site's catalogue ----------------------------------------------------------


def test_mistakes_of_the_sites_catalogue_are_named_with_the_others(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[[families]]\nname = "x"\nstatus = "fine"\n')
    text = SMALL.replace("address = 1", "address = 200") + '[audit]\ncatalogue = "own.toml"\n'
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [(each.file, each.key) for each in caught.value.mistakes] == [
        (str(path), "controllers.unit.address"),
        (str(tmp_path / "own.toml"), "families.0.status"),
    ]


# --- the core's words --------------------------------------------------------------


def test_a_door_reaches_the_core_as_it_stands_in_the_file(tmp_path: Path) -> None:
    text = (
        SMALL
        + """
    reader = { controller = "unit", number = 1 }
    contact = { controller = "unit", number = 2, open_when = "inactive" }
    exit_button = { controller = "unit", number = 3, pressed_when = "inactive" }
    card_formats = ["H10302", "H10301"]
    release_seconds = 2
    open_seconds = 20
    prealarm_seconds = 5
    [audit]
    on_classic = "block"
    catalogue = "own.toml"
    """
    )
    (tmp_path / "own.toml").write_text(
        '[[families]]\nname = "x"\nstatus = "approved"\nvendor = "0a0b0c"\n'
    )
    site = site_config(load(written(tmp_path, text)), inventory_approved=True)
    (door,) = site.doors
    unit = ControllerId("unit")
    assert (door.lock, door.reader) == (Point(unit), Point(unit, 1))
    assert (door.contact, door.exit_button) == (Point(unit, 2), Point(unit, 3))
    assert door.card_formats == ("H10302", "H10301")
    assert not door.contact_open_when
    assert not door.exit_active_when
    assert (door.release_seconds, door.open_seconds, door.prealarm_seconds) == (2, 20, 5)
    assert site.controllers == {unit: "north"}
    assert site.on_classic is OnClassic.BLOCK
    assert site.inventory_approved
    assert [family.status for family in site.catalogue.site] == [Status.APPROVED]
    assert site.catalogue.shipped


def test_a_door_with_a_lock_only_is_a_door(tmp_path: Path) -> None:
    (door,) = site_config(load(written(tmp_path, SMALL))).doors
    assert (door.reader, door.contact, door.exit_button) == (None, None, None)
    assert door.contact_open_when
    assert door.exit_active_when
