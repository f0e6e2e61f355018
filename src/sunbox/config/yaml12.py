"""YAML as its version 1.2 means it, with the place of every key and value.

Stock loaders follow YAML 1.1, where `mode: off` is False and `12:30` is 750. Here only true and false are booleans, and
everything that is not plainly a number is a word. A key that stands twice is a mistake, aliases may not grow a file beyond
measure, and each key and value keeps its line and column, so that a mistake can be shown where it was made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the root."""

MAX_CHARACTERS = 262_144
MAX_DEPTH = 24
MAX_NODES = 20_000  # after aliases are followed
MAX_DIGITS = 400  # of one number; more is never meant, and slow to convert


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file, 1-based as editors count."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is no good YAML, and what to do about it."""

    mark: Mark
    text: str


@dataclass(slots=True)
class Document:
    """A parsed file: plain values, and where each stands."""

    value: Any = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def value_mark(self, path: Path) -> Mark:
        """Return the place of the value at `path`, or of the closest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(1, 1))

    def key_mark(self, path: Path) -> Mark:
        """Return the place of the key at `path`; list items have none, their value counts."""
        return self.keys.get(path) or self.value_mark(path)


class _Loader(yaml.SafeLoader):
    """PyYAML's scanner and parser with the scalar rules of YAML 1.2 and a bounded depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose as PyYAML does, but refuse a nesting that no owner writes before the stack is full."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")

for _tag, _pattern, _first in (
    ("bool", _BOOL, list("tTfF")),
    ("int", _INT, list("-+0123456789")),  # before float, which would take whole numbers too
    ("float", _FLOAT, list("-+0123456789.")),
    ("null", _NULL, ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)


def _int(text: str) -> int:
    if _INT.fullmatch(text) is None or len(text) > MAX_DIGITS:
        raise ValueError
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


def _float(text: str) -> float:
    if _FLOAT.fullmatch(text) is None or len(text) > MAX_DIGITS:
        raise ValueError
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _bool(text: str) -> bool:
    if _BOOL.fullmatch(text) is None:
        raise ValueError
    return text.lower() == "true"


def _null(text: str) -> None:
    if _NULL.fullmatch(text) is None:
        raise ValueError


_SCALARS: dict[str, Callable[[str], Any]] = {
    _TAG + "str": str,
    _TAG + "int": _int,
    _TAG + "float": _float,
    _TAG + "bool": _bool,
    _TAG + "null": _null,
}


def parse(text: str) -> Document:
    """Parse one YAML document. What is wrong with it stands in `faults`, in the order of the file."""
    document = Document()
    if len(text) > MAX_CHARACTERS:
        document.faults.append(Fault(Mark(1, 1), f"the file is longer than {MAX_CHARACTERS} characters"))
        return document
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.faults.append(Fault(_mark(error.problem_mark or error.context_mark), _yaml_words(error)))
        return document
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        document.faults.append(Fault(mark, "a character that YAML does not allow; write it as text or remove it"))
        return document
    if node is not None:
        budget = iter(range(MAX_NODES))
        try:
            document.value = _convert(node, (), document, budget)
        except _TooMuchError:
            document.faults.append(Fault(_mark(node.start_mark), f"more than {MAX_NODES} values; use fewer aliases"))
    document.faults.sort(key=lambda fault: fault.mark)
    return document


class _TooMuchError(Exception):
    """Aliases make the document larger than anything an owner writes."""


def _convert(node: yaml.Node, path: Path, document: Document, budget: Iterator[int]) -> Any:
    """Return the plain value of `node` and note where it and its parts stand."""
    if next(budget, None) is None or len(path) > MAX_DEPTH:
        raise _TooMuchError
    document.values[path] = _mark(node.start_mark)
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _convert_mapping(node, path, document, budget)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_convert(item, (*path, index), document, budget) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
        try:
            return _SCALARS[node.tag](node.value)
        except ValueError:
            word = node.tag.removeprefix(_TAG)
            document.faults.append(Fault(_mark(node.start_mark), f"cannot be read as {word}"))
            return None
    document.faults.append(
        Fault(_mark(node.start_mark), f"the tag {node.tag.replace(_TAG, '!!')} is not used here; remove it")
    )
    return None


def _convert_mapping(node: yaml.MappingNode, path: Path, document: Document, budget: Iterator[int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = _mark(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(mark, "a key is one word"))
            continue
        key = str(key_node.value)
        if key in result:
            first = document.keys[(*path, key)]
            document.faults.append(Fault(mark, f"{key} stands twice (first in line {first.line}); remove one"))
            continue
        document.keys[(*path, key)] = mark
        result[key] = _convert(value_node, (*path, key), document, budget)
    return result


def _mark(mark: Any) -> Mark:
    return Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)


def _yaml_words(error: yaml.MarkedYAMLError) -> str:
    """Return what PyYAML says, in one line, with a hint for the two commonest slips."""
    words = ", ".join(part for part in (error.context, error.problem) if part)
    if "'\\t'" in words:
        return f"{words}; indent with spaces, not with tabs"
    if "mapping values are not allowed" in words:
        return f"{words}; check the indentation, and put quotes around a value that contains ': '"
    return words or "this is no YAML"
