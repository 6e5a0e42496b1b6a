"""A small form of each campaign that `tests/home/run` goes through in full."""

from pathlib import Path

import pytest

from tests.home import campaign


@pytest.mark.parametrize(("form", "toggles"), [("two films", 2), ("one live camera", 4)])
def test_nothing_taken_at_home_is_kept_or_told(tmp_path: Path, form: str, toggles: int) -> None:
    tally = campaign.run(tmp_path, form, toggles, seed=7)
    assert tally.wrong == []
    assert tally.pictures > 0
    assert tally.messages > 0
