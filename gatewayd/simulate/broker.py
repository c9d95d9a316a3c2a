"""An MQTT broker without a system package, for the demo only: amqtt in a process of its own.

It speaks MQTT 3.1.1 and forgets everything when it ends. A real site runs a real broker.

    python -m gatewayd.simulate.broker PORT
"""

import asyncio
import contextlib
import logging
import signal
import sys

from amqtt.broker import Broker


def settings(port: int) -> dict[str, object]:
    """Return amqtt's configuration: one listener on loopback, everybody may do everything."""
    return {
        "listeners": {
            "default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 50}
        },
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
        },
    }


async def serve(port: int) -> None:
    """Run until asked to end."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    broker = Broker(settings(port))
    await broker.start()
    print("ready", flush=True)  # noqa: T201  whoever started us waits for this line
    await ended.wait()
    with contextlib.suppress(Exception):  # it complains of clients that are still there
        await broker.shutdown()


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    asyncio.run(serve(int(sys.argv[1])))
