"""The audit without a daemon says why nobody answers."""

from pathlib import Path

from gatewayd.app.audit import look
from gatewayd.config import load
from gatewayd.core.model import Verdict
from gatewayd.edge.clock import SystemClock
from gatewayd.simulate.scene import CONFIG


async def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=1883, where=tmp_path))

    report = await look(load(config), SystemClock(), patience=0.2)

    assert {each.verdict for each in report.controllers} == {Verdict.UNREACHABLE}
    for each in report.controllers:
        assert each.why.startswith("line north could not be opened")
        assert str(tmp_path / "line") in each.why
