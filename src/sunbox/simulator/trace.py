"""What the sun gives and the house takes, over time: from a file here, generated in `sun.py` and `household.py`.

A trace is piecewise linear: between two rows both quantities are straight lines. It repeats after whole days, so that a
simulation may run longer than its file. Times are seconds since `start_at`.
"""

from __future__ import annotations

import csv
import gzip
import math
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from sunbox.errors import TraceError

DAY_S = 86_400.0
MAX_GAP_S = 6 * 3600.0
"""Longest gap between two good values that is bridged by a straight line."""
PV_COLUMNS = ("pv_w_per_kwp", "pv_w")
LOAD_COLUMN = "load_w"
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})


class Trace(ABC):
    """PV and load in W over time. Reading is cheap: the segment of the last reading is kept.

    Subclasses give `_seek`, which sets the segment that holds an instant.
    """

    __slots__ = ("_from_s", "_load_per_s", "_load_w", "_pv_per_s", "_pv_w", "_until_s", "end_at", "start_at")

    def __init__(self, start_at: datetime, end_at: datetime) -> None:
        self.start_at = start_at
        self.end_at = end_at
        # the segment at hand; empty, so that the first reading seeks
        self._from_s, self._until_s = 0.0, 0.0
        self._pv_w, self._pv_per_s, self._load_w, self._load_per_s = 0.0, 0.0, 0.0, 0.0

    @abstractmethod
    def _seek(self, t_s: float) -> None:
        """Set the segment `_from_s <= t_s < _until_s`."""

    def at(self, t_s: float) -> tuple[float, float]:
        """Return (pv, load) in W at `t_s` seconds after `start_at`."""
        if not self._from_s <= t_s < self._until_s:
            self._seek(t_s)
        since_s = t_s - self._from_s
        return self._pv_w + since_s * self._pv_per_s, self._load_w + since_s * self._load_per_s

    def pv_w(self, t_s: float) -> float:
        """Return the PV power in W at `t_s`."""
        return self.at(t_s)[0]

    def load_w(self, t_s: float) -> float:
        """Return the house's load in W, without cars, at `t_s`."""
        return self.at(t_s)[1]

    def straight_until_s(self, t_s: float) -> float:
        """Return until when, from `t_s` on, both quantities go on as straight lines."""
        if not self._from_s <= t_s < self._until_s:
            self._seek(t_s)
        return self._until_s


class RecordedTrace(Trace):
    """A trace of rows. After its last row it goes on with its first, at the same time of day."""

    __slots__ = ("_index", "_loads_w", "_period_s", "_pvs_w", "_times_s")

    def __init__(
        self, start_at: datetime, times_s: Sequence[float], pvs_w: Sequence[float], loads_w: Sequence[float]
    ) -> None:
        """Take rows of equal number, `times_s` rising from 0."""
        super().__init__(start_at, start_at + timedelta(seconds=times_s[-1]))
        self._period_s = max(1.0, math.ceil((times_s[-1] + 1e-6) / DAY_S)) * DAY_S
        # the first row again at the end of the period: the line over midnight, from the last row to the first
        self._times_s = array("d", [*times_s, self._period_s])
        self._pvs_w = array("d", [*pvs_w, pvs_w[0]])
        self._loads_w = array("d", [*loads_w, loads_w[0]])
        self._index = 0

    def part(self, from_s: float, until_s: float) -> RecordedTrace:
        """Return the rows from `from_s` until before `until_s` as a trace of their own; it begins at its first row."""
        times = self._times_s[:-1]
        first, last = bisect_left(times, from_s), bisect_left(times, until_s)
        begins_s = times[first]
        return RecordedTrace(
            self.start_at + timedelta(seconds=begins_s),
            [time_s - begins_s for time_s in times[first:last]],
            self._pvs_w[first:last],
            self._loads_w[first:last],
        )

    def _seek(self, t_s: float) -> None:
        base_s = math.floor(t_s / self._period_s) * self._period_s
        within_s = t_s - base_s
        times, index = self._times_s, self._index + 1
        # time mostly goes forward by one segment
        if not (index < len(times) - 1 and times[index] <= within_s < times[index + 1]):
            index = min(bisect_right(times, within_s), len(times) - 1) - 1
        self._index = index
        duration_s = times[index + 1] - times[index]
        self._from_s = base_s + times[index]
        self._until_s = base_s + times[index + 1]
        self._pv_w, self._load_w = self._pvs_w[index], self._loads_w[index]
        self._pv_per_s = (self._pvs_w[index + 1] - self._pv_w) / duration_s
        self._load_per_s = (self._loads_w[index + 1] - self._load_w) / duration_s


