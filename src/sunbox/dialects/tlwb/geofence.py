"""TeslaLogger's geofence file: one place a line, `name,lat,lng[,radius][,flags]`.

Numbers have a point, an empty radius is 50 m, flags are concatenated and each begins with `+`:
`My Home,52.394,13.542,,+home+scl:75`. There is no quoting, so a name has no comma. Empty lines are skipped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sunbox.core.settings import PlaceSettings

DEFAULT_RADIUS_M = 50.0

TAGS_BY_FLAG: dict[str, str] = {"home": "home", "work": "work", "charger": "charger", "tlwb": "pv"}
"""Flags that say something about the place itself. TeslaLogger compares them as they are: no parameters, lower case."""

OTHER_FLAGS = frozenset({"nosleep", "scl", "occ", "ocp", "esm", "dsm", "cof", "hfl", "ccp", "ccs", "dnc"})
"""TeslaLogger's other flags, which tell the logger what to do there and mean nothing to sunbox."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,18})?")

_LINE_END = re.compile(r"\r\n|\n|\r")  # what an editor counts as a line; `splitlines` knows many more


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with a line of the file; `line` counts from 1."""

    line: int
    text: str
    error: str


@dataclass(frozen=True, slots=True)
class Geofence:
    """The places of a file, and its mistakes. A line with a mistake in its flags still counts as a place."""

    places: tuple[PlaceSettings, ...]
    problems: tuple[LineProblem, ...]


def _number(name: str, text: str, low: float, high: float) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name}: {text!r} is not a number with a point, such as 52.394")
    value = float(text)
    if not low <= value <= high:
        raise ValueError(f"{name}: {text} is not between {low:g} and {high:g}")
    return value


def _place(line: str) -> tuple[PlaceSettings, list[str]]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) < 3 or any(cells[5:]):
        raise ValueError("a line is name,lat,lng[,radius][,flags], and a name has no comma")
    name, lat, lng, radius, flags = [*cells, "", ""][:5]
    if not name:
        raise ValueError("the name is missing")
    head, *parts = flags.split("+")
    mistakes = [f"flags: {head.strip()!r} does not begin with +"] if head.strip() else []
    tags = set()
    for flag in (part.strip() for part in parts):
        if flag in TAGS_BY_FLAG:
            tags.add(TAGS_BY_FLAG[flag])
        elif flag.partition(":")[0] not in OTHER_FLAGS:
            mistakes.append(f"flags: +{flag} is unknown")
    place = PlaceSettings(
        name=name,
        lat=_number("lat", lat, -90, 90),
        lon=_number("lng", lng, -180, 180),
        radius_m=_number("radius", radius, 1, 100_000) if radius else DEFAULT_RADIUS_M,
        tags=frozenset(tags),
    )
    return place, mistakes


def parse_geofence(text: str) -> Geofence:
    """Return the places of a geofence file in its order; a line that cannot be read is reported, not fatal."""
    places: list[PlaceSettings] = []
    problems: list[LineProblem] = []
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        if not line.strip():
            continue
        try:
            place, mistakes = _place(line)
        except ValueError as error:
            problems.append(LineProblem(number, line, str(error)))
            continue
        places.append(place)
        problems.extend(LineProblem(number, line, mistake) for mistake in mistakes)
    return Geofence(tuple(places), tuple(problems))
