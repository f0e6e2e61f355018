"""The performance budget: what sunbox takes on this machine, beside what it may take. `make bench`, explained in docs/performance.md.

Figures on a shared machine are noisy: each is measured several times and the median is told, and what only computes is
measured in seconds of the CPU. `--quick` measures less, `--only WORD` only rows with that word, `--json` prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import functools
import gc
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

import goe
import tlwb
from sunbox.app import running
from sunbox.cli.day import DayOptions, run_days
from sunbox.cli.home import METER_PORT, TESLA_PORT, build_home, config_document, write_config
from sunbox.core.engine import step
from sunbox.core.events import Event, MeterRead
from sunbox.gateway.gateway import Gateway
from sunbox.gateway.journal import EVENTS
from sunbox.net.http import client_factory
from sunbox.net.serving import Listener, serving
from sunbox.simulator.clock import LoopClock, ScaledTimeLoop, run_in
from sunbox.simulator.scenario import CarScenario, Scenario

SUNBOX = (sys.executable, "-m", "sunbox.cli.main")
READY_S = 30.0


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the budget. `measure(is_quick)` returns one value per repetition."""

    name: str
    unit: str
    budget: float
    measure: Callable[[bool], list[float]]
    more_is_better: bool = False

    def is_kept(self, value: float) -> bool:
        return value >= self.budget if self.more_is_better else value <= self.budget


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


# The core ---------------------------------------------------------------------------------------------------------------


class TwoCars(DayOptions):
    """The same day with a second Tesla at a second loadpoint."""

    def scenario(self, trace: str | None) -> Scenario:
        cars = (CarScenario(), CarScenario(id="modely", name="Model Y", soc_pct=60.0))
        return dataclasses.replace(super().scenario(trace), kwp=15.0, cars=cars)


@functools.cache
def recorded_day(kind: type[DayOptions]) -> list[Event]:
    """Return everything that happened on a summer's day, as the journal has it: 8,640 meter readings and the rest."""
    with tempfile.TemporaryDirectory(prefix="sunbox-bench-") as name:
        folder = Path(name)
        run_days(kind(journal=folder), None)
        lines = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    entries = [line for line in lines if "event" in line]
    return [as_fed(EVENTS[entry["event"]].validate_python(entry["with"], strict=False)) for entry in entries]


