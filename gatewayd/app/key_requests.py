"""Keys as operators on the host see to them, over the control socket and by nobody else.

    keys.list    {}                                 whose keys there are, never what they are
    keys.import  {"keys": {"lobby-reader": "8f3c…"}}  those that units have already
    keys.forget  {"controller": "lobby-reader"}     of a unit that is gone

What is changed becomes an event. The session of a unit whose key is forgotten ends.
"""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from gatewayd.core.events import ControllerKeyChanged, Event
from gatewayd.core.model import ControllerId
from gatewayd.edge.control import Handlers, Unable
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.payloads import ErrorCode
from gatewayd.edge.secret import Secret
from gatewayd.errors import GatewayError, UsageError

_KEY = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


class KeyRequests:
    """What the control socket answers with."""

    def __init__(
        self,
        keyring: Keyring,
        secure: Container[ControllerId],
        *,
        note: Callable[[Event], None],
    ) -> None:
        self._keyring = keyring
        self._secure = secure
        self._note = note

    @property
    def handlers(self) -> Handlers:
        """Return them by command."""
        return {
            "keys.list": self._list,
            "keys.import": self._import,
            "keys.forget": self._forget,
        }

    async def _list(self, _args: Mapping[str, Any]) -> object:
        try:
            return listing(self._keyring.store)
        except UsageError as error:
            raise _unable(error) from None

    async def _import(self, args: Mapping[str, Any]) -> object:
        keys = _keys(args)
        if not all(controller in self._secure for controller in keys):
            raise _invalid("a key is for no controller that must be secure")
        try:
            generation = await self._keyring.take(keys)
        except GatewayError as error:
            raise _unable(error) from None
        for controller in keys:
            self._note(ControllerKeyChanged(controller, generation, "imported"))
        return {"imported": sorted(keys), "generation": generation}

    async def _forget(self, args: Mapping[str, Any]) -> object:
        match args:
            case {"controller": str(name), **rest} if not rest:
                controller = ControllerId(name)
            case _:
                raise _invalid('must be {"controller": "…"}')
        try:
            if controller not in self._keyring.store.controllers:
                raise _invalid("there is no key of such a controller")
            generation = await self._keyring.forget(controller)
        except GatewayError as error:
            raise _unable(error) from None
        self._note(ControllerKeyChanged(controller, generation, "forgotten"))
        return {"forgotten": controller, "generation": generation}


def listing(store: KeyStore) -> dict[str, object]:
    """Return whose keys there are."""
    return {
        "root": store.root_name,
        "generation": store.generation,
        "checked": True,
        "controllers": {
            controller: store.key_of(controller).names()
            for controller in sorted(store.controllers)
        },
    }


def _keys(args: Mapping[str, Any]) -> dict[ControllerId, Secret]:
    """Read what is to be imported; no error has a word of it but names."""
    match args:
        case {"keys": dict(given), **rest} if given and not rest:
            pass
        case _:
            raise _invalid('must be {"keys": {"<controller>": "<32 hexadecimal digits>"}}')
    keys = {}
    for name, digits in given.items():
        if not isinstance(digits, str) or not _KEY.fullmatch(digits):
            raise _invalid("a key must be 32 hexadecimal digits")
        keys[ControllerId(name)] = Secret(bytes.fromhex(digits))
    return keys


def _invalid(why: str) -> Unable:
    return Unable(ErrorCode.INVALID_REQUEST, why)


def _unable(error: GatewayError) -> Unable:
    mine = isinstance(error, UsageError)
    return Unable(ErrorCode.INVALID_REQUEST if mine else ErrorCode.STORAGE_FAILED, str(error))
