"""All permissions anew: announced, sent in any order and over restarts, whole or not at all."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gatewayd.core.access.model import LevelId
from gatewayd.core.access.people import digest
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.actions import Answer
from gatewayd.core.model import AreaId, ClientId, DoorId, HolderId, RequestId
from gatewayd.core.pin_entry import Digits
from gatewayd.core.requests import (
    BeginSnapshot,
    Command,
    Manifest,
    Request,
    RunAudit,
    StagePart,
)
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.people_store import PeopleStore
from gatewayd.edge.permission_json import rules_from_bytes, rules_total
from gatewayd.edge.pin_envelopes import Secrets
from gatewayd.edge.snapshot import Snapshot
from tests.edge import permission_kit as kit
from tests.edge.pin_kit import KEY, PIN, sealed
from tests.edge.posted import Posted

SECRETS = Secrets(KEY, SiteKey(os.urandom(32)))
ANNA = HolderId("h-anna")
KINDS = tuple(kit.KINDS)

RULES = {
    "schedules": {"office": {"week": {"mon": [["08:00", "18:00"]]}}},
    "levels": {"staff": {"rules": [{"doors": ["lobby"], "schedule": "office"}]}},
    "doors": {"lobby": {"unlock": "office"}},
}
PEOPLE: kit.Document = {
    "holders": {ANNA: {"levels": ["staff"], "pin": sealed()}, "h-bob": {}},
    "credentials": {"H10301:12:345": {"holder": ANNA}},
}
LATER = {"areas": {"lab": {}}, "credentials": {"26:12345680": {"holder": "h-bob"}}}
PARTS: tuple[kit.Document, ...] = (RULES, PEOPLE, LATER)


def plain(document: object) -> bytes:
    """The canonical JSON of docs/mqtt.md."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def manifest_of(*parts: kit.Document, version: int = 7) -> Manifest:
    every: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for part in parts:
        for kind, records in part.items():
            every[kind].update(records)
    return Manifest(
        version,
        kit.digest_of(every),
        tuple(sha256(plain(part)).hexdigest() for part in parts),
        {kind: len(records) for kind, records in every.items()},
    )


