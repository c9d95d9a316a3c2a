"""From a payload to the brain and back: every request gets exactly one answer.

Read and judged → intent noted and id committed, in one go → acknowledged → acts. Only the
commit says whether a request is new: ids stay known across restarts, so nothing acts twice,
whoever sends it again. What an earlier run accepted and did not answer is answered
`outcome_unknown` and never tried again. What only reads is not written down: it must work
when the disk does not.

What is refused leaves a log line and an answer. Everything is bounded: requests that wait
for their answer (`busy`), requests a second (`rate_limited`, long ones count more) and the
number of clients that are told apart. A parse error never becomes an action.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal, Protocol

import structlog

from gatewayd.core.actions import Answer
from gatewayd.core.events import Event, RequestAccepted, RequestEnded
from gatewayd.core.facts import RequestCommitted
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.core.requests import (
    AboutKeys,
    AboutUnit,
    AcceptController,
    Command,
    CommissionController,
    ReadHealth,
    Request,
    SetDoorMode,
    ShowText,
    UnlockDoor,
)
from gatewayd.edge.calls import Call, Refusal, decode_request, untimely
from gatewayd.edge.clock import Clock
from gatewayd.edge.journal_table import Remembered
from gatewayd.edge.payloads import ErrorCode, encode_answer, encode_error
from gatewayd.edge.pin_envelopes import Secrets
from gatewayd.edge.request_json import LARGEST_REQUEST

MOST_PENDING = 256  # requests that wait for their answer
LONGEST_WAIT = 60.0  # seconds after its expiry; then an unanswered request is given up
REQUESTS_PER_SECOND, BURST = 20.0, 100.0  # of one client
ALL_PER_SECOND, ALL_BURST = 100.0, 500.0  # of all clients on the broker
BYTES_PER_TOKEN = 4096  # a request of that many bytes counts twice, and so on
LOCAL = "local-"  # begins the names that the local channel gives
MOST_CLIENTS = 256  # told apart by the rate limit
BLIND = "args.serial: is needed from afar, where nobody can look at who answers"
HOST_ONLY = "this is taken on the gateway's own host only, by `gatewayd send`"

Trust = Literal["signed", "broker"]
Via = Literal["mqtt", "local"]
Key = tuple[ClientId, RequestId]
ReplyTo = Callable[[ClientId | None, bytes], None]  # the client, as far as it could be read

log = structlog.get_logger()


class Noted(Protocol):
    """A journal entry, as far as it matters here."""

    @property
    def seq(self) -> int: ...


class Unfinished(Protocol):
    """A request of an earlier run that was never answered."""

    @property
    def request(self) -> RequestId: ...
    @property
    def client(self) -> ClientId: ...


class RequestMemory(Protocol):
    """What requests want of the journal."""

    def note(self, event: Event, now: Moment) -> Noted | None:
        """Keep an event; never waits. None: there is no room, it is only counted."""

    def remember_request(
        self,
        request: RequestId,
        client: ClientId,
        seq: int,
        done: Callable[[Remembered], None],
    ) -> object:
        """Commit that this request is known, and everything noted before; then tell."""

    def finish_request(self, request: RequestId, client: ClientId) -> object:
        """It has its answer."""

    def unfinished_requests(self) -> Iterable[Unfinished]:
        """Return what earlier runs left without an answer."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in, and what to do with it."""

    command: str
    payload: bytes
    via: Via
    reply: ReplyTo
    accepted: Callable[[], None]  # it is taken care of; called exactly once
    retained: bool = False


@dataclass(slots=True)
class Pending:
    """A request that waits for its answer."""

    request: Request
    reply: ReplyTo
    remembered: bool