def load_trace(path: Path | str, *, timezone: tzinfo, kwp: float = 1.0) -> RecordedTrace:
    """Read a CSV or CSV.gz file.

    The first column is the time, whatever its name (ISO 8601 or `YYYY-MM-DD HH:MM:SS`, local to `timezone` where it
    has no offset), rising, steps of 1 s and more. Then `pv_w_per_kwp` (multiplied by `kwp`) or `pv_w`, and `load_w`.
    Other columns are ignored. Missing values are bridged by a straight line up to 6 h.

    Raises:
        TraceError: what cannot be read, with file, line, value and what is allowed.
    """
    path = Path(path)
    try:
        opener: Callable[..., TextIO] = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            return _read_rows(str(path), csv.reader(file), timezone, kwp)
    except FileNotFoundError:
        raise TraceError(f"{path}: there is no such file; allowed is the path of a CSV or CSV.gz file") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: cannot be read as CSV ({error}); allowed is a text file .csv or .csv.gz") from error


def _read_rows(name: str, rows: Iterable[list[str]], timezone: tzinfo, kwp: float) -> RecordedTrace:
    """Make a trace of CSV rows; `name` is for messages."""
    lines = enumerate(rows, start=1)
    header = [cell.strip().lower() for cell in next(lines, (1, []))[1]]
    pv_column = next((column for column in PV_COLUMNS if column in header[1:]), None)
    if pv_column is None or LOAD_COLUMN not in header[1:]:
        raise TraceError(
            f"{name} line 1: the columns are {','.join(header) or '(none)'}; allowed is a time first, then "
            f"pv_w_per_kwp or pv_w, and load_w"
        )
    pv_index, load_index = header.index(pv_column, 1), header.index(LOAD_COLUMN, 1)
    factor = kwp if pv_column == PV_COLUMNS[0] else 1.0
    start_at: datetime | None = None
    last_at: datetime | None = None
    times_s, numbers, pvs_w, loads_w = array("d"), array("l"), array("d"), array("d")
    for line, row in lines:
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if len(row) <= max(pv_index, load_index):
            raise TraceError(f"{name} line {line}: {len(row)} cells; allowed is one per column ({len(header)})")
        at = _time_of(name, line, row[0], timezone, last_at)
        last_at = at
        if start_at is None:
            start_at = at
        time_s = (at - start_at).total_seconds()
        if times_s and time_s - times_s[-1] < 1.0:
            raise TraceError(f"{name} line {line}: time {row[0]!r}; allowed is at least 1 s after the line before")
        times_s.append(time_s)
        numbers.append(line)
        pvs_w.append(_watts_of(name, line, pv_column, row[pv_index]) * factor)
        loads_w.append(_watts_of(name, line, LOAD_COLUMN, row[load_index]))
    if start_at is None or len(times_s) < 2:
        raise TraceError(f"{name}: {len(times_s)} rows of data; allowed are 2 and more")
    return RecordedTrace(
        start_at,
        times_s,
        _bridged(name, pv_column, times_s, numbers, pvs_w),
        _bridged(name, LOAD_COLUMN, times_s, numbers, loads_w),
    )


def _time_of(name: str, line: int, text: str, timezone: tzinfo, last_at: datetime | None) -> datetime:
    """Return the instant of a row; local time that goes back in autumn is the second life of that hour."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TraceError(
            f"{name} line {line}: time {text!r}; allowed is e.g. 2024-06-21 14:30:00 or 2024-06-21T12:30:00Z"
        ) from None
    if at.tzinfo:
        return at.astimezone(UTC)
    local_at = at.replace(tzinfo=timezone)
    first_at = local_at.astimezone(UTC)
    return first_at if last_at is None or first_at > last_at else local_at.replace(fold=1).astimezone(UTC)


def _watts_of(name: str, line: int, column: str, text: str) -> float:
    """Return the value in W, NaN where it is missing."""
    text = text.strip()
    if text.lower() in _MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = -math.inf
    if not 0 <= value < 1e7:
        hint = " (turn the sign: load is positive)" if column == LOAD_COLUMN and -1e7 < value < 0 else ""
        raise TraceError(f"{name} line {line}: {column} {text!r}; allowed is a number of watts, 0 or more{hint}")
    return value


def _bridged(name: str, column: str, times_s: array[float], lines: array[int], values: array[float]) -> array[float]:
    """Return `values` with gaps bridged by straight lines; at either end the nearest value holds."""
    good = [index for index, value in enumerate(values) if not math.isnan(value)]
    if not good:
        raise TraceError(f"{name}: {column} has no value at all; allowed is a number of watts, 0 or more, per line")
    edges = [(None, good[0]), *pairwise(good), (good[-1], None)]
    last = len(values) - 1
    for before, after in edges:
        from_index, to_index = before if before is not None else 0, after if after is not None else last
        gap_s = times_s[to_index] - times_s[from_index]
        if gap_s > MAX_GAP_S:
            raise TraceError(
                f"{name} line {lines[from_index]}: {column} has no value for {gap_s / 3600:.1f} h; "
                f"allowed are gaps of up to {MAX_GAP_S / 3600:.0f} h"
            )
        for index in range(from_index if before is None else from_index + 1, to_index + (after is None)):
            if before is None or after is None:
                values[index] = values[to_index if before is None else from_index]
            else:
                share = (times_s[index] - times_s[before]) / gap_s
                values[index] = values[before] + share * (values[after] - values[before])
    return values
