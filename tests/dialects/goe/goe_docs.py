"""The generated parts of docs/goe-keys.md. `python -m tests.dialects.goe.goe_docs` writes them."""

from __future__ import annotations

from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.core.reasons import ReasonCode
from sunbox.dialects.goe.decide import STATUS_ROWS, may_charge
from sunbox.dialects.goe.keys import Firmware, Key
from sunbox.dialects.goe.profiles import PROFILES, keys_of
from sunbox.dialects.goe.reasons import WORDS
from sunbox.dialects.goe.table import GROUPS
from sunbox.dialects.goe.words import FAULTS_SINCE_59, FAULTS_UNTIL_58

DOCUMENT = Path(__file__).parents[3] / "docs" / "goe-keys.md"


def _firmware(number: Firmware | None) -> str:
    return "" if number is None else f"{number[0]:03d}" if number[1] in {0, 99} else f"{number[0]}.{number[1]}"


def _known_to(key: Key) -> str:
    since, until = _firmware(key.since), _firmware(key.until)
    return f"{'' if since == '051' else since}–{until}" if until else "" if since == "051" else f"{since}–"


def _type(key: Key) -> str:
    kind = "bool (a text is written)" if key.is_secret and key.is_readable else key.kind.value
    return f"{kind}, null" if key.nullable else kind


def make_parts() -> dict[str, str]:
    """Return each generated part by its name."""
    keys = "\n\n".join(
        f"### {name}\n\n"
        + table(
            "key | R/W | type | unit | range | firmware | meaning",
            (
                (
                    f"`{key.name}`",
                    key.access.value,
                    _type(key),
                    key.unit,
                    "see below" if key.name in {"modelStatus", "err"} else key.allowed,
                    _known_to(key),
                    key.help,
                )
                for key in group
            ),
        )
        for name, group in GROUPS.items()
    )
    faults = sorted(FAULTS_UNTIL_58.keys() | FAULTS_SINCE_59.keys())
    return {
        "keys": keys,
        "statuses": table(
            "`modelStatus` | charges | when (the first that is true)",
            ((int(row.status), "yes" if may_charge(row.status) else "no", row.help) for row in STATUS_ROWS),
        ),
        "reasons": table(
            "reason | `modelStatus` | charges",
            (
                (
                    f"`{reason}`",
                    " / ".join(dict.fromkeys((str(int(words.offered)), str(int(words.held))))),
                    " / ".join(
                        dict.fromkeys("yes" if may_charge(each) else "no" for each in (words.offered, words.held))
                    ),
                )
                for reason, words in ((code.value, WORDS[code]) for code in ReasonCode)
            ),
        ),
        "faults": table(
            "`err` | until 58 | since 59",
            (
                (number, *(_fault(faults_of.get(number)) for faults_of in (FAULTS_UNTIL_58, FAULTS_SINCE_59)))
                for number in faults
            ),
        ),
        "profiles": table(
            "profile | `fwv` | `typ` | keys | what else differs",
            (
                (f"`{name}`", profile.fwv, profile.typ, len(keys_of(profile)), _differences(name))
                for name, profile in PROFILES.items()
            ),
        ),
    }


def _fault(fault: object) -> str:
    return "" if fault is None else str(getattr(fault, "name", "")).lower().replace("_", " ")


def _differences(name: str) -> str:
    profile = PROFILES[name]
    told = [
        ("400 with a complete body if a filter has an unknown key", profile.is_400_for_unknown),
        ("`bac` and `sdp` are bool", profile.locks_are_bool),
        ("`psm` has no 0", profile.least_phase_mode > 0),
        ("`adi` is always true", profile.always_adapter),
        ("`wh` is 0 after unplugging", profile.clears_wh_at_unplug),
        ("times as `….042.171`", profile.has_split_seconds),
        (f"null for {', '.join(f'`{key}`' for key in sorted(profile.null_keys))}", bool(profile.null_keys)),
        (f"lacks {', '.join(f'`{key}`' for key in sorted(profile.missing))}", bool(profile.missing)),
    ]
    return "; ".join(text for text, applies in told if applies)


def fill(text: str) -> str:
    """Return the document with its generated parts made anew."""
    return filled(text, make_parts(), DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
