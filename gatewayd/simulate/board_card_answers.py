"""What a simulated UHPPOTE board answers to what is asked of its cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from protocol.uhppote import cards, extensions
from protocol.uhppote.message import MAGIC, Reply, Request

if TYPE_CHECKING:
    from gatewayd.simulate.board import SimulatedBoard

Answer = Callable[["SimulatedBoard", Any, float], Reply | None]


def _put_card(board: SimulatedBoard, asked: cards.PutCard, _: float) -> Reply:
    return cards.CardPut(board.store.cards.put(asked))


def _replace_card(board: SimulatedBoard, asked: extensions.ReplaceCard, _: float) -> Reply:
    """Take a new list as it comes; a real board keeps the old one until it is complete."""
    known = max((card.card for card in board.store.cards), default=0)
    if asked.index == 1:
        board.store.cards.clear()
    elif asked.card <= known:
        return extensions.CardReplaced(extensions.Replaced.NOT_SORTED)
    board.store.cards.put(asked)
    return extensions.CardReplaced(extensions.Replaced.OK)


def _delete_card(board: SimulatedBoard, asked: cards.DeleteCard, _: float) -> Reply:
    return cards.CardDeleted(board.store.cards.delete(asked.card))


def _delete_cards(board: SimulatedBoard, asked: cards.DeleteCards, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.cards.clear()
    return cards.CardsDeleted(asked.magic == MAGIC)


def _count_cards(board: SimulatedBoard, _asked: Request, _: float) -> Reply:
    return cards.CardCount(len(board.store.cards))


def _get_card(board: SimulatedBoard, asked: cards.GetCard, _: float) -> Reply:
    return board.store.cards.get(asked.card) or cards.CardRecord()


def _get_card_at(board: SimulatedBoard, asked: cards.GetCardAtIndex, _: float) -> Reply:
    found = board.store.cards.at(asked.index)
    if found is None:
        return cards.IndexedCard()
    if isinstance(found, int):
        return cards.IndexedCard(cards.DELETED)
    dates = found.start, found.end
    return cards.IndexedCard(found.card, *dates, found.doors, found.pin, found.first_card)


CARD_ANSWERS: dict[type[Request], Answer] = {
    cards.PutCard: _put_card,
    cards.DeleteCard: _delete_card,
    cards.DeleteCards: _delete_cards,
    cards.CountCards: _count_cards,
    cards.GetCard: _get_card,
    cards.GetCardAtIndex: _get_card_at,
    extensions.ReplaceCard: _replace_card,
}
