"""All permissions anew, in parts: announced, staged on the disk, and put to use at once.

    permissions.begin     a manifest: version, digest of everything, SHA-256 of each part
    permissions.part      records of any kinds; the SHA-256 is that of their canonical JSON
    permissions.replace   when none is missing: everything is checked, then it decides

Parts stay over restarts: `begin` again says which are missing. Each is checked by itself when
it comes. What they refer to is checked over all of them before anything changes: rules here,
people's levels and holders in the process that builds their table (people_child). PINs come
in envelopes and are opened as the part comes; only what is kept of them is staged.

Everything here waits for the disk and works through thousands of records: call it on a thread
of its own, one call at a time. Mistakes are answers, with every name (`PeopleRefused`).
"""

import json
import threading
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from gatewayd.core.access.model import Credential, Holder
from gatewayd.core.access.people import MODULUS, digest
from gatewayd.core.access.record_check import mistakes_of_people, mistakes_of_rules
from gatewayd.core.access.records import Rules
from gatewayd.core.actions import Answer
from gatewayd.core.model import AreaId, DoorId
from gatewayd.core.requests import BeginSnapshot, Manifest, Request, StagePart
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_layout import LONGEST_REST
from gatewayd.edge.people_parts import Counts, Expected, Staging
from gatewayd.edge.permission_json import (
    canonical,
    people_of,
    rules_of,
    rules_to_bytes,
    rules_total,
)
from gatewayd.edge.permission_models import RecordsModel, RulesModel
from gatewayd.edge.permission_values import OPENS
from gatewayd.edge.pin_envelopes import Secrets
from gatewayd.edge.request_mistakes import in_words
from gatewayd.errors import StateError

AT_ONCE = 50  # records that are read without a break
MOST_NAMED = 20  # missing parts in one message


class Ready(NamedTuple):
    """What is whole and sound but for the people, and what they must come to."""

    rules: Rules
    rest: bytes
    total: int  # of the rules, of the digest's sum
    people_digest: str


class Snapshot:
    """What is being staged in one directory."""

    def __init__(
        self,
        staging: Staging,
        secrets: Secrets,
        doors: Container[DoorId],
        areas: Container[AreaId],
    ) -> None:
        """Belong to a site with these doors and areas."""
        self.staging = staging
        self._secrets, self._doors, self._areas = secrets, doors, areas
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None  # as on the disk; None: not looked at yet
        self._have: dict[int, bytes] | None = None

    def answer(self, request: Request) -> Answer:
        """Do what `permissions.begin` or `permissions.part` asks, and answer it."""
        command = request.command
        try:
            with self._lock:
                if isinstance(command, BeginSnapshot):
                    result = self._begin(command.manifest)
                elif isinstance(command, StagePart):
                    result = self._stage(command)
                else:
                    raise TypeError(f"{command.COMMAND} is not about a snapshot")
        except PeopleRefused as refused:
            return _answer(request, "permissions_invalid", f"{refused}")
        except StateError as error:
            return _answer(request, "storage_failed", f"{error}")
        except OSError as error:
            return _answer(request, "storage_failed", error.strerror or f"{error}")
        return Answer(request.id, result=result, client=request.client)

    def ready(self, version: int) -> Ready:
        """Check what can be checked without the people, and say what they must come to.

        Raises PeopleRefused, StateError or OSError.
        """
        with self._lock:
            manifest = self._current(version)
            if missing := self._missing(manifest):
                raise PeopleRefused([f"parts are missing: {_numbers(missing)}"])
            rules = _merged(self.staging.extras())
            _require(mistakes_of_rules(rules, self._doors, self._areas))
            _require(_miscounted(rules, manifest.counts))
            rest, total = rules_to_bytes(rules), rules_total(rules)
            if len(rest) > LONGEST_REST:
                raise PeopleRefused([f"the rules take more than {LONGEST_REST} bytes"])
            counts = Counts(manifest.counts["holders"], manifest.counts["credentials"])
            self.staging.put_rest(rest)
            self.staging.put_expected(Expected(counts, frozenset(rules.levels)))
            people = digest((int(manifest.digest, 16) - total) % MODULUS)
            return Ready(rules, rest, total, people)

    def clear(self) -> None:
        """Forget the parts: they are in use. Raise OSError."""
        with self._lock:
            self._manifest = self._have = None
            self.staging.clear()

    # --- one request after the other --------------------------------------------------

    def _begin(self, manifest: Manifest) -> object:
        self.staging.begin(canonical(asdict(manifest)))
        self._manifest, self._have = manifest, None
        missing = self._missing(self._current(manifest.version))
        return {"version": manifest.version, "missing": missing}

    def _stage(self, part: StagePart) -> object:
        manifest = self._current(part.version)
        if part.number >= len(manifest.parts):
            raise PeopleRefused([f"there are parts 0 to {len(manifest.parts) - 1}"])
        announced = bytes.fromhex(manifest.parts[part.number])
        found = sha256(canonical(part.records))
        if found.digest() != announced:
            raise PeopleRefused([f"part {part.number} has the SHA-256 {found.hexdigest()}"])
        self._keep(part.number, announced, part.records)
        if self._have is not None:
            self._have[part.number] = announced
        missing = self._missing(manifest)
        return {"version": manifest.version, "number": part.number, "missing": len(missing)}

    def _keep(self, number: int, announced: bytes, records: Mapping[str, object]) -> None:
        holders: list[Holder] = []
        credentials: list[Credential] = []
        rules: list[bytes] = []
        for some in _slices(records):
            model = _read(some, self._secrets)
            people = people_of(model)
            _require(mistakes_of_people(*people))
            holders += people[0].values()
            credentials += people[1].values()
            if any((found := rules_of(model)).counts.values()):
                rules.append(rules_to_bytes(found))
            time.sleep(0)  # others may go on
        extra = canonical([json.loads(each) for each in rules]) if rules else b""
        self.staging.put(number, announced, holders, credentials, extra)

    def _current(self, version: int) -> Manifest:
        """Return the manifest that was begun, also by an earlier run."""
        if self._manifest is None:
            self._manifest = _manifest(self.staging.manifest() or b"")
        if self._manifest is None or self._manifest.version != version:
            raise PeopleRefused([f"no snapshot of version {version} was begun"])
        if self._have is None:
            self._have = self._sound(self._manifest)
        return self._manifest

    def _sound(self, manifest: Manifest) -> dict[int, bytes]:
        """Return the parts that are there as they were announced."""
        return {
            number: sum_
            for number, sum_ in self.staging.have().items()
            if number < len(manifest.parts) and manifest.parts[number] == sum_.hex()
        }

    def _missing(self, manifest: Manifest) -> list[int]:
        have = self._have or {}
        return [each for each in range(len(manifest.parts)) if each not in have]


