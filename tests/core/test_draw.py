"""The draw of a car as an interval in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.core.bench import NOON, after_s

from sunbox.core.draw import KEEP_S, Step, became, changing, draw_at, follows, settles
from sunbox.core.model import Draw


def test_without_steps_nothing_is_drawn() -> None:
    assert draw_at((), NOON) == Draw(0.0, 0.0)


def test_before_the_first_step_it_is_the_first_steps() -> None:
    assert draw_at((Step(NOON, 1.0, 2.0),), after_s(-100)) == Draw(1.0, 2.0)


def test_the_step_that_held_then_counts() -> None:
    steps = (Step(NOON, 0.0, 0.0), Step(after_s(10), 0.0, 3000.0), Step(after_s(20), 3000.0, 3000.0))
    for seconds, draw in (
        (0, (0, 0)),
        (9.9, (0, 0)),
        (10, (0, 3000)),
        (19, (0, 3000)),
        (20, (3000, 3000)),
        (99, (3000,) * 2),
    ):
        assert draw_at(steps, after_s(seconds)) == Draw(*map(float, draw))


def test_a_command_under_way_spans_old_and_new() -> None:
    steps = became((), NOON, 1150.0, 1150.0)
    up = changing(steps, after_s(10), 3680.0)
    assert draw_at(up, after_s(5)) == Draw(1150.0, 1150.0)
    assert draw_at(up, after_s(10)) == Draw(1150.0, 1150.0)  # a meter that measured at that instant saw none of it
    assert draw_at(up, after_s(11)) == Draw(1150.0, 3680.0)
    down = changing(steps, after_s(10), 0.0)
    assert draw_at(down, after_s(11)) == Draw(0.0, 1150.0)


def test_a_proven_command_settles_later() -> None:
    steps = settles(became((), NOON, 0.0, 0.0), after_s(10), 2300.0, 20.0)
    assert draw_at(steps, after_s(29)) == Draw(0.0, 2300.0)
    assert draw_at(steps, after_s(30)) == Draw(2300.0, 2300.0)


def test_what_was_expected_later_is_dropped_by_what_is_known_now() -> None:
    steps = settles(became((), NOON, 0.0, 0.0), after_s(10), 2300.0, 20.0)
    steps = became(steps, after_s(15), 500.0, 500.0)
    assert draw_at(steps, after_s(100)) == Draw(500.0, 500.0)


def test_a_delayed_reading_still_finds_its_step() -> None:
    steps = became((), NOON, 1.0, 1.0)
    for seconds in range(1, 400):
        steps = became(steps, after_s(seconds), float(seconds), float(seconds))
    assert draw_at(steps, after_s(399 - KEEP_S)).low_w == 399 - KEEP_S
    assert len(steps) <= KEEP_S + 2


@given(st.lists(st.tuples(st.sampled_from(["became", "changing", "settles"]), st.floats(0, 11_000), st.floats(0, 60))))
def test_an_interval_is_never_upside_down(dealings: list[tuple[str, float, float]]) -> None:
    steps: tuple[Step, ...] = ()
    at = NOON
    for name, to_w, seconds in dealings:
        at = after_s(seconds, at)
        if name == "became":
            steps = became(steps, at, to_w / 2, to_w)
        elif name == "changing":
            steps = changing(steps, at, to_w)
        else:
            steps = settles(steps, at, to_w, 12.0)
    assert all(step.low_w <= step.high_w for step in steps)
    assert [step.from_at for step in steps] == sorted(step.from_at for step in steps)


def test_another_offer_is_followed_within_the_time_to_settle() -> None:
    steps = became((), NOON, 3680.0, 3680.0)
    down = follows(steps, after_s(10), 2300.0, 10.0)
    assert draw_at(down, after_s(12)) == Draw(2300.0, 3680.0)
    assert draw_at(down, after_s(20)) == Draw(2300.0, 2300.0)
    assert follows(down, after_s(15), 2300.0, 10.0) == down  # seen again it settles no later
    assert draw_at(follows(down, after_s(15), 1380.0, 10.0), after_s(16)) == Draw(1380.0, 3680.0)
    assert draw_at(follows((), NOON, 1380.0, 10.0), after_s(5)) == Draw(0.0, 1380.0)
