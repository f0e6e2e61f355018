"""A Tesla with honest physics, seen by its people (plug, drive), by its cloud (commands, data) and by the world (power).

It lives only in `advance`; commands change what it wants, and current, battery and sleep follow in their own time.
What it may be told from outside is in `car_control.py`, how its cloud words it in `tesla_documents.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sunbox.clock import SystemClock
from sunbox.core.model import Availability, Charging
from sunbox.simulator import car_physics as physics
from sunbox.simulator.car_charge_schedules import ChargeSchedule, next_move_at, next_start_at, schedule_from_body
from sunbox.simulator.car_control import apply_patch, car_truth
from sunbox.simulator.car_physics import Socket
from sunbox.simulator.car_schedule import Schedule, ScheduleMode
from sunbox.simulator.car_sleep import Slumber

DRIVE_S = 1500.0
"""How long a drive takes; then the car is parked away."""
AWAY_DEG = (0.11, 0.14)
"""Where it parks away, relative to home in degrees: some 15 km."""
STANDARD_LIMIT_PCT, MAX_LIMIT_PCT = 80, 100
_MACHINE_CLOCK = SystemClock()


class TeslaCar:
    """One car. `*_at` UTC; the attributes are what is true, not what it says."""

    def __init__(
        self,
        *,
        id: str = "model3",  # noqa: A002 - the world's word
        vin: str = "LRW3F7EK4NC700000",
        name: str = "Model 3",
        capacity_wh: float = 60_000.0,
        soc_pct: float = 50.0,
        phases: int = 1,
        max_a: int | None = None,
        pilot_a: int | None = None,
        amps_a: int | None = None,
        limit_pct: int = STANDARD_LIMIT_PCT,
        lat: float = 52.394,
        lon: float = 13.542,
        never_full: bool = False,
        charges_at_plug_in: bool = True,
        ignores_low_amps: bool = False,
        needs_signing: bool = False,
        is_plugged: bool = True,
        is_asleep: bool = False,
        sleeps_as: Availability = Availability.ASLEEP,
        voltage_v: float = 230.0,
        timezone: tzinfo | None = None,
        now: Callable[[], datetime] = _MACHINE_CLOCK.now,
        seed: int = 0,
    ) -> None:
        """Begin at home, not charging.

        Args:
            id: its name in the world.
            vin: 17 characters.
            name: what its people call it.
            capacity_wh: usable capacity.
            soc_pct: state of charge, 0–100.
            phases: 1 or 3, of the socket at home.
            max_a: the on-board limit per phase; default 32 A on one phase, 16 A on three.
            pilot_a: what the EVSE offers; default the on-board limit.
            amps_a: the current it was last told; default all that is offered.
            limit_pct: charge limit, 50–100.
            lat: latitude of home in degrees.
            lon: longitude of home in degrees.
            never_full: its charge never rises above 60 % (for benchmarks).
            charges_at_plug_in: it begins to charge when plugged in, as real cars do.
            ignores_low_amps: it stays at 5 A however often it is told less, as some cars do.
            needs_signing: its cloud takes signed commands only, as for practically all real cars.
            is_plugged: the cable is in.
            is_asleep: it sleeps.
            sleeps_as: what the cloud calls a sleeping car; firmware since 2024.20 may say offline.
            voltage_v: phase to neutral, without load.
            timezone: the car's, for its schedule.
            now: tells the time at which the car begins and the timestamps of what it says.
            seed: of its delays.
        """
        self.id, self.vin, self.name = id, vin, name
        self.onboard_phases, self._max_a = phases, max_a
        self.onboard_a = self.onboard_limit_a(phases)
        pilot_a = self.onboard_a if pilot_a is None else pilot_a
        self.socket = Socket(phases=phases, voltage_v=voltage_v, pilot_a=pilot_a)
        self.capacity_wh, self.never_full = capacity_wh, never_full
        self.stored_wh = capacity_wh * soc_pct / 100.0
        self.limit_pct = limit_pct
        self.home = (lat, lon)
        self.charges_at_plug_in, self.ignores_low_amps = charges_at_plug_in, ignores_low_amps
        self.needs_signing = needs_signing
        self.sleeps_as = sleeps_as
        self.timezone: tzinfo = timezone or ZoneInfo("Europe/Berlin")
        self.now = now
        self.at = now()
        self.is_home, self.is_plugged = True, is_plugged
        self.is_port_open = self.is_latched = is_plugged
        self.is_in_service = False
        self.box_power_w: Callable[[], float] | None = None  #: at a wallbox: the most that it and this car can do, in W
        self.charging = Charging.STOPPED if is_plugged else Charging.DISCONNECTED
        self.current_a = 0.0
        self.added_wh = 0.0
        self.schedule = Schedule()
        self.schedule_due_at: datetime | None = None
        self.kept_schedules: dict[int, dict[str, Any]] = {}  #: those of newer firmware by id, as they were told
        self.charge_due_at: datetime | None = None  #: when the next of those starts or stops charging
        self._followed_at = self.at  #: until when those were lived by
        self._used_schedules: set[int] = set()  #: those that have started or stopped a charge
        self.parked_away_at: datetime | None = None
        self.odometer_km = 10_432.0
        self._rng = random.Random(f"{seed}/{id}/car")
        self._slumber = Slumber(self._rng, is_asleep=is_asleep)
        self._start_left_s = 0.0
        self.idle_v = self._rng.choice((1, 2))
        self._is_low_armed = False
        self.amps_a = amps_a if amps_a is not None else self.available_a
        if never_full:
            self._keep_unfilled()

    # what is true

    @property
    def soc_pct(self) -> float:
        """Return the state of charge in %."""
        return 100.0 * self.stored_wh / self.capacity_wh

    @property
    def available_a(self) -> int:
        """Return the most that EVSE and car allow, per phase."""
        return physics.available_a(self.socket, self.onboard_a) if self.is_plugged else self.onboard_a

    @property
    def voltage_v(self) -> float:
        """Return the voltage at the charger under load."""
        return physics.sagged_v(self.socket.voltage_v, self.current_a)

    @property
    def draw_w(self) -> float:
        """Return the AC power that it takes now, in W."""
        return physics.wall_w(self.socket, self.current_a) if self.current_a > 0 else 0.0

    @property
    def used_phases(self) -> int:
        """Return on how many phases it draws."""
        return self.socket.phases

    @property
    def max_power_w(self) -> float:
        """Return the most AC power it can take at its socket, in W."""
        if self.box_power_w is not None:
            return self.box_power_w()
        return physics.wall_w(self.socket, physics.available_a(self.socket, self.onboard_a))

    @property
    def is_boxed(self) -> bool:
        """Return whether it is plugged into a wallbox that decides what it offers (`wallbox_tesla.py`), when it is."""
        return self.box_power_w is not None

    @property
    def most_told_a(self) -> int:
        """Return the most that it remembers when told a current: a wallbox's offer changes, and it follows that later."""
        return self.onboard_limit_a(1) if self.is_boxed else self.available_a

    @property
    def shown_amps_a(self) -> int:
        """Return the current that it was told, as far as it is offered."""
        return min(self.amps_a, self.available_a) if self.is_boxed and self.is_plugged else self.amps_a

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly: start, ramp, waking."""
        return self.charging is Charging.STARTING or self.is_waking or abs(self.wanted_a - self.current_a) > 0.01

    @property
    def is_driving(self) -> bool:
        """Return whether it is under way."""
        return not self.is_home and self.parked_away_at is not None and self.at < self.parked_away_at

    @property
    def is_active(self) -> bool:
        """Return whether it charges or drives, and so does not sleep."""
        return self.charging in (Charging.STARTING, Charging.CHARGING) or self.is_driving

    @property
    def is_asleep(self) -> bool:
        """Return whether it sleeps."""
        return self._slumber.is_asleep

    @property
    def is_waking(self) -> bool:
        """Return whether it was woken and does not answer yet."""
        return self._slumber.wake_left_s > 0

    @property
    def availability(self) -> Availability:
        """Return what the cloud says of it; a waking car is still asleep."""
        return self.sleeps_as if self.is_asleep else Availability.ONLINE

    @property
    def position(self) -> tuple[float, float]:
        """Return (latitude, longitude) in degrees."""
        if self.is_home or self.parked_away_at is None:
            return self.home
        left_s = max(0.0, (self.parked_away_at - self.at).total_seconds())
        share = 1.0 - left_s / DRIVE_S
        return self.home[0] + share * AWAY_DEG[0], self.home[1] + share * AWAY_DEG[1]

    # time

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        self.at += timedelta(seconds=dt_s)
        if self.schedule_due_at is not None and self.at >= self.schedule_due_at:
            self._begin_scheduled()
        if self.charge_due_at is not None and self.at >= self.charge_due_at:
            self._follow_schedules()
        before_w = self.draw_w
        if self.charging is Charging.STARTING:
            if self.socket.is_closed:
                self._start_left_s -= dt_s
            if self._start_left_s <= 0:
                self.charging = Charging.CHARGING
                self._ramp(-self._start_left_s)
        elif self.current_a > 0 or self.charging is Charging.CHARGING:
            self._ramp(dt_s)
        self._store(dt_s, (before_w + self.draw_w) / 2)
        self._slumber.advance(dt_s, is_active=self.is_active)

    @property
    def wanted_a(self) -> float:
        """Return the current that it would like to take now."""
        if self.charging is not Charging.CHARGING or not self.socket.is_closed:
            return 0.0
        most_a = physics.tapered_a(100.0 * self.stored_wh / self.capacity_wh, self.onboard_a)
        return float(min(self.amps_a, self.socket.pilot_a, self.onboard_a, most_a))

    def _ramp(self, dt_s: float) -> None:
        wanted_a = self.wanted_a
        if wanted_a > self.current_a:
            self.current_a = min(wanted_a, self.current_a + physics.RAMP_UP_A_PER_S * dt_s)
        elif wanted_a < self.current_a:
            self.current_a = max(wanted_a, self.current_a - physics.RAMP_DOWN_A_PER_S * dt_s)

    def _store(self, dt_s: float, mean_w: float) -> None:
        if mean_w > 0:
            added_wh = physics.into_battery_w(mean_w) * dt_s / 3600.0
            self.stored_wh += added_wh
            self.added_wh += added_wh
            if self.never_full:
                self._keep_unfilled()
        elif not self.is_driving:
            drain_w = physics.ASLEEP_W if self.is_asleep else physics.AWAKE_W
            self.stored_wh = max(0.0, self.stored_wh - drain_w * dt_s / 3600.0)
        if self.charging is Charging.CHARGING and self.is_full:
            self.charging = Charging.COMPLETE
            self.current_a = 0.0

    @property
    def is_full(self) -> bool:
        """Return whether it is at its charge limit."""
        return self.stored_wh >= self.capacity_wh * self.limit_pct / 100.0

    @property
    def has_enough(self) -> bool:
        """Return whether its whole percent show the limit, so that it does not begin to charge."""
        return self.soc_pct >= self.limit_pct - 0.5

    def _keep_unfilled(self) -> None:
        self.stored_wh = min(self.stored_wh, self.capacity_wh * physics.NEVER_FULL_PCT / 100.0)

    # its cloud

    def contact(self) -> None:
        """Be read or commanded: it stays awake for minutes more."""
        self._slumber.contact()

    def wake(self) -> None:
        """Begin to wake; it answers 10–60 s later."""
        self._slumber.wake()

    def rouse(self) -> None:
        """Be awake at once, as when somebody opens a door."""
        self._slumber.rouse()

    def start_charging(self) -> str | None:
        """Begin to charge. Return the word with which it refuses, None if it does it."""
        if self.charging is Charging.COMPLETE and not self.has_enough:
            self.charging = Charging.STOPPED  # it has drained since; it may charge again
        word = _START_REFUSED.get(self.charging)
        if word is None and self.has_enough:
            word, self.charging = "complete", Charging.COMPLETE
        if word is None:
            self.is_latched = True
            self._begin()
        return word

    def stop_charging(self) -> str | None:
        """Stop charging. Return the word with which it refuses."""
        if self.charging not in (Charging.STARTING, Charging.CHARGING):
            return "not_charging"
        self.charging = Charging.STOPPED
        return None

    def set_amps(self, amps_a: int) -> str | None:
        """Set the current per phase; below 5 A it must be told twice, and only while it charges. 0 pauses."""
        if not self.is_plugged:
            return "disconnected"
        amps_a = min(amps_a, self.most_told_a)
        if not 0 < amps_a < physics.LOWEST_TOLD_A:
            self._is_low_armed = False
            self.amps_a = amps_a
            return None
        is_taken = self._is_low_armed and self.charging is Charging.CHARGING and not self.ignores_low_amps
        self.amps_a = amps_a if is_taken else physics.LOWEST_TOLD_A
        self._is_low_armed = True
        return None

    def set_limit(self, limit_pct: int) -> str | None:
        """Set the charge limit in %; above what it has, a car that was complete goes on."""
        if limit_pct == self.limit_pct:
            return "already_set"
        self.limit_pct = limit_pct
        if self.charging is Charging.COMPLETE and not self.has_enough:
            self._begin()
        elif self.charging in (Charging.STARTING, Charging.CHARGING) and self.is_full:
            self.charging = Charging.COMPLETE
        return None

    def open_port(self) -> str | None:
        """Open the port, or unlock the cable, which ends charging."""
        self.is_port_open, self.is_latched = True, False
        self.stop_charging()
        return None

    def close_port(self) -> str | None:
        """Close the port; with the cable in there is nothing to close but the latch."""
        self.is_port_open = self.is_latched = self.is_plugged
        return None

    def set_schedule(self, schedule: Schedule) -> str | None:
        """Have it charge by its own schedule from now on."""
        self.schedule = schedule
        self._plan()
        return None

    def keep_schedule(self, schedule: dict[str, Any]) -> str | None:
        """Add a schedule, or change the one with its id; without one the second of the day names it, as on the car."""
        number = int(schedule.get("id") or self.at.timestamp())
        while not schedule.get("id") and number in self.kept_schedules:
            number += 1
        self.kept_schedules[number] = {**schedule, "id": number}
        self._used_schedules.discard(number)
        self._plan_charges()
        return None

    def drop_schedule(self, number: int) -> str | None:
        """Remove a schedule."""
        word = None if self.kept_schedules.pop(number, None) else "schedule_not_found"
        self._used_schedules.discard(number)
        self._plan_charges()
        return word

    @property
    def charge_schedules(self) -> list[ChargeSchedule]:
        """Return the schedules of newer firmware."""
        return [schedule_from_body(body) for body in self.kept_schedules.values()]

    @property
    def next_charge_at(self) -> datetime | None:
        """Return when a schedule of newer firmware next starts charging where the car stands."""
        return next_start_at(self._schedules_here(), self.at, self.timezone)

    @property
    def is_held(self) -> bool:
        """Return whether a schedule of newer firmware has it wait: it may start here, and it is not its time."""
        here = self._schedules_here()
        is_open = any(schedule.is_open(self.at, self.timezone) for schedule in here)
        return not is_open and any(schedule.starts and schedule.is_enabled for schedule in here)

    def _schedules_here(self) -> list[ChargeSchedule]:
        return [schedule for schedule in self.charge_schedules if schedule.is_near(self.position)]

    def _plan_charges(self) -> None:
        self._followed_at = self.at
        self.charge_due_at = next_move_at(self.charge_schedules, self.at, self.timezone)

    def _follow_schedules(self) -> None:
        """Do what the schedules of newer firmware have it do since the last time; a stop goes before a start."""
        moves = [
            (at, is_start, schedule.id)
            for schedule in self._schedules_here()
            for at, is_start in schedule.moves(self._followed_at, self.at, self.timezone)
        ]
        for _, is_start, number in sorted(moves):
            if number in self.kept_schedules:  # one that was used up by its last move is gone
                self._follow(schedule_from_body(self.kept_schedules[number]), is_start=is_start)
        self._plan_charges()

    def _follow(self, schedule: ChargeSchedule, *, is_start: bool) -> None:
        if is_start and self.is_plugged and self.charging is Charging.STOPPED and not self.has_enough:
            self._begin()
            self._used_schedules.add(schedule.id)
        elif not is_start and self.stop_charging() is None:
            self._used_schedules.add(schedule.id)
        is_last = not (is_start and schedule.ends)
        if schedule.one_time and is_last and schedule.id in self._used_schedules:
            self.drop_schedule(schedule.id)

    def _plan(self) -> None:
        needed_wh = max(0.0, self.capacity_wh * self.limit_pct / 100.0 - self.stored_wh)
        power_w = max(1.0, physics.into_battery_w(physics.wall_w(self.socket, min(self.amps_a, self.available_a))))
        self.schedule_due_at = self.schedule.start_at(self.at, self.timezone, needed_wh / power_w * 3600.0)

    def _begin_scheduled(self) -> None:
        self._plan()
        if self.is_plugged and self.charging is Charging.STOPPED and not self.has_enough:
            self._begin()

    def _begin(self) -> None:
        """Be about to charge, awake; without power at the socket wait for it."""
        self.rouse()
        if not self.socket.has_power or self.available_a <= 0:
            self.charging = Charging.NO_POWER
            return
        self.charging = Charging.STARTING
        self._start_left_s = self._rng.uniform(*physics.START_DELAY_S)

    # its people

    def plug(self) -> None:
        """Put the cable in: it wakes, forgets currents below 5 A, and begins to charge unless its schedule says otherwise."""
        if self.is_plugged or not self.is_home:
            return
        self.rouse()
        self.is_plugged = self.is_port_open = self.is_latched = True
        self._is_low_armed = False
        self.added_wh = 0.0
        self.amps_a = max(self.amps_a, min(physics.LOWEST_TOLD_A, self.available_a))
        self.charging = Charging.COMPLETE if self.has_enough else Charging.STOPPED
        self._plan()
        is_waiting = self.schedule.mode is not ScheduleMode.OFF or self.is_held
        if not self.has_enough and self.charges_at_plug_in and not is_waiting:
            self._begin()
            self._used_schedules.update(
                schedule.id for schedule in self._schedules_here() if schedule.is_open(self.at, self.timezone)
            )

    def unplug(self) -> None:
        """Take the cable out."""
        if not self.is_plugged:
            return
        self.rouse()
        self.is_plugged = self.is_port_open = self.is_latched = False
        self.charging, self.current_a = Charging.DISCONNECTED, 0.0

    def drive_off(self) -> None:
        """Leave; after the drive it stands somewhere else."""
        self.unplug()
        self.rouse()
        if self.is_home:
            self.is_home = False
            self.parked_away_at = self.at + timedelta(seconds=DRIVE_S)

    def arrive(self, used_kwh: float = 0.0) -> None:
        """Come home, having used `used_kwh` since it left."""
        self.rouse()
        self.is_home, self.parked_away_at = True, None
        self.stored_wh = max(0.0, self.stored_wh - used_kwh * 1000.0)
        self.odometer_km += used_kwh / 0.18

    def park(self) -> None:
        """End the drive where it leads to."""
        if self.is_driving:
            self.parked_away_at = self.at

    def fall_asleep(self) -> None:
        """Sleep, unless it charges or drives."""
        if not self.is_active:
            self._slumber.fall_asleep()

    def set_socket(self, socket: Socket) -> None:
        """Change what it is plugged into; losing power interrupts, its return goes on."""
        self._plug_into(socket)
        if not self.is_boxed:
            self.amps_a = min(self.amps_a, max(self.available_a, 0))

    def follow_box(self, *, pilot_a: int, phases: int) -> None:
        """Be offered a current by the wallbox that it is plugged into; of its contacts `phases` are closed, 0–3.

        Unlike a weaker socket, an offer that changes does not make it forget the current that it was told.
        """
        used = min(phases, self.onboard_phases) or self.socket.phases
        socket = replace(self.socket, phases=used, pilot_a=pilot_a, is_closed=phases > 0)
        if socket == self.socket:
            return
        self.onboard_a = self.onboard_limit_a(used)
        self._plug_into(socket)

    def _plug_into(self, socket: Socket) -> None:
        self.socket = socket
        is_dead = not socket.has_power or self.available_a <= 0
        if is_dead and self.charging in (Charging.STARTING, Charging.CHARGING):
            self.charging, self.current_a = Charging.NO_POWER, 0.0
        elif not is_dead and self.charging is Charging.NO_POWER:
            self._begin()

    def onboard_limit_a(self, phases: int) -> int:
        """Return the on-board limit per phase on so many phases."""
        return self._max_a if self._max_a is not None else physics.ONBOARD_MAX_A[phases]

    def set_phases(self, phases: int) -> None:
        """Change the number of phases at home, and with it the on-board limit."""
        self.onboard_phases, self.onboard_a = phases, physics.ONBOARD_MAX_A[phases]
        self.set_socket(replace(self.socket, phases=phases, pilot_a=min(self.socket.pilot_a, self.onboard_a)))

    def set_soc(self, soc_pct: float) -> None:
        """Have this state of charge in %; a car that was complete and is not any more goes on."""
        self.stored_wh = self.capacity_wh * soc_pct / 100.0
        if self.never_full:
            self._keep_unfilled()
        if self.charging is Charging.COMPLETE and not self.has_enough:
            self._begin()

    # control from outside

    def patch(self, changes: dict[str, Any]) -> None:
        """Change what is true of it, all or nothing (`car_control.ROWS` has the keys).

        Raises:
            ValueError: an unknown key or a bad value; the text says what is allowed.
        """
        apply_patch(self, changes)

    def truth(self) -> dict[str, Any]:
        """Return everything true of it, as JSON."""
        return car_truth(self)


_START_REFUSED: dict[Charging, str] = {
    Charging.DISCONNECTED: "disconnected",
    Charging.COMPLETE: "complete",
    Charging.NO_POWER: "no_power",
    Charging.STARTING: "requested",
    Charging.CHARGING: "is_charging",
}
"""What it says to a start, by its state."""
