"""Hardware families: the shipped ones, and a site's own."""

from pathlib import Path

import pytest

from gatewayd import catalogue
from gatewayd.core.audit import Needs, judge
from gatewayd.core.model import Identity, Verdict
from gatewayd.errors import ConfigError

SECURE = ((9, 1, 0),)


def unit(vendor: str, model: int, capabilities: tuple[tuple[int, int, int], ...]) -> Identity:
    return Identity("osdp", vendor, model, 1, "00000001", (1, 2, 3), capabilities)


def verdict(identity: Identity, site: Path | None = None) -> Verdict:
    return judge(identity, catalogue.load(site), Needs()).verdict


def own(directory: Path, text: str) -> Path:
    path = directory / "own.toml"
    path.write_text(text)
    return path


def wrong(directory: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        catalogue.families(own(directory, text))
    return {each.key: each.reason for each in caught.value.mistakes}


APPROVE = '[[families]]\nname = "ours"\nstatus = "approved"\nvendor = "a0b1c2"\n'


def test_a_simulated_reader_is_approved_and_a_simulated_classic_one_is_not() -> None:
    assert verdict(unit("02475f", 1, SECURE)) is Verdict.APPROVED
    classic = judge(unit("02475f", 9, SECURE), catalogue.load(), Needs())
    assert classic.verdict is Verdict.CLASSIC
    assert classic.replacement == "simulated reader"


@pytest.mark.parametrize("capabilities", [(), ((9, 0, 1),), ((4, 1, 1),)])
def test_a_unit_without_secure_channel_is_classic(
    capabilities: tuple[tuple[int, int, int], ...],
) -> None:
    finding = judge(unit("a0b1c2", 7, capabilities), catalogue.load(), Needs())
    assert finding.verdict is Verdict.CLASSIC
    assert finding.replacement == "any OSDP v2.2 unit with Secure Channel"


def test_a_unit_nobody_knows_is_unknown_until_the_site_approves_it(tmp_path: Path) -> None:
    stranger = unit("a0b1c2", 7, SECURE)
    assert verdict(stranger) is Verdict.UNKNOWN
    assert verdict(stranger, own(tmp_path, APPROVE)) is Verdict.APPROVED


def test_a_site_cannot_approve_what_the_shipped_catalogue_calls_classic(tmp_path: Path) -> None:
    assert verdict(unit("a0b1c2", 7, ()), own(tmp_path, APPROVE)) is Verdict.CLASSIC


def test_a_site_may_be_stricter(tmp_path: Path) -> None:
    text = '[[families]]\nname = "none of these"\nstatus = "classic"\nvendor = "02475f"\n'
    assert verdict(unit("02475f", 1, SECURE), own(tmp_path, text)) is Verdict.CLASSIC


def test_every_key_of_a_family_reaches_the_core(tmp_path: Path) -> None:
    text = (
        APPROVE
        + """
    model = 3
    hardware = [1, 2]
    firmware_from = "1.2.0"
    firmware_to = "2.0.255"
    requires = [{ function = 4 }]
    lacks = [{ function = 5, compliance = 2 }]
    replacement = "another"
    note = "a note"
    """
    )
    (family,) = catalogue.families(own(tmp_path, text))
    assert (family.model, family.hardware) == (3, (1, 2))
    assert (family.firmware_from, family.firmware_to) == ((1, 2, 0), (2, 0, 255))
    assert (family.requires, family.lacks) == (((4, 1),), ((5, 2),))
    assert (family.replacement, family.note) == ("another", "a note")


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('vendor = "A0B1C2"', "vendor", "six hexadecimal digits"),
        ('vendor = "a0b1"', "vendor", "six hexadecimal digits"),
        ('vendor = "a0b1c2"\nmodel = 256', "model", "at most 255"),
        ('vendor = "a0b1c2"\nmodle = 2', "modle", "did you mean model?"),
        ('vendor = "a0b1c2"\nfirmware_from = "1.2"', "firmware_from", "three numbers"),
        ('vendor = "a0b1c2"\nfirmware_to = "1.2.256"', "firmware_to", "three numbers"),
        ('vendor = "a0b1c2"\nhardware = [1]', "hardware.1", "missing"),
        (
            'vendor = "a0b1c2"\nlacks = [{ functoin = 1, function = 9 }]',
            "lacks.0.functoin",
            "fun",
        ),
        ("", "vendor", "an approval names the vendor"),
    ],
)
def test_a_mistake_in_a_catalogue_is_named(
    tmp_path: Path, line: str, key: str, reason: str
) -> None:
    text = f'[[families]]\nname = "ours"\nstatus = "approved"\n{line}\n'
    mistakes = wrong(tmp_path, text)
    assert list(mistakes) == [f"families.0.{key}"]
    assert reason in mistakes[f"families.0.{key}"]


def test_two_families_have_two_names(tmp_path: Path) -> None:
    assert set(wrong(tmp_path, APPROVE * 2).values()) == {"two families have this name"}


def test_a_catalogue_has_bounds(tmp_path: Path) -> None:
    text = "".join(APPROVE.replace("ours", str(n)) for n in range(catalogue.MOST_FAMILIES + 1))
    assert wrong(tmp_path, text) == {"families": "must not have more than 1000 entries"}


def test_a_catalogue_without_families_is_a_mistake(tmp_path: Path) -> None:
    assert wrong(tmp_path, "") == {"families": "missing"}
    assert wrong(tmp_path, "families = 3") == {"families": "must be a list"}
    assert wrong(tmp_path, "families = [3]") == {"families.0": "must be a table"}
