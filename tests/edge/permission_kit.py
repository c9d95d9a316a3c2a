"""Records as an integrator writes them, and the digest as an integrator works it out."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
names = st.sampled_from(["a", "B", "office", "h-1", "h.2"])
seconds = st.integers(0, 100)


def some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    """An object with any of these keys: what is left out has its default."""
    return st.fixed_dictionaries({}, optional=fields)


def clock(second: int) -> str:
    text = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return text.removesuffix(":00") if second % 2 else text


@st.composite
def periods(draw: st.DrawFn) -> list[list[str]]:
    edges = sorted(draw(st.sets(st.integers(0, 24 * 60 - 1), max_size=6)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    odd = draw(st.sampled_from([0, 1, 59]))
    return [[clock(60 * a), clock(60 * b + odd)] for a, b in draw(st.permutations(pairs))]


days = st.dates().filter(lambda each: 1970 <= each.year < 9990).map(
    lambda each: each.isoformat()
) | st.sampled_from(["12-25", "02-29", "01-01"])
schedules = some_of(
    name=st.none() | st.sampled_from(["Office hours", "夜"]),
    week=some_of(**dict.fromkeys(DAYS, periods())),
    special=st.lists(
        st.fixed_dictionaries({"days": st.just("holidays")}, optional={"hours": periods()}),
        max_size=1,
    ),
)
special_days = some_of(days=st.lists(days, unique=True, max_size=4))
factors = st.sampled_from(["card", "pin", "card_and_pin", "card_or_pin"])
points = some_of(
    enabled=st.booleans(),
    muster=st.booleans(),
    authentication=st.lists(
        st.fixed_dictionaries({"schedule": names, "authentication": factors}), max_size=2
    ),
    default=factors,
    factor_seconds=seconds,
    minimum_clearance=st.integers(),
    two_person=st.booleans(),
    two_person_seconds=seconds,
    escort_seconds=seconds,
    first_person=st.none() | names,
)
name_lists = st.lists(names, unique=True, max_size=3)
levels = some_of(
    rules=st.lists(
        some_of(
            doors=name_lists,
            areas=name_lists,
            sides=st.lists(st.sampled_from(["in", "out"]), unique=True),
            schedule=names,
        ),
        max_size=3,
    )
)
doors = some_of(
    entry=points,
    exit=points,
    unlock=st.none() | names,
    unlock_needs_first_person=st.booleans(),
)
areas = some_of(
    passback=st.sampled_from(["off", "soft", "hard", "timed"]),
    passback_seconds=seconds,
    max_occupancy=st.none() | st.integers(),
    min_occupancy=st.integers(),
    interlock=st.sampled_from(["off", "open", "unlock"]),
)
times = st.none() | st.datetimes().map(
    lambda each: each.isoformat(timespec="microseconds") + "Z"
)
holders = some_of(
    enabled=st.booleans(),
    valid_from=times,
    valid_until=times,
    levels=name_lists,
    clearance=st.integers(-9, 9),
    flags=st.lists(st.sampled_from(["visitor", "escort", "supervisor"]), unique=True),
)
states = st.sampled_from(["enabled", "disabled", "lost", "stolen"])
card_fields = {
    "state": states,
    "valid_from": times,
    "valid_until": times,
    "max_uses": st.none() | st.integers(0, 9),
    "duress": st.booleans(),
}


def by_name(record: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    return st.dictionaries(names, record, max_size=3)


rules = st.fixed_dictionaries(
    {"special_days": by_name(special_days).map(lambda each: {**each, "holidays": {}})},
    optional={
        "schedules": by_name(schedules),
        "levels": by_name(levels),
        "doors": by_name(doors),
        "areas": by_name(areas),
    },
)


# --- the digest, from nothing but docs/mqtt.md -------------------------------------------

POINT: Document = {
    "enabled": True, "muster": False, "authentication": [], "default": "card",
    "factor_seconds": 15, "minimum_clearance": 0, "two_person": False,
    "two_person_seconds": 15, "escort_seconds": 15, "first_person": None,
}  # fmt: skip


def full(kind: str, name: str, sent: Document) -> Document:
    """Put in what a record leaves out, and its sets in order."""
    if kind == "schedule":
        week = {day: hours(sent.get("week", {}).get(day, [])) for day in DAYS}
        special = [
            {"days": each["days"], "hours": hours(each.get("hours", []))}
            for each in sent.get("special", [])
        ]
        return {"name": sent.get("name") or name, "week": week, "special": special}
    if kind == "special_days":
        return {"days": sorted(sent.get("days", []))}
    if kind == "level":
        rule = {"doors": [], "areas": [], "sides": ["in", "out"], "schedule": "always"}
        every = [{**rule, **each} for each in sent.get("rules", [])]
        return {
            "rules": [
                {k: sorted(v) if k != "schedule" else v for k, v in each.items()}
                for each in every
            ]
        }
    if kind == "door":
        points = {side: {**POINT, **sent.get(side, {})} for side in ("entry", "exit")}
        return {"unlock": None, "unlock_needs_first_person": False, **sent, **points}
    area = {"passback": "off", "passback_seconds": 0, "max_occupancy": None, "min_occupancy": 0}
    return {**area, "interlock": "off", **sent}


def hours(sent: list[list[str]]) -> list[list[str]]:
    return sorted(
        [
            [each.removesuffix(":00") if len(each) > 5 else each for each in pair]
            for pair in sent
        ]
    )


def line(kind: str, name: str, sent: Document) -> str:
    """The line of one record."""
    if kind == "holder":
        fields = [name, f"{sent.get('enabled', True):d}", sent.get("valid_from") or "",
                  sent.get("valid_until") or "", ",".join(sorted(sent.get("levels", []))),
                  f"{bool(sent.get('pin')):d}", f"{bool(sent.get('duress_pin')):d}",
                  f"{sent.get('clearance', 0)}",
                  ",".join(sorted(sent.get("flags", [])))]  # fmt: skip
    elif kind == "credential":
        uses = sent.get("max_uses")
        fields = ["PIN" if name.startswith("PIN:") else name, sent["holder"],
                  sent.get("state", "enabled"), sent.get("valid_from") or "",
                  sent.get("valid_until") or "", "" if uses is None else f"{uses}",
                  f"{sent.get('duress', False):d}"]  # fmt: skip
    else:
        text = json.dumps(
            full(kind, name, sent), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        fields = [name, text]
    return "\t".join([kind, *fields])


KINDS = {
    "schedules": "schedule", "special_days": "special_days", "levels": "level",
    "doors": "door", "areas": "area", "holders": "holder", "credentials": "credential",
}  # fmt: skip


def digest_of(sent: Mapping[str, Mapping[str, Document]]) -> str:
    """The digest over everything that was sent."""
    every = [
        line(kind, name, record)
        for many, kind in KINDS.items()
        for name, record in sent.get(many, {}).items()
    ]
    total = sum(int.from_bytes(sha256(each.encode()).digest()) for each in every)
    return f"{total % 2**256:064x}"
