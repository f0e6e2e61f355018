"""What the configuration must be told about drivers and faces: it imports none of them, the composition root hands this over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from sunbox.core.settings import Capabilities, MeterSettings, PlaceSettings


class LineFault(Protocol):
    """A line of a geofence file that could not be read whole."""

    @property
    def line(self) -> int:
        """Return its number, from 1."""
        ...

    @property
    def error(self) -> str:
        """Return what is wrong with it."""
        ...


class Geofence(Protocol):
    """What a geofence file says."""

    @property
    def places(self) -> Sequence[PlaceSettings]:
        """Return its places, in its order."""
        ...

    @property
    def problems(self) -> Sequence[LineFault]:
        """Return the lines that could not be read."""
        ...


@dataclass(frozen=True, slots=True)
class DriverKind:
    """One driver: the model of its keys in the file, and what its device can do.

    `capabilities` is called with the device's settings and with those of its account (None if it has none); meters have no
    capabilities. Fields of type `SecretStr` may be written as a reference, fields of type `Path` are relative to the file.
    """

    settings: type[BaseModel]
    capabilities: Callable[[Any, Any], Capabilities] | None = None
    needs_account: Callable[[Any], bool] = lambda _: True  #: given the device's settings
    account: str | None = None  #: of a meter: whose account it shares, where it needs one


@dataclass(frozen=True, slots=True)
class FaceKind:
    """One face with keys of its own below `faces`: one map, or (`is_list`) a list of maps, each an instance.

    `own_meter` is called with an instance's settings and whether the site has another meter; it returns the meter that the
    instance brings with it, to which readings are pushed, or None.
    """

    settings: type[BaseModel]
    is_list: bool = False
    own_meter: Callable[[Any, bool], MeterSettings | None] = lambda _, __: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything that brings its own keys, by the name that stands in the file."""

    meters: Mapping[str, DriverKind] = field(default_factory=dict)
    chargers: Mapping[str, DriverKind] = field(default_factory=dict)
    vehicles: Mapping[str, DriverKind] = field(default_factory=dict)
    accounts: Mapping[str, type[BaseModel]] = field(default_factory=dict)  #: by the name of the driver they serve
    faces: Mapping[str, FaceKind] = field(default_factory=dict)
    parse_geofence: Callable[[str], Geofence] | None = None
