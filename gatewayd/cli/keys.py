"""`gatewayd keys …`: the root key, and what is sealed under it.

A running daemon is asked. If there is none, the state directory is locked and its file is
changed here, for which the root key must be at hand.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, load
from gatewayd.core.model import ControllerId
from gatewayd.edge.control_client import NotRunning, ask
from gatewayd.edge.key_file import read_key_file
from gatewayd.edge.key_listing import look_into
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.root_key import create_root_key, find_root_key
from gatewayd.edge.state_directory import StateDirectory
from gatewayd.errors import ConfigError, Mistake, UsageError

HANDED_OVER = """\
root key {name} is in {path}, for its owner only.

Hand it to the service, best so that only this machine can open it:
    systemd-creds encrypt --name={credential} {path} {path}.cred
and in a drop-in of gatewayd.service (systemctl edit gatewayd):
    [Service]
    LoadCredentialEncrypted={credential}:{path}.cred
Then put {path} away, somewhere else than the backups of the state: without it
every unit must be commissioned again, and whoever has both has every key.\
"""


def make_root(
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to; keys.root_key_file unless given."),
    ] = None,
    config: ConfigFile = DEFAULT,
) -> None:
    """Make the root key that all units' keys are sealed under. Never writes over a file."""
    keys = load(config).keys if out is None or config != DEFAULT else None
    path = out or (keys.root_key_file if keys else None)
    if path is None:
        raise UsageError("say where with --out FILE, or name keys.root_key_file")
    root = create_root_key(path.absolute())
    credential = keys.root_credential if keys else "gatewayd-root-key"
    typer.echo(HANDED_OVER.format(name=root.name, path=path.absolute(), credential=credential))


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of controller and key.")],
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Import the keys that units have already, all or none.

    FILE has one line a controller, `lobby-reader 8f3c…` (32 hexadecimal digits), and must be
    for its owner only. Destroy it afterwards.
    """
    settings = load(config)
    keys = read_key_file(file, known=settings.secure)
    try:
        wanted = {controller: key.reveal().hex() for controller, key in keys.items()}
        answer = ask(settings.site.control_socket, "keys.import", {"keys": wanted})
    except NotRunning:
        with StateDirectory.open(settings.site.state_dir):
            store = _store(settings)
            store.import_keys(keys)
        answer = _done({"imported": sorted(keys), "generation": store.generation})
    show(answer, as_json=as_json)


def list_(config: ConfigFile = DEFAULT, *, as_json: AsJson = False) -> None:
    """Show which controllers have a key, and never what it is.

    A pending key is on its way to its unit and not yet proved.
    """
    settings = load(config)
    try:
        answer = ask(settings.site.control_socket, "keys.list", {})
    except NotRunning:
        with StateDirectory.open(settings.site.state_dir):
            answer = _done(_listed(settings))
    if as_json or not answer["ok"]:
        show(answer, as_json=as_json)
    else:
        typer.echo(_title(answer["result"]))
        Console().print(_table(settings, answer["result"]))


def forget(
    controller: Annotated[str, typer.Argument(metavar="CONTROLLER", help="Its name.")],
    config: ConfigFile = DEFAULT,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget the keys of a unit that is gone. It must be commissioned before it works again."""
    settings = load(config)
    if not yes:
        typer.confirm(f"forget the key of {controller}?", abort=True, err=True)
    try:
        answer = ask(settings.site.control_socket, "keys.forget", {"controller": controller})
    except NotRunning:
        with StateDirectory.open(settings.site.state_dir):
            answer = _done(_forgotten(_store(settings), ControllerId(controller)))
    show(answer, as_json=as_json)


commands = {"make-root": make_root, "import": import_, "list": list_, "forget": forget}


# --- without a daemon ---------------------------------------------------------------


def _store(config: Config) -> KeyStore:
    keys = config.keys
    root = find_root_key(keys.root_key_file, os.environ, keys.root_credential)
    if root is None:
        why = "no root key is at hand; name root_key_file, or let the daemon run and ask again"
        raise ConfigError([Mistake("", "keys", why)])
    return KeyStore.open(config.site.state_dir / FILE, root)


def _forgotten(store: KeyStore, controller: ControllerId) -> dict[str, object]:
    if controller not in store.controllers:
        raise UsageError(f"{controller} has no key")
    store.forget(controller)
    return {"forgotten": controller, "generation": store.generation}


def _listed(config: Config) -> dict[str, object]:
    keys = config.keys
    root = find_root_key(keys.root_key_file, os.environ, keys.root_credential)
    path = config.site.state_dir / FILE
    if root is not None:
        KeyStore.open(path, root)  # says what is wrong with it
    found = look_into(path)
    return {
        "root": found.root_name,
        "generation": found.generation,
        "checked": root is not None,
        "controllers": {name: list(found.slots[name]) for name in sorted(found.slots)},
    }


def _done(result: Mapping[str, object]) -> dict[str, Any]:
    return {"id": None, "ok": True, "result": dict(result)}


# --- for people ---------------------------------------------------------------------


def _title(result: Mapping[str, Any]) -> str:
    if result["root"] is None:
        return "no unit has a key yet"
    checked = "" if result["checked"] else ", not checked: the root key is not at hand"
    return f"sealed under root key {result['root']}, change {result['generation']}{checked}"


def _table(config: Config, result: Mapping[str, Any]) -> Table:
    held: Mapping[str, list[str]] = result["controllers"]
    table = Table("controller", "keys", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in sorted({*held, *config.controllers}):
        table.add_row(
            Text(name), Text(", ".join(held.get(name, [])) or "-"), _remark(config, name)
        )
    return table


def _remark(config: Config, name: str) -> Text:
    each = config.controllers.get(name)
    if each is None:
        return Text("no such controller is configured", style="yellow")
    return Text('secure = "off"' if each.secure == "off" else "")
