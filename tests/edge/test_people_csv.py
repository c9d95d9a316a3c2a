"""A spreadsheet of people: what it means, and every mistake by line and column."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import CredentialState
from gatewayd.core.pin_entry import Digits
from gatewayd.edge.people_csv import LONGEST_FIELD, MOST_MISTAKES, People, read_people
from gatewayd.errors import StateError, UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def read(place: Path, *lines: str, encoding: str = "utf-8") -> People:
    file = place / "people.csv"
    file.write_text("\n".join(lines), encoding=encoding)
    return read_people(file, BERLIN)


def mistakes(place: Path, *lines: str) -> list[str]:
    return [str(each) for each in read(place, *lines).mistakes]


def test_a_line_is_a_card_of_a_holder(tmp_path: Path) -> None:
    people = read(
        tmp_path,
        "holder,levels,facility,number,state,max_uses",
        "anna,staff; lab,36,6765,,",
        "boris,staff,36,6766,lost,3",
    )
    assert people.holders == {
        "anna": {"levels": ["staff", "lab"]},
        "boris": {"levels": ["staff"]},
    }
    assert people.cards == {
        "H10301:36:6765": {"holder": "anna"},
        "H10301:36:6766": {"holder": "boris", "state": "lost", "max_uses": 3},
    }
    assert people.levels == {"staff", "lab"}
    assert not people.mistakes


def test_somebody_with_two_cards_has_two_lines(tmp_path: Path) -> None:
    people = read(
        tmp_path,
        "holder;levels;card;clearance",
        "anna;staff;H10302::77;2",
        "anna;;26:12345680;",
    )
    assert people.holders == {"anna": {"levels": ["staff"], "clearance": 2}}
    assert list(people.cards) == ["H10302::77", "26:12345680"]


def test_lines_of_one_holder_must_not_contradict_each_other(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "holder,levels", "anna,staff", "anna,lab")
    assert found == ["line 3, levels: another line of the same holder says something else"]


def test_a_day_is_meant_whole_by_the_clocks_of_the_site(tmp_path: Path) -> None:
    people = read(
        tmp_path,
        "holder,valid_from,valid_until",
        "anna,2030-06-06,2030-06-07",
        "boris,2030-01-01 08:30,2030-01-01T08:30:00+00:00",
    )
    assert people.holders["anna"]["valid_from"] == "2030-06-05T22:00:00Z"
    assert people.holders["anna"]["valid_until"] == "2030-06-07T22:00:00Z"
    assert people.holders["boris"]["valid_from"] == "2030-01-01T07:30:00Z"
    assert people.holders["boris"]["valid_until"] == "2030-01-01T08:30:00Z"


def test_pins_are_read_and_shown_to_nobody(tmp_path: Path) -> None:
    people = read(
        tmp_path,
        "holder,number,pin,duress_pin,pin_alone",
        "anna,1,1234,9999,",
        "boris,,,,777777",
    )
    assert people.holders["anna"]["pin"] == Digits("1234")
    assert people.holders["anna"]["duress_pin"] == Digits("9999")
    assert people.pins == [(Digits("777777"), {"holder": "boris"})]
    assert "1234" not in repr(people)
    assert "777777" not in repr(people)


def test_every_mistake_is_named_by_line_and_column(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        "holder,levels,number,facility,card,pin,state,valid_from,clearance,flags",
        ",staff,1",
        "anna,staff,x",
        "boris,,1,36,,12ab,gone,yesterday,much,walker",
        "carl,,1,36",
        "dora,,,36",
        "emil,,,,26:1,,,,,,,too,many",
        "",
        "fred,,,,26:1",
    )
    assert found == [
        "line 2, holder: is missing",
        "line 3, number: 'H10301::x' is not the key of a card",
        "line 4, flags: no such flag: walker",
        "line 4, clearance: is no whole number",
        'line 4, valid_from: is no time such as "2030-01-31" or "2030-01-31 18:00"',
        "line 4, pin: is no PIN of 1 to 10 digits",
        f"line 4, state: is none of {', '.join(CredentialState)}",
        "line 5, card: stands in line 4 already",
        "line 6, facility: needs a number beside it",
        "line 7, columns: 13 values for 10 columns",
        "line 9, card: '26:1' is not the key of a card",
    ]


def test_a_wrong_pin_is_named_without_its_digits(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "holder,pin_alone", "a,12345678901", "b,4711", "c,4711")
    assert found == [
        "line 2, pin_alone: is no PIN of 1 to 10 digits",
        "line 4, pin_alone: stands in line 3 already",
    ]


def test_only_so_many_mistakes_are_named(tmp_path: Path) -> None:
    people = read(tmp_path, "holder,number", *["a,x"] * (MOST_MISTAKES + 7))
    assert (len(people.mistakes), people.unnamed) == (MOST_MISTAKES, 7)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((), 'names no column "holder"'),
        (("holder,shoe",), "no such column: shoe"),
        (("holder,card,card",), "column card stands there twice"),
        (("holder", "x" * (LONGEST_FIELD + 1)), "line 2: field larger"),
        (("holder,number", "anna,1", '"boris,2', "carl,3"), "line 4: unexpected end of data"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(tmp_path, *lines)


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        read(tmp_path, "holder", "jürgen", encoding="latin-1")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert read(tmp_path, "holder", "anna", encoding="utf-8-sig").holders == {
        "anna": {"levels": []}
    }


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nothing-here"):
        read_people(tmp_path / "nothing-here", BERLIN)


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("holder\nanna\nboris\n")
    told: list[int] = []
    read_people(file, BERLIN, told.append)
    assert told == [18, 18]


@given(st.binary(max_size=300))
def test_any_file_is_people_or_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(b"holder,card,pin\n" + content)
    try:
        people = read_people(file, BERLIN)
    except UsageError:
        return
    assert all(each.line > 1 for each in people.mistakes)
