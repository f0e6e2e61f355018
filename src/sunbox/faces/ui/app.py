"""The page: a handful of files that come with the package, under a strict content policy; no build, nothing foreign."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.faces.answer import json_answer

ASSETS: dict[str, tuple[str, str]] = {
    "/": ("index.html", "text/html"),
    "/ui/app.js": ("app.js", "text/javascript"),
    "/ui/style.css": ("style.css", "text/css"),
    "/ui/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}
"""Path → file in `static/` and its media type."""

HEADERS: dict[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # asked for again each time, answered 304 while the package is the same
}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


def _read_assets() -> dict[str, _Asset]:
    folder = files(__package__) / "static"
    assets = {}
    for path, (name, media_type) in ASSETS.items():
        content = (folder / name).read_bytes()
        assets[path] = _Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    return assets


def create_app() -> ASGIApp:
    """Return the app for `/`; what is no file of the page is answered 404 in JSON."""
    assets = _read_assets()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope)
        asset = assets.get(scope["path"].removeprefix(scope.get("root_path", "")))
        if asset is None:
            response = json_answer(404, {"error": "there is nothing here"})
        elif request.method not in ("GET", "HEAD"):
            response = json_answer(405, {"error": f"{request.method} is not allowed"}, {"allow": "GET, HEAD"})
        elif request.headers.get("if-none-match") == asset.etag:
            response = Response(None, 304, {**HEADERS, "etag": asset.etag})
        else:
            response = Response(asset.content, 200, {**HEADERS, "etag": asset.etag}, asset.media_type)
        await response(scope, receive, send)

    return app
