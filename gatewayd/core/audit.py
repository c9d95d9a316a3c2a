"""The hardware audit: which controllers may be driven.

What counts as approved or as Classic is data: a catalogue of hardware families in two
layers. The rules are asked in this order, and the first that matches decides:

1. shipped Classic rules; nothing a site writes can approve what these refuse
2. the site's Classic rules; a site may always be stricter
3. shipped approvals
4. the site's approvals: what the shipped ones do not know
5. nothing matches: unknown, and not driven

What a rule approves is still not driven if it is not the unit that was approved in this place
before (`places`: changed), if the site demands proof of its identity and got a claim, or if a
door hangs on a part that it does not have (`capacity`: both misconfigured). Until a secure
session proves an identity it is only a claim; the claim is kept byte for byte in
`Identity.evidence`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.core.capacity import Use, lacking, unseen, uses_of
from gatewayd.core.model import ControllerId, Door, Identity, Verdict

SECURITY = 9  # function of OSDP PDCAP (SIA OSDP 2.2, Annex B)


class Status(StrEnum):
    """What a family of hardware is to us."""

    APPROVED = "approved"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class Family:
    """One rule of the catalogue. A field that is None or empty matches everything."""

    name: str
    status: Status
    vendor: str | None = None  # OUI as six hexadecimal digits
    model: int | None = None
    hardware: tuple[int, int] | None = None  # from, to; both included
    firmware_from: tuple[int, int, int] | None = None  # included
    firmware_to: tuple[int, int, int] | None = None  # included
    requires: tuple[tuple[int, int], ...] = ()  # function, least compliance: has all of them
    lacks: tuple[tuple[int, int], ...] = ()  # function, least compliance: has none of them
    replacement: str | None = None
    note: str = ""

    def matches(self, identity: Identity) -> bool:
        """Say whether a controller of this identity belongs to the family."""
        return (
            self.vendor in (None, identity.vendor)
            and self.model in (None, identity.model)
            and (self.hardware is None or _between(self.hardware, identity.hardware))
            and (self.firmware_from is None or self.firmware_from <= identity.firmware)
            and (self.firmware_to is None or identity.firmware <= self.firmware_to)
            and all(_has(identity, *each) for each in self.requires)
            and not any(_has(identity, *each) for each in self.lacks)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The families that come with the program, and those the site has added."""

    shipped: tuple[Family, ...] = ()
    site: tuple[Family, ...] = ()

    def find(self, identity: Identity) -> Family | None:
        """Return the rule that decides about this identity, if there is one."""
        for status in (Status.CLASSIC, Status.APPROVED):
            for family in (*self.shipped, *self.site):
                if family.status is status and family.matches(identity):
                    return family
        return None


@dataclass(frozen=True, slots=True)
class Needs:
    """What the configuration demands of one controller: parts for doors, and proof."""

    uses: tuple[Use, ...] = ()
    secure: bool = False  # its identity must be proved


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit found out about one controller."""

    verdict: Verdict
    why: str
    family: str | None = None
    replacement: str | None = None


def judge(
    identity: Identity,
    catalogue: Catalogue,
    needs: Needs,
    fault: str | None = None,
    changed: str | None = None,
) -> Finding:
    """Return the verdict on a controller that answered.

    `fault`: why it did not prove its identity, if it was asked to. `changed`: why it is not
    the unit that was approved here.
    """
    family = catalogue.find(identity)
    if family is None:
        return Finding(Verdict.UNKNOWN, f"no rule of the catalogue matches {_named(identity)}")
    if family.status is Status.CLASSIC:
        why = f"{_named(identity)} is Classic hardware: {family.note or family.name}"
        return Finding(Verdict.CLASSIC, why, family.name, family.replacement)
    if changed is not None:
        return Finding(Verdict.CHANGED, changed, family.name)
    if needs.secure and not identity.proved:
        return Finding(Verdict.MISCONFIGURED, _unproved(fault), family.name)
    if missing := lacking(identity, needs.uses):
        return Finding(Verdict.MISCONFIGURED, missing, family.name)
    note = unseen(identity, needs.uses)
    why = f"matches {family.name}" + (f"; {note}" if note else "")
    return Finding(Verdict.APPROVED, why, family.name)


def needs_of(doors: Iterable[Door]) -> dict[ControllerId, Needs]:
    """Return what the doors use, controller by controller."""
    return {controller: Needs(uses) for controller, uses in uses_of(doors).items()}


def _unproved(fault: str | None) -> str:
    """Say what is wrong, and what to do about it."""
    if fault is None:
        return (
            "it must prove its identity, but no key is known for it: commission it, "
            "or import its key"
        )
    return (
        f"no secure session, {fault}: check that the right unit is there and has the key "
        "known for it here, then commission it anew if it must get another one"
    )


def _between(limits: tuple[int, int], value: int) -> bool:
    return limits[0] <= value <= limits[1]


def _has(identity: Identity, function: int, compliance: int) -> bool:
    levels = [level for each, level, _ in identity.capabilities if each == function]
    if function == SECURITY:  # a set of bits, of which bit 0 is AES-128; not a level
        return any(level & compliance == compliance for level in levels)
    return any(level >= compliance for level in levels)


def _named(identity: Identity) -> str:
    firmware = ".".join(str(part) for part in identity.firmware)
    return (
        f"{identity.protocol} vendor {identity.vendor} model {identity.model} "
        f"hardware {identity.hardware} firmware {firmware} serial {identity.serial}"
    )
