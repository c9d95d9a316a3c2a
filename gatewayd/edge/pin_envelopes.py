"""PINs on their way from an envelope to what is kept of them; the digits go no further."""

from dataclasses import dataclass, field

from gatewayd.core.access.pins import SiteKey
from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import Digits
from gatewayd.edge.box_key import BadEnvelope, BoxKey

MOST_PINS = 64  # in one request: opening them takes 10 ms, in which no door is served


@dataclass(frozen=True, slots=True)
class Secrets:
    """The two keys that PINs need: one opens them, one keeps them."""

    box: BoxKey
    site: SiteKey

    def opening(self, most: int | None = None) -> "Opening":
        """Return what opens so many envelopes."""
        return Opening(self, most)


@dataclass(slots=True)
class Opening:
    """What opens the envelopes of one request (`permission_values.Opens`)."""

    secrets: Secrets
    most: int | None
    opened: int = field(default=0, init=False)

    def open(self, envelope: str) -> "Pin":
        """Open one. Raise BadEnvelope."""
        self.opened += 1
        if self.most is not None and self.opened > self.most:
            raise BadEnvelope(f"there are more than {self.most} PINs in one request")
        return Pin(self.secrets.site, self.secrets.box.open(envelope))


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN out of its envelope (`permission_values.OpenedPin`)."""

    site: SiteKey
    digits: Digits

    def of(self, holder: HolderId) -> bytes:
        """Return what is kept of it for a holder."""
        return self.site.pin_of(holder, self.digits)

    def alone(self) -> str:
        """Return the key of the credential that it is by itself."""
        return self.site.key_of(self.digits)