def as_fed(value: Any) -> Any:
    """Return what was read from a journal with its instants as the clock tells them: in the one `UTC`.

    Each instant that pydantic reads has a time zone object of its own, and to compare two of those takes ten times as long.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {field.name: as_fed(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **changes)
    if isinstance(value, dict):
        return {key: as_fed(each) for key, each in value.items()}
    return tuple(map(as_fed, value)) if isinstance(value, tuple) else value


def events_per_s(kind: type[DayOptions], *, is_quick: bool) -> list[float]:
    events = recorded_day(kind)
    return [len(events) / seconds for seconds in _step_through(events, 3 if is_quick else 5)]


def core_day_s(is_quick: bool) -> list[float]:
    return _step_through(recorded_day(DayOptions), 3 if is_quick else 5)


def _step_through(events: list[Event], times: int) -> list[float]:
    gc.collect()
    gc.freeze()  # the record is ours, a gateway has no ten thousand events in memory to look through
    took_s = []
    for _ in range(times):
        state = None
        began = time.process_time()
        for event in events:
            state, _effects = step(state, event)
        took_s.append(time.process_time() - began)
    gc.unfreeze()
    return took_s


# A day, and a command ---------------------------------------------------------------------------------------------------


def http_day_s(is_quick: bool) -> list[float]:
    took_s = []
    for _ in range(1 if is_quick else 3):
        began = time.process_time()
        run_days(DayOptions(), None)
        took_s.append(time.process_time() - began)
    return took_s


def command_ms(is_quick: bool) -> list[float]:
    """Return how long it takes from each grid reading that asks for a command to the command's arrival at Tesla's cloud."""
    return run_in(lambda: ScaledTimeLoop(240.0), _commands(6.0 if is_quick else 18.0))


async def _commands(wall_s: float) -> list[float]:
    clock = LoopClock(CLOUDY_NOON.start_at())
    home = build_home(CLOUDY_NOON, clock)
    apps = home.apps(tesla_port=TESLA_PORT, meter_port=METER_PORT, world_port=0)
    asked: list[float] = []
    took_ms: list[float] = []

    async def cloud(scope: Any, receive: Any, send: Any) -> None:
        if asked and "/command/" in scope["path"]:
            took_ms.append((time.perf_counter() - asked.pop()) * 1000)
        await apps[TESLA_PORT](scope, receive, send)

    listeners = [Listener(app=app, host="127.0.0.1", port=0) for app in (cloud, apps[METER_PORT])]
    with tempfile.TemporaryDirectory(prefix="sunbox-bench-") as folder:
        async with serving(listeners, speed=240.0) as (tesla, meter):
            document = config_document(home, tesla_url=tesla.url, meter_url=meter.url)
            config = write_config(Path(folder), document)
            async with running(config, client_factory(speed=240.0), clock) as gateway:
                _watch(gateway, asked)
                await asyncio.sleep(wall_s * 240.0)
    return took_ms


CLOUDY_NOON = Scenario(seed=8, start="10:00", cars=(CarScenario(asleep=False, never_full=True),))


def _watch(gateway: Gateway, asked: list[float]) -> None:
    """Note in `asked` when a grid reading came that made a command. The gateway has not begun to poll yet."""
    feed = gateway.feed

    def timed(event: Event) -> None:
        began = time.perf_counter()
        before = {id_: vehicle.exchange for id_, vehicle in gateway.state.vehicles.items()}
        feed(event)
        for id_, vehicle in gateway.state.vehicles.items():
            exchange = vehicle.exchange
            if exchange is not None and exchange is not before[id_]:
                asked.clear()
                if isinstance(event, MeterRead) and exchange.command is not None:
                    asked.append(began)

    gateway.feed = timed  # type: ignore[method-assign]


# The process ------------------------------------------------------------------------------------------------------------


def free_ports() -> tuple[int, int, int]:
    """Return ports for page, simulated devices and world that are free now."""
    while True:
        with contextlib.ExitStack() as stack:
            taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(3)]
            if max(taken) > 65000:
                continue
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", taken[1] + METER_PORT - TESLA_PORT)))
                return taken[0], taken[1], taken[2]


@contextlib.contextmanager
def demo(speed: float) -> Iterator[tuple[int, str, float]]:
    """Run `sunbox demo`; yields its process id, its address, and the seconds to its first answer."""
    port, base, world = free_ports()
    url = f"http://127.0.0.1:{port}"
    words = ("--port", str(port), "--port-base", str(base), "--world-port", str(world), "--speed", str(speed))
    with tempfile.TemporaryDirectory(prefix="sunbox-bench-") as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            (*SUNBOX, "demo", *words), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    fetch(f"{url}/tlwb/1/status")
                    break
                except OSError:
                    assert process.poll() is None, "sunbox demo ended"
                    assert time.perf_counter() - began < READY_S, "sunbox demo does not answer"
                    time.sleep(0.005)
            yield process.pid, url, time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        return bytes(answer.read())


def first_answer_s(is_quick: bool) -> list[float]:
    took_s = []
    for _ in range(2 if is_quick else 5):
        with demo(60.0) as (_pid, _url, seconds):
            took_s.append(seconds)
    return took_s


def resident_mb(is_quick: bool) -> list[float]:
    """Return the memory of a demo whose every face was asked and which has run for some simulated minutes."""
    with demo(60.0) as (pid, url, _seconds):
        for _ in range(50):
            for path in ("/", "/ui/app.js", "/api/v1/site", "/tlwb/1/status", "/healthz"):
                fetch(url + path)
        time.sleep(3.0 if is_quick else 10.0)
        status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return [int(kilobytes) / 1024]


def idle_pct(is_quick: bool) -> list[float]:
    """Return the CPU that a demo takes in real time, with a meter every 10 s and a simulated world in the same process."""
    with demo(1.0) as (pid, _url, _seconds):
        time.sleep(2.0)
        shares = []
        for _ in range(1 if is_quick else 3):
            before_s, began = tlwb.cpu_s(pid), time.perf_counter()
            time.sleep(10.0)
            shares.append(100 * (tlwb.cpu_s(pid) - before_s) / (time.perf_counter() - began))
    return shares


def version_ms(is_quick: bool) -> list[float]:
    took_ms = []
    for _ in range(5 if is_quick else 15):
        began = time.perf_counter()
        subprocess.run((*SUNBOX, "--version"), check=True, stdout=subprocess.DEVNULL)
        took_ms.append((time.perf_counter() - began) * 1000)
    return took_ms


# The status -------------------------------------------------------------------------------------------------------------

_loopback: list[tuple[float, float]] = []


def loopback(is_quick: bool) -> list[tuple[float, float]]:
    """Measure once for two rows."""
    if not _loopback:
        _loopback.extend(tlwb.measure_loopback(1.0 if is_quick else 3.0) for _ in range(2 if is_quick else 5))
    return _loopback


def goe_ms(asks: bytes, *, is_quick: bool) -> list[float]:
    return [goe.measure(1.0 if is_quick else 3.0, asks)[1] for _ in range(2 if is_quick else 5)]


ROWS = (
    Row("core.step, one loadpoint", "events/s", 20_000, lambda q: events_per_s(DayOptions, is_quick=q), True),
    Row("core.step, two loadpoints", "events/s", 12_000, lambda q: events_per_s(TwoCars, is_quick=q), True),
    Row("a recorded day straight into the core", "s CPU", 1.0, core_day_s),
    Row("a simulated day over HTTP, 10-s meter", "s CPU", 5.0, http_day_s),
    Row(f"tlwb status at {tlwb.CALM_PER_S} req/s, p99", "ms", 5.0, lambda q: [p99 for _, p99 in loopback(q)]),
    Row("tlwb status with keep-alive, one core", "req/s", 4_500, lambda q: [rate for rate, _ in loopback(q)], True),
    Row(f"go-e status at {tlwb.CALM_PER_S} req/s, p99", "ms", 5.0, lambda q: goe_ms(goe.FILTERED, is_quick=q)),
    Row(f"go-e status, every key, at {tlwb.CALM_PER_S} req/s, p99", "ms", 10.0, lambda q: goe_ms(goe.FULL, is_quick=q)),
    Row("grid reading to command on the wire", "ms", 20.0, command_ms),
    Row("start to first answer (sunbox demo)", "s", 1.5, first_answer_s),
    Row("resident memory (sunbox demo)", "MB", 115, resident_mb),
    Row("idle CPU (sunbox demo --speed 1)", "%", 1.0, idle_pct),
    Row("sunbox --version", "ms", 150, version_ms),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure sunbox against its performance budget.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", metavar="WORD", default="", help="only rows with this word")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows = [row for row in ROWS if options.only.lower() in row.name.lower()]
    if not rows:
        parser.error(f"no row has {options.only!r}; there are: " + ", ".join(row.name for row in ROWS))
    told = []
    if not options.json:
        load = os.getloadavg()[0]
        print(f"CPython {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} before the first row\n")
        print(f"{'':40}{'median':>18}{'budget':>20}{'best … worst':>20}")
    for row in rows:
        values = sorted(row.measure(options.quick), reverse=row.more_is_better)
        median = statistics.median(values)
        is_kept = row.is_kept(median)
        told.append({**{key: getattr(row, key) for key in ("name", "unit", "budget")}, "median": median, "ok": is_kept})
        if not options.json:
            budget = f"{'≥' if row.more_is_better else '≤'} {row.budget:,g} {row.unit}"
            spread = f"{shown(values[0])} … {shown(values[-1])}" if len(values) > 1 else ""
            mark = "PASS" if is_kept else "over"
            print(f"{row.name:40}{f'{shown(median)} {row.unit}':>18}{budget:>20}{spread:>20}  {mark}", flush=True)
    if options.json:
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
