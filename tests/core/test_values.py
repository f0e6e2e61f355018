"""Copies of frozen values with some fields changed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest
from tests.core.bench import NOON, facts_of

from sunbox.core.model import LoadpointMemory, Mode, Wish
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.state import LoadpointState
from sunbox.core.values import KEPT, replace, unchanged

SLOTTED = facts_of()
OPEN = LoadpointState(memory=LoadpointMemory(wish=Wish(mode=Mode.PV)), reason=Reason(ReasonCode.NEVER_SEEN))


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (SLOTTED, {}),
        (SLOTTED, {"soc_pct": 51}),
        (SLOTTED, {"soc_pct": None, "measured_at": NOON, "phases": 3}),
        (OPEN, {}),
        (OPEN, {"is_acting": True}),
        (OPEN, {"missed_wh": 1.5, "scores": {6: 1.0}, "held_by": None}),
    ],
)
def test_a_copy_is_what_dataclasses_would_make(value: Any, changes: dict[str, Any]) -> None:
    before = dataclasses.replace(value)
    copy = replace(value, **changes)
    assert copy == dataclasses.replace(value, **changes)
    assert type(copy) is type(value)
    assert value == before


@pytest.mark.parametrize("value", [SLOTTED, OPEN])
def test_a_field_that_does_not_exist_is_an_error_that_names_it(value: Any) -> None:
    known = dataclasses.fields(value)[0].name
    with pytest.raises(TypeError, match=f"{type(value).__name__} has no field typo$"):
        replace(value, **{known: getattr(value, known), "typo": 1})


def test_a_slotted_class_that_checks_itself_when_made_is_not_copied_past_its_check() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        amps_a: int

        def __post_init__(self) -> None:
            assert self.amps_a >= 0

    with pytest.raises(TypeError, match="Checked has a __post_init__"):
        replace(Checked(6), amps_a=-1)


def test_what_was_asked_with_the_same_objects_is_not_computed_again() -> None:
    asked: list[tuple[Wish, object]] = []

    @unchanged
    def told(wish: Wish, other: object) -> str:
        asked.append((wish, other))
        return f"{wish.mode} {other}"

    wish, twin = Wish(mode=Mode.PV), Wish(mode=Mode.PV)
    assert told(wish, 1) == told(wish, 1) == told(twin, 1)
    assert [each[0] is twin for each in asked] == [False, True]
    for number in range(1000, 1000 + 2 * KEPT):  # and a new object at an old one's place is another one
        assert told(Wish(mode=Mode.OFF), number) == f"{Mode.OFF} {number}"
