"""Whether a simulated wallbox can be reached: it boots, its network is away for a while, or it has no time for the API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Asked:
    """How many requests a wallbox got."""

    reads: int = 0
    sets: int = 0
    feeds: int = 0  #: with what somebody measured


class Reach:
    """The part of a wallbox that its clients meet first."""

    down_s = 0.0  #: until it has booted
    no_wifi_s = 0.0  #: until its network is back
    busy_s = 0.0  #: until its API has time again

    def lose_wifi(self, seconds: float) -> None:
        """Lose the network; charging goes on."""
        self.no_wifi_s = seconds

    def be_busy(self, seconds: float) -> None:
        """Have neither time nor a connection for one more client."""
        self.busy_s = seconds

    @property
    def is_down(self) -> bool:
        """Return whether it boots: nothing is offered, nobody answers."""
        return self.down_s > 0

    @property
    def is_reachable(self) -> bool:
        """Return whether requests arrive."""
        return not self.is_down and self.no_wifi_s <= 0

    @property
    def api_is_busy(self) -> bool:
        """Return whether it turns clients away."""
        return self.busy_s > 0

    def recover(self, dt_s: float) -> None:
        """Let time pass for what is away."""
        self.down_s, self.no_wifi_s, self.busy_s = (
            max(0.0, left_s - dt_s) for left_s in (self.down_s, self.no_wifi_s, self.busy_s)
        )
