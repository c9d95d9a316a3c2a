"""Who may ask: the registered keys, each with a name, roles and doors.

A key belongs to one client and a client has one key; whoever changes keys is registered anew.
The table is a value: a change makes another one, which counts once it is on disk
(`client_file`). Whatever is wrong with a client is named, all of it at once, before it is
taken, and a table never holds what would be refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatewayd.core.model import ClientId
from gatewayd.core.named import named
from gatewayd.core.rights import Client, Kind, Role
from gatewayd.edge.ed25519 import PublicKey
from gatewayd.edge.request_values import NAME
from gatewayd.errors import UsageError

MOST_CLIENTS = 256
MOST_DOORS = 1_000  # that one client is kept to
LOCAL = "local-"  # begins the names that the local channel gives


class ClientRefused(UsageError):
    """A client cannot be registered, changed or removed. Says why, in words."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with its key."""

    client: Client
    key: PublicKey


class Clients:
    """All of them. Never changes."""

    __slots__ = ("_by_id", "by_name")

    def __init__(self, registered: Iterable[Registered] = ()) -> None:
        """Take them, or raise ClientRefused with everything that is wrong."""
        every = list(registered)
        if wrong := named(_mistakes(every)):
            raise ClientRefused("; ".join(wrong))
        self._by_id = {each.client.id: each for each in every}
        self.by_name: Mapping[str, Registered] = MappingProxyType(
            {each.client.name: each for each in every}
        )

    def __len__(self) -> int:
        """Count them."""
        return len(self._by_id)

    def key_of(self, client: ClientId) -> PublicKey | None:
        """Return the key with this thumbprint, None if it is not registered."""
        found = self._by_id.get(client)
        return None if found is None else found.key

    def client(self, client: ClientId) -> Client | None:
        """Return what is registered for a key."""
        found = self._by_id.get(client)
        return None if found is None else found.client

    def ids(self) -> frozenset[ClientId]:
        """Return all thumbprints."""
        return frozenset(self._by_id)

    def adding(self, new: Registered) -> "Clients":
        """Return these and another. Raise ClientRefused."""
        return Clients([*self._by_id.values(), new])

    def changing(self, changed: Registered) -> "Clients":
        """Return these with another record of the same name. Raise ClientRefused."""
        others = self.removing(changed.client.name)
        return others.adding(changed)

    def removing(self, name: str) -> "Clients":
        """Return these without one. Raise ClientRefused."""
        if name not in self.by_name:
            raise ClientRefused(f"there is no client {name[:64]!a}")
        return Clients(each for each in self._by_id.values() if each.client.name != name)


def _mistakes(every: list[Registered]) -> Iterator[str]:
    if len(every) > MOST_CLIENTS:
        yield f"there are {len(every)} clients; at most {MOST_CLIENTS} are taken"
    keys: dict[str, str] = {}
    names: set[str] = set()
    for each in every[: MOST_CLIENTS + 1]:
        name = each.client.name
        yield from (f"{name[:64]!a}: {wrong}" for wrong in _mistakes_of(each.client))
        if name in names:
            yield f"{name[:64]!a}: there is one of that name already"
        names.add(name)
        if (first := keys.setdefault(each.key.thumbprint, name)) != name:
            yield f"{name[:64]!a}: has the same key as {first[:64]!a}: everybody has one's own"
        if each.client.id != each.key.thumbprint:
            yield f"{name[:64]!a}: is not named by its key"


def _mistakes_of(client: Client) -> Iterator[str]:
    if not NAME.fullmatch(client.name) or client.name.startswith(LOCAL):
        yield f"a name is 1 to 64 of A-Z a-z 0-9 . _ -, and begins with neither . nor {LOCAL}"
    if not client.roles:
        yield "it has no role"
    if client.kind is Kind.OPERATOR_DEVICE and Role.UPSTREAM in client.roles:
        yield "an operator's device cannot be upstream: that is a program's role"
    if len(client.doors or ()) > MOST_DOORS:
        yield f"it is kept to more than {MOST_DOORS} doors"
    for door in sorted(client.doors or ()):
        if not NAME.fullmatch(door):
            yield f"{door[:48]!a} is no name of a door"
    if client.valid_from and client.valid_until and client.valid_from >= client.valid_until:
        yield "valid_until is not after valid_from"
