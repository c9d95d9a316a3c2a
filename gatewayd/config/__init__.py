"""config.toml as types. A value that gets past here is right.

pydantic checks every value by itself (`sections`, `values`). What two values say of each
other is looked for in the tables as they stand in the file (`contradictions`), so that one
wrong value hides no other mistake. `load` names all of them at once, each with file, key
path and reason, also those of the site's catalogue.

Secrets are never in here: the file holds paths of files that not everybody may read.
`site_config` turns the file's words into the core's (`in_core_words`).
"""

from gatewayd.config.in_core_words import areas_of, policy_of, site_config, zone_of
from gatewayd.config.reading import load, parse, read_secret
from gatewayd.config.sections import SECTIONS, Config, DoorTable, SerialLine, TcpLine
from gatewayd.config.values import LONGEST_SECRET

__all__ = [
    "LONGEST_SECRET",
    "SECTIONS",
    "Config",
    "DoorTable",
    "SerialLine",
    "TcpLine",
    "areas_of",
    "load",
    "parse",
    "policy_of",
    "read_secret",
    "site_config",
    "zone_of",
]
