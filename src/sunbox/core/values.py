"""Frozen values, replaced quickly: a step of the core makes a handful of new values, and each has up to thirty fields.

What is replaced with every reading (the states) keeps its fields in a dictionary, which is copied in one go; everything else is
slotted, and copied slot by slot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Copier = tuple[tuple[str, Callable[[Any], Any], Callable[[Any, Any], None]], ...]

_COPIERS: dict[type[Any], Copier] = {}


def replace(value: T, /, **changes: Any) -> T:
    """Return a copy of a frozen dataclass with some fields changed.

    Does what `dataclasses.replace` does for classes without `__post_init__`, at a third of the cost for slotted classes and at a
    tenth for others: it does not call `__init__`, which sets each field of a frozen class through `object.__setattr__`.

    Raises:
        TypeError: the class has no such field.
    """
    kind = type(value)
    new = object.__new__(kind)
    own = getattr(value, "__dict__", None)
    if own is not None:
        mine = own.copy()
        mine.update(changes)
        if len(mine) != len(own):
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(changes.keys() - own.keys()))}")
        object.__setattr__(new, "__dict__", mine)
        return new
    copier = _COPIERS.get(kind)
    if copier is None:
        copier = _COPIERS[kind] = _copier_of(kind)
    left = len(changes)
    for name, get, put in copier:
        if left and name in changes:
            put(new, changes[name])
            left -= 1
        else:
            put(new, get(value))
    if left:
        unknown = ", ".join(sorted(set(changes) - {name for name, _, _ in copier}))
        raise TypeError(f"{kind.__name__} has no field {unknown}")
    return new


def _copier_of(kind: type[Any]) -> Copier:
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} has a __post_init__, which copying its slots would leave out")
    return tuple(
        (field.name, getattr(kind, field.name).__get__, getattr(kind, field.name).__set__) for field in fields(kind)
    )


KEPT = 64
"""So many answers are kept of a function: a site has fewer devices."""


def unchanged(function: F) -> F:
    """Return a pure function of frozen values that gives its last answer again when it is asked with the very same objects.

    Between two readings of a car nothing changes of what it is, where it is and what it can do.
    """
    known: dict[tuple[int, ...], tuple[Any, tuple[Any, ...]]] = {}

    @wraps(function)
    def again(*args: Any) -> Any:
        key = tuple(map(id, args))
        found = known.get(key)
        if found is None:
            if len(known) >= KEPT:
                known.clear()
            found = known[key] = (function(*args), args)  # whose ids nobody else has while they are kept
        return found[0]

    return again  # type: ignore[return-value]
