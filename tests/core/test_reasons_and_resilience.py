"""Every reason has its words; waits grow and stay bounded."""

from __future__ import annotations

import string

import pytest

from sunbox.core.reasons import TEMPLATES, Reason, ReasonCode, ReasonKind, render
from sunbox.core.resilience import DELIVERY, START, WAKE, Backoff


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_has_a_kind_and_a_line(code: ReasonCode) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(TEMPLATES[code].text) if name]
    full = render(Reason(code, dict.fromkeys([*names, "stop_wh", "import_wh"], 1234.56)))  # of which `ends` is made
    bare = render(Reason(code))
    for line in (full, bare):
        assert line
        assert "\n" not in line
        assert not set("{}") & set(line)
    assert "?" not in full
    assert Reason(code).kind in ReasonKind
    if "cap" in names:
        assert "limited" in render(Reason(code, {"cap": " (limited)"}))


def test_numbers_are_shown_whole_and_words_as_they_are() -> None:
    line = render(Reason(ReasonCode.AWAY, {"place": "Work {odd}", "home": "Home"}))
    assert "Work {odd}" in line
    numbers = {"surplus_w": 819.6, "needed_w": 1380.0, "amps_a": 6, "phases": 1, "voltage_v": 230.0}
    assert "820 W < 1380 W (6 A × 1 × 230 V)" in render(Reason(ReasonCode.SURPLUS_LOW, numbers))


@pytest.mark.parametrize(("surplus_w", "sign"), [(2400.0, "≥"), (2300, "≥"), (2240.0, "≈"), (1500.0, "<")])
def test_the_arithmetic_of_a_current_is_true(surplus_w: float, sign: str) -> None:
    """The last ampere need not be sun to its last watt; with a share of 50 % much less is."""
    numbers = {"surplus_w": surplus_w, "used_w": 2300.0, "amps_a": 10, "phases": 1, "voltage_v": 230.0}
    told = render(Reason(ReasonCode.CHARGING_PV, {**numbers, "share": ", 50 % must be sun"}))
    assert told == f"charging 10 A: surplus {surplus_w:.0f} W {sign} 2300 W (10 A × 1 × 230 V), 50 % must be sun"


@pytest.mark.parametrize("backoff", [DELIVERY, WAKE, START])
def test_a_back_off_doubles_up_to_its_most(backoff: Backoff) -> None:
    waits_s = [backoff.wait_s(failures) for failures in range(1, 200)]
    assert waits_s[0] == backoff.first_s
    assert waits_s[1] == 2 * backoff.first_s
    assert waits_s[-1] == backoff.most_s
    assert waits_s == sorted(waits_s)
    assert backoff.wait_s(0) == backoff.first_s
