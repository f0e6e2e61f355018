"""Falling asleep and waking: minutes of idleness on the way down, seconds of waiting on the way up."""

from __future__ import annotations

import random

WAKE_S = (10.0, 60.0)
"""From `wake_up` until the car answers (Tesla's best practices)."""
SLEEP_AFTER_S = (660.0, 900.0)
"""11 to 15 min without charging, driving or contact (home-assistant's documentation of its Tesla integrations)."""


class Slumber:
    """Whether a car sleeps. `wake_left_s` > 0: it was woken and does not answer yet."""

    def __init__(self, rng: random.Random, *, is_asleep: bool) -> None:
        self.is_asleep = is_asleep
        self.wake_left_s = self.idle_s = 0.0
        self._rng = rng
        self._after_s = rng.uniform(*SLEEP_AFTER_S)

    def advance(self, dt_s: float, *, is_active: bool) -> None:
        """Live for `dt_s` seconds; an active car does not tire."""
        if self.wake_left_s > 0:
            self.wake_left_s -= dt_s
            if self.wake_left_s <= 0:
                self.rouse()
        elif is_active:
            self.idle_s = 0.0
        elif not self.is_asleep:
            self.idle_s += dt_s
            if self.idle_s >= self._after_s:
                self.fall_asleep()

    def contact(self) -> None:
        """Be read or commanded: it stays awake for minutes more."""
        self.idle_s = 0.0

    def wake(self) -> None:
        """Begin to wake."""
        if not self.is_asleep:
            self.contact()
        elif self.wake_left_s <= 0:
            self.wake_left_s = self._rng.uniform(*WAKE_S)

    def rouse(self) -> None:
        """Be awake at once, as when somebody opens a door."""
        self.is_asleep, self.wake_left_s, self.idle_s = False, 0.0, 0.0

    def fall_asleep(self) -> None:
        """Sleep."""
        self.is_asleep, self.wake_left_s = True, 0.0
        self._after_s = self._rng.uniform(*SLEEP_AFTER_S)
