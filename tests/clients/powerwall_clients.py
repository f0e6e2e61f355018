"""pypowerwall and ours over one simulated Powerwall home, behind one address."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from client_sessions import Client, Stage
from tests.powerwall_home import HOME, SITE, Energy, make_energy

from sunbox.fleetapi.command import main
from sunbox.net.http import blocking_client
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.tesla_cloud import CloudSettings
from sunbox.simulator.tesla_limits import ALL_SCOPES
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH

AUTH = "https://auth.tesla.com"
DOMAIN = "example.test"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def config_in(folder: Path, url: str, name: str = "cfg.json", **changed: Any) -> Path:
    """Write a configuration as `setup` makes it, and return its path."""
    path = folder / name
    document = {
        "CLIENT_ID": "cid",
        "CLIENT_SECRET": "secret",
        "DOMAIN": DOMAIN,
        "REDIRECT_URI": f"https://{DOMAIN}/access",
        "AUDIENCE": url,
        "partner_token": "PT",
        "partner_account": {},
        "access_token": FIRST_ACCESS,
        "refresh_token": FIRST_REFRESH,
        "site_id": SITE,
        **changed,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def rerouting(hosts: Mapping[str, str]) -> Callable[[str], httpx2.Client]:
    """Return what makes clients that reach other places instead of some."""
    return lambda url: blocking_client(hosts.get(url, url))


def run_ours(words: Sequence[str], folder: Path, hosts: Mapping[str, str], stdin: str | io.StringIO = "") -> Ended:
    """Run our command as a process of its own would."""
    out, err = io.StringIO(), io.StringIO()
    with _in(folder), _reading(stdin), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words), clients=rerouting(hosts))
    return Ended(code, out.getvalue(), err.getvalue())


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _reading(text: str | io.StringIO) -> Iterator[None]:
    before, sys.stdin = sys.stdin, text if isinstance(text, io.StringIO) else io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


@dataclass
class Pair:
    """Both programs, and the home that they speak to."""

    stage: Stage
    process: Client
    folder: Path
    home: Energy

    @property
    def hosts(self) -> dict[str, str]:
        return {AUTH: self.stage.url, f"https://{DOMAIN}": self.stage.url}

    def config(self, name: str = "cfg.json", **changed: Any) -> Path:
        return config_in(self.folder, self.stage.url, name, **changed)

    def new_login(self) -> dict[str, str | None]:
        """Return the tokens of a login that nobody has used yet."""
        tokens = self.home.cloud.tokens.log_in(ALL_SCOPES, self.home.world.clock.now())
        return {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}

    async def theirs(self, *words: str, stdin: str = "", module: str = "pypowerwall.fleetapi") -> Ended:
        """Run pypowerwall's command."""
        told = await self.stage.ask(
            self.process, do="cli", words=words, cwd=str(self.folder), hosts=self.hosts, stdin=stdin, module=module
        )
        return Ended(**told["returned"])

    async def ours(self, *words: str, stdin: str | io.StringIO = "") -> Ended:
        """Run our command."""
        ended: Ended = await self.stage.call(lambda: run_ours(words, self.folder, self.hosts, stdin))
        return ended

    async def their_class(self, *calls: tuple[str, list[Any]], **make: Any) -> dict[str, Any]:
        """Return what functions of pypowerwall's class return."""
        made = {"configfile": str(self.folder / "cfg.json"), **make}
        told = await self.stage.ask(self.process, do="class", make=made, calls=calls, hosts=self.hosts)
        returned: dict[str, Any] = told["returned"]
        return returned

    async def powerwall(self, *calls: tuple[str, list[Any]], **make: Any) -> dict[str, Any]:
        """Return what functions of pypowerwall's `Powerwall` return."""
        told = await self.stage.ask(self.process, do="powerwall", make=make, calls=calls)
        returned: dict[str, Any] = told["returned"]
        return returned

    def requests(self) -> list[tuple[str, str, Any]]:
        """Return what came since the last time this was asked."""
        seen = [(each.method, each.path, each.body) for each in self.home.cloud.bill.requests]
        self.home.cloud.bill.requests.clear()
        return seen


def play(
    stage: Stage,
    process: Client,
    folder: Path,
    body: Callable[[Pair], Awaitable[None]],
    *,
    settings: CloudSettings | None = None,
    **scenario: Any,
) -> None:
    """Run a test's body over a home of its own."""

    async def main_() -> None:
        made = replace(HOME, **scenario)
        home = make_energy(made, settings=settings, clock=LoopClock(made.start_at()))
        home.patch(sun={"pv_w": 6000.0}, load={"w": 1000.0})
        stage.app, stage.side_app = home.cloud.app, home.gateway.app
        home.cloud._base_url = stage.url
        await home.live(60)
        try:
            await body(Pair(stage, process, folder, home))
        finally:
            await home.client.aclose()
            await home.local.aclose()

    stage.run(main_())
