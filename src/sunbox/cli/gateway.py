"""How commands talk to a running gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from sunbox.errors import SunboxError

DEFAULT_URL = "http://127.0.0.1:5000"
TIMEOUT_S = 5.0

F = TypeVar("F", bound=Callable[..., Any])


class Answer:
    """What a gateway answered: the status and the document (None = not JSON)."""

    def __init__(self, status: int, document: object) -> None:
        self.status = status
        self.document = document


def call(
    url: str,
    path: str,
    *,
    password: str | None = None,
    body: Mapping[str, Any] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Ask the gateway at `url`; with a body it is a POST.

    Raises:
        SunboxError: nothing answers there, or it asks for a password; the text says what to do.
    """
    import httpx2

    headers = {} if password is None else {"authorization": f"Bearer {password}"}
    method = "GET" if body is None else "POST"
    try:
        answer = httpx2.request(
            method, url.rstrip("/") + path, headers=headers, json=body, timeout=timeout_s, trust_env=False
        )
    except httpx2.ConnectError:
        raise SunboxError(
            f"no gateway answers at {url}; start one with `sunbox run -c sunbox.yaml` or `sunbox demo`, "
            "or name another with --url"
        ) from None
    except (httpx2.TimeoutException, httpx2.InvalidURL, httpx2.TransportError) as error:
        raise SunboxError(f"{url} cannot be read: {error or type(error).__name__}; name another with --url") from None
    if answer.status_code == 401:
        raise SunboxError(f"{url} asks for a password; set the right one in the environment variable SUNBOX_PASSWORD")
    try:
        document: object = answer.json()
    except ValueError:
        document = None
    return Answer(answer.status_code, document)


def _checked_url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter(f"{value!r} is no address; write one such as {DEFAULT_URL}")
    return value


def with_gateway(command: F) -> F:
    """Give a command the options `--url` and `--password`."""
    url = click.option(
        "--url",
        default=DEFAULT_URL,
        show_default=True,
        callback=_checked_url,
        envvar="SUNBOX_URL",
        show_envvar=True,
        help="The gateway.",
    )
    password = click.option(
        "--password",
        envvar="SUNBOX_PASSWORD",
        show_envvar=True,
        help="Where the gateway asks for one. Better in the environment: the command line is seen by others.",
    )
    return url(password(command))
