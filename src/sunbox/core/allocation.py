"""Several cars and one sun: what each loadpoint may regulate on.

Higher priority first; equal ones share fairly: each its minimum in the order in which they charge, then even parts, and what
one cannot use goes on to the next. A car that waits counts the sun that is left when those beside it go down to their minimum,
so that it starts only where there is enough for one more: no turns are taken where the sun suffices for one.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_W = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a loadpoint needs and can use, in W."""

    min_w: float
    max_w: float


def fair_w(left_w: float, claims: list[Claim]) -> list[float]:
    """Return the part of each claim: minimums in their order, then even parts up to what each can use.

    Where the minimums do not all fit, who comes too late gets what is left, also less than nothing. What nobody can use is
    added to the first one's part.
    """
    if len(claims) == 1:
        return [left_w]
    parts: list[float] = []
    for claim in claims:
        parts.append(min(claim.min_w, left_w))
        left_w -= claim.min_w
    hungry = list(range(len(claims)))
    while left_w > NOTHING_W and (hungry := [at for at in hungry if claims[at].max_w - parts[at] > NOTHING_W]):
        each_w = left_w / len(hungry)
        for at in hungry:
            more_w = min(each_w, claims[at].max_w - parts[at])
            parts[at] += more_w
            left_w -= more_w
    if left_w > 0:
        parts[0] += left_w
    return parts
