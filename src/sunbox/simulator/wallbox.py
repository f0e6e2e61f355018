"""A wallbox in the world: with a car of its own, which is one more of the world's cars, or with a Tesla plugged into it.

Either way the box lives and its car with it, and what flows counts once, as the car's.
"""

from __future__ import annotations

from typing import Any

from sunbox.simulator import goe_control, smartevse_control, wallbox_control
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.smartevse_house import HouseSmartEvse
from sunbox.simulator.wallbox_car import WallboxCar
from sunbox.simulator.wallbox_control import CAR_ROWS, BoxKind

Device = GoeCharger | HouseSmartEvse
"""The wallboxes there are."""


def kind_of(charger: Device) -> BoxKind:
    """Return what is special about a box."""
    return goe_control.KIND if isinstance(charger, GoeCharger) else smartevse_control.KIND


class Wallbox:
    """A wallbox and the car that uses it, which has no cloud: a car of the world, named as the box is."""

    def __init__(self, box_id: str, charger: Device, car: WallboxCar) -> None:
        """Put `charger`, which was made with `car`, into the world."""
        self.id = self.car_id = box_id
        self.charger, self.car = charger, car
        self._kind = kind_of(charger)
        self.is_home = True

    @property
    def draw_w(self) -> float:
        """Return the AC power that it takes now, in W."""
        return self.charger.draw_w

    @property
    def used_phases(self) -> int:
        """Return on how many phases it draws."""
        return self.charger.used_phases

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly."""
        return self.charger.is_busy

    @property
    def max_power_w(self) -> float:
        """Return the most AC power that box and car are built for, in W."""
        return self.charger.most_power_w

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable is in."""
        return self.car.is_plugged

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds, box and car."""
        self.charger.advance(dt_s)

    def plug(self) -> None:
        """Put the cable in, if the car is there."""
        if self.is_home:
            self.charger.plug()

    def unplug(self) -> None:
        """Take the cable out."""
        self.charger.unplug()

    def drive_off(self) -> None:
        """Leave."""
        self.unplug()
        self.is_home = False

    def arrive(self, used_kwh: float = 0.0) -> None:
        """Come home, having used `used_kwh`."""
        self.is_home = True
        self.car.stored_wh = max(0.0, self.car.stored_wh - 1000.0 * used_kwh)

    def truth(self) -> dict[str, Any]:
        """Return everything true of the car, as JSON."""
        return {"charger": self.id, "home": self.is_home, **wallbox_control.car_truth(self.car, self.draw_w)}

    def box_truth(self) -> dict[str, Any]:
        """Return everything true of the box, as JSON."""
        return {"car": None, **self._kind.truth(self.charger)}

    def check(self, changes: Any) -> None:
        """Raise ValueError, with what is allowed, where a change of box or car is wrong."""
        wallbox_control.check(changes, self._kind, (*self._kind.rows, *CAR_ROWS))
        if changes.get("plugged") is True and not changes.get("home", self.is_home):
            raise ValueError("plugged: the car is away; allowed is false, or home: true with it")

    def patch(self, changes: dict[str, Any]) -> None:
        """Change what is true of box and car, all or nothing.

        Raises:
            ValueError: an unknown key or a bad value; the text says what is allowed.
        """
        self.check(changes)
        self.change(changes)

    def change(self, changes: dict[str, Any]) -> None:
        """Change what is true of box and car; `changes` were checked."""
        wallbox_control.apply_to_box(self.charger, self._kind, changes)
        wallbox_control.apply_to_car(self, changes)


class TeslaWallbox:
    """A wallbox that a Tesla of the world is plugged into."""

    def __init__(self, box_id: str, charger: Device, tesla: TeslaCar) -> None:
        """Put `charger`, which was made with a `BoxedTesla`, into the world."""
        self.id, self.car_id = box_id, tesla.id
        self.charger, self._kind = charger, kind_of(charger)
        tesla.box_power_w = lambda: charger.most_power_w
        tesla.amps_a = tesla.most_told_a  # nobody has told it less

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly in the box."""
        return self.charger.is_busy

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds, box and Tesla."""
        self.charger.advance(dt_s)

    def box_truth(self) -> dict[str, Any]:
        """Return everything true of the box, as JSON."""
        return {"car": self.car_id, **self._kind.truth(self.charger)}

    def check(self, changes: Any) -> None:
        """Raise ValueError, with what is allowed, where a change of the box is wrong."""
        if isinstance(changes, dict):
            for key in changes:
                if key in CAR_ROWS:
                    raise ValueError(f"{key}: its car is {self.car_id}; allowed is to change that among the cars")
        wallbox_control.check(changes, self._kind, tuple(self._kind.rows))

    def change(self, changes: dict[str, Any]) -> None:
        """Change what is true of the box; `changes` were checked."""
        wallbox_control.apply_to_box(self.charger, self._kind, changes)
