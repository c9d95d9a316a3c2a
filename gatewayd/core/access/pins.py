"""PINs, as nothing but HMAC-SHA-256 under a key that only this site has.

A PIN that goes with a card belongs to a holder, whose id is in the HMAC, so that equal PINs
do not look alike. A PIN alone is a credential, found by its HMAC. The two never meet.
"""

from hmac import compare_digest, digest
from typing import NoReturn

from gatewayd.core.access.model import Holder
from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import Digits

KEY_BYTES = 32
PIN_ALONE = "PIN:"  # in front of 64 hexadecimal digits: `Credential.key` of a PIN alone
_NO_PIN = bytes(32)  # what is compared where there is none; no HMAC anybody will meet


def shown(key: str) -> str:
    """Return a credential's key as events tell it; of a PIN, only that it is one."""
    return "PIN" if key.startswith(PIN_ALONE) else key


class SiteKey:
    """The key under which a site keeps its PINs. Nobody sees it."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take `KEY_BYTES` of good randomness."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a site key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    def pin_of(self, holder: HolderId, pin: Digits) -> bytes:
        """Return what is kept of a holder's PIN."""
        return digest(self._key, f"holder\0{holder}\0{pin.reveal()}".encode(), "sha256")

    def key_of(self, pin: Digits) -> str:
        """Return the credential key of a PIN that is presented alone."""
        return PIN_ALONE + digest(self._key, f"alone\0{pin.reveal()}".encode(), "sha256").hex()

    def is_pin_of(self, holder: Holder, pin: Digits) -> tuple[bool, bool]:
        """Say if it is the holder's PIN, and if it is the one for duress.

        Takes as long whatever the answer is, also for a holder without PINs.
        """
        presented = self.pin_of(holder.id, pin)
        usual = compare_digest(presented, holder.pin or _NO_PIN)
        duress = compare_digest(presented, holder.duress_pin or _NO_PIN)
        return usual, duress

    def __repr__(self) -> str:
        """Say nothing."""
        return "<site key>"

    def __reduce__(self) -> NoReturn:
        """Stay in this process."""
        raise TypeError("a site key cannot be pickled")
