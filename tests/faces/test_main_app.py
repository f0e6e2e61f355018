"""The main port: which face answers what, and the page as it is delivered."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx2
import pytest
from wallbox_double import WallboxDouble

from sunbox.core.model import Mode, Override
from sunbox.core.wallbox import Pending
from sunbox.faces.api.schema import LoadpointView, SiteView, SpendView, VehicleView
from sunbox.faces.main import create_main_app
from sunbox.faces.ui.app import ASSETS


def ask(path: str, method: str = "GET", **how: Any) -> httpx2.Response:
    async def main() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_main_app(WallboxDouble()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await client.request(method, path, **how)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/ui/app.js", 200, "text/javascript; charset=utf-8"),
        ("/ui/style.css", 200, "text/css; charset=utf-8"),
        ("/ui/icon.svg", 200, "image/svg+xml"),
        ("/tlwb/1/status", 200, "application/json"),
        ("/api/v1/site", 200, "application/json"),
        ("/healthz", 200, "application/json"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/1/vehicles", 200, "application/json"),
        ("/fleet/api/1/vehicles", 200, "application/json"),
        ("/ble/api/1/vehicles", 200, "application/json"),
        ("/currentjson/1", 200, "application/json; charset=utf-8"),
        ("/get/1/battery_level", 200, "application/json; charset=utf-8"),
        ("/command/1/wake_up", 200, "text/plain; charset=utf-8"),
        ("/commands/1/wake_up", 404, "application/json"),
        ("/tlwbx", 404, "application/json"),
        ("/ui", 404, "application/json"),
        ("/ui/../app.js", 404, "application/json"),
        ("/index.html", 404, "application/json"),
        ("/nothing/here", 404, "application/json"),
    ],
)
def test_who_answers(path: str, code: int, kind: str) -> None:
    answer = ask(path)
    assert answer.status_code == code
    assert answer.headers["content-type"] == kind
    if code == 404:
        assert answer.json() == {"error": "there is nothing here"}


def test_behind_a_proxy_that_adds_a_prefix() -> None:
    async def main() -> list[int]:
        app = create_main_app(WallboxDouble())

        async def behind(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/sun", "path": "/sun" + scope["path"]}, receive, send)

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(behind), base_url="http://localhost") as client:
            paths = ("/", "/ui/app.js", "/tlwb/1/status", "/api/v1/site", "/healthz", "/nothing")
            return [(await client.get(path)).status_code for path in paths]

    assert asyncio.run(main()) == [200, 200, 200, 200, 200, 404]


@pytest.mark.parametrize("path", ASSETS)
def test_each_file_is_kept_by_the_browser_until_it_changes(path: str) -> None:
    first = ask(path)
    assert first.headers["cache-control"] == "no-cache"
    again = ask(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(path, headers={"if-none-match": '"other"'}).status_code == 200
    assert ask(path, "HEAD").status_code == 200
    assert ask(path, "POST").status_code == 405


def test_the_page_may_load_nothing_foreign_and_nothing_inline() -> None:
    answer = ask("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = answer.text
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    for text in (page, ask("/ui/app.js").text, ask("/ui/style.css").text):
        # relative addresses only, so that the page works behind a prefix too; no markup is made of text
        assert not re.search(r"https?://|url\(|@import|innerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    for address in re.findall(r"(?:href|src)=\"([^\"]+)\"", page):
        assert ask("/" + address).status_code == 200


def test_every_control_of_the_page_has_a_name() -> None:
    page = ask("/").text
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page
    for label in re.findall(r"<label.*?</label>", page, re.DOTALL):
        assert "<input" in label
        assert re.search(r">[^<>]*\w[^<>]*<", label), label
    assert len(re.findall(r"<input", page)) == len(re.findall(r"<label", page))
    for button in re.findall(r"<button.*?>(.*?)</button>", page, re.DOTALL):
        assert button.strip()


def test_script_and_page_agree() -> None:
    page, script = ask("/").text, ask("/ui/app.js").text
    names = set(re.findall(r'data-is="([^"]+)"', page))
    used = set(re.findall(r"parts\.(\w+)", script)) | set(re.findall(r'parts\["([\w-]+)"\]', script))
    assert used <= names
    assert {f"{name}-out" for name in ("amps", "target")} <= names
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'byId\("([\w-]+)"\)', script)) <= ids
    assert {f"{what}-{name}" for what in ("w", "node") for name in ("sun", "grid", "house", "car", "battery")} <= ids


def test_the_script_knows_the_words_of_the_api() -> None:
    page, script = ask("/").text, ask("/ui/app.js").text
    pending = re.search(r"const PENDING = \{(.*?)\};", script, re.DOTALL)
    assert pending is not None
    assert set(re.findall(r"(\w+):", pending[1])) == {row.value for row in Pending}
    modes, phases = (re.search(rf'data-is="{name}".*?</fieldset>', page, re.DOTALL) for name in ("modes", "phases"))
    assert modes is not None
    assert phases is not None
    assert set(re.findall(r'type="radio" value="(\w+)"', modes[0])) == {mode.value for mode in Mode}
    assert set(re.findall(r'type="radio" value="(\w+)"', phases[0])) == {"0", "1", "3"}
    actions = re.search(r"const actions = \{(.*?)\};", script)
    assert actions is not None
    assert set(re.findall(r'"(\w+)"', actions[1])) == {override.value for override in Override}
    fields = {name for view in (SiteView, LoadpointView, VehicleView, SpendView) for name in view.model_fields}
    read = set(re.findall(r"\b(?:lp|site|car|vehicle|spend)\??\.(\w+)", script))
    assert read - fields == set()


def test_the_first_load_is_small() -> None:
    assert sum(len(ask(path).content) for path in ("/", "/ui/app.js", "/ui/style.css", "/ui/icon.svg")) < 80_000


def test_the_servers_start_and_end_and_a_websocket() -> None:
    async def main() -> list[str]:
        app = create_main_app(WallboxDouble())
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        for kind, messages in {
            "lifespan": ["lifespan.startup", "lifespan.shutdown"],
            "websocket": ["websocket.connect"],
        }.items():
            feed = iter(messages)

            async def receive(feed: Any = feed) -> dict[str, Any]:
                return {"type": next(feed)}

            await app({"type": kind, "path": "/"}, receive, send)
        return sent

    assert asyncio.run(main()) == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
