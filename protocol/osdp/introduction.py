"""How a unit introduces itself: in clear, and if it is secure once more inside a session.

    in clear        osdp_ID  osdp_CAP
    secure          osdp_ID  osdp_CAP   osdp_CHLNG  osdp_SCRYPT   osdp_ID  osdp_CAP
                    └─ in clear, a claim ┘                        └─ sealed, proved ┘

Whether a unit is secure is configured; nothing a unit says or leaves unsaid can change it.
Its keys are tried in turn, and there is no other way on: an introduction either becomes
`complete`, which for a secure unit is possible only inside a session, or it is forgotten and
begins anew. Each challenge restarts the count of sequence numbers at 0, which every unit
accepts. A secure unit without a key stays what it claims to be.

A unit may leave a handshake unanswered because it does not know the key, rather than refuse
it. So the one begun after that tries the key after that one first; the others have their turn
behind it.

A unit that draws the same RND.B twice obeys whoever recorded what we said after the first.
What it says to us is fresh all the same, by our own RND.A, so it is believed; `careless` says
that the number was one of the newest `RANDOMS_KEPT` that came with a right cryptogram. Units
whose numbers begin anew with their power are among these. A repeated osdp_CCRYPT to the same
challenge is one draw.

The default key is tried inside a commissioning window and nowhere else. There the unit's own
keys come first once one was sent to it: it may have taken it, whether it said so or not.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from protocol.message import Message
from protocol.osdp.commands import Identify, ReadCapabilities
from protocol.osdp.commissioning import Window
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Capabilities, Identification
from protocol.osdp.secure_handshake import (
    Challenging,
    Established,
    Failed,
    Handshake,
    Proving,
    Selector,
)
from protocol.osdp.secure_keys import RANDOM_LENGTH, BaseKey
from protocol.osdp.session import Clear, ClearIdentity, Session, Step

IDENTIFY = Identify()
READ_CAPABILITIES = ReadCapabilities()

RANDOMS_KEPT = 8  # newest RND.B of a unit

Chance = Callable[[int], bytes]  # so many bytes that nobody could guess


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key to be tried, by the name its owner knows it by; None for the default key."""

    name: str | None
    handshake: Handshake


