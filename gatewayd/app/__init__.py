"""The ring that knows everybody: builds a gateway from its configuration and runs it.

run(config)     the daemon, until SIGTERM or SIGINT
audit(config)   who is there and what may be driven, without a daemon and without driving
"""

from gatewayd.app.run import audit, run

__all__ = ["audit", "run"]
