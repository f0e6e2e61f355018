"""What a configuration file says about Tesla, and the lines that are missing in it, ready to be pasted where they belong.

The owner's file is never edited. It is read as far as it goes: whoever logs in has often written half of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sunbox.config.reader import Reader, why_unreadable
from sunbox.config.yaml12 import Document, Mark, parse
from sunbox.core.connection import PV_TAGS
from sunbox.dialects.tesla.login import ListedVehicle
from sunbox.drivers.tesla.settings import TeslaAccountSettings
from sunbox.errors import ConfigError

MODELS: dict[str, str] = {
    "S": "models",
    "3": "model3",
    "X": "modelx",
    "Y": "modely",
    "C": "cybertruck",
    "R": "roadster",
}
"""Fourth character of a VIN → what the car is called in the file."""

HOME = "Home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Lines to be pasted. `under` says where, None = anywhere at the left edge."""

    section: str
    under: str | None
    text: str


@dataclass(frozen=True, slots=True)
class OwnersFile:
    """A configuration file, as far as it can be read."""

    path: Path
    exists: bool = False
    account: TeslaAccountSettings | None = None  #: None = there is no section `tesla`
    document: Document = field(default_factory=Document)
    lines: Sequence[str] = ()

    @property
    def tokens(self) -> Path:
        """Return where the tokens are."""
        return self.account.account if self.account is not None else self.path.parent / "tokens.json"

    def items(self, section: str) -> list[dict[str, Any]]:
        """Return the items of a list section that are maps."""
        root = self.document.value
        raw = root.get(section) if isinstance(root, dict) else None
        return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []

    def words(self, section: str, key: str) -> list[str]:
        """Return a key of each item of a list section, where it is a word."""
        return [item[key] for item in self.items(section) if isinstance(item.get(key), str)]

    def opens_with(self, bracket: str, mark: Mark) -> bool:
        """Return whether what stands at a place is written in brackets, and not line by line."""
        return self.lines[mark.line - 1][mark.column - 1 : mark.column] == bracket

    @property
    def home(self) -> str:
        """Return the name of the place at home."""
        places = [place for place in self.items("places") if isinstance(place.get("name"), str)]
        tagged = [
            place for place in places if isinstance(place.get("tags"), list) and PV_TAGS & {*map(str, place["tags"])}
        ]
        return next((str(place["name"]) for place in (*tagged, *places)), HOME)


def read_owners_file(path: Path) -> OwnersFile:
    """Read what a configuration says about Tesla; a file that is not there yet says nothing.

    Raises:
        ConfigError: it cannot be read, is no YAML, or its section `tesla` has mistakes.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return OwnersFile(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {why_unreadable(error)}"]) from None
    document = parse(text)
    if document.faults:
        raise ConfigError([f"{path}:{fault.mark.line}:{fault.mark.column} {fault.text}" for fault in document.faults])
    reader = Reader(path, document, os.environ)
    account: TeslaAccountSettings | None = None
    if "tesla" in reader.root:
        mapping = reader.map_at(("tesla",), reader.root["tesla"])
        account = None if mapping is None else reader.validated(TeslaAccountSettings, mapping, ("tesla",))
    if reader.problems:
        raise ConfigError([problem.render(str(path)) for problem in sorted(set(reader.problems))])
    return OwnersFile(path, exists=True, account=account, document=document, lines=text.splitlines())


def missing_pieces(
    file: OwnersFile, tokens: Path, vehicles: Sequence[ListedVehicle], *, is_located: bool
) -> tuple[Piece, ...]:
    """Return what is to be pasted for an account and its cars; nothing where all of it stands there.

    Args:
        file: the configuration.
        tokens: the token file.
        vehicles: the account's cars.
        is_located: the cars say where they are.
    """
    pieces: list[Piece] = []
    written = {vin.strip().upper(): item for item in file.items("vehicles") if isinstance(vin := item.get("vin"), str)}
    taken = {*file.words("vehicles", "id"), *file.words("meters", "id"), *file.words("chargers", "id")}
    taken |= set(file.words("circuits", "id"))
    ids: dict[str, str] = {}
    cars: list[str] = []
    for car in vehicles:
        known = written.get(car.vin)
        if known is not None:
            ids[car.vin] = str(known.get("id", ""))
            continue
        ids[car.vin] = _unique(MODELS.get(car.vin[3], "tesla"), taken)
        more = {"name": car.name} if car.name else {}
        more |= {} if is_located else {"assume_place": file.home}
        cars.append(_item({"id": ids[car.vin], "driver": "tesla", "vin": car.vin, **more}))
    charged = set(file.words("loadpoints", "vehicle"))
    used = set(file.words("loadpoints", "id"))
    points = [
        _item({"id": _unique("carport", used), "vehicle": ids[car.vin], "mode": "pv"})
        for car in vehicles
        if ids[car.vin] not in charged
    ]
    if file.account is None or file.tokens.resolve() != tokens.resolve():
        pieces.append(_account(file, f"account: {_scalar(_beside(tokens, file.path))}"))
    pieces += [_piece(file, section, items) for section, items in (("vehicles", cars), ("loadpoints", points)) if items]
    return tuple(pieces)


def _account(file: OwnersFile, line: str) -> Piece:
    """Return the line that names the token file, written as the section is; it stands for one that is there."""
    if file.account is None or ("tesla",) not in file.document.keys:
        return Piece(section="tesla", under=None, text=f"tesla:\n  {line}")
    mark = file.document.values["tesla",]
    number = file.document.keys["tesla",].line
    instead = ", in place of the account there" if ("tesla", "account") in file.document.keys else ""
    if file.opens_with("{", mark):
        return Piece(section="tesla", under=f"inside the {{ }} of `tesla:`, line {number}{instead}", text=line)
    margin = " " * (mark.column - 1 if mark.line > number else 2)
    return Piece(section="tesla", under=f"under `tesla:`, line {number}{instead}", text=f"{margin}{line}")


def _piece(file: OwnersFile, section: str, items: Iterable[str]) -> Piece:
    """Return items for a list section, written as the section is."""
    if not file.items(section):
        lines = [f"{section}:", *(f"  - {item}" for item in items)]
        return Piece(section=section, under=None, text="\n".join(lines))
    mark = file.document.values[section,]
    line = file.document.keys[section,].line
    if file.opens_with("[", mark):
        under = f"inside the [ ] of `{section}:`, line {line}, after a comma"
        return Piece(section=section, under=under, text=", ".join(items))
    margin = " " * (mark.column - 1)
    under = f"under `{section}:`, line {line}"
    return Piece(section=section, under=under, text="\n".join(f"{margin}- {item}" for item in items))


def _item(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items()) + "}"


def _scalar(value: str) -> str:
    """Return a word as YAML: as it is where that cannot be misread, else in quotes."""
    is_plain = value.isascii() and value[:1].isalpha() and all(each.isalnum() or each in "._-/" for each in value)
    is_word = value.lower() not in {"true", "false", "null", "nan", "inf"}
    return value if is_plain and is_word else json.dumps(value, ensure_ascii=False)


def _unique(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _beside(path: Path, config: Path) -> str:
    """Return a path as it is written in a configuration: relative to its folder where it is inside."""
    folder = config.parent.resolve()
    whole = path.resolve()
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)
