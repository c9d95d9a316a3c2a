"""What a decision is in the journal: its events, in the order in which they are told."""

from collections.abc import Iterator

from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.model import point_id
from gatewayd.core.access.pins import shown
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import MissesAre, State
from gatewayd.core.events import (
    AccessAwaited,
    AccessDenied,
    AccessDuress,
    AccessGranted,
    AccessLockedOut,
    AccessMustered,
    AccessPassback,
    Event,
    InternalError,
)
from gatewayd.core.model import Card

_NO_CARD = "PIN"  # how a PIN alone is shown


def told(decision: Decision) -> Iterator[Event]:
    """Yield what is told of a decision, whatever changes by it."""
    door, side, holder = decision.door, decision.side, decision.holder
    credential, reason = _credential(decision), decision.reason
    if decision.granted:
        other = None if decision.companion is None else decision.companion.holder
        yield AccessGranted(door, side, credential, holder, other, decision.degraded)
    elif decision.awaiting:
        yield AccessAwaited(door, side, credential, reason, holder)
    elif reason is Reason.MUSTERED:
        yield AccessMustered(door, side, credential, holder)
    else:
        yield AccessDenied(door, side, credential, reason, holder)
    if decision.duress:
        yield AccessDuress(door, side, credential, holder)
    if decision.fault is not None:
        yield InternalError(f"{decision.fault} on a decision at {point_id(door, side)}")
    for each in decision.passback:
        yield AccessPassback(door, side, each)


def locked_out(decision: Decision, state: State) -> Iterator[AccessLockedOut]:
    """Yield the lockouts that begin when a decision's changes are applied to a state."""
    for each in decision.changes:
        if not isinstance(each, MissesAre) or each.misses is None:
            continue
        before, until = state.misses.get(each.subject), each.misses.until
        if until is not None and (before is None or before.until != until):
            kind, _, name = each.subject.partition(":")
            yield AccessLockedOut(kind, name or None, until)


def key_of(card: Card | None) -> str:
    """Return how a card that nobody knows is shown; None: it was a PIN."""
    return _NO_CARD if card is None else card.decoded or card.raw


def _credential(decision: Decision) -> str:
    known = decision.credential
    return key_of(decision.card) if known is None else shown(known)
