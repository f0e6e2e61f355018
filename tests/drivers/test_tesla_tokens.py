"""Tokens of a Tesla account: nothing that can go wrong with a file, a process or the network may cost a login."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import urllib.parse
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs
from tesla_wire import AUTH, EPOCH, Clockwork, Cloud, account, token_file

from sunbox.core.commands import Cause
from sunbox.drivers.tesla.tokens import TeslaTokens, TokenError, TokenFile
from sunbox.simulator.clock import VirtualTimeLoop, run_in


def stored(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text())
    return content


def offered(cloud: Cloud) -> list[str]:
    return [dict(urllib.parse.parse_qsl(request.content.decode()))["refresh_token"] for request in cloud.requests]


EXPIRED_AT = (EPOCH - timedelta(hours=1)).isoformat()


# --- renewing --------------------------------------------------------------------------------------------------------


def test_a_good_token_is_used_without_asking(tmp_path: Path) -> None:
    cloud = Cloud()
    token = asyncio.run(account(cloud, token_file(tmp_path)).access_token())
    assert token == "access-1"
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"expires_at": (EPOCH + timedelta(seconds=61)).isoformat()}, 0),
        ({"expires_at": (EPOCH + timedelta(seconds=60)).isoformat()}, 1),
        ({"expires_at": EXPIRED_AT}, 1),
        ({"access_token": None}, 1),
        ({"expires_at": None}, 0),
    ],
)
def test_a_token_is_renewed_a_minute_before_it_ends(tmp_path: Path, changes: dict[str, str], asks: int) -> None:
    cloud = Cloud()
    asyncio.run(account(cloud, token_file(tmp_path, **changes)).access_token())
    assert len(cloud.requests) == asks


def test_the_new_tokens_are_durable_before_they_are_used(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT, owner="kept")
    token = asyncio.run(account(cloud, path).access_token())
    assert token == "access-2"
    assert stored(path) == {
        "access_token": "access-2",
        "refresh_token": "refresh-2",
        "previous_refresh_token": "refresh-1",
        "expires_at": "2026-06-01T20:00:00Z",
        "client_id": "our-app",
        "owner": "kept",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["tokens.json", "tokens.json.lock"]
    request = cloud.requests[0]
    assert str(request.url) == f"{AUTH}/oauth2/v3/token"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.content == b"grant_type=refresh_token&client_id=our-app&refresh_token=refresh-1"


def test_an_answer_without_refresh_token_keeps_the_old_one(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    cloud.rules.append(lambda _: httpx2.Response(200, json={"access_token": "only", "expires_in": 60}))
    assert asyncio.run(account(cloud, path).access_token()) == "only"
    assert stored(path)["refresh_token"] == "refresh-1"


def test_all_who_wait_share_one_renewal(tmp_path: Path) -> None:
    cloud = Cloud()

    async def main() -> list[str]:
        one = account(cloud, token_file(tmp_path, expires_at=EXPIRED_AT))
        tokens = await asyncio.gather(*(one.access_token() for _ in range(5)), one.renew("access-1"))
        assert await one.renew("access-1") == "access-2"  # refused late, renewed already
        await one.close()
        return list(tokens)

    assert set(asyncio.run(main())) == {"access-2"}
    assert len(cloud.requests) == 1


def test_what_another_process_renewed_is_taken(tmp_path: Path) -> None:
    cloud = Cloud()

    async def main() -> str:
        path = token_file(tmp_path)
        one, other = account(cloud, path), account(cloud, path)
        await one.access_token()
        await other.renew("access-1")
        return await one.renew("access-1")

    assert asyncio.run(main()) == "access-2"
    assert len(cloud.requests) == 1


def test_a_renewal_waits_for_the_other_process(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    beside = tmp_path / "tokens.json.lock"

    async def main() -> None:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        waiting = asyncio.create_task(account(cloud, path).access_token())
        await asyncio.sleep(5)
        assert not waiting.done()
        assert cloud.requests == []
        os.close(descriptor)
        assert await waiting == "access-2"

    run_in(VirtualTimeLoop, main())


def test_a_lock_that_is_never_let_go_is_told(tmp_path: Path) -> None:
    path = token_file(tmp_path, expires_at=EXPIRED_AT)
    descriptor = os.open(tmp_path / "tokens.json.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(TokenError, match="another process holds") as caught:
            run_in(VirtualTimeLoop, account(Cloud(), path).access_token())
        assert caught.value.cause is Cause.BUSY
    finally:
        os.close(descriptor)


# --- killed anywhere -------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def test_killed_before_the_answer(tmp_path: Path) -> None:
    """Tesla has rotated, and the answer never came: the token of the file is the previous one, in its grace."""
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)

    def lose_one(request: httpx2.Request) -> httpx2.Response:
        cloud.rules.clear()
        cloud.token(request)
        raise httpx2.ReadError("gone")

    cloud.rules.append(lose_one)
    with pytest.raises(TokenError) as caught:
        asyncio.run(account(cloud, path).access_token())
    assert caught.value.cause is Cause.NO_ANSWER
    assert stored(path)["refresh_token"] == "refresh-1"
    assert asyncio.run(account(cloud, path).access_token()) == "access-3"
    assert stored(path)["refresh_token"] == "refresh-3"


def test_killed_between_receiving_and_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    with monkeypatch.context() as patched:

        def die(*_: object) -> None:
            raise Killed

        patched.setattr(os, "fsync", die)
        with pytest.raises(Killed):
            asyncio.run(account(cloud, path).access_token())
    assert stored(path)["refresh_token"] == "refresh-1"  # never half a file
    assert asyncio.run(account(cloud, path).access_token()) == "access-3"


def test_killed_between_saving_and_first_use(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    asyncio.run(account(cloud, path).access_token())  # saved, and then nothing
    later = Clockwork(EPOCH + timedelta(hours=9))
    assert asyncio.run(account(cloud, path, later).access_token()) == "access-3"
    assert offered(cloud) == ["refresh-1", "refresh-2"]


def test_the_previous_token_helps_where_the_current_one_is_refused(tmp_path: Path) -> None:
    """The file came from a backup, or Tesla lost the rotation."""
    cloud = Cloud()
    path = token_file(tmp_path, expires_at=EXPIRED_AT, refresh_token="lost", previous_refresh_token="refresh-1")
    assert asyncio.run(account(cloud, path).access_token()) == "access-2"
    assert offered(cloud) == ["lost", "refresh-1"]
    assert stored(path)["previous_refresh_token"] == "refresh-1"


def test_only_a_person_can_help_when_both_are_refused(tmp_path: Path) -> None:
    cloud = Cloud()
    path = token_file(tmp_path, expires_at=EXPIRED_AT, refresh_token="lost", previous_refresh_token="older")
    before = path.read_bytes()
    with pytest.raises(TokenError, match="log in again with `sunbox setup tesla`") as caught:
        asyncio.run(account(cloud, path).access_token())
    assert caught.value.cause is Cause.LOGIN_REQUIRED
    assert offered(cloud) == ["lost", "older"]
    assert path.read_bytes() == before


def test_who_waits_may_be_cancelled_and_the_answer_is_saved_all_the_same(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    asked = asyncio.Event()

    async def slowly(request: httpx2.Request) -> httpx2.Response:
        asked.set()
        await asyncio.sleep(3)
        return cloud(request)

    async def main() -> None:
        cloud_clients = cloud.clients
        one = account(cloud, path)
        one._clients = lambda url: cloud_clients(url) if url != AUTH else _slow_client(url, slowly)
        waiting = asyncio.create_task(one.access_token())
        await asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await one.close()

    run_in(VirtualTimeLoop, main())
    assert stored(path)["refresh_token"] == "refresh-2"


def _slow_client(url: str, handler: object) -> httpx2.AsyncClient:
    from sunbox.net.http import make_client

    return make_client(url, transport=httpx2.MockTransport(handler))  # type: ignore[arg-type]


def test_tokens_that_cannot_be_saved_are_not_used_and_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, path = Cloud(), token_file(tmp_path, expires_at=EXPIRED_AT)
    one = account(cloud, path)

    async def main() -> str:
        with monkeypatch.context() as patched:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            patched.setattr(os, "fsync", full)
            with pytest.raises(TokenError, match="No space left on device") as caught:
                await one.access_token()
            assert caught.value.cause is Cause.BUSY
        return await one.access_token()

    assert asyncio.run(main()) == "access-2"
    assert len(cloud.requests) == 1  # what was received is saved, not asked for again
    assert stored(path)["refresh_token"] == "refresh-2"


# --- the token service -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "cause", "retry_after_s"),
    [
        (httpx2.Response(503, text="<html>busy</html>"), Cause.SERVER_ERROR, None),
        (httpx2.Response(500, json={"error": "server_error"}), Cause.SERVER_ERROR, None),
        (httpx2.Response(429, headers={"retry-after": "17"}, json={"error": "slow"}), Cause.RATE_LIMITED, 17.0),
        (httpx2.Response(200, text="hello"), Cause.BAD_ANSWER, None),
        (httpx2.Response(200, json={"access_token": ""}), Cause.BAD_ANSWER, None),
        (httpx2.ConnectError("no route"), Cause.UNREACHABLE, None),
        (httpx2.ReadTimeout("15 s"), Cause.NO_ANSWER, None),
    ],
)
def test_what_passes_is_tried_again_later(
    tmp_path: Path, answer: httpx2.Response | httpx2.TransportError, cause: Cause, retry_after_s: float | None
) -> None:
    cloud = Cloud()

    def rule(_: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    cloud.rules.append(rule)
    path = token_file(tmp_path, expires_at=EXPIRED_AT, previous_refresh_token="refresh-0")
    with pytest.raises(TokenError) as caught:
        asyncio.run(account(cloud, path).access_token())
    assert (caught.value.cause, caught.value.retry_after_s) == (cause, retry_after_s)
    assert len(cloud.requests) == 1  # the previous token is for refusals only


def test_addresses_come_from_settings_then_file_then_region(tmp_path: Path) -> None:
    cloud = Cloud()
    path = token_file(tmp_path, base_url="https://file.example.com", region="eu")
    assert account(cloud, path).base_url() == "http://127.0.0.1:5100"
    assert account(cloud, path, base_url=None).base_url() == "https://file.example.com"
    path = token_file(tmp_path, region="eu")
    assert account(cloud, path, base_url=None).base_url() == "https://fleet-api.prd.eu.vn.cloud.tesla.com"
    assert account(cloud, path, base_url=None, region="cn").base_url().endswith(".tesla.cn")
    path = token_file(tmp_path)
    with pytest.raises(TokenError, match="region: eu"):
        account(cloud, path, base_url=None).base_url()


def test_without_client_id_nothing_is_asked(tmp_path: Path) -> None:
    cloud, path = Cloud(), token_file(tmp_path, client_id=None, access_token=None)
    with pytest.raises(TokenError, match="has no client_id"):
        asyncio.run(account(cloud, path).access_token())
    assert asyncio.run(account(cloud, path, client_id="mine").access_token()) == "access-2"


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_file_open_to_others_is_closed_and_told_once(tmp_path: Path) -> None:
    path = token_file(tmp_path)
    path.chmod(0o644)
    with capture_logs() as logs:
        TokenFile(path).read()
        TokenFile(path).read()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [(entry["log_level"], entry["was"]) for entry in logs] == [("warning", "0644")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist: log in again"),
        (b"", "is no token file"),
        (b"not json secret-token", "is no token file"),
        (b"[]", "is no token file"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b'{"access_token": "secret-token"}', "refresh_token: Field required"),
        (b'{"refresh_token": ""}', "refresh_token"),
        (b'{"refresh_token": "secret-token", "expires_at": "soon"}', "expires_at"),
        (b'{"refresh_token": "secret-token", "expires_at": "2026-06-01T12:00:00"}', "expires_at"),
        (b'{"refresh_token": "secret-token", "region": "mars"}', "region"),
        (b'{"refresh_token": "secret-token", "base_url": "http://evil.example.com"}', "base_url"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_no_secret(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "tokens.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TokenError) as caught:
        TokenFile(path).read()
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "secret-token" not in str(caught.value)
    assert caught.value.cause is Cause.LOGIN_REQUIRED


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").mkdir(mode=0o700)
    with pytest.raises(TokenError, match="cannot be read"):
        TokenFile(tmp_path / "tokens.json").read()


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="must be writable") as caught:
        TokenFile(tmp_path / "gone" / "tokens.json").write(TeslaTokens(refresh_token="x"))
    assert caught.value.cause is Cause.BUSY


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    path = token_file(real)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    TokenFile(link).write(TeslaTokens(refresh_token="new"))
    assert link.is_symlink()
    assert stored(path) == {"access_token": "", "refresh_token": "new"}


def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `sudo sunbox setup tesla` the service can still read, renew and lock."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))
    file, folder = TokenFile(tmp_path / "tokens.json"), tmp_path.stat()

    async def write() -> None:
        async with file.locked():
            file.write(TeslaTokens(refresh_token="new"))

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    asyncio.run(write())
    assert given == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    asyncio.run(write())
    assert given == [(folder.st_uid, folder.st_gid)] * 2


def test_tokens_never_show(tmp_path: Path) -> None:
    cloud = Cloud()
    path = token_file(
        tmp_path,
        access_token="secret-a",
        refresh_token="secret-r",
        previous_refresh_token="secret-p",
        expires_at=EXPIRED_AT,
    )
    tokens = TokenFile(path).read()
    assert "secret" not in repr(tokens) + str(tokens)
    with capture_logs() as logs, pytest.raises(TokenError) as caught:
        asyncio.run(account(cloud, path).access_token())
    assert "secret" not in repr(logs) + str(caught.value) + repr(caught.value)
    good = token_file(tmp_path, expires_at=EXPIRED_AT)
    with capture_logs() as logs:
        asyncio.run(account(cloud, good).access_token())
    assert [entry["event"] for entry in logs] == ["access token renewed"]
    assert "access-2" not in repr(logs)
    assert "refresh-2" not in repr(logs)