class Desk:
    """A snapshot being staged beside a store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.post = Posted()
        self.store = PeopleStore.open(directory / "people", post=self.post)
        self.restart()

    def restart(self) -> None:
        staging = Staging(self.directory / "staged")
        self.snapshot = Snapshot(staging, SECRETS, {DoorId("lobby")}, {AreaId("lab")})

    def ask(self, command: Command) -> Answer:
        return self.snapshot.answer(Request(RequestId("r"), ClientId("office"), command, 0))

    def result(self, command: Command) -> Mapping[str, Any]:
        answer = self.ask(command)
        assert answer.error is None, answer
        assert isinstance(answer.result, Mapping)
        return answer.result

    def begin(self, manifest: Manifest) -> list[int]:
        missing = self.result(BeginSnapshot(manifest))["missing"]
        assert isinstance(missing, list)
        return missing

    def put(self, number: int, records: kit.Document, version: int = 7) -> int:
        missing = self.result(StagePart(version, number, records))["missing"]
        assert isinstance(missing, int)
        return missing

    def send(self, *parts: kit.Document, version: int = 7) -> None:
        self.begin(manifest_of(*parts, version=version))
        for number, part in enumerate(parts):
            self.put(number, part, version)

    def replace(self, version: int = 7) -> Exception | None:
        ready = self.snapshot.ready(version)
        answers: list[Exception | None] = []
        self.store.replace(
            self.snapshot.staging, version, answers.append, digest=ready.people_digest
        )
        self.post.until(lambda: bool(answers))
        return answers[0]

    def refused(self, version: int = 7) -> str:
        with pytest.raises(PeopleRefused) as caught:
            self.snapshot.ready(version)
        return f"{caught.value}"

    def digest(self) -> str:
        rules = rules_from_bytes(self.store.rest)
        return digest(self.store.state.total + rules_total(rules))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


# --- what is whole comes into force --------------------------------------------------------


def test_parts_in_any_order_become_all_permissions(desk: Desk) -> None:
    manifest = manifest_of(*PARTS)
    assert desk.begin(manifest) == [0, 1, 2]
    assert [desk.put(number, PARTS[number]) for number in (2, 0, 1)] == [2, 1, 0]
    assert desk.replace() is None
    assert desk.digest() == manifest.digest
    assert desk.store.version == 7
    found = desk.store.view.find("H10301:12:345")
    assert found is not None
    assert found[1].levels == (LevelId("staff"),)
    assert found[1].pin == SECRETS.site.pin_of(ANNA, Digits(PIN))
    rules = rules_from_bytes(desk.store.rest)
    assert rules.counts == {
        "schedules": 1,
        "special_days": 0,
        "levels": 1,
        "doors": 1,
        "areas": 1,
    }


def test_what_was_sent_before_a_restart_need_not_be_sent_again(desk: Desk) -> None:
    desk.begin(manifest_of(*PARTS))
    desk.put(1, PEOPLE)
    desk.restart()
    assert desk.put(0, RULES) == 1
    desk.restart()
    assert desk.begin(manifest_of(*PARTS)) == [2]
    desk.put(2, LATER)
    desk.restart()
    assert desk.replace() is None


def test_a_part_may_come_twice(desk: Desk) -> None:
    desk.send(*PARTS)
    assert desk.put(1, PEOPLE) == 0
    assert desk.replace() is None


def test_what_is_in_use_is_forgotten(desk: Desk) -> None:
    desk.send(*PARTS)
    assert desk.replace() is None
    desk.snapshot.clear()
    assert "no snapshot of version 7 was begun" in desk.refused()
    assert list((desk.directory / "staged").iterdir()) == []


def test_pins_that_a_holder_has_are_kept(desk: Desk) -> None:
    desk.send(*PARTS)
    desk.replace()
    again = {**PEOPLE, "holders": {**PEOPLE["holders"], ANNA: {"pin": "kept"}}}
    desk.send(RULES, again, LATER, version=8)
    assert desk.replace(8) is None
    person = desk.store.view.person(ANNA)
    assert person is not None
    assert person.holder.pin == SECRETS.site.pin_of(ANNA, Digits(PIN))


# --- what is wrong is named ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"levels": {"x": {"rule": []}}}, "levels.x.rule: is not known here"),
        ({"holders": {"x": None}}, "holders.x: must be an object"),
        ({"holders": {"x": {"pin": "1234"}}}, "holders.x.pin: the envelope is no compact JWE"),
        ({"credentials": {"345": {"holder": "x"}}}, "'345' is not the key of a credential"),
        ({"people": {}}, "people: is not known here"),
    ],
)
def test_a_part_with_a_mistake_is_not_kept(desk: Desk, part: kit.Document, why: str) -> None:
    manifest = replace(manifest_of(RULES), parts=(sha256(plain(part)).hexdigest(),))
    desk.begin(manifest)
    answer = desk.ask(StagePart(7, 0, part))
    assert answer.error == "permissions_invalid"
    assert why in answer.message
    assert desk.begin(manifest) == [0]


def test_a_part_that_was_not_announced_is_refused(desk: Desk) -> None:
    desk.begin(manifest_of(*PARTS))
    answer = desk.ask(StagePart(7, 0, LATER))
    assert answer.message == f"part 0 has the SHA-256 {sha256(plain(LATER)).hexdigest()}"
    assert desk.ask(StagePart(7, 3, LATER)).message == "there are parts 0 to 2"
    assert "no snapshot of version 8" in desk.ask(StagePart(8, 0, RULES)).message


def test_missing_parts_are_named(desk: Desk) -> None:
    desk.begin(manifest_of(*PARTS))
    desk.put(1, PEOPLE)
    assert desk.refused() == "parts are missing: 0, 2"
    many = replace(manifest_of(RULES), version=8, parts=("0" * 64,) * 25)
    desk.begin(many)
    assert desk.refused(8).endswith("18, 19 and 5 more")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (({"doors": {"gate": {}}},), "door 'gate': the site has no such door"),
        (({"areas": {"roof": {}}},), "area 'roof': the site has no such area"),
        (({"doors": {"lobby": {"unlock": "x"}}},), "no such schedule: x"),
        (({"levels": {"a": {}}}, {"levels": {"a": {}}}), "levels 'a' comes twice"),
    ],
)
def test_rules_are_checked_over_all_parts(
    desk: Desk, parts: tuple[kit.Document, ...], why: str
) -> None:
    desk.send(*parts)
    assert why in desk.refused()


def test_rules_that_were_announced_must_be_there(desk: Desk) -> None:
    manifest = manifest_of(RULES)
    desk.begin(replace(manifest, counts={**manifest.counts, "levels": 2}))
    desk.put(0, RULES)
    assert desk.refused() == "2 levels were announced, and 1 are there"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (({"holders": {"x": {"levels": ["gone"]}}},), "holder 'x': no such level: 'gone'"),
        (({"credentials": {"26:12345680": {"holder": "x"}}},), "who does not exist"),
        (({"holders": {"x": {}}}, {"holders": {"x": {}}}), "holders were announced"),
    ],
)
def test_people_are_checked_over_all_parts(
    desk: Desk, parts: tuple[kit.Document, ...], why: str
) -> None:
    desk.send(*parts)
    answer = desk.replace()
    assert isinstance(answer, PeopleRefused)
    assert why in f"{answer}"
    assert desk.store.version == 0


def test_another_digest_than_announced_changes_nothing(desk: Desk) -> None:
    desk.begin(replace(manifest_of(*PARTS), digest="0" * 64))
    for number, part in enumerate(PARTS):
        desk.put(number, part)
    assert "come to digest" in f"{desk.replace()}"
    assert desk.store.version == 0


def test_a_damaged_manifest_is_begun_again(desk: Desk) -> None:
    desk.send(*PARTS)
    (desk.directory / "staged" / "manifest").write_bytes(b"{")
    desk.restart()
    assert "no snapshot of version 7 was begun" in desk.refused()
    assert desk.begin(manifest_of(*PARTS)) == [0, 1, 2]


def test_a_directory_that_cannot_be_used_is_answered(desk: Desk) -> None:
    (desk.directory / "staged").write_text("a file")
    answer = desk.ask(BeginSnapshot(manifest_of(RULES)))
    assert answer.error == "storage_failed"


def test_nothing_staged_shows_a_pin(desk: Desk) -> None:
    desk.send(*PARTS)
    for path in (desk.directory / "staged").iterdir():
        assert PIN.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600


def test_other_requests_are_a_mistake_of_ours(desk: Desk) -> None:
    with pytest.raises(TypeError):
        desk.ask(RunAudit())
