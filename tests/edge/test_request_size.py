"""What a request may hold: counted before its records are read."""

import json
from typing import Any

import pytest

from gatewayd.core.requests import StagePart
from gatewayd.edge.calls import Call, Refusal, decode_request
from gatewayd.edge.request_size import MOST_OBJECTS, MOST_VALUES, Extent, extent, too_much

AROUND = extent({"id": "", "args": {"base": 1, "version": 2, "levels": {}}}) + Extent(0, 3)


def decoded(args: dict[str, Any], command: str = "permissions.apply") -> Call | Refusal:
    envelope = {
        "id": "r-1",
        "client": "office",
        "issued": "2030-01-01T12:00:00Z",
        "expires": "2030-01-01T12:01:00Z",
        "args": args,
    }
    return decode_request(command, json.dumps(envelope).encode())


def applied(**kinds: Any) -> Call | Refusal:  # noqa: ANN401 - JSON
    return decoded({"base": 1, "version": 2, **kinds})


def refused(**kinds: Any) -> str:  # noqa: ANN401 - JSON
    refusal = applied(**kinds)
    assert isinstance(refusal, Refusal)
    assert (refusal.id, refusal.client) == ("r-1", "office")
    return refusal.message


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (7, Extent(0, 1)),
        ([], Extent(0, 1)),
        ({}, Extent(1, 1)),
        ([[], [None, True]], Extent(0, 5)),
        ({"a": {"b": [{}, "c"]}, "d": 1.5}, Extent(3, 6)),
    ],
)
def test_objects_and_values_count_and_keys_do_not(document: object, expected: Extent) -> None:
    assert extent(document) == expected


def test_extents_add_up() -> None:
    assert Extent(1, 2) + Extent(3, 4) == Extent(4, 6)


def test_a_request_has_so_many_objects() -> None:
    levels: dict[str, Any] = {f"{each}": {} for each in range(MOST_OBJECTS - AROUND.objects)}
    assert isinstance(applied(levels=levels), Call)
    assert refused(levels={**levels, "more": {}}) == (
        f"{MOST_OBJECTS + 1} objects in one request, at most {MOST_OBJECTS}: "
        f"send several updates, or all anew with permissions.replace"
    )


def test_a_request_has_so_many_values() -> None:
    gone = dict.fromkeys(map(str, range(MOST_VALUES - AROUND.values)))
    assert isinstance(applied(levels=gone), Call)
    message = refused(levels={**gone, "more": None})
    assert message.startswith(f"{MOST_VALUES + 1} values in one request, at most {MOST_VALUES}")


@pytest.mark.parametrize(
    "kinds",
    [
        {"levels": {"staff": {"rules": [{}] * MOST_OBJECTS}}},
        {"doors": {"d": {"entry": {"authentication": [{}] * MOST_OBJECTS}}}},
        {"schedules": {"s": {"special": [{}] * MOST_OBJECTS}}},
        {"schedules": {"s": {"week": {"mon": [["08:00", "09:00"]] * MOST_VALUES}}}},
        {"special_days": {"s": {"days": ["12-25"] * MOST_VALUES}}},
        {"holders": {"h": {"levels": ["staff"] * MOST_VALUES}}},
        {"no such kind": [None] * MOST_VALUES},
    ],
)
def test_too_much_of_anything_is_refused_unread(kinds: dict[str, Any]) -> None:
    assert "permissions.replace" in refused(**kinds)


def test_a_part_of_everything_may_have_more() -> None:
    records: dict[str, Any] = {"holders": {f"h{each}": {} for each in range(MOST_VALUES)}}
    part = {"version": 2, "number": 0, "records": records}
    assert too_much(part)
    assert isinstance(decoded(part, StagePart.COMMAND), Call)
