"""The generated parts of docs/smartevse-settings.md. `python -m tests.dialects.smartevse.smartevse_docs` writes them."""

from __future__ import annotations

from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.dialects.smartevse.mqtt import HEARD, TOPICS
from sunbox.dialects.smartevse.profiles import PROFILES, rows_of
from sunbox.dialects.smartevse.settings import PARAMETERS
from sunbox.dialects.smartevse.table import BEFORE_3_8, BEFORE_3_10, GROUPS, V3_5_DEV, Row, Version
from sunbox.dialects.smartevse.words import FAULT_TEXTS, STATE_LETTERS, STATE_TEXTS
from sunbox.simulator.smartevse_script import KEYS, SETTINGS

DOCUMENT = Path(__file__).parents[3] / "docs" / "smartevse-settings.md"

_NAMED = {V3_5_DEV: "3.5 in the making", BEFORE_3_8: "before 3.8", BEFORE_3_10: "before 3.10"}


def _version(version: Version) -> str:
    return _NAMED.get(version, ".".join(map(str, version)).removesuffix(".0"))


def _since(version: Version) -> str:
    return f"since {_version(version)}" if version > V3_5_DEV else ""


def _known_to(row: Row) -> str:
    until = "" if row.until is None else _version(row.until)
    told = [_since(row.since), until if until.startswith("before") or not until else f"until {until}", row.optional]
    return "; ".join(each for each in told if each)


def make_parts() -> dict[str, str]:
    """Return each generated part by its name."""
    keys = "\n\n".join(
        f"### {name}\n\n"
        + table(
            "key | type | unit | when | meaning",
            ((f"`{row.path}`", row.kind.value, row.unit, _known_to(row), row.help) for row in group),
        )
        for name, group in GROUPS.items()
    )
    return {
        "profiles": table(
            "profile | `version` | keys | `evse.access` | energy | mode 4",
            (
                (
                    f"`{name}`",
                    profile.version,
                    len(rows_of(profile)),
                    "number" if profile.has_pause else "bool",
                    "Wh, whole" if profile.has_watt_hours else "kWh",
                    "PAUSE" if profile.has_pause else "refused",
                )
                for name, profile in PROFILES.items()
            ),
        ),
        "keys": keys,
        "parameters": table(
            "parameter | allowed | firmware | meaning",
            ((f"`{each.name}`", each.allowed, _since(each.since), each.help) for each in PARAMETERS),
        ),
        "states": table(
            "`state_id` | | `state`",
            ((int(state), STATE_LETTERS[state], text) for state, text in STATE_TEXTS.items()),
        ),
        "errors": table("`error_id` | `error`", enumerate(FAULT_TEXTS)),
        "topics": table(
            "topic | unit | kept | meaning",
            ((f"`{topic.name}`", topic.unit, "yes" if topic.is_retained else "", topic.help) for topic in TOPICS),
        ),
        "heard": table("topic | takes", ((f"`Set/{name}`", each.allowed) for name, each in HEARD.items())),
        "steps": table(
            "keys of a step | keys of its `settings`",
            [[", ".join(f"`{name}`" for name in KEYS), ", ".join(f"`{name}`" for name in SETTINGS)]],
        ),
    }


def fill(text: str) -> str:
    """Return the document with its generated parts made anew."""
    return filled(text, make_parts(), DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
