"""Paths into JSON documents: `$.a.b[0].c`, and `$['a name with dots.'].b` where a name has signs of its own.

The part of RFC 9535 that points at exactly one value. No wildcards, filters or slices: a meter's reading is one number.
"""

from __future__ import annotations

import re
from typing import Any

Step = str | int
JsonPath = tuple[Step, ...]

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]\s'"]+)          # .name
      | \[(?P<index>\d{1,6})\]             # [0]
      | \['(?P<single>[^']+)'\]            # ['a.b']
      | \["(?P<double>[^"]+)"\]            # ["a.b"]
    """,
    re.VERBOSE,
)


def path_from_text(text: str) -> JsonPath:
    """Return the steps of a path; `$` alone is the whole document.

    Raises:
        ValueError: it is no such path; the text says where it goes wrong.
    """
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no path: it begins with $, such as $.power or $.meters[0].power")
    steps: list[Step] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise ValueError(
                f"{text!r} is no path from character {position + 1} ({text[position:]!r}): "
                "after $ come .name, [0] or ['name with dots']"
            )
        index = found["index"]
        steps.append(int(index) if index is not None else found["name"] or found["single"] or found["double"])
        position = found.end()
    return tuple(steps)


def path_to_text(path: JsonPath) -> str:
    """Return a path as it is written."""
    return "$" + "".join(_step_to_text(step) for step in path)


def _step_to_text(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _STEP.fullmatch(f".{step}"):
        return f".{step}"
    return f'["{step}"]' if "'" in step else f"['{step}']"


def look_up(document: Any, path: JsonPath) -> Any:
    """Return the value at a path, None where there is none."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return None
            document = document[step]
        else:
            if not isinstance(document, dict):
                return None
            document = document.get(step)
    return document
