"""Real processes on free ports: started, watched until something is true, stopped. Nothing sleeps for a fixed time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from tests import loopback
from tests.loopback import WITHIN_S

T = TypeVar("T")

LOOK_EVERY_S = 0.05
ANSWERS_WITHIN_S = 30.0


def free_ports() -> tuple[int, int, int]:
    """Return three ports that are free, of which the second has free ones after it, for the devices of a home."""
    port, base, *_, world = loopback.free_ports(8)
    return port, base, world


class Sunbox:
    """A running `sunbox` command; what it prints goes to files, so that it never waits for a reader."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.words = words
        self._printed = folder / f"{words[0]}-{time.monotonic_ns()}.txt"
        with self._printed.open("wb") as printed:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "sunbox.cli.main", *words),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def printed(self) -> str:
        return self._printed.read_text(encoding="utf-8")

    def until(self, what: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
        """Return what `what` returns as soon as it is something; a refused connection is nothing."""
        ends_s = time.monotonic() + within_s
        while True:
            with contextlib.suppress(httpx2.TransportError):
                found = what()
                if found:
                    return found
            assert time.monotonic() < ends_s, f"not within {within_s} s: {self.words}\n{self.printed}"
            # waits a moment, and tells at once if the process ends
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"{self.words} ended with {self.process.wait(LOOK_EVERY_S)}:\n{self.printed}")

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WITHIN_S)

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait(WITHIN_S)


@contextlib.contextmanager
def started(folder: Path, *words: str) -> Iterator[Sunbox]:
    """Run a command while the body runs; it is ended in any case."""
    command = Sunbox(folder, *words)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.kill()


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        (sys.executable, "-m", "sunbox.cli.main", *words),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * WITHIN_S,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


class Client:
    """Speaks to a gateway and to the world around it, as `curl` would."""

    def __init__(self, port: int, world_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._world = f"http://127.0.0.1:{world_port}/world"

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=ANSWERS_WITHIN_S, trust_env=False)

    def tlwb(self, path: str = "/status") -> dict[str, Any]:
        answer = self.get("/tlwb/1" + path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def world(self) -> dict[str, Any]:
        return dict(httpx2.get(self._world, timeout=ANSWERS_WITHIN_S, trust_env=False).json())

    def change_world(self, **changes: Any) -> None:
        answer = httpx2.patch(self._world, json=changes, timeout=ANSWERS_WITHIN_S, trust_env=False)
        assert answer.status_code == 200, answer.text


def no_traceback(text: str) -> bool:
    return not re.search(r"Traceback|Error|Exception|CancelledError|never awaited", text)
