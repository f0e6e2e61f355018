"""Other people's clients: each in an environment and a process of its own, and a stage on loopback for what they speak to.

`make clients` builds the environments from `tests/clients/<client>/requirements.txt`. A client's session script imports nothing
but the client and the standard library; it is asked one JSON object per line, and answers with one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sunbox.net.serving import Listener, serving
from sunbox.simulator.clock import VirtualTimeLoop

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
STAMP = ".made"

PATIENCE_S = 60.0
"""How long one answer of a client may take, on the wall: far more than any takes."""

STAGE_SPEED = 600.0
"""The server's own time-outs are counted on the wall; virtual time shall not hang up on anybody."""


def program_of(client: str, name: str = "python", environments: Path = ENVIRONMENTS) -> Path:
    """Return a program of a client's environment.

    Raises:
        AssertionError: the environment is not there, or is not the one that is pinned; the text says how to build it.
    """
    folder, wanted = environments / client, HERE / client / "requirements.txt"
    program, stamp = folder / "bin" / name, folder / STAMP
    build = f"build it with `make clients` (if that finds nothing to do, delete {environments.name}/{client} first)"
    assert program.exists(), f"the environment of the client {client} is missing: {build}"
    is_pinned = stamp.exists() and stamp.read_bytes() == wanted.read_bytes()
    assert is_pinned, f"the environment of the client {client} is not the one that {wanted.name} pins: {build}"
    return program


def plain_environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the variables that a client's process gets: nothing of who runs the tests, and a home of its own."""
    return {"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **more}


class Client:
    """A client's process, asked line by line."""

    def __init__(self, client: str, folder: Path, variables: Mapping[str, str]) -> None:
        (script,) = (HERE / client).glob("*_session.py")
        self._complaints = folder / "complaints.txt"
        with self._complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                (str(program_of(client)), "-I", str(script)),
                cwd=folder,
                env=plain_environment(folder, **variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **asked: Any) -> dict[str, Any]:
        """Return what came of a call."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        impatience = threading.Timer(PATIENCE_S, process.kill)
        impatience.start()
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        finally:
            impatience.cancel()
        assert line, f"no answer to {asked}:\n{self._complaints.read_text(encoding='utf-8')}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process: its input ends."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class Stage:
    """An address on loopback, behind which each test puts what it likes, and a second one beside it.

    Time is virtual, and stands still while a client is asked. A client knows one address for its whole life, so the stage
    outlives the tests of a module; its loop runs only while one of them does.
    """

    def __init__(self) -> None:
        self.app: Any = None
        self.side_app: Any = None
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._served = self._runner.run(self._open())

    @property
    def url(self) -> str:
        """Where `app` is."""
        return self._urls[0]

    @property
    def side_url(self) -> str:
        """Where `side_app` is."""
        return self._urls[1]

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a test's coroutine, during which the address answers."""
        return self._runner.run(main)

    async def ask(self, client: Client, **asked: Any) -> dict[str, Any]:
        """Return what came of a client's call."""
        answer: dict[str, Any] = await self.call(partial(client.ask, **asked))
        return answer

    async def call(self, work: Any) -> Any:
        """Return what a blocking function returns, which may speak to this stage."""
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def close(self) -> None:
        """Stop serving."""
        self._runner.run(self._end())
        self._runner.close()

    async def _open(self) -> asyncio.Task[None]:
        self._ending, opened = asyncio.Event(), asyncio.Event()

        async def serve() -> None:
            doors = [Listener(app=door, host="127.0.0.1", port=0) for door in (self._answer, self._answer_beside)]
            async with serving(doors, speed=STAGE_SPEED) as bounds:
                self._urls = [bound.url for bound in bounds]
                opened.set()
                await self._ending.wait()

        served = asyncio.create_task(serve())
        await opened.wait()
        return served

    async def _end(self) -> None:
        self._ending.set()
        await self._served

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    async def _answer_beside(self, scope: Any, receive: Any, send: Any) -> None:
        await self.side_app(scope, receive, send)


@contextmanager
def staged() -> Iterator[Stage]:
    """Have a stage while the body runs."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def running(client: str, folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Have a client's process while the body runs."""
    process = Client(client, folder, variables or {})
    try:
        yield process
    finally:
        process.close()
