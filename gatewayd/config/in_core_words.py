"""The file's words as the core's."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from gatewayd import catalogue
from gatewayd.config.parts import Part
from gatewayd.config.reacting import Fire, ReactionTable, Then, When
from gatewayd.config.sections import Config, DoorTable
from gatewayd.config.values import LONGEST_OPEN, LONGEST_PULSE
from gatewayd.core.access.policy import ClockLost, Policy, Stale
from gatewayd.core.fire import FireInput
from gatewayd.core.model import AreaId, ControllerId, Door, DoorId, DoorMode, Point
from gatewayd.core.places import Occupant
from gatewayd.core.reaction import (
    Effect,
    LockDown,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SetMode,
    Switch,
    ThreatLevel,
    Trigger,
)
from gatewayd.core.site import OnClassic, SiteConfig

EXTENSION = 3  # how much longer the extended times are than the usual ones, if not given


def site_config(
    config: Config,
    *,
    inventory_approved: bool = False,
    places: Mapping[ControllerId, Occupant | None] = MappingProxyType({}),
) -> SiteConfig:
    """Return the site as the brain is told of it.

    `inventory_approved` is remembered by the state directory, not by the file: every
    controller of this site has been approved once. So are `places`: which unit was approved
    as which controller.
    """
    return SiteConfig(
        doors=tuple(_door(name, table) for name, table in config.doors.items()),
        controllers={
            ControllerId(name): each.line for name, each in config.controllers.items()
        },
        catalogue=catalogue.load(config.audit.catalogue),
        on_classic=OnClassic(config.audit.on_classic),
        inventory_approved=inventory_approved,
        require_secure=config.secure,
        places=places,
        stale_seconds=config.site.stale_seconds,
        fires=tuple(_fire(name, each) for name, each in config.fire.items()),
        reactions=tuple(_reaction(name, each) for name, each in config.reactions.items()),
    )


def zone_of(config: Config) -> tzinfo:
    """Return the zone of the site's clocks."""
    return ZoneInfo(config.site.time_zone)


def areas_of(config: Config) -> frozenset[AreaId]:
    """Return every area that a door leads into or out of."""
    named = (area for door in config.doors.values() for area in (door.inside, door.outside))
    return frozenset(AreaId(area) for area in named if area is not None)


def policy_of(config: Config) -> Policy:
    """Return what the site decides about deciding."""
    said, age = config.decision, config.permissions
    return Policy(
        clock_lost=ClockLost(said.on_clock_lost),
        clock_margin=timedelta(days=said.clock_margin_days),
        holder_pins=said.holder_pins.limit(),
        point_pins=said.reader_pins.limit(),
        site_pins=said.site_pins.limit(),
        facilities=frozenset(said.facilities),
        facility_only=said.facility_only,
        max_age=None if age.max_age_days is None else timedelta(days=age.max_age_days),
        on_stale=Stale(age.on_stale),
    )


def _door(name: str, table: DoorTable) -> Door:
    contact, button = table.contact, table.exit_button
    return Door(
        id=DoorId(name),
        lock=_point(table.lock),
        reader=_point(table.reader) if table.reader else None,
        exit_reader=_point(table.exit_reader) if table.exit_reader else None,
        contact=_point(contact) if contact else None,
        exit_button=_point(button) if button else None,
        contact_open_when=contact is None or contact.open_when == "active",
        exit_active_when=button is None or button.pressed_when == "active",
        release_seconds=table.release_seconds,
        open_seconds=table.open_seconds,
        prealarm_seconds=table.prealarm_seconds,
        extended_release_seconds=table.extended_release_seconds
        or min(LONGEST_PULSE, EXTENSION * table.release_seconds),
        extended_open_seconds=table.extended_open_seconds
        or min(LONGEST_OPEN, EXTENSION * table.open_seconds),
        inside=AreaId(table.inside) if table.inside else None,
        outside=AreaId(table.outside) if table.outside else None,
        card_formats=table.card_formats,
    )


def _fire(name: str, table: Fire) -> FireInput:
    doors = frozenset(map(DoorId, table.doors or ()))
    return FireInput(name, _point(table.input), table.input.active_when == "active", doors)


def _reaction(name: str, table: ReactionTable) -> Reaction:
    """Return a reaction whose table holds no contradiction."""
    return Reaction(name, _trigger(table.when), tuple(map(_effect, table.then)))


def _trigger(when: When) -> Trigger:
    if when.input is not None:
        return OnInput(_point(when.input), active_when=when.input.active_when == "active")
    return OnEvent(
        when.event or "",
        DoorId(when.door) if when.door else None,
        ControllerId(when.controller) if when.controller else None,
    )


def _effect(then: Then) -> Effect:
    if then.output is not None and then.seconds is not None:
        return Pulse(_point(then.output), then.seconds)
    if then.output is not None:
        return Switch(_point(then.output), on=then.on is True)
    if then.threat_level is not None:
        return ThreatLevel(then.threat_level)
    if then.door is not None and then.mode is not None:
        return SetMode(DoorId(then.door), DoorMode(then.mode))
    return LockDown()


def _point(part: Part) -> Point:
    return Point(ControllerId(part.controller), part.number)
