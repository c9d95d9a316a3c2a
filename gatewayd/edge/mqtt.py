"""The MQTT face of a site: state, events and requests below R = `<prefix>/<site>`.

`run` keeps a session with the broker for as long as it is not cancelled, and never ends
because of the broker. Every session is new: MQTT 5 first, 3.1.1 if that is refused. It
begins by listening to `R/requests/+`; then come `R/status` and all retained state: whoever
sees us online is heard and sees the truth, and a broker that forgot everything knows it again.

One place decides what leaves next, `_pump`: answers, then state, then the journal's
backlog, within one window. State is kept per topic and sent when it differs; of a burst
only the newest counts. What is live goes past all of it with QoS 0, or is dropped.

The client id is fixed, so a session that the broker still believes in ends, with its will,
when the next one begins; a late will cannot call a running gateway offline.
"""

import asyncio
import random
import re
import ssl
from collections import deque
from collections.abc import Callable, Container, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from gatewayd.config import Config, read_secret
from gatewayd.core.model import ClientId
from gatewayd.edge import feed
from gatewayd.edge.backoff import Backoff
from gatewayd.edge.feed import FAILURE, EventSource, Feed, Sent
from gatewayd.edge.mqtt_session import (
    MQTT_3,
    MQTT_5,
    PATIENCE,
    ConnectFailed,
    Endpoint,
    Letter,
    Message,
    Session,
)
from gatewayd.edge.payloads import Status, encode_status
from gatewayd.edge.request_values import NAME
from gatewayd.edge.requests import Incoming
from gatewayd.errors import StateError

KEEPALIVE = 15  # seconds
FIRST_PAUSE = 0.2  # seconds between tries to connect
LONGEST_PAUSE = 30.0
MOST_ANSWERS = 1_000  # answers that wait for the broker
MOST_TOPICS = 100_000  # retained topics of one site
LONGEST_CORRELATION = 256  # bytes
LONGEST_RESPONSE_TOPIC = 256  # characters

