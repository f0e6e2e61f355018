"""A real broker (mosquitto, from Debian's package of that name) on loopback, as a process of the test's own.

A test that needs it fails where it is missing: `apt-get install mosquitto`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.loopback import WITHIN_S, free_port

PATHS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"))


class Mosquitto:
    """A broker that can be stopped and started again on its port; it keeps nothing on disk."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self.lines: list[str] = []
        self._config = folder / f"mosquitto-{self.port}.conf"
        about = (
            f"listener {self.port} 127.0.0.1",
            *(() if any("allow_anonymous" in line for line in lines) else ("allow_anonymous true",)),
            "persistence false",
            "user root",  # without it a broker that root starts becomes somebody who may not read its own files
            "log_dest stderr",
            *lines,
        )
        self._config.write_text("\n".join(about) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        program = shutil.which("mosquitto", path=PATHS)
        assert program is not None, "mosquitto is missing, which this test needs: apt-get install mosquitto"
        self._process = subprocess.Popen(
            (program, "-c", str(self._config)), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        is_running = threading.Event()
        errors = self._process.stderr
        assert errors is not None

        def read() -> None:
            with errors:
                for line in errors:
                    self.lines.append(line)
                    if line.rstrip().endswith("running"):
                        is_running.set()
            is_running.set()

        threading.Thread(target=read, daemon=True).start()
        assert is_running.wait(WITHIN_S), self.lines
        assert self._process.poll() is None, self.lines

    def stop(self) -> None:
        """Stop it; what it retained is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WITHIN_S)
            self._process = None


@contextlib.contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """Run a broker while the body runs."""
    broker = Mosquitto(folder, *lines)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


async def ended(*tasks: asyncio.Task[None]) -> None:
    """End tasks that publish: a client's `wait_for` may lose a cancellation, so they are told again."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.2)
