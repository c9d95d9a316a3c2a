"""The decision once more: slow, long and plain, to compare the real one with.

Nothing is shared with the real one but the values of the permission set. It knows PINs in
clear, asks the clock on the wall minute by minute, looks through all levels every time, and
keeps no state but a diary of what happened, which it reads from the start for every answer.
"""

# ruff: noqa: PLR0911, SIM102 - one rule after the other, as a person would tell them

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from gatewayd.core.access.attempt import DoorNow
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    Credential,
    CredentialState,
    DoorRules,
    Flag,
    Holder,
    Interlock,
    Passback,
    PointRules,
    Portal,
    Side,
)
from gatewayd.core.access.policy import ClockLost, PinLimit, Policy, Stale
from gatewayd.core.model import AreaId, Card, DoorId, DoorMode, HolderId, Moment
from gatewayd.core.schedule import ALWAYS, Schedule, ScheduleId, SpecialDays, SpecialDaysId
from tests.core.access.world import BERLIN, Town
from tests.core.hours import active_by_the_clock

MINUTE = timedelta(minutes=1)
Place = tuple[DoorId, Side]


class Said(NamedTuple):
    """An answer, as far as it is compared."""

    reason: str
    holder: HolderId | None = None
    companion: HolderId | None = None
    duress: bool = False
    soft: frozenset[HolderId] = frozenset()
    longer: bool = False


class Waiting(NamedTuple):
    holder: HolderId
    key: str
    duress: bool
    visitor: bool
    until: float


class WrongPin(NamedTuple):
    """An entry of the diary; `right` wipes the slate."""

    subject: tuple[str, ...]
    at: datetime
    right: bool = False


class Moved(NamedTuple):
    holder: HolderId
    area: AreaId | None
    at: datetime
    forgiven: bool = False


class Forgiven(NamedTuple):
    at: datetime


class Used(NamedTuple):
    key: str


class Came(NamedTuple):
    door: DoorId
    at: datetime