STATUS = "status"
SWEPT = ("doors", "controllers")  # where topics come and go with the configuration

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is and how we show up there."""

    host: str
    port: int
    root: str  # R
    client_id: str
    version: str
    trust: str
    since: datetime
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive: int = KEEPALIVE
    patience: float = PATIENCE
    first_pause: float = FIRST_PAUSE
    refused_pause: float = feed.FIRST_PAUSE
    encryption_key: Mapping[str, str] | None = None  # a public JWK


def broker_settings(config: Config, version: str, since: datetime) -> BrokerSettings:
    """Turn the words of the file into ours."""
    mqtt = config.mqtt
    return BrokerSettings(
        host=mqtt.host,
        port=mqtt.port,
        root=f"{mqtt.prefix}/{config.site.id}",
        client_id=config.client_id,
        version=version,
        trust=mqtt.trust,
        since=since,
        username=mqtt.username,
        password_file=mqtt.password_file,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
    )


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    sessions: int = 0
    answers_lost: int = 0  # more than MOST_ANSWERS waited, or the broker refused one
    live_dropped: int = 0  # nobody was connected, or the socket did not keep up
    state_refused: int = 0  # the broker refused retained state


class Broker:
    """Keeps the management software informed and hears what it asks."""

    def __init__(
        self,
        settings: BrokerSettings,
        source: EventSource,
        on_request: Callable[[Incoming], None],
        owned: Container[str] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Talk for one site.

        `owned` are the topics below R/doors and R/controllers that may exist ("doors/lobby"):
        what an earlier configuration left there is cleared. None: nothing is.
        """
        self.counters = Counters()
        self.trouble: str | None = "not connected yet"
        self._settings = settings
        self._source = source
        self._wanted = 0  # the event that whoever stops waits for
        self._on_request = on_request
        self._backoff = Backoff(settings.first_pause, LONGEST_PAUSE, chance)
        self._session: Session | None = None
        self._listening = False
        self._showing = False  # what is retained: from its first word in a session on
        self._owned = owned
        self._swept = owned is None
        self._pumping = False
        self._state: dict[str, bytes] = {}  # by whole topic; b"" until its end is acknowledged
        self._dirty: dict[str, None] = {}  # topics to send, in order
        self._sending: set[str] = set()  # topics on their way
        self._unseen: set[str] = set()  # topics that this session has not shown yet
        self._seen = asyncio.Event()  # there are none
        self._quiet = asyncio.Event()  # nothing waits, or there is nobody to wait for
        self._quiet.set()
        self._answers: deque[Letter] = deque()
        self._answers_sent: dict[int, Letter] = {}  # on their way, oldest first
        self._answer_number = 0
        self.feed = Feed(source, self._pump, chance, settings.refused_pause)

    # --- what the app sees ------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether requests reach us and everything leaves."""
        return self._listening

    @property
    def protocol(self) -> str | None:
        """The MQTT version spoken now: "5", "3.1.1" or None."""
        return self._session.version if self._session is not None else None

    def retain(self, topic: str, payload: bytes) -> None:
        """Keep `R/<topic>` showing this. Sent now or with the next session."""
        assert payload, "an empty payload would delete the topic; that is `forget`"
        self._change(self._topic(topic), payload)

    def forget(self, topic: str) -> None:
        """Take `R/<topic>` away from the broker."""
        if self._topic(topic) in self._state:
            self._change(self._topic(topic), b"")

    def live(self, body: bytes) -> None:
        """Publish an event at once on `R/live`, or not at all."""
        letter = Letter(f"{self._settings.root}/live", body)
        if self._session is None or not self._session.publish_unconfirmed(letter):
            self.counters.live_dropped += 1

    def committed(self) -> None:
        """The journal has more for `R/events`."""
        self.feed.committed()

    def reply(self, client: ClientId | None, body: bytes) -> None:
        """Send an answer to `R/replies/<client>`."""
        self._answer(Letter(self._topic(f"replies/{client or 'unknown'}"), body))

    async def drain(self, seconds: float, last: int = 0) -> None:
        """Wait until the broker has everything, also event `last` that is not committed yet.

        But not longer than that, and not for a broker that was away at the last try.
        """
        self._wanted = last
        self._pump()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), seconds)

    # --- sessions ---------------------------------------------------------------------

    async def run(self) -> None:
        """Keep in touch until cancelled; then say goodbye."""
        self._quiet.clear()  # until the first try has ended
        while True:
            try:
                why = await self._stay()
            except ConnectFailed as error:
                why = str(error)
            except Exception as error:  # whatever it is, doors and journal go on without it
                log.exception("broker_failed")
                why = f"internal error: {type(error).__name__}"
            if why != self.trouble:
                log.warning("broker_away", why=why)
            self.trouble = why
            self._quiet.set()
            await asyncio.sleep(self._backoff.next_pause())

    async def _stay(self) -> str:
        """Hold one session; return why it ended."""
        session = await self._connect()
        self._session = session
        self._quiet.clear()
        try:
            await self._greet(session)
            await asyncio.wait([session.lost])
            return session.lost.result()
        except asyncio.CancelledError:
            session.publish_unconfirmed(self._status(session, online=False, why="stopped"))
            await session.close()
            raise
        finally:
            session.drop("over")
            self._apart()

    async def _connect(self) -> Session:
        endpoint, password = await asyncio.to_thread(_endpoint, self._settings)
        try:
            return await self._open(endpoint, password, MQTT_5)
        except ConnectFailed as error:
            if not error.version_refused:
                raise
        return await self._open(endpoint, password, MQTT_3)

    async def _open(self, endpoint: Endpoint, password: str | None, version: str) -> Session:
        will = self._status(None, online=False, why="connection lost")
        session = Session(endpoint, password, version, will, self._heard)
        await session.open()
        return session

    async def _greet(self, session: Session) -> None:
        """Listen, say that we are here, then show everything.

        In this order: a request to somebody who is online must not fall into the void.
        """
        self.counters.sessions += 1
        refused = await _unless_lost(
            session.listen(f"{self._settings.root}/requests/+"), session
        )
        if session.lost.done():
            return
        status = self._status(session, online=True)
        self._state.pop(status.topic, None)
        self._state = {status.topic: status.payload, **self._state}
        self._dirty = dict.fromkeys(self._state)
        self._unseen = set(self._state)
        self._seen.clear()
        self._showing = True
        self.feed.start()
        self._pump()
        await _unless_lost(self._seen.wait(), session)
        if session.lost.done():
            return
        self._backoff.reset()
        self._listening = refused is None
        self.trouble = refused and f"the broker refuses our subscription to requests: {refused}"
        log.info("broker_connected", mqtt=session.version, trouble=self.trouble)
        await _unless_lost(self._sweep(session), session)

    async def _sweep(self, session: Session) -> None:
        """Find state that an earlier configuration left at the broker; once is enough."""
        for swept in SWEPT if not self._swept else ():
            topic_filter = f"{self._settings.root}/{swept}/+"
            await session.listen(topic_filter)  # what is retained comes at once
            await session.ignore(topic_filter)
        self._swept = self._swept or not session.lost.done()

    def _apart(self) -> None:
        """Take back what was on its way; the next session begins anew."""
        self._session, self._listening, self._showing = None, False, False
        self.feed.stop()
        self._sending.clear()
        self._answers.extendleft(reversed(self._answers_sent.values()))
        self._answers_sent.clear()

    def _status(self, session: Session | None, *, online: bool, why: str = "") -> Letter:
        settings = self._settings
        status = Status(
            online=online,
            version=settings.version,
            trust=settings.trust,
            since=settings.since,
            mqtt=None if session is None else session.version,
            why=why,
            encryption_key=settings.encryption_key,
        )
        return Letter(f"{settings.root}/{STATUS}", encode_status(status), retain=True)

    # --- outwards -----------------------------------------------------------------------

    def _pump(self) -> None:
        """Let out what fits into the window, the most urgent first."""
        session = self._session
        if session is None or not self._showing or self._pumping:
            return
        self._pumping = True  # a broker may answer while we are still sending
        try:
            while session.room > 0 and (
                self._send_answer(session)
                or self._send_state(session)
                or self._send_event(session)
            ):
                pass
        finally:
            self._pumping = False
        if self._idle():
            self._quiet.set()
        else:
            self._quiet.clear()

    def _send_answer(self, session: Session) -> bool:
        if not self._answers:
            return False
        letter = self._answers.popleft()
        self._answer_number += 1
        self._answers_sent[self._answer_number] = letter
        session.publish(letter, partial(self._answer_settled, self._answer_number))
        return True

    def _answer_settled(self, number: int, code: int) -> None:
        letter = self._answers_sent.pop(number)
        if code >= FAILURE:
            self.counters.answers_lost += 1
            log.warning("answer_refused_by_broker", topic=letter.topic, code=code)
        self._pump()

    def _send_state(self, session: Session) -> bool:
        topic = next((each for each in self._dirty if each not in self._sending), None)
        if topic is None:
            return False
        del self._dirty[topic]
        self._sending.add(topic)
        payload = self._state[topic]
        session.publish(
            Letter(topic, payload, retain=True), partial(self._state_settled, topic, payload)
        )
        return True

    def _state_settled(self, topic: str, payload: bytes, code: int) -> None:
        self._sending.discard(topic)
        if code >= FAILURE:
            self.counters.state_refused += 1
            log.warning("state_refused_by_broker", topic=topic, code=code)
        elif not payload and topic not in self._dirty:
            del self._state[topic]
        self._unseen.discard(topic)
        if not self._unseen:
            self._seen.set()
        self._pump()

    def _send_event(self, session: Session) -> bool:
        taken = self.feed.take()
        if taken is None:
            return False
        entry, sent = taken
        session.publish(
            Letter(f"{self._settings.root}/events", entry.body),
            partial(self._event_settled, sent),
        )
        return True

    def _event_settled(self, sent: Sent, code: int) -> None:
        self.feed.settle(sent, code)
        self._pump()

    def _idle(self) -> bool:
        if self._source.delivered < self._wanted:
            return False
        state = self._dirty or self._sending
        return not (state or self._answers or self._answers_sent) and self.feed.idle

    def _change(self, topic: str, payload: bytes) -> None:
        if self._state.get(topic) == payload:
            return
        if topic not in self._state and len(self._state) >= MOST_TOPICS:
            log.error("too_many_topics", topic=topic)
            return
        self._state[topic] = payload
        self._dirty[topic] = None
        self._pump()

    def _answer(self, letter: Letter) -> None:
        if len(self._answers) >= MOST_ANSWERS:
            self.counters.answers_lost += 1
            log.error("answer_lost", topic=letter.topic, waiting=MOST_ANSWERS)
            return
        self._answers.append(letter)
        self._pump()

    def _topic(self, relative: str) -> str:
        """Return a topic below R; no name in it can lead anywhere else."""
        assert all(NAME.fullmatch(level) for level in relative.split("/")), relative
        return f"{self._settings.root}/{relative}"

    # --- inwards ------------------------------------------------------------------------

    def _heard(self, message: Message) -> None:
        """Hand a request on; its session hears when it is taken care of."""
        session = self._session
        assert session is not None, "nothing is subscribed before there is a session"
        root = f"{self._settings.root}/"
        relative = message.topic[len(root) :] if message.topic.startswith(root) else ""
        kind, _, name = relative.partition("/")
        if kind != "requests":
            session.acknowledge(message)
            if message.retained and message.payload and kind in SWEPT:
                self._clear_stray(f"{kind}/{name}")
            return
        self._on_request(
            Incoming(
                name,
                message.payload,
                "mqtt",
                reply=partial(self._reply_to, message),
                accepted=partial(session.acknowledge, message),
                retained=message.retained,
            )
        )

    def _clear_stray(self, topic: str) -> None:
        assert self._owned is not None, "only a sweep subscribes to state"
        if topic not in self._owned and NAME.fullmatch(topic.partition("/")[2]):
            log.info("old_state_cleared", topic=topic)
            self._change(self._topic(topic), b"")

    def _reply_to(self, message: Message, client: ClientId | None, body: bytes) -> None:
        topic = self._response_topic(message.response_topic, client)
        correlation = message.correlation
        if correlation is not None and len(correlation) > LONGEST_CORRELATION:
            correlation = None
        self._answer(Letter(topic, body, correlation=correlation))

    def _response_topic(self, wished: str | None, client: ClientId | None) -> str:
        """Where an answer goes: below the client's own replies, wherever it wishes there.

        Whoever could not be recognised may wish for any place below the replies.
        """
        replies = f"{self._settings.root}/replies"
        own = f"{replies}/{client}" if client is not None else replies
        if wished is not None and len(wished) <= LONGEST_RESPONSE_TOPIC:
            below = wished.removeprefix(own)
            if below != wished and _LEVELS.fullmatch(below) and wished != replies:
                return wished
        return f"{replies}/{client or 'unknown'}"


