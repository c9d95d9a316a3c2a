"""The file's words as the core's."""

from collections.abc import Mapping
from types import MappingProxyType

from gatewayd import catalogue
from gatewayd.config.sections import Config, DoorTable, Part
from gatewayd.core.model import ControllerId, Door, DoorId, DoorMode, Point
from gatewayd.core.places import Occupant
from gatewayd.core.site import OnClassic, SiteConfig


def site_config(
    config: Config,
    *,
    inventory_approved: bool = False,
    modes: Mapping[DoorId, DoorMode] = MappingProxyType({}),
    places: Mapping[ControllerId, Occupant | None] = MappingProxyType({}),
) -> SiteConfig:
    """Return the site as the brain is told of it.

    `inventory_approved` is remembered by the state directory, not by the file: every
    controller of this site has been approved once. So are `modes`, as ordered last, and
    `places`: which unit was approved as which controller.
    """
    return SiteConfig(
        doors=tuple(_door(name, table) for name, table in config.doors.items()),
        controllers={
            ControllerId(name): each.line for name, each in config.controllers.items()
        },
        catalogue=catalogue.load(config.audit.catalogue),
        on_classic=OnClassic(config.audit.on_classic),
        inventory_approved=inventory_approved,
        modes=modes,
        require_secure=config.secure,
        places=places,
        stale_seconds=config.site.stale_seconds,
    )


def _door(name: str, table: DoorTable) -> Door:
    contact, button = table.contact, table.exit_button
    return Door(
        id=DoorId(name),
        lock=_point(table.lock),
        reader=_point(table.reader) if table.reader else None,
        contact=_point(contact) if contact else None,
        exit_button=_point(button) if button else None,
        contact_open_when=contact is None or contact.open_when == "active",
        exit_active_when=button is None or button.pressed_when == "active",
        release_seconds=table.release_seconds,
        open_seconds=table.open_seconds,
        prealarm_seconds=table.prealarm_seconds,
        card_formats=table.card_formats,
    )


def _point(part: Part) -> Point:
    return Point(ControllerId(part.controller), part.number)
