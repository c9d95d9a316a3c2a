"""The hardware audit: which controllers may be driven.

What counts as approved or as Classic is data: a catalogue of hardware families in two
layers. The rules are asked in this order, and the first that matches decides:

1. shipped Classic rules; nothing a site writes can approve what these refuse
2. the site's Classic rules; a site may always be stricter
3. shipped approvals
4. the site's approvals: what the shipped ones do not know
5. nothing matches: unknown, and not driven

An approved controller that is configured for more readers, inputs or outputs than it
says it has is misconfigured, and not driven either. Until a secure session proves an
identity it is only a claim; the claim is kept byte for byte in `Identity.evidence`. Where
the site demands proof, a claim is not enough: that unit is misconfigured, too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.core.model import ControllerId, Door, Identity, Verdict

INPUTS, OUTPUTS, SECURITY, READERS = 1, 2, 9, 13  # of OSDP PDCAP (SIA OSDP 2.2, Annex B)


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
    """What the configuration demands of one controller: how many of each kind, and proof."""

    readers: int = 0
    inputs: int = 0
    outputs: int = 0
    secure: bool = False  # its identity must be proved


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit found out about one controller."""

    verdict: Verdict
    why: str
    family: str | None = None
    replacement: str | None = None


def judge(
    identity: Identity, catalogue: Catalogue, needs: Needs, fault: str | None = None
) -> Finding:
    """Return the verdict on a controller that answered.

    `fault`: why it did not prove its identity, if it was asked to.
    """
    family = catalogue.find(identity)
    if family is None:
        return Finding(Verdict.UNKNOWN, f"no rule of the catalogue matches {_named(identity)}")
    if family.status is Status.CLASSIC:
        why = f"{_named(identity)} is Classic hardware: {family.note or family.name}"
        return Finding(Verdict.CLASSIC, why, family.name, family.replacement)
    if needs.secure and not identity.proved:
        return Finding(Verdict.MISCONFIGURED, _unproved(fault), family.name)
    if missing := _missing(identity, needs):
        return Finding(Verdict.MISCONFIGURED, missing, family.name)
    return Finding(Verdict.APPROVED, f"matches {family.name}", family.name)


def needs_of(doors: Iterable[Door]) -> dict[ControllerId, Needs]:
    """Return what the doors use, controller by controller."""
    used: dict[ControllerId, list[int]] = {}
    for door in doors:
        parts = (door.reader, 0), (door.contact, 1), (door.exit_button, 1), (door.lock, 2)
        for point, kind in parts:
            if point is not None:
                counts = used.setdefault(point.controller, [0, 0, 0])
                counts[kind] = max(counts[kind], point.number + 1)
    return {
        controller: Needs(readers, inputs, outputs)
        for controller, (readers, inputs, outputs) in used.items()
    }


def _missing(identity: Identity, needs: Needs) -> str:
    counts = {function: count for function, _, count in identity.capabilities}
    has = {
        "readers": (needs.readers, max(1, counts.get(READERS, 1))),  # 0 and 1 both mean one
        "inputs": (needs.inputs, counts.get(INPUTS, 0)),
        "outputs": (needs.outputs, counts.get(OUTPUTS, 0)),
    }
    short = [
        f"{used} {what} used, {count} there"
        for what, (used, count) in has.items()
        if used > count
    ]
    return "; ".join(short)


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