_LEVELS = re.compile(rf"(/{NAME.pattern})*", re.ASCII)


async def _unless_lost(doing: Coroutine[Any, Any, T], session: Session) -> T | None:
    """Wait for something, but not longer than the session lasts."""
    task = asyncio.ensure_future(doing)
    either: list[asyncio.Future[Any]] = [task, session.lost]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()


def _endpoint(settings: BrokerSettings) -> tuple[Endpoint, str | None]:
    """Read the files, anew for every session, so that they may change. Runs in a thread."""
    try:
        password = read_secret(settings.password_file) if settings.password_file else None
        tls = _tls(settings)
    except StateError as error:
        raise ConnectFailed(str(error)) from None
    except ssl.SSLError as error:
        raise ConnectFailed(f"a certificate or key cannot be used: {error.reason}") from None
    except OSError as error:
        raise ConnectFailed(f"{error.filename}: {error.strerror}") from None
    endpoint = Endpoint(
        settings.host,
        settings.port,
        settings.client_id,
        settings.keepalive,
        settings.username,
        tls,
        settings.patience,
    )
    return endpoint, password


class _TidySocket(ssl.SSLSocket):
    """Closes when the handshake fails; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # the library's
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _tls(settings: BrokerSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None:
        return None
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.sslsocket_class = _TidySocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None:
        # A daemon cannot be asked for a pass phrase: a locked key is an error at once.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    return context
