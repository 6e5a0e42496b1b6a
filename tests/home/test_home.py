"""A small form of the campaign that `tests/home/run` goes through in full."""

from pathlib import Path

from tests.home import campaign


def test_nothing_taken_at_home_is_kept_or_told(tmp_path: Path) -> None:
    tally = campaign.run(tmp_path, toggles=10, seed=7)
    assert tally.wrong == []
    assert tally.pictures > 0
    assert tally.messages > 0
