"""What the arguments of every command have in common."""

from abc import ABC, abstractmethod

from gatewayd.core.requests import Command
from gatewayd.edge.request_values import Model


class Args(Model, ABC):
    """The arguments of one command."""

    @abstractmethod
    def command(self) -> Command:
        """Return what the brain is asked."""
