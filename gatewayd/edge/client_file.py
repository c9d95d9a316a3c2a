"""`clients.json` in the state directory: who may ask, by name.

    {"office":{"key":"11qYAYKx…","kind":"service","roles":["upstream"],"doors":null,
               "valid_from":null,"valid_until":null,"disabled":false}}

Only public keys stand here (the `x` of their JWK), but whoever writes it says who opens doors:
it is 0600 like all of the state directory, and replaced whole. Thumbprints are worked out,
never read. If anything in the file is wrong nobody in it counts, and everything that is wrong
is named. Without the file nobody is registered.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from gatewayd.core.model import ClientId, DoorId
from gatewayd.core.named import MAX_NAMED
from gatewayd.core.rights import Client, Kind, Role
from gatewayd.edge.clients import MOST_CLIENTS, MOST_DOORS, ClientRefused, Clients, Registered
from gatewayd.edge.disk import SYSTEM, Disk, replace
from gatewayd.edge.ed25519 import BadKey, public_key
from gatewayd.edge.payloads import instant
from gatewayd.edge.request_mistakes import in_words
from gatewayd.edge.request_values import Instant, Model, Name
from gatewayd.errors import DamagedState, StateError

FILE = "clients.json"
LONGEST = 32 << 20  # bytes; 256 clients kept to 1,000 doors of the longest names take 17 MiB


class ClientModel(Model):
    """One client, as it stands in the file."""

    key: str
    kind: Annotated[Kind, Field(strict=False)]
    roles: Annotated[
        list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=len(Role))
    ]
    doors: Annotated[list[Name], Field(max_length=MOST_DOORS)] | None
    valid_from: Instant | None
    valid_until: Instant | None
    disabled: bool


_FILE = TypeAdapter(Annotated[dict[str, ClientModel], Field(max_length=MOST_CLIENTS)])


class ClientFile:
    """The file. Whoever uses it holds the state directory's lock."""

    def __init__(self, directory: Path, disk: Disk = SYSTEM) -> None:
        self._path = directory / FILE
        self._disk = disk

    def load(self) -> Clients:
        """Return who was registered; nobody if there is no file.

        Raises StateError, or DamagedState which names everything that is wrong.
        """
        try:
            content = self._disk.read(self._path, LONGEST + 1)
        except OSError as error:
            raise StateError(f"{self._path} cannot be read: {error.strerror}") from error
        if content is None:
            return Clients()
        if len(content) > LONGEST:
            raise DamagedState(f"{self._path} is longer than {LONGEST} bytes")
        try:
            return _clients(_FILE.validate_json(content))
        except ValidationError as error:
            wrong = in_words(error, "the file", MAX_NAMED)
        except ClientRefused as error:
            wrong = str(error)
        raise DamagedState(f"{self._path}: {wrong}. Nobody in it counts until it is mended")

    def save(self, clients: Clients) -> None:
        """Keep these and no others. After an OSError it is these or the ones before."""
        document = {name: _laid_out(each) for name, each in sorted(clients.by_name.items())}
        replace(self._disk, self._path, to_json(document, indent=1) + b"\n")


def _clients(document: Mapping[str, ClientModel]) -> Clients:
    wrong: list[str] = []
    registered: list[Registered] = []
    for name, model in document.items():
        try:
            key = public_key(model.key)
        except BadKey as error:
            wrong.append(f"{name[:64]!a}: {error}")
            continue
        doors = None if model.doors is None else frozenset(map(DoorId, model.doors))
        client = Client(
            ClientId(key.thumbprint),
            name,
            model.kind,
            frozenset(model.roles),
            doors,
            model.valid_from,
            model.valid_until,
            model.disabled,
        )
        registered.append(Registered(client, key))
    return _all_or_none(registered, wrong)


def _all_or_none(registered: list[Registered], wrong: list[str]) -> Clients:
    """Return the table, or raise with what was found before and what it finds itself."""
    try:
        clients = Clients(registered)
    except ClientRefused as error:
        wrong.append(str(error))
    if wrong:
        raise ClientRefused("; ".join(wrong[:MAX_NAMED]))
    return clients


def _laid_out(registered: Registered) -> Mapping[str, object]:
    client = registered.client
    return {
        "key": registered.key.x,
        "kind": client.kind.value,
        "roles": sorted(client.roles),
        "doors": None if client.doors is None else sorted(client.doors),
        "valid_from": None if client.valid_from is None else instant(client.valid_from),
        "valid_until": None if client.valid_until is None else instant(client.valid_until),
        "disabled": client.disabled,
    }
