"""Everything the brain is made of, put together; and in which order it follows what moved.

    Controllers    who may be believed and driven
    Doors          what an input, an order means for a door
    AccessPoints   what a card or a key means at a reader
    Fires          inputs that hold doors open above every rule
    DoorModes      which mode each door is to have
    SiteOrders     lockdown, threat level, forgiven anti-passback
    Reactions      what the site does by itself
    Updates, Age   permissions on their way to the memory that decides, and how old they are
    Forgetting     who is not any more leaves no trace
    Questions      why, who, what
    Inspection     an audit somebody asked for
    Acceptance     another unit in a controller's place
    Windows        units that are given their first key
    Rotations      units that are given another key
    Firmware       files for controllers
    UnitCommands   what else somebody wants a controller to have

Whatever a fact or the time has moved is followed at the end, once: who is through a door,
whom that lets unlock it, and what the site does by itself.
"""

from collections.abc import Callable, Iterator
from functools import partial

from gatewayd.core.acceptance import Acceptance
from gatewayd.core.access.state import State
from gatewayd.core.access_points import AccessPoints
from gatewayd.core.actions import Action, Show
from gatewayd.core.commissioning import Windows
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.door_modes import DoorModes, Guard
from gatewayd.core.doors import Doors
from gatewayd.core.facts import InputsRead, PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.fire import Fires
from gatewayd.core.firmware import Firmware
from gatewayd.core.forgetting import Forgetting
from gatewayd.core.inspection import Inspection
from gatewayd.core.mode_orders import KeptModes
from gatewayd.core.model import DoorId, Moment
from gatewayd.core.moved import Moved
from gatewayd.core.permission_age import Age
from gatewayd.core.permission_updates import Held, Updates
from gatewayd.core.questions import Questions, Standing
from gatewayd.core.reactions import Reactions
from gatewayd.core.rotations import Rotations
from gatewayd.core.site import SiteConfig
from gatewayd.core.site_orders import SiteOrders
from gatewayd.core.unit_commands import UnitCommands

Work = Callable[[], object]


class Parts:
    """All parts of a brain."""

    def __init__(  # noqa: PLR0913, PLR0917 -- whatever a brain begins with
        self,
        site: SiteConfig,
        held: Held,
        state: State,
        kept: KeptModes,
        out: list[Action],
        guard: Guard,
        *,
        degraded: bool,
    ) -> None:
        """`degraded`: what is held cannot be relied on."""
        self._out, self._site, self.held = out, site, held
        self.secure = site.require_secure
        self.moved = Moved(state, out)
        self.desk = Desk(out)
        self.controllers = Controllers(site, out)
        self.doors = Doors(site, self.controllers, self.desk, out)
        self.points = AccessPoints(
            self.doors, self.controllers, held.book, self.moved, out, site.stale_seconds
        )
        self.points.degraded = degraded
        self.forgetting = Forgetting(self.moved)
        self._decide(site, kept, guard)
        self._drive(site)

    def _decide(self, site: SiteConfig, kept: KeptModes, guard: Guard) -> None:
        doors, out = tuple(each.id for each in site.doors), self._out
        self.fires = Fires(site.fires, doors, kept.fires, out)
        self.modes = DoorModes(
            doors,
            self.held.book,
            self.moved.state,
            kept,
            fires=self.fires,
            lock=self.doors,
            desk=self.desk,
            out=out,
            guard=guard,
        )
        self.orders = SiteOrders(self.moved, self.modes, self.desk, out)
        self.questions = Questions(self.desk, self._standing)
        self.age = Age(self.held.view, self.held.book.policy, out)
        ways = (way for door in site.doors for way in (door.inside, door.outside))
        areas = frozenset(each for each in ways if each is not None)
        self.updates = Updates(self.held, self.doors, areas, self.age, self.desk, out)
        self.reactions = Reactions(
            site.reactions,
            self.controllers,
            out,
            number=self.doors.drive.number,
            apply=self.orders.apply,
            guard=guard,
        )

    def _drive(self, site: SiteConfig) -> None:
        units, desk, out = self.controllers, self.desk, self._out
        self.inspection = Inspection(units, desk)
        self.acceptance = Acceptance(units, desk)
        self.windows = Windows(units, desk, out)
        self.rotations = Rotations(units, desk, out)
        self.firmware = Firmware(units, desk, out)
        self.commands = UnitCommands(site.doors, units, desk, out, self.doors.drive.number)

    # --- time -------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `ticks` are next needed, in monotonic seconds."""
        timed = (
            self.controllers,
            self.doors,
            self.points,
            self.modes,
            self.reactions,
            self.age,
            self.forgetting,
            self.questions,
            self.inspection,
            self.windows,
            self.rotations,
            self.firmware,
            self.commands,
        )
        return min(each.deadline for each in timed)

    def begin(self, now: Moment) -> list[Work]:
        """Return what is to be done before anything else."""
        return [
            lambda: self.controllers.begin(now),
            self.doors.begin,
            lambda: self.modes.begin(now),
            lambda: self.forgetting.begin(now),
            lambda: self._out.append(Show(self.held.view)),
            lambda: self._look_at_age(now),
        ]

    def ticks(self, now: Moment) -> list[Work]:
        """Return what is to be done as time passes."""
        return [
            lambda: self.controllers.tick(now),
            lambda: self.follow_controllers(now),
            lambda: self.doors.tick(now),
            lambda: self.modes.tick(now),
            lambda: self.points.tick(now),
            lambda: self.reactions.tick(now),
            lambda: self._look_at_age(now),
            lambda: self.forgetting.tick(self.held.book.people, now),
            lambda: self.questions.tick(now),
            lambda: self.inspection.look(now),
            lambda: self.windows.tick(now),
            lambda: self.rotations.tick(now),
            lambda: self.firmware.tick(now),
            lambda: self.commands.tick(now),
        ]

    # --- what follows -----------------------------------------------------------------

    def follow(self, now: Moment) -> Iterator[Work]:
        """Yield what follows from what has moved, each when the one before is done."""
        self.points.stale = self.age.stale
        yield lambda: self.points.follow(now)
        for door in self.points.take_led():
            yield partial(self.modes.look_at, door, now)
        yield lambda: self.reactions.look(now)

    def follow_controllers(self, now: Moment) -> None:
        """Let doors know what became of controllers."""
        for unit in self.controllers.take_moved():
            self.doors.follow(unit, now)

    def fire_at(self, fact: InputsRead) -> list[DoorId]:
        """Return the doors that are to be looked at, as a fire begins or ends there."""
        return self.fires.inputs(fact) if self.controllers.counts(fact) else []

    def inputs(self, fact: InputsRead, now: Moment) -> None:
        """Hand inputs on."""
        self.doors.inputs(fact, now)
        self.reactions.inputs(fact, stale=fact.waited > self._site.stale_seconds)

    def permissions(
        self, fact: PermissionsCommitted | PermissionsNotCommitted, now: Moment
    ) -> None:
        """Decide by what is held now."""
        if isinstance(fact, PermissionsCommitted):
            self.updates.committed(fact, now)
            self.points.degraded = False
        else:
            self.updates.not_committed(fact, now)
        if self.points.book is not self.held.book:
            self.points.book = self.held.book
            self.modes.rules_are(self.held.book, now)
        self.forgetting.begin(now)

    def _look_at_age(self, now: Moment) -> None:
        if self.age.deadline <= now.mono:
            self.updates.look(now)
            self.points.stale = self.age.stale

    def _standing(self) -> Standing:
        points = self.points
        return Standing(self.held.book, self.moved.state, points.around, points.against)
