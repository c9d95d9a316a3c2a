"""`gatewayd check`: is the configuration right, and what does it describe?"""

import json
from collections.abc import Iterator

import typer

from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, SerialLine, areas_of, load, site_config
from gatewayd.core.fire import FireInput
from gatewayd.core.reaction import SetMode, in_words, only_shuts
from gatewayd.edge.key_listing import look_into
from gatewayd.edge.key_seal import SEALED
from gatewayd.errors import ConfigError, Mistake, StateError


def command(config: ConfigFile = DEFAULT, *, as_json: AsJson = False) -> None:
    """List every mistake in the configuration, with file, key and reason.

    Exit code 78 if there is one. Nothing is opened and nobody is asked: a device that is not
    there yet is worth a remark only.
    """
    try:
        checked = load(config)
    except ConfigError as error:
        typer.echo(_mistakes_as_json(error.mistakes) if as_json else str(error))
        raise typer.Exit(error.exit_code) from None
    typer.echo(_findings_as_json(checked) if as_json else _findings(checked))


def _mistakes_as_json(mistakes: tuple[Mistake, ...]) -> str:
    return json.dumps(
        {
            "ok": False,
            "mistakes": [
                {"file": each.file, "key": each.key, "reason": each.reason} for each in mistakes
            ],
        }
    )


def _findings_as_json(config: Config) -> str:
    return json.dumps(
        {
            "ok": True,
            "site": config.site.id,
            "lines": len(config.lines),
            "controllers": len(config.controllers),
            "doors": len(config.doors),
            "time_zone": config.site.time_zone,
            "areas": sorted(areas_of(config)),
            "families": _families(config),
            "fire": {each.name: _fire_in_words(each) for each in site_config(config).fires},
            "reactions": {each.name: in_words(each) for each in site_config(config).reactions},
            "remarks": remarks(config),
        }
    )


def _findings(config: Config) -> str:
    shipped, own = _families(config).values()
    counts = (
        f"site {config.site.id}: {_many(len(config.lines), 'line')}, "
        f"{_many(len(config.controllers), 'controller')}, {_many(len(config.doors), 'door')}"
    )
    families = f"catalogue: {shipped} families shipped, {own} of the site's own"
    clocks = f"schedules go by the clocks of {config.site.time_zone}"
    remarked = (f"remark: {each}" for each in remarks(config))
    return "\n".join([counts, families, clocks, *_by_itself(config), *remarked])


def _by_itself(config: Config) -> Iterator[str]:
    """Say what the site does without being asked."""
    site = site_config(config)
    yield from (f"fire {each.name}: {_fire_in_words(each)}" for each in site.fires)
    yield from (f"reaction {each.name}: {in_words(each)}" for each in site.reactions)


def _fire_in_words(fire: FireInput) -> str:
    level = "active" if fire.active_when else "inactive"
    doors = ", ".join(sorted(fire.doors)) or "all doors"
    stand = "stands" if len(fire.doors) == 1 else "stand"
    point = fire.point
    return f"while input {point.number} of {point.controller} is {level}: {doors} {stand} open"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _families(config: Config) -> dict[str, int]:
    catalogue = site_config(config).catalogue
    return {"shipped": len(catalogue.shipped), "own": len(catalogue.site)}


def remarks(config: Config) -> list[str]:
    """Return what is no mistake, and may surprise all the same."""
    found = [
        f"lines.{name}.device: {line.device} is not there now"
        for name, line in config.lines.items()
        if isinstance(line, SerialLine) and not line.device.exists()
    ]
    used = {each.line for each in config.controllers.values()}
    found += [f"lines.{name}: has no controller" for name in config.lines if name not in used]
    if config.mqtt.trust == "signed":
        found.append(
            'mqtt.trust: "signed" refuses every request over MQTT in this version, which '
            "cannot check signatures yet; the control socket serves all commands"
        )
    else:
        found.append(
            'mqtt.trust: "broker" obeys whatever the broker lets through; for closed test '
            "benches only"
        )
    if config.mqtt.username and not config.mqtt.ca_file:
        found.append("mqtt.username: without ca_file the password crosses the network in clear")
    return found + _about_deciding(config) + _about_keys(config)


def _about_deciding(config: Config) -> list[str]:
    found = []
    if config.decision.facility_only:
        found.append(
            "decision.facility_only: while the people cannot be read, every card with one of "
            "the site's facility codes opens doors"
        )
    return found + [
        f"reactions.{each.name}: opens doors by itself"
        for each in site_config(config).reactions
        if any(isinstance(done, SetMode) and not only_shuts(done) for done in each.effects)
    ]


def _about_keys(config: Config) -> list[str]:
    """Say which units have no key yet, as far as whoever checks may look."""
    root, found = config.keys.root_key_file, []
    if not config.secure:
        return []
    if root is not None and not root.exists():
        found.append(f"keys.root_key_file: {root} is not there; gatewayd keys make-root")
    try:
        keyed = look_into(config.site.state_dir / SEALED).slots
    except StateError as error:
        return [*found, f"keys: whether units have keys cannot be seen, {error}"]
    for name in sorted(config.secure - set(keyed)):
        each = config.controllers[name]
        how = f"gatewayd commission --line {each.line} --address {each.address}"
        found.append(f"controllers.{name}: has no key yet, so it is not driven; {how}")
    return found
