"""`gatewayd run`: the daemon itself."""

import structlog

from gatewayd.app.run import run
from gatewayd.cli.options import DEFAULT, ConfigFile
from gatewayd.config import load
from gatewayd.edge import log
from gatewayd.errors import GatewayError


def command(config: ConfigFile = DEFAULT) -> None:
    """Run the daemon until it is asked to end.

    It logs to standard error: for people on a terminal, as JSON lines for journald otherwise.
    Exit code 69 if the audit refuses the site's hardware, 75 if another gatewayd runs on the
    same state directory, 78 if the configuration is wrong.
    """
    settings = load(config)
    log.configure(settings.log.level)
    try:
        run(settings)
    except GatewayError:
        raise
    except Exception:
        structlog.get_logger().exception("ended")
        raise
