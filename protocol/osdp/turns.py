"""Who on a line is next.

Granted unlocks, feedback, routine commands, then turns (polls; while the gate is closed the
question for the identity), then probes of silent units. Bounded by:

* While a turn is due and waits, every peripheral, the waiting one included, gets at most
  `AHEAD` commands before it, and of all frames that may well stay unanswered (retries of
  polls, probes) at most one is begun or under way. So neither a dead unit, nor one that
  always has something to report, nor one flooded with commands starves its neighbours.
* A retry goes out at once unless others wait who were held up by the silence before it;
  then after them. The retry of an unlock does not wait, up to `AHEAD`.
* A silent unit waits for its probes, whatever is queued for it.
* Whoever introduces itself goes on before turns that are due: six short questions, so that a
  slow line does not take a round of everybody for each. The next introduction has its pause.

**Probes.** Each silent unit is due `PROBE_INTERVAL` after its last probe. A probe goes into
a gap between two turns that is long enough for it; if there is none for `PROBE_PATIENCE` it
goes all the same. It listens for four times the slowest recent answer of the unit (of the
line, if the unit was never heard), at least `SHORTEST_WINDOW`; without a gap for twice of it,
at least `HURRIED_WINDOW`: a unit that comes back answers as it did, and one that is later is
heard all the same, if nobody speaks just then. The full reply time once in
`FULL_WINDOW_INTERVAL` per line (`HURRIED_INTERVALS` of them where there are no gaps) finds a
unit that has become slow too, without hurting more than one card in a hundred at its
neighbours. Unanswered probes keep `PROBE_SHARE` times their length apart while anybody lives.
That finds up to four dead units within a second of their return and costs the living at most
one window. When somebody answers while nobody else lives, all the silent are due at once: a
whole line that was away is back.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from math import inf

from protocol.osdp.conversation import PROBE_INTERVAL
from protocol.osdp.orders import Priority
from protocol.osdp.peripheral import Peripheral

REPLY_TIMEOUT = 0.2  # seconds from our last character to the answer's first (5.7)
PROOF_TIMEOUT = 0.4  # likewise in a handshake: number 0 repeated makes a unit draw anew
PROBE_PATIENCE = 0.1  # seconds a probe waits for a gap
PROBE_SHARE = 9  # times its own length that an unanswered probe keeps from the next
SHORTEST_WINDOW, USUAL_FACTOR = 0.02, 4  # seconds, and times its usual: in a gap
HURRIED_WINDOW, HURRIED_FACTOR = 0.005, 2  # likewise while somebody waits
PROBE_CHARACTERS = 10  # a question for the identity, its mark included
FULL_WINDOW_INTERVAL = 30.0
HURRIED_INTERVALS = 4  # so many of them on a line without gaps
LONELY_FULL_WINDOW_INTERVAL = 2.5  # per unit, while nobody is there to be disturbed


class Turns:
    """The peripherals of a line, and where each of them waits for its turn."""

    def __init__(self, peripherals: Iterable[Peripheral], character_time: float) -> None:
        self._peripherals = {each.address: each for each in peripherals}
        self._character_time = character_time
        self._serial = 0
        self._turns: list[tuple[float, int, Peripheral]] = []  # a heap: due, serial
        self._doubtful: list[Peripheral] = []
        self._ordered: dict[int, Peripheral] = {}  # those with commands, queued or pending
        self._flight: Peripheral | None = None  # whose answer is awaited
        self._alarm = inf  # something ends by itself: a command, a connection, a window
        self._missed_at = -inf  # end of the last unanswered exchange
        self._probe_from = 0.0
        self._hurried = False  # the newest probe had no gap to go into

    # --- who is next ------------------------------------------------------------------

    def _choose(self, now: float) -> tuple[Peripheral, bool] | None:
        """Return who speaks, and whether it is the first of its queue."""
        turn = self._turns[0][0] if self._turns else inf
        doubt = self._next_doubt(now, turn) if self._doubtful else None
        if self._ordered:
            waiting = turn if doubt is None else min(turn, doubt.due)
            ordered = self._next_order(now, waiting)
            if ordered is not None and (doubt is None or _before_doubt(ordered, doubt)):
                return ordered, True
        if doubt is not None:
            return doubt, False
        if turn > now:
            return None
        peripheral = heappop(self._turns)[2]
        peripheral.placed = None
        return peripheral, False

    def _next_order(self, now: float, waiting: float) -> Peripheral | None:
        best: Peripheral | None = None
        for each in self._ordered.values():
            if (
                each.ready_for_order(now)
                and each.orders.may_overtake(waiting)
                and (best is None or each.orders.waiting[0] < best.orders.waiting[0])
            ):
                best = each
        return best

    def _next_doubt(self, now: float, turn: float) -> Peripheral | None:
        best: Peripheral | None = None
        for each in self._doubtful:
            if self._may_try(each, now, turn) and (best is None or _goes_first(each, best)):
                best = each
        return best

    def _may_try(self, peripheral: Peripheral, now: float, turn: float) -> bool:
        """Whether a frame that may stay unanswered may go before the turn due at `turn`."""
        if now < self._earliest(peripheral):
            return False
        once = turn > now or self._missed_at < turn
        if not peripheral.silent:
            unlock = peripheral.urgency == Priority.UNLOCK and peripheral.orders.may_overtake(
                turn
            )
            return once or unlock
        if now >= peripheral.due + PROBE_PATIENCE:
            return once
        return self._fits(peripheral, now, turn)

    def _earliest(self, peripheral: Peripheral) -> float:
        moment = max(peripheral.due, peripheral.count.held_until)
        if peripheral.silent and self._turns:
            return max(moment, self._probe_from)
        return moment

    def _next_moment(self, now: float) -> float:
        """When there is something to choose from; nothing is at `now`."""
        moment = self._turns[0][0] if self._turns else inf
        for each in self._doubtful:
            earliest = self._earliest(each)
            if earliest <= now:
                earliest = each.due + PROBE_PATIENCE
            moment = min(moment, earliest)
        for each in self._ordered.values():
            if each.count.held_until > now:
                moment = min(moment, each.count.held_until)
        return moment

    def _fits(self, peripheral: Peripheral, now: float, turn: float) -> bool:
        """Whether a probe is over, answered or not, before the turn due at `turn`."""
        characters = (
            PROBE_CHARACTERS if peripheral.pending is None else len(peripheral.pending.wire)
        )
        length = characters * self._character_time + self._window(peripheral, now)
        return now + length <= turn

    def _window(self, peripheral: Peripheral, now: float) -> float:
        """How long an answer may take to begin, if nobody waits meanwhile."""
        if peripheral.proving:
            return PROOF_TIMEOUT
        if not peripheral.silent or now >= peripheral.full_from:
            return REPLY_TIMEOUT
        usual = USUAL_FACTOR * self._usual(peripheral)
        return min(REPLY_TIMEOUT, max(SHORTEST_WINDOW, usual))

    def _listen(self, peripheral: Peripheral, now: float) -> float:
        """How long we wait for an answer to what is said now: less if that holds others up."""
        if peripheral.silent and now < peripheral.full_from:
            turn = self._turns[0][0] if self._turns else inf
            self._hurried = not self._fits(peripheral, now, turn)
            if self._hurried:
                usual = HURRIED_FACTOR * self._usual(peripheral)
                return min(REPLY_TIMEOUT, max(HURRIED_WINDOW, usual))
        return self._window(peripheral, now)

    def _usual(self, peripheral: Peripheral) -> float:
        if peripheral.usual is not None:
            return peripheral.usual
        return max((each.usual or 0.0 for each in self._peripherals.values()), default=0.0)

    def _full_window_interval(self) -> float:
        if self._turns:
            intervals = HURRIED_INTERVALS if self._hurried else 1
            return FULL_WINDOW_INTERVAL * max(1, len(self._doubtful)) * intervals
        return LONELY_FULL_WINDOW_INTERVAL

    # --- where everybody waits --------------------------------------------------------

    def _settle(self, peripheral: Peripheral) -> None:
        """Put a peripheral where it belongs after anything happened to it."""
        if peripheral is self._flight:
            return  # it is settled when it comes back
        if peripheral.address in self._ordered:
            self._alarm = min(self._alarm, peripheral.next_expiry(in_flight=False))
            if not peripheral.has_orders:
                del self._ordered[peripheral.address]
        if peripheral.doubtful:
            self._join_doubtful(peripheral)
        else:
            self._join_turns(peripheral)

    def _join_doubtful(self, peripheral: Peripheral) -> None:
        self._leave_turns(peripheral)
        if peripheral not in self._doubtful:
            self._doubtful.append(peripheral)
        if peripheral.connected:
            self._alarm = min(self._alarm, peripheral.offline_at)

    def _join_turns(self, peripheral: Peripheral) -> None:
        if peripheral in self._doubtful:
            self._doubtful.remove(peripheral)
        due = max(peripheral.due, peripheral.count.held_until)
        if peripheral.placed != due:
            self._leave_turns(peripheral)
            self._serial += 1
            heappush(self._turns, (due, self._serial, peripheral))
            peripheral.placed = due

    def _was_dead(self, now: float) -> bool:
        """Whether nobody was heard for longer than noise would explain."""
        heard_at = max(each.heard_at for each in self._peripherals.values())
        return now - heard_at >= PROBE_INTERVAL

    def _hurry(self, now: float) -> None:
        """Somebody answers where nobody did: what kept them all away may be over for all."""
        for each in self._doubtful:
            if each.silent:
                each.due = min(each.due, now)

    def _leave_turns(self, peripheral: Peripheral) -> None:
        if peripheral.placed is not None:
            self._turns = [turn for turn in self._turns if turn[2] is not peripheral]
            heapify(self._turns)
            peripheral.placed = None


def _before_doubt(ordered: Peripheral, doubt: Peripheral) -> bool:
    """Whether a command goes before a retry or probe: of equals, who answers goes first."""
    return doubt.silent or ordered.orders.waiting[0].priority <= doubt.urgency


def _goes_first(one: Peripheral, other: Peripheral) -> bool:
    """Which of two doubtful units is tried: not yet silent, then urgent, then longest due."""
    return (one.silent, one.urgency, one.due) < (other.silent, other.urgency, other.due)
