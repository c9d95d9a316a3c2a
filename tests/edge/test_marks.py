"""Small facts that outlive everything."""

import stat
from pathlib import Path

from gatewayd.edge.marks import Marks


def test_what_was_marked_once_stays_marked(tmp_path: Path) -> None:
    assert not Marks(tmp_path).has("approved")

    Marks(tmp_path).set("approved", "2030-01-01T00:00:00Z")
    Marks(tmp_path).set("approved", "2030-01-02T00:00:00Z")

    assert Marks(tmp_path).has("approved")
    (file,) = tmp_path.iterdir()
    assert file.read_text() == "2030-01-02T00:00:00Z\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_mark_is_not_another(tmp_path: Path) -> None:
    Marks(tmp_path).set("approved", "yes")
    assert not Marks(tmp_path).has("refused")
