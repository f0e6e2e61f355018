"""Reads parts of a parsed file by their models, and collects what is wrong instead of stopping at it.

A part with mistakes is read without its faulty keys, so that the look across the parts finds everything in one go; the file
as a whole is refused anyway.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from sunbox.config.problems import (
    Problem,
    contains,
    from_validation,
    model_in,
    path_text,
    relative_to,
    shown,
    unknown_keys,
)
from sunbox.config.yaml12 import Document, Path

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Reader:
    """One reading of one file."""

    path: FilePath
    document: Document
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def root(self) -> dict[str, Any]:
        """Return the file's sections."""
        return self.document.value if isinstance(self.document.value, dict) else {}

    def tell(self, where: Path, text: str) -> None:
        """Note a mistake at a value."""
        self.problems.append(Problem(self.document.value_mark(where), path_text(where), text))

    def warn(self, where: Path, text: str) -> None:
        """Note something that is allowed and probably not meant."""
        self.warnings.append(Problem(self.document.value_mark(where), path_text(where), text))

    def tell_strangers(self, raw: dict[str, Any], known: list[str], where: Path) -> None:
        """Note each key that nothing knows."""
        self.problems += unknown_keys(raw, known, where, self.document)

    def line(self, where: Path) -> int:
        """Return the line of a value."""
        return self.document.value_mark(where).line

    def map_at(self, where: Path, raw: Any) -> dict[str, Any] | None:
        """Return a map of the file, empty where nothing is written; None, with a mistake noted, if it is something else."""
        if raw is None:
            return {}
        if isinstance(raw, dict):
            return raw
        self.tell(where, f"{shown(raw)} is not a map: lines of key: value")
        return None

    def list_at(self, where: Path, raw: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the maps of a list of the file, and note what is none."""
        if raw is None:
            return
        if not isinstance(raw, list):
            self.tell(where, f"{shown(raw)} is not a list: items that begin with -")
            return
        for index, item in enumerate(raw):
            if isinstance(item, dict):
                yield (*where, index), item
            else:
                self.tell((*where, index), f"{shown(item)} is not a map: lines of key: value")

    def written(self, section: str, key: str = "id") -> list[tuple[str, Path]]:
        """Return a key of each item of a list section where it is a word, also of items with mistakes."""
        raw = self.root.get(section)
        return [
            (item[key], (section, index, key))
            for index, item in enumerate(raw if isinstance(raw, list) else [])
            if isinstance(item, dict) and isinstance(item.get(key), str)
        ]

    def ids(self, section: str) -> list[str]:
        """Return the ids of a list section."""
        return [name for name, _ in self.written(section)]

    def part(self, model: type[Model], raw: Any, where: Path) -> Model | None:
        """Return a map of the file that only one model knows; None if too little of it is right."""
        mapping = self.map_at(where, raw)
        if mapping is None:
            return None
        self.tell_strangers(mapping, keys_of(model), where)
        return self.validated(model, mapping, where)

    def validated(self, model: type[Model], raw: dict[str, Any], where: Path) -> Model | None:
        """Return the keys of `raw` that a model knows, as that model. A key with nothing behind it counts as not written."""
        told = {problem.where for problem in self.problems}
        known = _without_nothing({key: raw[key] for key in keys_of(model) if key in raw})
        known, failed = self.resolved(model, known, where)
        try:
            return model.model_validate(known)
        except ValidationError as error:
            found = from_validation(error, model, known, where, self.document)
            gaps = {path_text((*where, *path)) for path in failed}
            self.problems += [problem for problem in found if problem.where not in told | gaps]
            faulty = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        try:
            return model.model_validate({key: value for key, value in known.items() if key not in faulty})
        except ValidationError:
            return None

    def resolved(self, model: type[BaseModel], raw: dict[str, Any], where: Path) -> tuple[dict[str, Any], list[Path]]:
        """Return `raw` with references to secrets followed and paths made absolute, and where that failed."""
        result, failed = dict(raw), list[Path]()
        for name, info in model.model_fields.items():
            key = info.alias or name
            value = raw.get(key)
            if isinstance(value, str) and contains(info.annotation, SecretStr):
                self._resolve_secret(result, key, (*where, key), failed, (key,))
            elif isinstance(value, str) and contains(info.annotation, FilePath):
                result[key] = self.beside(value)
            elif value is None and isinstance(info.default, FilePath):
                result[key] = self.beside(str(info.default))
            elif isinstance(value, dict) and _is_map_of_secrets(info.annotation):
                result[key] = dict(value)
                for word in value:
                    self._resolve_secret(result[key], word, (*where, key, word), failed, (key, word))
            elif isinstance(value, dict) and (nested := model_in(info.annotation)) is not None:
                result[key], deeper = self.resolved(nested, value, (*where, key))
                failed += [(key, *path) for path in deeper]
        return result, failed

    def _resolve_secret(self, into: dict[str, Any], key: str, where: Path, failed: list[Path], path: Path) -> None:
        if not isinstance(into[key], str):
            return
        value = self.secret(into[key], where)
        if value is None:
            del into[key]
            failed.append(path)
        else:
            into[key] = value

    def secret(self, text: str, where: Path) -> str | None:
        """Return what a `file:`, `env:` or `credential:` reference stands for; any other text stands for itself."""
        scheme, colon, name = text.partition(":")
        look_up = _SECRET_SOURCES.get(scheme) if colon else None
        if look_up is None:
            return text
        try:
            value = look_up(name, self.path.parent, self.environ).strip()
        except KeyError as error:
            self.tell(where, f"the environment variable {error.args[0]} is not set; set it where sunbox is started")
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.tell(where, f"{scheme}:{name} cannot be read: {why_unreadable(error)}")
            return None
        if not value:
            self.tell(where, f"{scheme}:{name} is empty")
            return None
        return value

    def beside(self, text: str) -> FilePath:
        """Return a path that stands in the file."""
        return relative_to(self.path.parent, text)


def keys_of(*models: type[BaseModel]) -> list[str]:
    """Return the keys that these models take, in their order."""
    return list(dict.fromkeys(info.alias or key for model in models for key, info in model.model_fields.items()))


def why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file cannot be read, in a few words."""
    return str(error.strerror) if isinstance(error, OSError) else "it is not written in UTF-8"


def _without_nothing(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in raw.items()
        if value is not None
    }


def _is_map_of_secrets(annotation: Any) -> bool:
    return typing.get_origin(annotation) is dict and contains(typing.get_args(annotation)[1], SecretStr)


def _secret_file(name: str, folder: FilePath, _environ: Mapping[str, str]) -> str:
    return relative_to(folder, name).read_text(encoding="utf-8")


def _secret_env(name: str, _folder: FilePath, environ: Mapping[str, str]) -> str:
    return environ[name]


def _secret_credential(name: str, _folder: FilePath, environ: Mapping[str, str]) -> str:
    return (FilePath(environ["CREDENTIALS_DIRECTORY"]) / name).read_text(encoding="utf-8")


_SECRET_SOURCES: dict[str, Callable[[str, FilePath, Mapping[str, str]], str]] = {
    "file": _secret_file,
    "env": _secret_env,
    "credential": _secret_credential,  # systemd's LoadCredential=
}
