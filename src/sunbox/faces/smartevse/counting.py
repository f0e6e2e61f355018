"""What a box over a loadpoint counts itself: energies of the car, and the power of each quarter of an hour at the mains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot
from sunbox.dialects.smartevse.posts import QUARTER_S
from sunbox.dialects.smartevse.state import QUARTERS
from sunbox.dialects.smartevse.table import Json
from sunbox.faces.smartevse.translation import is_plugged_here


@dataclass(slots=True)
class Counters:
    """Energies that the box counts itself."""

    total_wh: float = 0.0
    charged_wh: float = 0.0
    not_counted_wh: float = 0.0  #: what the car got in this session before the last reboot
    power_w: float = 0.0  #: since the last look
    has_started: bool = False
    at: datetime | None = None
    quarter_wh: float = 0.0  #: through the mains, in this quarter of an hour
    mains_w: float = 0.0
    added_wh: float | None = None  #: what the car said at the last look that it got since it was plugged in

    def restore(
        self, kept: Mapping[str, Json], loadpoint: LoadpointSnapshot, *, total_wh: float, charged_wh: float
    ) -> None:
        """Go on from what was kept, unless the session is another one, which has got less."""
        added_wh, not_counted_wh = kept.get("added_wh"), kept.get("not_counted_wh")
        is_same = isinstance(added_wh, int | float) and (added_wh_of(loadpoint) or added_wh) >= added_wh
        if is_same and isinstance(not_counted_wh, int | float):
            self.not_counted_wh = not_counted_wh
        self.total_wh = total_wh
        self.charged_wh = charged_wh if is_same or not loadpoint.has_started else 0.0
        self.has_started = loadpoint.has_started

    def document(self) -> dict[str, Json]:
        """Return what is kept beside the energies that are shown."""
        return {"added_wh": self.added_wh, "not_counted_wh": self.not_counted_wh}

    def count(self, site: SiteSnapshot, loadpoint: LoadpointSnapshot, told_wh: float | None) -> tuple[int, ...]:
        """Count what flowed since the last look; what the car says that it got is more than that if nobody looked.

        Args:
            site: the present.
            loadpoint: of it.
            told_wh: what a feeder says that the car's meter counted, None if none does.

        Returns:
            The power of each quarter of an hour that has ended, W.
        """
        passed_h = 0.0 if self.at is None else max(0.0, (site.at - self.at).total_seconds()) / 3600
        if loadpoint.has_started and not self.has_started:
            self.charged_wh = self.not_counted_wh = 0.0
        counted_wh = self.power_w * passed_h
        if loadpoint.has_started and is_plugged_here(loadpoint):
            counted_wh = max(counted_wh, (loadpoint.energy_added_wh or 0.0) - self.not_counted_wh - self.charged_wh)
        self.charged_wh += counted_wh
        self.total_wh += counted_wh
        if loadpoint.energy_total_wh is not None:
            self.total_wh = loadpoint.energy_total_wh
        if told_wh is not None:
            self.total_wh = told_wh
        powers_w = self._quarters(site, passed_h)
        self.has_started, self.at = loadpoint.has_started, site.at
        flows = is_plugged_here(loadpoint) and loadpoint.is_flowing
        self.power_w = (loadpoint.draw_w or 0.0) if flows else 0.0
        self.mains_w = site.grid_w or 0.0
        return powers_w

    def begin_anew(self, loadpoint: LoadpointSnapshot) -> None:
        """Begin the session's energy anew, as after a reboot: what the car has got until now does not count."""
        self.charged_wh = 0.0
        self.not_counted_wh = added_wh_of(loadpoint) or 0.0

    def _quarters(self, site: SiteSnapshot, passed_h: float) -> tuple[int, ...]:
        before = self.at or site.at
        ended = int(site.at.timestamp()) // QUARTER_S - int(before.timestamp()) // QUARTER_S
        self.quarter_wh += self.mains_w * passed_h
        if ended <= 0:
            return ()
        power_w, self.quarter_wh = round(self.quarter_wh * 3600 / QUARTER_S), 0.0
        return (power_w, *(0,) * min(ended - 1, QUARTERS))


def added_wh_of(loadpoint: LoadpointSnapshot) -> float | None:
    """Return what the car says that it got since it was plugged in."""
    return loadpoint.energy_added_wh if loadpoint.has_started else 0.0