@dataclass
class Reference:
    """The site, and the diary."""

    portals: dict[DoorId, Portal]
    doors: dict[DoorId, DoorRules]
    areas: dict[AreaId, AreaRules]
    levels: tuple[AccessLevel, ...]
    schedules: dict[ScheduleId, Schedule]
    special_days: dict[SpecialDaysId, SpecialDays]
    policy: Policy
    town: Town
    pins: Mapping[HolderId, tuple[str | None, str | None]]
    alone: Mapping[str, str]  # a PIN that is a credential, and its key
    diary: list[object] = field(default_factory=list)
    cards: dict[Place, tuple[Card, float]] = field(default_factory=dict)
    waiting: dict[Place, Waiting] = field(default_factory=dict)
    threat_level: int = 0
    lockdown: bool = False
    degraded: bool = False
    stale: bool = False

    # --- the whole of it ------------------------------------------------------------

    def decide(  # noqa: C901, PLR0912, PLR0915 - as above
        self,
        place: Place,
        card: Card | None,
        pin: str | None,
        now: Moment,
        doors: Mapping[DoorId, DoorNow],
    ) -> Said:
        door, side = place
        if door not in self.portals or side not in self.portals[door].sides:
            return Said("point_disabled")
        rules = self.rules(place)
        asked = self.what_is_asked_for(rules, now)

        # A PIN that comes alone belongs to the card that was shown before.
        too_late = False
        shown = self.cards.pop(place, None)
        if shown is not None and card is None and pin is not None:
            if now.mono < shown[1]:
                card = shown[0]
            else:
                too_late = True
        pin_alone = card is None and pin is not None

        # Whose is it?
        here_locked = self.locked(("point", *place), self.policy.point_pins, now)
        site_locked = self.locked(("site",), self.policy.site_pins, now)
        credential = None
        if card is not None:
            for key in (card.decoded, card.raw):
                if credential is None and key is not None:
                    credential = self.town.cards.get(key)
        elif pin is not None and pin in self.alone and not (here_locked or site_locked):
            if asked is Authentication.PIN or asked is Authentication.CARD_OR_PIN:
                credential = self.town.cards.get(self.alone[pin])
        holder = None if credential is None else self.town.holders.get(credential.holder)
        flags = frozenset[Flag]() if holder is None else holder.flags
        name = None if holder is None else holder.id
        duress = credential is not None and credential.duress

        def said(reason: str) -> Said:
            return Said(reason, name, duress=duress)

        # While degraded, a facility code alone may do.
        if (
            self.degraded
            and self.policy.facility_only
            and self.policy.facilities
            and credential is None
            and card is not None
            and card.facility is not None
        ):
            return self.by_facility(place, card, now, doors)

        if not rules.enabled:
            return said("point_disabled")
        enabled = credential is not None and credential.state is CredentialState.ENABLED
        if rules.muster and enabled and holder is not None:
            self.diary.append(Moved(holder.id, self.portals[door].inside, self.dated(now.utc)))
            return said("mustered")
        if self.stale and self.policy.on_stale is Stale.DENY:
            return said("permissions_stale")
        if doors[door].mode is DoorMode.BLOCKED:
            return said("door_blocked")
        if self.locked_down(door, doors) and Flag.LOCKDOWN_EXEMPT not in flags:
            guessed = pin_alone and credential is None and not (here_locked or site_locked)
            if guessed and asked in (Authentication.PIN, Authentication.CARD_OR_PIN):
                self.wrong(now, ("point", *place), ("site",))
            return said("lockdown")
        if credential is not None and self.lacks_clearance(rules, holder):
            return said("threat_level")
        if card is not None and not card.parity_ok:
            return said("unknown_format")
        if card is not None and self.of_another_site(card):
            return said("invalid_facility")

        # Is it what is asked for?
        if card is None:
            alone_will_do = asked in (Authentication.PIN, Authentication.CARD_OR_PIN)
            if not (pin_alone and alone_will_do):
                return said("factor_timeout" if too_late else "wrong_factor")
        elif asked is Authentication.PIN:
            return said("wrong_factor")
        pin_counts = pin_alone or (
            asked is Authentication.CARD_AND_PIN and Flag.PIN_EXEMPT not in flags
        )
        if pin_counts and here_locked:
            return said("point_locked_out")
        if pin_counts and site_locked:
            return said("pins_locked_out")

        if credential is None:
            if card is not None and card.format is None:
                return said("unknown_format")
            if pin_alone:
                self.wrong(now, ("point", *place), ("site",))
            return said("unknown_credential")
        if (trouble := self.of_credential(credential, holder, now)) is not None:
            return said(trouble)
        assert holder is not None

        # The PIN that goes with the card.
        if pin_counts and not pin_alone:
            if pin is None:
                assert card is not None
                self.cards[place] = (card, now.mono + rules.factor_seconds)
                return said("pin_awaited")
            usual, forced = self.pins.get(holder.id, (None, None))
            if pin not in (usual, forced):
                self.wrong(now, ("holder", holder.id), ("point", *place), ("site",))
                return said("wrong_pin")
            self.diary.append(WrongPin(("holder", holder.id), now.utc, right=True))
            duress = duress or pin == forced

        if (trouble := self.of_holder(holder, place, now)) is not None:
            return said(trouble)
        if self.somebody_keeps_it_shut(door, doors):
            return said("interlock")
        if self.on_the_wrong_side(holder, place, now) in (Passback.HARD, Passback.TIMED):
            return said("passback")

        # Does somebody come along?
        waiting = self.waiting.get(place)
        if waiting is not None and now.mono >= waiting.until:
            waiting = None
        companion = self.companion_of(holder, waiting, rules, place, now, doors)
        someone_follows = companion is None and (rules.two_person or Flag.VISITOR in flags)

        people = [holder.id] if companion is None else [holder.id, companion.holder]
        if (trouble := self.of_numbers(place, people, int(someone_follows))) is not None:
            return said(trouble)
        if (trouble := self.of_supervisors(rules, door, holder, companion, now)) is not None:
            return said(trouble)
        if self.used_up(credential):
            return said("use_limit")

        if rules.two_person:
            if Flag.VISITOR in flags:
                return said("second_person_required")
            if companion is None:
                until = now.mono + rules.two_person_seconds
                self.waiting[place] = Waiting(
                    holder.id, credential.key, duress, visitor=False, until=until
                )
                return said("second_person_awaited")
        else:
            a_visitor_waits = (
                waiting is not None and waiting.visitor and waiting.holder != holder.id
            )
            if a_visitor_waits and not (Flag.ESCORT in flags and Flag.VISITOR not in flags):
                del self.waiting[place]
                return said("wrong_escort")
            if Flag.VISITOR in flags and not a_visitor_waits:
                until = now.mono + rules.escort_seconds
                self.waiting[place] = Waiting(
                    holder.id, credential.key, duress, visitor=True, until=until
                )
                return said("escort_awaited")

        self.waiting.pop(place, None)
        together = [self.town.holders[each] for each in people]
        return Said(
            "granted",
            holder.id,
            None if companion is None else companion.holder,
            duress or (companion is not None and companion.duress),
            frozenset(
                each.id
                for each in together
                if self.on_the_wrong_side(each, place, now) is Passback.SOFT
            ),
            any(Flag.EXTENDED_TIME in each.flags for each in together),
        )

    def by_facility(
        self, place: Place, card: Card, now: Moment, doors: Mapping[DoorId, DoorNow]
    ) -> Said:
        door, _ = place
        rules = self.rules(place)
        asked = self.what_is_asked_for(rules, now)
        if not rules.enabled:
            return Said("point_disabled")
        if self.stale and self.policy.on_stale is Stale.DENY:
            return Said("permissions_stale")
        if doors[door].mode is DoorMode.BLOCKED:
            return Said("door_blocked")
        if self.locked_down(door, doors):
            return Said("lockdown")
        if not card.parity_ok:
            return Said("unknown_format")
        if self.of_another_site(card):
            return Said("invalid_facility")
        if asked is Authentication.PIN:
            return Said("wrong_factor")
        first = rules.first_person
        areas = [self.areas[each] for each in self.way(place) if each in self.areas]
        if (
            asked is Authentication.CARD_AND_PIN
            or max(rules.minimum_clearance, self.threat_level) > 0
            or (first is not None and (self.lost(now) or self.active(first, now.utc)))
            or rules.two_person
            or rules.muster
            or any(each.passback is not Passback.OFF for each in areas)
            or any(each.max_occupancy is not None for each in areas)
            or any(each.min_occupancy != 0 for each in areas)
        ):
            return Said("unknown_credential")
        if self.somebody_keeps_it_shut(door, doors):
            return Said("interlock")
        return Said("granted")

    # --- what happened ----------------------------------------------------------------

    def took(self, place: Place, said: Said, keys: list[str], now: Moment) -> None:
        """Somebody opened the door after a grant."""
        door, side = place
        for holder in (said.holder, said.companion):
            if holder is None:
                continue
            if len(self.way(place)) == 2:
                self.diary.append(Moved(holder, self.way(place)[1], self.dated(now.utc)))
            if Flag.SUPERVISOR in self.town.holders[holder].flags and side is Side.IN:
                self.diary.append(Came(door, now.utc))
        self.diary.extend(Used(each) for each in keys)

    def restarted(self) -> None:
        self.cards.clear()
        self.waiting.clear()

    def time_is_over(self, now: Moment) -> list[str]:
        """Return why those who waited for too long are denied, sorted."""
        found = []
        for place, (_, until) in list(self.cards.items()):
            if now.mono >= until:
                del self.cards[place]
                found.append("factor_timeout")
        for place, waiting in list(self.waiting.items()):
            if now.mono >= waiting.until:
                del self.waiting[place]
                found.append("escort_required" if waiting.visitor else "second_person_required")
        return sorted(found)

    def forgive_everybody(self, now: Moment) -> None:
        newest = [
            self.where(each) for each in {x.holder for x in self.diary if isinstance(x, Moved)}
        ]
        moves = [each.at for each in newest if isinstance(each, Moved)]
        self.diary.append(Forgiven(max(self.dated(now.utc), *moves, now.utc)))

    def dated(self, utc: datetime) -> datetime:
        """Return when something moves now: not before everybody was forgiven last."""
        forgiven = (each.at for each in self.diary if isinstance(each, Forgiven))
        return max((utc, *(each + timedelta(microseconds=1) for each in forgiven)))

    def wrong(self, now: Moment, *subjects: tuple[str, ...]) -> None:
        self.diary.extend(WrongPin(each, now.utc) for each in subjects)

    # --- the place ----------------------------------------------------------------------

    def rules(self, place: Place) -> PointRules:
        door, side = place
        if door not in self.doors:
            return PointRules()
        return self.doors[door].entry if side is Side.IN else self.doors[door].exit

    def way(self, place: Place) -> tuple[AreaId | None, ...]:
        """Return from where to where; nothing if that is the same."""
        portal = self.portals[place[0]]
        if portal.inside == portal.outside:
            return ()
        way = (portal.outside, portal.inside)
        return way if place[1] is Side.IN else way[::-1]

    def lost(self, now: Moment) -> bool:
        return not now.trusted and self.policy.clock_lost is ClockLost.DENY

    def active(self, schedule: ScheduleId, utc: datetime) -> bool:
        if schedule == ALWAYS:
            return True
        if schedule not in self.schedules:
            return False
        return active_by_the_clock(self.schedules[schedule], self.special_days, BERLIN, utc)

    def what_is_asked_for(self, rules: PointRules, now: Moment) -> Authentication:
        if not self.lost(now):
            for each in rules.authentication:
                if self.active(each.schedule, now.utc):
                    return each.authentication
            return rules.default
        possible = set()
        for each in rules.authentication:
            possible.add(each.authentication)
            if each.schedule == ALWAYS:
                break
        else:
            possible.add(rules.default)
        return Authentication.CARD_AND_PIN if len(possible) > 1 else possible.pop()

    def locked_down(self, door: DoorId, doors: Mapping[DoorId, DoorNow]) -> bool:
        return self.lockdown or doors[door].mode is DoorMode.LOCKED_DOWN

    def lacks_clearance(self, rules: PointRules, holder: Holder | None) -> bool:
        has = 0 if holder is None else holder.clearance
        return has < self.threat_level or has < rules.minimum_clearance

    def of_another_site(self, card: Card) -> bool:
        if not self.policy.facilities or card.facility is None:
            return False
        return f"{card.format}:{card.facility}" not in self.policy.facilities

    def somebody_keeps_it_shut(self, door: DoorId, doors: Mapping[DoorId, DoorNow]) -> bool:
        mine = {self.portals[door].inside, self.portals[door].outside} - {None}
        for other, portal in self.portals.items():
            for area in mine & {portal.inside, portal.outside}:
                if other == door or area not in self.areas:
                    continue
                kind = self.areas[area].interlock
                if kind is not Interlock.OFF and doors[other].open in (True, None):
                    return True
                if kind is Interlock.UNLOCK and doors[other].unlocked in (True, None):
                    return True
        return False

    # --- a person -----------------------------------------------------------------------

    def of_credential(
        self, credential: Credential, holder: Holder | None, now: Moment
    ) -> str | None:
        if credential.state is not CredentialState.ENABLED:
            return f"credential_{credential.state.value}"
        if holder is None:
            return "credential_unassigned"
        when = self.outside(credential.valid_from, credential.valid_until, now)
        if when is not None:
            return when if when == "time_uncertain" else f"credential_{when}"
        if self.locked(("holder", holder.id), self.policy.holder_pins, now):
            return "credential_locked_out"
        return None

    def of_holder(self, holder: Holder, place: Place, now: Moment) -> str | None:
        if not holder.enabled:
            return "holder_disabled"
        when = self.outside(holder.valid_from, holder.valid_until, now)
        if when is not None:
            return when if when == "time_uncertain" else f"holder_{when}"
        schedules = list(self.schedules_of(holder, place))
        if not schedules:
            return (
                "no_rights_zone" if self.never_gets_into(holder, place) else "no_rights_point"
            )
        if self.lost(now):
            return None if ALWAYS in schedules else "time_uncertain"
        if any(self.active(each, now.utc) for each in schedules):
            return None
        special = all(self.is_special(each, now.utc) for each in schedules)
        return "special_day" if special else "out_of_schedule"

    def outside(
        self, since: datetime | None, until: datetime | None, now: Moment
    ) -> str | None:
        if since is not None and now.utc < since:
            return "not_yet_active"
        if until is not None and now.utc >= until:
            return "expired"
        if self.lost(now):
            margin = self.policy.clock_margin
            if since is not None and now.utc - margin < since:
                return "time_uncertain"
            if until is not None and now.utc + margin >= until:
                return "time_uncertain"
        return None

    def schedules_of(self, holder: Holder, place: Place) -> Iterator[ScheduleId]:
        door, side = place
        way = self.way(place)
        for level in self.levels:
            if level.id not in holder.levels:
                continue
            for rule in level.rules:
                by_door = door in rule.doors and side in rule.sides
                into = len(way) == 2 and way[1] in rule.areas and Side.IN in rule.sides
                out_of = len(way) == 2 and way[0] in rule.areas and Side.OUT in rule.sides
                if by_door or into or out_of:
                    yield rule.schedule

    def never_gets_into(self, holder: Holder, place: Place) -> bool:
        way = self.way(place)
        if not way or way[1] is None:
            return False
        for door, portal in self.portals.items():
            for side in portal.sides:
                other = self.way((door, side))
                if (
                    other
                    and other[1] == way[1]
                    and any(self.schedules_of(holder, (door, side)))
                ):
                    return False
        return True

    def is_special(self, schedule: ScheduleId, utc: datetime) -> bool:
        """Say if it is a special day of a schedule whose periods end before midnight."""
        if schedule not in self.schedules:
            return False
        today = utc.astimezone(BERLIN).date()
        named = (each.special_days for each in self.schedules[schedule].special)
        return any(today in self.special_days[each].days for each in named)

    def locked(self, subject: tuple[str, ...], limit: PinLimit, now: Moment) -> bool:
        wrong, in_a_row = 0, 0
        begun: datetime | None = None  # the window that wrong PINs are counted in
        until: datetime | None = None
        for entry in self.diary:
            if not isinstance(entry, WrongPin) or entry.subject != subject:
                continue
            if entry.right:
                wrong, in_a_row, begun, until = 0, 0, None, None
                continue
            if begun is None or (entry.at - begun).total_seconds() >= limit.window_seconds:
                wrong, begun = 0, entry.at
            wrong += 1
            if wrong == limit.wrong:
                if until is None or (entry.at - until).total_seconds() >= limit.window_seconds:
                    in_a_row = 0
                seconds = limit.lock_seconds
                for _ in range(in_a_row):
                    seconds *= 2
                until = entry.at + timedelta(seconds=min(seconds, limit.longest_seconds))
                wrong, begun, in_a_row = 0, entry.at, in_a_row + 1
        if until is None or now.utc >= until:
            return False
        left = (until - now.utc).total_seconds()
        return not now.trusted or left <= limit.longest_seconds

    def used_up(self, credential: Credential) -> bool:
        if credential.max_uses is None:
            return False
        return self.diary.count(Used(credential.key)) >= credential.max_uses

    # --- areas ----------------------------------------------------------------------------

    def where(self, holder: HolderId) -> Moved | Forgiven | None:
        """Return the newest thing that is known of where somebody is."""
        found: Moved | Forgiven | None = None
        for entry in self.diary:
            if isinstance(entry, Forgiven) or (
                isinstance(entry, Moved) and entry.holder == holder
            ):
                found = entry
        return found

    def inside(self, area: AreaId) -> set[HolderId]:
        found = set()
        for holder in {each.holder for each in self.diary if isinstance(each, Moved)}:
            newest = self.where(holder)
            if isinstance(newest, Moved) and newest.area == area:
                found.add(holder)
        return found

    def on_the_wrong_side(self, holder: Holder, place: Place, now: Moment) -> Passback | None:
        if Flag.PASSBACK_EXEMPT in holder.flags or not self.way(place):
            return None
        leaving, entering = (self.passback_of(each) for each in self.way(place))
        before, after = self.way(place)
        newest = self.where(holder.id)
        if isinstance(newest, Forgiven) or (newest is not None and newest.forgiven):
            return None
        is_in = None if newest is None else newest.area
        violated = set[Passback]()
        if entering is not Passback.OFF and is_in == after:
            if entering is not Passback.TIMED:
                violated.add(entering)
            else:
                assert newest is not None
                assert after is not None
                seconds = (now.utc - newest.at).total_seconds()
                if self.lost(now) or seconds < self.areas[after].passback_seconds:
                    violated.add(Passback.TIMED)
        if leaving in (Passback.HARD, Passback.SOFT) and is_in != before:
            violated.add(leaving)
        for kind in (Passback.HARD, Passback.TIMED, Passback.SOFT):
            if kind in violated:
                return kind
        return None

    def passback_of(self, area: AreaId | None) -> Passback:
        return self.areas[area].passback if area in self.areas else Passback.OFF

    def of_numbers(self, place: Place, people: list[HolderId], followers: int) -> str | None:
        if not self.way(place):
            return None
        before, after = self.way(place)
        if after in self.areas:
            rules, there = self.areas[after], self.inside(after)
            newcomers = len(set(people) - there) + followers
            most = rules.max_occupancy
            if most is not None and newcomers > 0 and len(there) + newcomers > most:
                return "occupancy_max"
            if len(there) + newcomers < rules.min_occupancy:
                return "occupancy_min"
        if before in self.areas:
            rules, there = self.areas[before], self.inside(before)
            left = len(there - set(people)) - followers
            if 0 < left < rules.min_occupancy:
                return "occupancy_min"
        return None

    # --- company --------------------------------------------------------------------------

    def companion_of(
        self,
        holder: Holder,
        waiting: Waiting | None,
        rules: PointRules,
        place: Place,
        now: Moment,
        doors: Mapping[DoorId, DoorNow],
    ) -> Waiting | None:
        if waiting is None or waiting.holder == holder.id:
            return None
        is_escort = Flag.ESCORT in holder.flags and Flag.VISITOR not in holder.flags
        if waiting.visitor and (rules.two_person or not is_escort):
            return None
        if not waiting.visitor and not rules.two_person:
            return None
        credential = self.town.cards.get(waiting.key)
        if credential is None or credential.holder != waiting.holder:
            return None
        other = self.town.holders.get(waiting.holder)
        if other is None or self.lacks_clearance(rules, other):
            return None
        exempt = Flag.LOCKDOWN_EXEMPT in other.flags
        if self.locked_down(place[0], doors) and not exempt:
            return None
        if self.of_credential(credential, other, now) or self.of_holder(other, place, now):
            return None
        if self.on_the_wrong_side(other, place, now) in (Passback.HARD, Passback.TIMED):
            return None
        return None if self.used_up(credential) else waiting

    def of_supervisors(
        self,
        rules: PointRules,
        door: DoorId,
        holder: Holder,
        companion: Waiting | None,
        now: Moment,
    ) -> str | None:
        schedule = rules.first_person
        if schedule is None or Flag.FIRST_PERSON_EXEMPT in holder.flags:
            return None
        if Flag.SUPERVISOR in holder.flags:
            return None
        if companion is not None:
            if Flag.SUPERVISOR in self.town.holders[companion.holder].flags:
                return None
        if self.lost(now) and schedule != ALWAYS:
            return "time_uncertain"
        if not self.active(schedule, now.utc):
            return None
        arrivals = [each for each in self.diary if isinstance(each, Came) and each.door == door]
        if not arrivals or arrivals[-1].at > now.utc:
            return "supervisor_absent"
        # The newest must have come while the schedule was active without a break till now.
        minute = arrivals[-1].at
        while schedule != ALWAYS and minute < now.utc:
            if not self.active(schedule, minute):
                return "supervisor_absent"
            minute += MINUTE
        return None
