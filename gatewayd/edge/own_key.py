"""A key that the gateway made for itself: 32 random bytes in a file of the state directory.

    gatewayd-own-key 1 <what for> <name of the root key, or plain> <hexadecimal>

With a root key it is sealed under it (AES-256-GCM, 12 random bytes in front, bound to what it
is for), and one that lay there plain is sealed as soon as there is one. Without, the file's
mode, 0600, is all that keeps it; eight bytes of its SHA-256 follow it, against damage. A key
is made when its file is not there, never in place of one that cannot be read.
"""

import os
import re
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatewayd.edge.disk import SYSTEM, replace, sync_directory
from gatewayd.edge.private_file import read_private
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.errors import DamagedState, StateError

LENGTH = 32
LONGEST = 512  # bytes of a file

_NONCE = 12
_CHECK = 8
_PLAIN = "plain"
_LINE = re.compile(
    rb"gatewayd-own-key (\d{1,9}) ([a-z-]{1,32}) ([0-9a-f]{16}|plain) ([0-9a-f]{80,120})\n"
)


class Purpose(NamedTuple):
    """What a key is for. `loss` says what is gone with it, and what to do then."""

    name: str  # of the key, in its file
    file: str
    loss: str


class OwnKey(NamedTuple):
    """A key, and whether it was made just now."""

    key: Secret
    is_new: bool


def read_or_make(directory: Path, purpose: Purpose, root: RootKey | None) -> OwnKey:
    """Return the key for a purpose; make it first if it is not there. Raise StateError."""
    path = directory / purpose.file
    try:
        if not path.exists():
            key = Secret(os.urandom(LENGTH))
            replace(SYSTEM, path, _file(purpose, key, root))
            return OwnKey(key, is_new=True)
        raw = read_private(path, LONGEST)
        key = _open(path, raw, purpose, root)
        sync_directory(SYSTEM, directory)  # whoever was killed before that left it to us
        if root is not None and _is_plain(raw):
            replace(SYSTEM, path, _file(purpose, key, root))
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    return OwnKey(key, is_new=False)


def _file(purpose: Purpose, key: Secret, root: RootKey | None) -> bytes:
    if root is None:
        name, body = _PLAIN, key.reveal() + _check(key)
    else:
        nonce = os.urandom(_NONCE)
        name = root.name
        body = nonce + _cipher(root).encrypt(nonce, key.reveal(), _label(purpose))
    return f"gatewayd-own-key 1 {purpose.name} {name} {body.hex()}\n".encode()


def _open(path: Path, raw: bytes, purpose: Purpose, root: RootKey | None) -> Secret:
    found = _LINE.fullmatch(raw)
    if found is None or found[2] != purpose.name.encode():
        raise _damaged(path, purpose, "it holds no such key")
    if found[1] != b"1":
        raise StateError(f"{path} was written by a newer gatewayd: install that version again")
    body = bytes.fromhex(found[4].decode())
    if _is_plain(raw):
        return _plain(path, body, purpose)
    wanted = found[3].decode()
    if root is None or root.name != wanted:
        raise StateError(_foreign(path, wanted, purpose, root))
    try:
        nonce, box = body[:_NONCE], body[_NONCE:]
        return Secret(_cipher(root).decrypt(nonce, box, _label(purpose)))
    except InvalidTag:
        raise _damaged(path, purpose, "it does not open") from None


def _plain(path: Path, body: bytes, purpose: Purpose) -> Secret:
    key = Secret(body[:LENGTH])
    if not compare_digest(body[LENGTH:], _check(key)):
        raise _damaged(path, purpose, "it does not fit its check")
    return key


def _is_plain(raw: bytes) -> bool:
    found = _LINE.fullmatch(raw)
    return found is not None and found[3] == _PLAIN.encode()


def _check(key: Secret) -> bytes:
    return sha256(b"gatewayd own key\0" + key.reveal()).digest()[:_CHECK]


def _cipher(root: RootKey) -> AESGCM:
    return AESGCM(root.derive("seal a key of the gateway's own"))


def _label(purpose: Purpose) -> bytes:
    return f"gatewayd own key 1 {purpose.name}".encode()


def _damaged(path: Path, purpose: Purpose, why: str) -> DamagedState:
    return DamagedState(
        f"{path} is damaged ({why}). Nothing was changed. Restore a backup of it, or remove "
        f"it: {purpose.loss}"
    )


def _foreign(path: Path, wanted: str, purpose: Purpose, root: RootKey | None) -> str:
    at_hand = "there is none at hand" if root is None else f"the one at hand is {root.name}"
    return (
        f"{path} is sealed under root key {wanted}, and {at_hand}. Nothing was changed. Put "
        f"that root key in its place. If it is lost, remove the file: {purpose.loss}"
    )
