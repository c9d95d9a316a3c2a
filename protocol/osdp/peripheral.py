"""One peripheral of a line, as the bus sees it.

The bus decides when a peripheral has its turn, and passes on what its owner wants: commands,
a gate that opens or closes, keys, a commissioning window. What is then said, and what an answer
means, is for `conversation`.
"""

from collections.abc import Callable

from protocol.errors import UnsendableMessage
from protocol.osdp.commands import KeyType, SetKey
from protocol.osdp.commissioning import LONGEST_WINDOW, Window
from protocol.osdp.conversation import SILENCE_LIMIT, Conversation
from protocol.osdp.frame import LONGEST
from protocol.osdp.gate import CLOSED, COMMISSIONING, Open
from protocol.osdp.happenings import BusEvent
from protocol.osdp.introduction import Chance
from protocol.osdp.orders import POLLING, Order
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.secure_session import LONGEST_SECURED
from protocol.osdp.settings import PeripheralSettings, require_keys


class Peripheral(Conversation):
    """What the panel knows of one peripheral.

    The bus reads `due`, `silent`, `tries`, `count` and `orders` to choose who is next, and
    keeps its own marks in `placed` and `full_from`.
    """

    def __init__(
        self,
        settings: PeripheralSettings,
        emit: Callable[[BusEvent], None],
        chance: Chance | None = None,
    ) -> None:
        """Raise ValueError for a secure unit without chance."""
        super().__init__(settings, emit, chance)
        self.placed: float | None = None  # due time of its entry among the turns
        self.full_from = 0.0  # a probe listens for the whole reply time from then on

    # --- what the bus asks ------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether a connection stands, told of or not."""
        return self._telling.announced > 0 or self._introduction.identification is not None

    @property
    def offline_at(self) -> float:
        """When the connection ends if nothing valid is heard any more."""
        return self.heard_at + SILENCE_LIMIT

    @property
    def urgency(self) -> int:
        """The priority of what waits for the pending exchange, or is it."""
        waiting = self.orders.waiting
        urgency = waiting[0].priority if waiting else POLLING
        if self.pending is not None and self.pending.order is not None:
            urgency = min(urgency, self.pending.order.priority)
        return urgency

    @property
    def has_orders(self) -> bool:
        """Whether a command is queued or pending."""
        return bool(self.orders.waiting) or (
            self.pending is not None and self.pending.order is not None
        )

    def ready_for_order(self, now: float) -> bool:
        """Whether the first of the queue could go out."""
        return (
            bool(self.orders.waiting)
            and self.pending is None
            and not self.doubtful
            and self.count.held_until <= now
        )

    def expire(self, now: float, *, in_flight: bool) -> None:
        """End every order whose time has come; the one in flight may still be answered."""
        self.orders.expire(now)
        pending = self.pending
        if in_flight or pending is None or pending.order is None:
            return
        if pending.order.expires <= now:
            self._expire(pending, now)

    def next_expiry(self, *, in_flight: bool) -> float:
        """When the first order ends by itself; infinity if none will."""
        expiry = self.orders.next_expiry()
        if self.pending is not None and self.pending.order is not None and not in_flight:
            return min(expiry, self.pending.order.expires)
        return expiry

    # --- the gate and the queue -------------------------------------------------------

    def open(self, connection: int, now: float) -> bool:
        """Open the gate for the connection that was told of last, if it still stands.

        For a secure unit that is one inside a session with its own key.
        """
        if connection != self._telling.announced or not self._introduction.complete:
            return False
        assert self.window is None  # or no connection would have been told of
        if not isinstance(self.gate, Open):
            self.gate = Open(connection)
            self._reading.ask_status()
            self.due = now
        return True

    def close(self, now: float, *, identify_again: bool, in_flight: bool) -> None:
        """Close the gate; what is queued ends here. A commissioning goes on."""
        if self.window is not None:
            return
        if identify_again or self.gate != CLOSED:
            self.due = now
        self.gate = CLOSED
        self.orders.drop()
        if identify_again:
            self._telling.forget()
            self._introduction.repeat()
        if not in_flight:
            self._give_up_if_barred(now)

    def queue(self, order: Order) -> bool:
        """Take a command; False if there is no room. Raises UnsendableMessage."""
        longest = LONGEST_SECURED if self.secure else LONGEST
        if len(order.body) > longest:
            raise UnsendableMessage(
                f"a body of {len(order.body)} bytes, {longest} is the limit"
            )
        if isinstance(order.command, SetKey):
            self._require_known(order.command)
        return self.orders.queue(order)

    def _require_known(self, command: SetKey) -> None:
        """A key that nobody would try afterwards would lock the unit out."""
        if not self._introduction.in_session:
            raise UnsendableMessage("a key is told inside a session only")
        if command.type != KeyType.SCBK:
            raise UnsendableMessage("that is no base key")
        if command.key not in [each.content for each in self._introduction.keys]:
            raise UnsendableMessage("the key is none of those that will be tried")

    # --- keys and commissioning -------------------------------------------------------

    def set_keys(self, keys: tuple[BaseKey, ...], now: float) -> None:
        """Try these from the next handshake on; soon, if no session stands.

        Without any no session goes on, but that of a commissioning.
        """
        require_keys(self.address, keys)
        introduction = self._introduction
        introduction.keys = keys
        if not keys and introduction.in_session and self.window is None:
            self.end_connection("its key was forgotten", now)
            return
        if introduction.in_session or introduction.proving:
            return
        if introduction.lacks_key:
            introduction.forget()
        self._meeting.hurry()
        if not self.doubtful:
            self.due = now

    def commission(self, until: float, now: float) -> Window | None:
        """Open the commissioning window; None if it is not secure."""
        if not self.secure:
            return None
        self.end_connection("it is being commissioned", now)
        window = Window(min(until, now + LONGEST_WINDOW))
        self.gate, self._introduction.window = COMMISSIONING, window
        return window

    def set_up(self, order: Order) -> bool:
        """Take a command in the window; False if there is no room. Raises UnsendableMessage."""
        window = self.window
        assert window is not None
        if not self.queue(order):
            return False
        if isinstance(order.command, SetKey):
            window.given_to = self._introduction.identification
        return True

    def close_window(self, why: str, now: float) -> None:
        """End the commissioning before it is done; everything begins anew."""
        if self.window is None:
            return
        self._introduction.window = None
        self.end_connection(why, now)
        self._telling.window_closed(why, done=False)
