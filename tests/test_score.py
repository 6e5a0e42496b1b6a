"""Scoring: what is a hit, what is false, and what a truth file may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd.score import Score, Span, Truth, parse, score, shortfalls, total

VISIT = Span(10.0, 12.0, "person")


@pytest.mark.parametrize(
    ("detected", "hit", "false"),
    [
        ([Span(10, 12, "person")], 1, 0),
        ([Span(11.9, 15)], 0, 0),  # overlaps by 0.1 s: no hit; touches truth: not false
        ([Span(11.7, 15)], 1, 0),
        ([Span(9.6, 9.8)], 0, 0),  # within the slack before
        ([Span(5, 6)], 0, 1),
        ([Span(12.9, 20)], 0, 0),  # within the slack after
        ([Span(13.1, 19.9)], 0, 1),
        ([Span(20.5, 21)], 0, 0),  # ignored
        ([], 0, 0),
    ],
)
def test_hits_and_false_events(detected: list[Span], hit: int, false: int) -> None:
    result = score(Truth((VISIT,), ignore=(Span(20, 22),)), detected, seconds=60)
    assert (result.hit, result.missed, result.false) == (hit, 1 - hit, false)


def test_false_seconds_count_only_outside_of_truth_slack_and_ignored_stretches() -> None:
    result = score(Truth((VISIT,), ignore=(Span(20, 22),)), [Span(8.5, 14.0), Span(21, 25)], seconds=60)
    assert result.false_s == pytest.approx((9.5 - 8.5) + (14 - 13) + (25 - 22))
    assert result.quiet_s == pytest.approx(60 - 3.5 - 2)
    assert result.false_s_per_quiet_hour == pytest.approx(3600 * 5 / 54.5)


def test_delay_and_labels() -> None:
    truth = Truth((VISIT, Span(30, 32, "vehicle"), Span(40, 42)))
    found = [Span(10.5, 12, "person"), Span(29.8, 32, "person"), Span(40.1, 42, "animal")]
    result = score(truth, found, seconds=60)
    assert result.delays == (0.5, 0.0, 0.1)
    assert (result.delay_median, result.delay_p90) == (0.1, 0.5)
    assert (result.labels_right, result.labels_known) == (1, 2)


def test_a_quiet_video_with_a_false_event_falls_short() -> None:
    result = score(Truth(()), [Span(1, 2)], seconds=10)
    assert result.precision == 0
    assert shortfalls(Truth(()), result) == ["precision 0.00, want 1.00: 1 false events"]
    assert shortfalls(Truth((VISIT,)), score(Truth((VISIT,)), [], 60)) == ["recall 0.00, want 1.00: 1 events missed"]


spans = st.lists(st.tuples(st.floats(0, 50), st.floats(0, 10)).map(lambda s: Span(s[0], s[0] + s[1])), max_size=6)


@given(truth=spans, detected=spans)
def test_a_score_always_adds_up(truth: list[Span], detected: list[Span]) -> None:
    result = score(Truth(tuple(truth)), detected, seconds=60)
    assert result.hit + result.missed == len(truth)
    assert 0 <= result.false <= len(detected)
    assert -1e-6 <= result.false_s <= sum(d.ended - d.began for d in detected) + 1e-6
    assert 0 <= result.quiet_s <= 60
    assert total([result, result]).hit == 2 * result.hit


def test_the_total_of_nothing_is_perfect() -> None:
    assert total([]) == Score(0, 0, 0, 0, 0, 0, (), 0, 0)
    assert total([]).recall == 1


@pytest.mark.parametrize("data", [None, [], {}, {"v": 2}, {"v": 1, "events": [{"began": 1}]}, {"v": 1, "events": 5},
                                  {"v": 1, "events": [{"began": 3, "ended": 2}]}])  # fmt: skip
def test_a_wrong_truth_file_is_refused(data: object) -> None:
    with pytest.raises(ValueError):
        parse(data)  # type: ignore[arg-type]


def test_a_truth_file_is_read() -> None:
    data = {"v": 1, "events": [{"began": 4.3, "ended": 9.2, "label": "vehicle"}], "tolerance": {"began": 0.2},
            "min": {"recall": 0.5}}  # fmt: skip
    assert parse(data) == Truth((Span(4.3, 9.2, "vehicle"),), before=0.2, after=1.0, recall=0.5, precision=1.0)
