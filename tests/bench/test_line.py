"""The benchmark of lines, so short that it measures nothing: does every panel work?"""

import pytest

from tests.bench.line_panels import PANELS
from tests.bench.line_run import Setting, run_cards, run_polling

SHORT = 0.3  # seconds
ATTEMPTS = 3  # libosdp's end now and then loses what is held to it just after the start


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("panel", PANELS)
async def test_every_panel_answers_cards(panel: str, *, secure: bool) -> None:
    """Those of foreign peripherals, unless it knows only such as answer at once."""
    setting = Setting(panel, 2, foreign=panel not in ("thread", "bare"), secure=secure)
    for _ in range(ATTEMPTS if setting.foreign else 1):
        cards = await run_cards(setting, gap=0.1, at_once=True, seconds=SHORT)
        if cards.lost == 0:
            break

    assert cards.lost == 0
    assert cards.driven
    assert len(cards.told) == len(cards.driven)
    assert all(told <= driven for told, driven in zip(cards.told, cards.driven, strict=True))


async def test_no_panel_is_faster_than_the_wire() -> None:
    polling = await run_polling(Setting("ours", 1, baud=9600), SHORT)

    assert (
        1 < polling.per_second < 9600 / 220 * 1.2
    )  # one poll more may fall into so short a time
