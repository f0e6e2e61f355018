"""A rival's rule on the bench: at its own interval it sees the latest reading, and what it wants is sent to the car."""

from __future__ import annotations

from collections import deque

from sunbox.core.commands import Command, CommandName
from sunbox.simulator.bench.engine import PROGRESS_S, Progress
from sunbox.simulator.bench.home import Home
from sunbox.simulator.bench.setup import Tally
from sunbox.simulator.rivals import OFF, Rival, Seen


class RivalRun:
    """One rule at one home."""

    def __init__(self, home: Home, rival: Rival) -> None:
        self._home = home
        self._rival = rival
        self._pending: deque[tuple[float, Command]] = deque()
        self._set_a = OFF
        self._told_a = home.setup.max_a  # the car's own setting, which outlives a pause

    def run(self, length_s: float, progress: Progress) -> Tally:
        """Live until `length_s` and return what it was worth."""
        home, setup, rival, pending = self._home, self._home.setup, self._rival, self._pending
        phases = setup.phases[-1]
        looks, told_s, reading_s = 0, 0.0, -1.0
        grid_w = draw_w = 0.0
        while (t_s := looks * rival.interval_s) < length_s:
            looks += 1
            while pending and pending[0][0] <= t_s:
                due_s, command = pending.popleft()
                home.go(due_s)
                home.car.obey(command)
            latest_s = t_s - t_s % setup.meter_interval_s
            if latest_s > reading_s:
                home.go(t_s)
                reading_s = latest_s
                sample = home.read_meter(latest_s)
                grid_w, draw_w = sample.grid_w, sample.cars_w
            wanted_a = rival.decide(
                Seen(
                    t_s,
                    grid_w,
                    draw_w,
                    self._set_a,
                    setup.min_a,
                    setup.max_a,
                    phases * setup.voltage_v,
                    phases,
                )
            )
            if wanted_a != self._set_a:
                self._send(t_s, wanted_a)
            if t_s >= told_s:
                progress(t_s / length_s)
                told_s = t_s + PROGRESS_S
        progress(1.0)
        return home.close(length_s)

    def _send(self, t_s: float, wanted_a: int) -> None:
        """Send the commands that it takes: a start with another current than the last one takes two."""
        commands = []
        if wanted_a == OFF:
            commands.append(Command(CommandName.STOP))
        elif wanted_a != self._told_a:
            commands.append(Command(CommandName.SET_AMPS, wanted_a))
            self._told_a = wanted_a
        if self._set_a == OFF:
            commands.append(Command(CommandName.START))
        self._set_a = wanted_a
        for command in commands:
            self._home.count_command(t_s)
            self._pending.append((t_s + self._home.setup.car_delay_s, command))
