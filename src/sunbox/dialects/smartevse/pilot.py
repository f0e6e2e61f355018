"""The pilot: what duty cycle offers what current, as the firmware computes it, of 1024."""

from __future__ import annotations

NO_OFFER = 1024
"""High all the time: a car is seen, and nothing is offered."""
OFF = 0
RELEASED = 100
"""What the pilot says after it was given back, until the law's next turn."""
LEAST_DA, BEND_DA, MOST_OFFERED_DA = 60, 510, 800
LEAST_PERMILLE, BEND_PERMILLE, MOST_PERMILLE = 100, 850, 960


def duty_of(current_da: int) -> int:
    """Return the duty cycle that offers a current; one that cannot be offered is 6 A."""
    if LEAST_DA <= current_da <= BEND_DA:
        permille = current_da * 10 // 6
    elif BEND_DA < current_da <= MOST_OFFERED_DA:
        permille = current_da * 10 // 25 + 640
    else:
        permille = LEAST_PERMILLE
    return permille * 1024 // 1000


def offered_da(duty: int) -> int:
    """Return the current that a duty cycle offers, 0 for none (IEC 61851: from 10 %, two slopes)."""
    permille = duty * 1000 / 1024
    if duty >= NO_OFFER or permille < LEAST_PERMILLE - 1:  # 102 of 1024 is what 10 % comes out as
        return 0
    if permille <= BEND_PERMILLE:
        return max(LEAST_DA, round(permille * 0.6))
    return min(MOST_OFFERED_DA, round((permille - 640) * 2.5))
