"""What is asked of the record: the words of an address, made into a query or into the first mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from sunbox.core.wallbox import DecisionQuery, SiteSnapshot

LIMIT, LIMIT_MOST = 500, 5000
"""Records that are told, the newest: unless said otherwise, and at most."""

RANGE_MOST = timedelta(days=31)
RANGE = timedelta(days=1)
"""Back from now, unless said otherwise."""

INSTANT = "an instant with its offset, such as 2026-06-01T12:30:00Z"
DAY = "a day such as 2026-06-01"

DECISIONS: dict[str, str] = {
    "from": INSTANT,
    "to": INSTANT,
    "at": f"{INSTANT}, without from and to",
    "loadpoint": "id or number of a loadpoint",
    "limit": f"a whole number from 1 to {LIMIT_MOST}",
}
REPORT: dict[str, str] = {"day": DAY}
"""What may be asked, and what it may be, in words."""


class WrongQueryError(Exception):
    """Something in the address is not as it should be."""

    def __init__(self, error: str, field: str, value: str, allowed: str) -> None:
        super().__init__(error)
        self.error = error
        self.field = field
        self.value = value
        self.allowed = allowed


def decision_query(words: Sequence[tuple[str, str]], site: SiteSnapshot) -> DecisionQuery:
    """Return what is asked for.

    Raises:
        WrongQueryError: the first mistake.
    """
    asked = _once_each(words, DECISIONS)
    limit = _limit(asked.get("limit"))
    loadpoint_id = _loadpoint(asked.get("loadpoint"), site)
    if "at" in asked:
        if other := next((name for name in ("from", "to") if name in asked), None):
            raise WrongQueryError(f"{other}: not together with at", other, asked[other], DECISIONS["at"])
        at = _instant("at", asked["at"])
        if at > site.at:
            raise WrongQueryError("at: is still to come", "at", asked["at"], f"up to {site.at.isoformat()}")
        return DecisionQuery(from_at=at, to_at=at, in_force=True, loadpoint_id=loadpoint_id, limit=limit)
    to_at = _instant("to", asked["to"]) if "to" in asked else site.at
    from_at = _instant("from", asked["from"]) if "from" in asked else to_at - RANGE
    if from_at > to_at:
        raise WrongQueryError("from: is after to", "from", asked.get("from", ""), f"up to {to_at.isoformat()}")
    if to_at - from_at > RANGE_MOST:
        most = f"at most {RANGE_MOST.days} days before to"
        raise WrongQueryError("from: the time is too long", "from", asked.get("from", ""), most)
    return DecisionQuery(from_at=from_at, to_at=to_at, loadpoint_id=loadpoint_id, limit=limit)


def report_day(words: Sequence[tuple[str, str]]) -> date | None:
    """Return the day that is asked for, None = today.

    Raises:
        WrongQueryError: the first mistake.
    """
    text = _once_each(words, REPORT).get("day")
    if text is None:
        return None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise WrongQueryError(f"day: {text[:40]!r} is not allowed", "day", text[:40], DAY)


def _once_each(words: Sequence[tuple[str, str]], known: Mapping[str, str]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, value in words:
        if name not in known:
            raise WrongQueryError(f"{name[:40]}: there is no such word", name[:40], value[:40], ", ".join(known))
        if name in asked:
            raise WrongQueryError(f"{name}: stands twice", name, value[:40], "once")
        asked[name] = value
    return asked


def _instant(name: str, text: str) -> datetime:
    # a plus in an address is a space unless it was written as %2B
    mended = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        at = datetime.fromisoformat(mended)
        if at.tzinfo is not None and 2000 <= at.year <= 2999:
            return at
    except ValueError:
        pass
    raise WrongQueryError(f"{name}: {text[:40]!r} is not allowed", name, text[:40], INSTANT)


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LIMIT_MOST:
        return int(text)
    raise WrongQueryError(f"limit: {text[:40]!r} is not allowed", "limit", text[:40], DECISIONS["limit"])


def _loadpoint(name: str | None, site: SiteSnapshot) -> str | None:
    if name is None:
        return None
    found = next((row.id for row in site.loadpoints if name in {row.id, str(row.number)}), None)
    if found is None:
        known = ", ".join(row.id for row in site.loadpoints)
        raise WrongQueryError("loadpoint: there is no such loadpoint", "loadpoint", name[:40], known)
    return found
