"""Permissions that only the edge changes, until updates are taken again."""

from gatewayd.core.access.book import Book
from gatewayd.core.access.records import Rules
from gatewayd.core.actions import Action, PermissionsView, Show
from gatewayd.core.desk import Desk
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.model import Moment
from gatewayd.core.requests import AboutPermissions, Request


class Held:
    def __init__(self, book: Book, rules: Rules, view: PermissionsView) -> None:
        self.book, self.rules, self.view = book, rules, view


class Updates:
    def __init__(self, held: Held, desk: Desk, out: list[Action]) -> None:
        self._held, self._desk, self._out = held, desk, out

    def submit(self, request: Request, _: AboutPermissions) -> None:
        self._desk.end(request, "busy", "not yet")

    def confirm(self, request: Request, _: AboutPermissions, __: Moment) -> None:
        self._desk.end(request, "busy", "not yet")

    def committed(self, fact: PermissionsCommitted, _: Moment) -> None:
        self._held.book = fact.book or self._held.book
        self._held.view = fact.held or self._held.view
        self._out.append(Show(self._held.view))

    def not_committed(self, fact: PermissionsNotCommitted, _: Moment) -> None:
        self._held.book = fact.book or self._held.book