class Introduction:
    """Who one unit says it is, how far that is proved, and the session it is proved in.

    `keys` and `window` decide about the handshakes begun from now on.
    """

    def __init__(
        self, address: int, *, crc: bool, keys: tuple[BaseKey, ...], chance: Chance | None
    ) -> None:
        """`chance`: None for a unit that is spoken to in clear."""
        self._address = address
        self._crc = crc
        self._chance = chance
        self.keys = keys
        self.window: Window | None = None
        self._unanswered: Candidate | None = None  # the key it said nothing to, last
        self._randoms: deque[bytes] = deque(maxlen=RANDOMS_KEPT)  # RND.B, the newest last
        kind = Clear if chance is None else ClearIdentity
        self._clear: Session = kind(address, crc=crc)
        self.forget()

    def forget(self) -> None:
        """Begin anew: nobody is known, no session stands."""
        self.session: Session = self._clear
        self.in_session = False
        self.careless = False  # it proved its key with a number it had drawn before
        self.outside: tuple[Identification, Capabilities] | None = None  # in clear, before it
        self.failures: tuple[Failed, ...] = ()  # of the keys tried so far
        self._tried: Candidate | None = None  # the key that is tried, or was proved
        self._untried: tuple[Candidate, ...] = ()
        self._step: Challenging | Proving | None = None
        self._evidence_outside: tuple[bytes, ...] = ()
        self._read_anew()

    def repeat(self) -> None:
        """Read the identity once more, inside the session if there is to be one."""
        if self.in_session or self._chance is None or self.lacks_key:
            self._read_anew()

    def _read_anew(self) -> None:
        self.identification: Identification | None = None
        self.capabilities: Capabilities | None = None
        self._evidence: tuple[bytes, ...] = ()

    # --- what is known ----------------------------------------------------------------

    @property
    def evidence(self) -> tuple[bytes, ...]:
        """The frames of all answers so far, those from inside the session unsealed."""
        return self._evidence_outside + self._evidence

    @property
    def proving(self) -> bool:
        """Whether the handshake is under way."""
        return self._step is not None

    @property
    def complete(self) -> bool:
        """Whether everything was said, and said where it has to be said."""
        return self.capabilities is not None and (self.in_session or self._chance is None)

    @property
    def lacks_key(self) -> bool:
        """Whether everything was said that can be said without a key, and there is none."""
        told = self.capabilities is not None and not self.in_session and not self.proving
        return told and self._chance is not None

    @property
    def by_default_key(self) -> bool:
        """Whether what is said now is said under the key that everybody knows."""
        tried = self._tried
        return tried is not None and tried.handshake.selector is Selector.DEFAULT

    @property
    def key(self) -> str | None:
        """The name of the unit's own key that proved it."""
        return self._tried.name if self._tried is not None and self.in_session else None

    def claimed(self) -> tuple[Identification, Capabilities]:
        """Return what was said in clear, once it was."""
        if self.outside is not None:
            return self.outside
        assert self.identification is not None
        assert self.capabilities is not None
        return self.identification, self.capabilities

    def question(self) -> Message | None:
        """Return what to ask next, None once there is nothing left to ask."""
        if self.identification is None:
            return IDENTIFY
        if self.capabilities is None:
            return READ_CAPABILITIES
        return None if self._step is None else self._step.said.message

    # --- what was answered ------------------------------------------------------------

    def unanswered(self) -> None:
        """It says nothing to the step that is pending: another key comes first next time."""
        self._unanswered = self._tried

    def identified(self, identification: Identification, frame: Frame) -> bool:
        """Take who it is; False if it is somebody else inside the session than outside."""
        if self.outside is not None and identification != self.outside[0]:
            return False
        self.identification = identification
        self._evidence = (frame.encode(),)
        return True

    def able(self, capabilities: Capabilities, frame: Frame) -> None:
        """Take what it can do; if that was in clear and there is a key, it is tried next."""
        self.capabilities = capabilities
        self._evidence = (*self._evidence, frame.encode())
        if self._chance is not None and not self.in_session:
            self._untried = self._in_turn(self._candidates())
            self._try_next(self._chance)

    def proved(self, frame: Frame) -> Failed | None:
        """Take the answer to a step of the handshake; say if this key leads nowhere.

        Then the next one is being tried, if `proving` says so.
        """
        assert self._step is not None
        assert self._chance is not None
        taken = self._step.take(frame)
        if isinstance(taken, Proving):
            self._drawn(taken.random)
        if isinstance(taken, Failed):
            self.failures = (*self.failures, taken)
            self._step = None
            self._try_next(self._chance)
            return taken
        if isinstance(taken, Established):
            self._enter(taken)
        else:
            self._go_on(taken)
        return None

    def _drawn(self, random: bytes) -> None:
        """It knows its key, and drew this to prove it."""
        self.careless = random in self._randoms
        if not self.careless:
            self._randoms.append(random)

    def _candidates(self) -> tuple[Candidate, ...]:
        address, crc = self._address, self._crc
        own = tuple(
            Candidate(each.name, Handshake(address, each.content, crc=crc))
            for each in self.keys
        )
        if self.window is None:
            return own
        default = Candidate(None, Handshake.by_default_key(address, crc=crc))
        return (*own, default) if self.window.given_to is not None else (default,)

    def _in_turn(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Put the one after the unanswered one first."""
        if self._unanswered not in candidates:
            return candidates
        first = candidates.index(self._unanswered) + 1
        return candidates[first:] + candidates[:first]

    def _try_next(self, chance: Chance) -> None:
        if self._untried:
            self._tried, *untried = self._untried
            self._untried = tuple(untried)
            self._go_on(self._tried.handshake.start(chance(RANDOM_LENGTH)))

    def _go_on(self, step: Challenging | Proving) -> None:
        self._step = step
        self.session = Step(self._address, step.said, crc=self._crc)

    def _enter(self, established: Established) -> None:
        assert self.identification is not None
        assert self.capabilities is not None
        self._step = self._unanswered = None
        self.session, self.in_session = established.session, True
        self.outside = self.identification, self.capabilities
        self._evidence_outside = self._evidence
        self._read_anew()