class Router:
    """Where requests enter and answers leave."""

    def __init__(
        self,
        memory: RequestMemory,
        clock: Clock,
        trust: Trust,
        *,
        tell: Callable[[RequestCommitted], None],
        publish: ReplyTo,  # for answers to requests of an earlier run
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._trust = trust
        self._tell = tell
        self._publish = publish
        self.secrets: Secrets | None = None  # without them no PIN is taken
        self._pending: dict[Key, Pending] = {}  # oldest first
        self._limits = Limits()

    def start(self) -> None:
        """Answer what an earlier run accepted and did not answer."""
        now = self._clock.moment()
        for each in list(self._memory.unfinished_requests()):
            self._memory.note(
                RequestEnded(each.request, each.client, ErrorCode.OUTCOME_UNKNOWN), now
            )
            body = encode_error(
                each.request,
                ErrorCode.OUTCOME_UNKNOWN,
                "the gateway restarted before it was answered; it may or may not have acted",
            )
            self._publish(each.client, body)
            self._memory.finish_request(each.request, each.client)

    def submit(
        self,
        command: str,
        payload: bytes,
        *,
        via: Via,
        reply: Callable[[bytes], None],
        accepted: Callable[[], None] | None = None,
    ) -> None:
        """Take a request from somebody who waits for the answer at one place."""
        self.take(
            Incoming(
                command,
                payload,
                via,
                reply=lambda _client, body: reply(body),
                accepted=accepted or _nothing,
            )
        )

    def take(self, incoming: Incoming) -> None:
        """Take a request. It is answered exactly once, now or later."""
        now = self._clock.moment()
        try:
            call = self._judge(incoming, now)
        except Exception:
            log.exception("request_failed", command=incoming.command[:64])
            call = Refusal(ErrorCode.INTERNAL_ERROR, "the gateway failed to read it")
        if isinstance(call, Refusal):
            _refuse(incoming, call)
        else:
            self._admit(incoming, call, now)

    def answer(self, answer: Answer) -> None:
        """Send an answer of the brain's, once; an answer to nobody is logged."""
        pending = self._find(answer)
        if pending is None:
            log.warning("answer_to_nobody", request=answer.request, client=answer.client)
            return
        self._close(pending, encode_answer(answer))

    # --- judging ------------------------------------------------------------------

    def _judge(self, incoming: Incoming, now: Moment) -> Call | Refusal:
        """Say whether a request may go on, cheapest question first."""
        size = len(incoming.payload)
        if incoming.via == "mqtt" and not self._limits.all_may(size, now.mono):
            return Refusal(ErrorCode.RATE_LIMITED, "too many requests; wait a second")
        call = decode_request(incoming.command, incoming.payload, self.secrets)
        if incoming.retained:
            return _refusal(call, ErrorCode.RETAINED_REQUEST, "requests must not be retained")
        if incoming.via == "mqtt" and (stranger := self._stranger(call, size, now.mono)):
            return stranger
        if isinstance(call, Refusal):
            return call
        if incoming.via == "mqtt" and (remote := _not_from_afar(call)):
            return remote
        if incoming.via == "local":
            call = _just_now(call, now.utc)
        return untimely(call, now.utc) or self._place_for(call, now.mono) or call

    def _stranger(self, call: Call | Refusal, size: int, mono: float) -> Refusal | None:
        """Say what speaks against whoever asks over the broker."""
        if self._trust != "broker":
            text = 'unsigned requests need trust = "broker" in config.toml'
            return _refusal(call, ErrorCode.NOT_PERMITTED, text)
        if call.client is None:
            return None
        if call.client.startswith(LOCAL):
            text = f"names that begin with {LOCAL} belong to the gateway's own host"
            return _refusal(call, ErrorCode.NOT_PERMITTED, text)
        if not self._limits.client_may(call.client, size, mono):
            return _refusal(call, ErrorCode.RATE_LIMITED, "too many requests of this client")
        return None

    def _place_for(self, call: Call, mono: float) -> Refusal | None:
        if (call.client, call.id) in self._pending:
            return _refusal(call, ErrorCode.DUPLICATE_REQUEST, "this id is under way")
        self._give_up(mono)
        if len(self._pending) >= MOST_PENDING:
            return _refusal(call, ErrorCode.BUSY, f"{MOST_PENDING} requests are under way")
        return None

    def _give_up(self, mono: float) -> None:
        """Answer what the brain has forgotten, so that it does not hold a place for ever."""
        for pending in list(self._pending.values()):
            request = pending.request
            if mono - request.expires <= LONGEST_WAIT:
                return  # the rest is younger, or near enough
            log.error("request_forgotten", request=request.id, client=request.client)
            text = "the gateway lost sight of it; it may or may not have acted"
            self._close(pending, encode_error(request.id, ErrorCode.OUTCOME_UNKNOWN, text))

    # --- admitting ----------------------------------------------------------------

    def _admit(self, incoming: Incoming, call: Call, now: Moment) -> None:
        expires = now.mono + (call.expires - now.utc).total_seconds()
        request = Request(call.id, call.client, call.command, expires)
        pending = Pending(request, incoming.reply, remembered=not _only_reads(call.command))
        self._pending[call.client, call.id] = pending
        if not pending.remembered:
            incoming.accepted()
            self._tell(RequestCommitted(request))
            return
        entry = self._memory.note(_accepted_event(request), now)
        if entry is None:
            self._remembered(incoming, pending, Remembered.FAILED)
            return
        done = partial(self._remembered, incoming, pending)
        self._memory.remember_request(call.id, call.client, entry.seq, done)

    def _remembered(self, incoming: Incoming, pending: Pending, what: Remembered) -> None:
        if what is Remembered.NEW:
            incoming.accepted()
            self._tell(RequestCommitted(pending.request))
            return
        code, message = {
            Remembered.DUPLICATE: (
                ErrorCode.DUPLICATE_REQUEST,
                "this id was used before; nothing was done",
            ),
            Remembered.FAILED: (
                ErrorCode.INTERNAL_ERROR,
                "it could not be written down; nothing was done",
            ),
        }[what]
        request = pending.request
        del self._pending[request.client, request.id]
        self._memory.note(RequestEnded(request.id, request.client, code), self._clock.moment())
        _refuse(incoming, Refusal(code, message, request.id, request.client))

    def _find(self, answer: Answer) -> Pending | None:
        if answer.client is not None:
            return self._pending.get((answer.client, answer.request))
        named = [each for (_, id_), each in self._pending.items() if id_ == answer.request]
        return named[0] if len(named) == 1 else None

    def _close(self, pending: Pending, body: bytes) -> None:
        request = pending.request
        del self._pending[request.client, request.id]
        if pending.remembered:
            self._memory.finish_request(request.id, request.client)
        pending.reply(request.client, body)


def _nothing() -> None:
    """Nobody waits to be told."""


def _only_reads(command: Command) -> bool:
    return isinstance(command, ReadHealth)


def _not_from_afar(call: Call) -> Refusal | None:
    """Say what speaks against a request of somebody who is not on the host."""
    if isinstance(call.command, AboutUnit):
        return _refusal(call, ErrorCode.NOT_PERMITTED, HOST_ONLY)
    if _needs_eyes(call.command):
        return _refusal(call, ErrorCode.INVALID_REQUEST, BLIND)
    return None


def _needs_eyes(command: Command) -> bool:
    """Say whether somebody has to look at who answers before it goes on."""
    return isinstance(command, CommissionController) and command.serial is None


def _just_now(call: Call, utc: datetime) -> Call:
    """What comes over the local socket was written a moment ago, whatever its clock says: the
    host's own, which may be the very thing that is wrong."""
    return replace(call, issued=utc, expires=utc + (call.expires - call.issued))


def _accepted_event(request: Request) -> RequestAccepted:
    command = request.command
    door = command.door if isinstance(command, UnlockDoor | SetDoorMode | ShowText) else None
    about_unit = AboutKeys | AboutUnit | AcceptController
    controller = command.controller if isinstance(command, about_unit) else None
    return RequestAccepted(request.id, request.client, command.COMMAND, door, controller)


def _refusal(call: Call | Refusal, code: ErrorCode, message: str) -> Refusal:
    return Refusal(code, message, call.id, call.client)


def _refuse(incoming: Incoming, refusal: Refusal) -> None:
    say = log.debug if refusal.code is ErrorCode.RATE_LIMITED else log.info  # it is a flood
    say(
        "request_refused",
        command=incoming.command[:64],
        via=incoming.via,
        client=refusal.client,
        request=refusal.id,
        code=refusal.code.value,
        why=refusal.message,
    )
    incoming.reply(refusal.client, encode_error(refusal.id, refusal.code, refusal.message))
    incoming.accepted()


# --- how often ----------------------------------------------------------------------


class Bucket:
    """A token bucket that fills with time. Time is any monotonic number of seconds."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._now = now

    def take(self, tokens: float, now: float) -> bool:
        """Take tokens if there are enough; a full bucket always has enough."""
        self._tokens = min(self._burst, self._tokens + (now - self._now) * self._rate)
        self._now = now
        if self._tokens < min(tokens, self._burst):
            return False
        self._tokens -= min(tokens, self._burst)
        return True


class Limits:
    """How many requests may come, in all and from each client."""

    def __init__(self) -> None:
        self._all: Bucket | None = None
        self._clients: OrderedDict[ClientId, Bucket] = OrderedDict()

    def all_may(self, size: int, now: float) -> bool:
        """Count a request before anybody has looked into it."""
        self._all = self._all or Bucket(ALL_PER_SECOND, ALL_BURST, now)
        return self._all.take(_tokens(size), now)

    def client_may(self, client: ClientId, size: int, now: float) -> bool:
        """Count a request of a client; the ones not seen for longest are forgotten."""
        bucket = self._clients.pop(client, None) or Bucket(REQUESTS_PER_SECOND, BURST, now)
        self._clients[client] = bucket
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return bucket.take(_tokens(size), now)


def _tokens(size: int) -> float:
    return 1 + min(size, LARGEST_REQUEST) / BYTES_PER_TOKEN
