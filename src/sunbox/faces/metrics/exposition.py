"""A snapshot in Prometheus's text format, made anew each time: nothing is kept between two scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sunbox.core.wallbox import SiteSnapshot
from sunbox.faces.metrics.table import PARTS, Metric


class SiteCollector(Collector):
    """Tells one snapshot."""

    def __init__(self, site: SiteSnapshot) -> None:
        self._site = site

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each metric of which something is known."""
        for part in PARTS:
            found = list(part.found(self._site))
            for metric in part.metrics:
                family = _family(metric, part.label, found)
                if family.samples:
                    yield family


def _family(metric: Metric[Any], label: str | None, found: Iterable[tuple[str, Any]]) -> GaugeMetricFamily:
    own = () if label is None else (label,)
    family = GaugeMetricFamily(metric.name, metric.help, labels=(*own, *metric.labels))
    for name, one in found:
        for more, value in metric.read(one).items():
            if value is not None and math.isfinite(value):  # a number that is none is not known
                family.add_metric((*(name for _ in own), *more), float(value))
    return family


def exposition_of(site: SiteSnapshot) -> bytes:
    """Return the whole answer, from a registry of its own: what the library counts of the process is not in it."""
    registry = CollectorRegistry()
    registry.register(SiteCollector(site))
    return generate_latest(registry)