def _slices(records: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Return some records at a time: reading many at once would hold up other threads."""
    for kind, some in records.items():
        if not isinstance(some, dict) or not some:
            yield {kind: some}
            continue
        every = iter(some.items())
        while few := dict(islice(every, AT_ONCE)):
            yield {kind: few}


def _read(records: Mapping[str, object], secrets: Secrets) -> RecordsModel:
    try:
        return RecordsModel.model_validate(records, context={OPENS: secrets.opening()})
    except ValidationError as error:
        raise PeopleRefused([in_words(error, "records")]) from None


def _manifest(raw: bytes) -> Manifest | None:
    """Return what was begun; None if that makes no sense, so that it is begun again."""
    try:
        fields: dict[str, Any] = json.loads(raw)
        return Manifest(**{**fields, "parts": tuple(fields["parts"])})
    except (ValueError, TypeError, KeyError):
        return None


def _merged(extras: Iterable[bytes]) -> Rules:
    """Put the rules of all parts together. Raise PeopleRefused naming what comes twice."""
    every: dict[str, dict[str, object]] = {name: {} for name in RulesModel.model_fields}
    twice: list[str] = []
    slices = (each for extra in extras for each in json.loads(extra))
    for some in slices:
        for name, records in some.items():
            twice += [f"{name} {each!r} comes twice" for each in records if each in every[name]]
            every[name].update(records)
    _require(twice)
    return rules_of(RulesModel.model_validate_json(canonical(every)))


def _miscounted(rules: Rules, announced: Mapping[str, int]) -> Iterator[str]:
    for kind, count in rules.counts.items():
        if announced[kind] != count:
            yield f"{announced[kind]} {kind} were announced, and {count} are there"


def _require(mistakes: Iterable[str]) -> None:
    if found := list(mistakes):
        raise PeopleRefused(found[:MOST_NAMED])


def _numbers(missing: list[int]) -> str:
    named = ", ".join(map(str, missing[:MOST_NAMED]))
    more = len(missing) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _answer(request: Request, error: str, message: str) -> Answer:
    return Answer(request.id, error, message, client=request.client)
