"""A real client, `pypowerwall` 0.16.2 from PyPI, against the simulated cloud over loopback: it witnesses the simulated Powerwall."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from client_sessions import STAGE_SPEED, Client, Stage, running, staged
from powerwall_clients import DOMAIN, Ended, Pair
from powerwall_clients import play as play_pair
from tests.powerwall_home import SITE

from sunbox.dialects.powerwall.facts import Mode
from sunbox.dialects.powerwall.table import SCOPES
from sunbox.net.serving import Listener, serving
from sunbox.simulator.tesla_cloud import CloudSettings
from sunbox.simulator.tesla_limits import ALL_SCOPES
from sunbox.simulator.tesla_login import Application

Play = Callable[..., None]
QUICK = {"slow_s": (0.0, 0.0), "quick_s": (0.0, 0.0)}
BACK = f"https://{DOMAIN}/access"
APPLICATION = Application(client_id="cid", client_secret="secret", redirect_uri=BACK)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Client]]:
    with staged() as stage, running("pypowerwall", tmp_path_factory.mktemp("pypowerwall")) as process:
        yield stage, process


@pytest.fixture
def play(programs: tuple[Stage, Client], tmp_path: Path) -> Play:
    def run(body: Callable[[Pair], Awaitable[None]], **about: Any) -> None:
        play_pair(*programs, tmp_path, body, **about)

    return run


async def run(pair: Pair, words: str) -> Ended:
    ended = await pair.theirs(*words.split(), "--config", "cfg.json")
    assert ended.code == 0, ended.out + ended.err
    return ended


def test_every_command_that_reads(play: Play) -> None:
    async def body(pair: Pair) -> None:
        pair.config()
        assert (await run(pair, "sites")).out == f"  {SITE} - Energy Site\n  98765 - None\n"
        status = json.loads((await run(pair, "status --json")).out)
        assert (status["solar_power"], status["load_power"]) == (6000.0, 1000.0)
        assert status["battery_power"] == pytest.approx(-5000, abs=5)
        assert "  island_status: on_grid\n" in (await run(pair, "status")).out
        assert "  battery_count: 2\n" in (await run(pair, "info")).out
        assert (await run(pair, "getmode")).out == "self_consumption\n"
        assert json.loads((await run(pair, "getreserve --json")).out) == {"reserve": 20}
        assert {(method, body) for method, _, body in pair.requests()} == {("GET", None)}

    play(body)


@pytest.mark.parametrize(
    ("words", "body", "look", "expected"),
    [
        ("setmode self", {"default_real_mode": "self_consumption"}, "mode", Mode.SELF_CONSUMPTION),
        ("setmode auto", {"default_real_mode": "autonomous"}, "mode", Mode.AUTONOMOUS),
        ("setmode backup", {"default_real_mode": "backup"}, "mode", Mode.BACKUP),
        ("setreserve 30", {"backup_reserve_percent": 30}, "reserve_pct", 30),
        ("setreserve current", {"backup_reserve_percent": 50}, "reserve_pct", 50),
    ],
)
def test_every_command_that_writes(play: Play, words: str, body: Any, look: str, expected: Any) -> None:
    async def story(pair: Pair) -> None:
        pair.config()
        ended = await run(pair, words)
        assert ast.literal_eval(ended.out)["response"]["Code"] == 200
        *_, (method, _, sent) = pair.requests()
        assert (method, sent) == ("POST", body)
        assert getattr(pair.home.battery.acting, look) == expected

    play(story)


def test_a_whole_powerwall_through_the_cloud(play: Play) -> None:
    async def body(pair: Pair) -> None:
        pair.config(".pypowerwall.fleetapi")
        told = await pair.powerwall(
            ("power", []),
            ("level", []),
            ("get_reserve", []),
            ("get_mode", []),
            ("grid_status", []),
            ("site_name", []),
            ("set_reserve", [40]),
            ("set_mode", ["autonomous"]),
            fleetapi=True,
            authpath=str(pair.folder),
            email="nobody@example.test",
            siteid=SITE,
        )
        assert told["connected"] is True
        power = told["power"]
        assert (power["solar"], power["load"]) == (6000.0, 1000.0)
        assert power["site"] + power["battery"] + power["solar"] == pytest.approx(power["load"])
        assert told["level"] == pytest.approx(pair.home.battery.soc_pct, abs=0.5)  # it tells what is stored
        assert (told["get_reserve"], told["get_mode"], told["grid_status"]) == (20, "self_consumption", "UP")
        assert told["site_name"] == "Energy Site"
        assert pair.home.battery.shown.reserve_pct == 40
        assert pair.home.battery.shown.mode is Mode.AUTONOMOUS

    play(body)


def test_the_wider_command_line(play: Play) -> None:
    async def body(pair: Pair) -> None:
        pair.config(".pypowerwall.fleetapi")
        words = ("get", "-fleetapi", "-authpath", str(pair.folder), "-format", "json")
        ended = await pair.theirs(*words, module="pypowerwall")
        told = json.loads(ended.out[ended.out.index("{") :])
        assert (told["site_id"], told["solar"], told["reserve"], told["mode"]) == (SITE, 6000.0, 20, "self_consumption")

    play(body)


def test_one_refusal_of_the_token_is_overcome_and_more_are_not(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config(**pair.new_login())
        before = json.loads(path.read_text())
        pair.home.patch(faults=["token_expired"])
        await run(pair, "setreserve 30")
        assert pair.home.battery.shown.reserve_pct == 30
        after = json.loads(path.read_text())
        assert after["refresh_token"] != before["refresh_token"]
        pair.home.patch(faults=["login_required"])
        assert (await pair.theirs("getreserve", "--config", "cfg.json")).code == 1

    play(body)


# setup, theirs and ours


async def code_of(pair: Pair, **more: str) -> str:
    """Return the code that a browser is sent back with."""
    query = {"response_type": "code", "client_id": "cid", "redirect_uri": BACK, "scope": SCOPES, "state": "s", **more}

    def open_page() -> str:
        answer = httpx2.get(f"{pair.stage.url}/oauth2/v3/authorize?{urlencode(query)}", trust_env=False)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    code: str = await pair.stage.call(open_page)
    return code


REGISTERING = CloudSettings(**QUICK, application=APPLICATION, is_registered=False)  # type: ignore[arg-type]
EMPTY_LOGIN = {"partner_token": "", "access_token": "", "refresh_token": ""}


@pytest.mark.parametrize("program", ["theirs", "ours"])
def test_setup_registers_logs_in_and_chooses_a_site(play: Play, program: str) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config(**EMPTY_LOGIN, site_id="")
        begin = ["y"] if program == "theirs" else []  # ours sees that it is not complete, and goes on
        stdin = "\n".join([*begin, "", "", "", "", "", await code_of(pair), "", ""])
        ended = await getattr(pair, program)("setup", "--config", "cfg.json", stdin=stdin)
        assert ended.code == 0, ended.out + ended.err
        assert "Setup complete." in ended.out
        assert "   * island_status: on_grid\n" in ended.out
        document = json.loads(path.read_text())
        assert document["site_id"] == SITE
        assert document["partner_account"]["response"]["domain"] == DOMAIN
        assert path.stat().st_mode & 0o777 == 0o600
        shows = [name for name in ("access_token", "refresh_token", "partner_token") if document[name] in ended.out]
        assert bool(shows) is (program == "theirs")  # difference: setup
        assert (await getattr(pair, program)("getreserve", "--config", "cfg.json")).out == "20\n"

    play(body, settings=REGISTERING)


class Person(io.StringIO):
    """Types what is told; for `None` the address that was printed is opened, and what it led to pasted."""

    def __init__(self, answers: list[str | None], change: Callable[[str], str] = str) -> None:
        super().__init__()
        self.answers, self.change = list(answers), change

    def readline(self, size: int | None = -1, /) -> str:
        if not self.answers:
            return ""
        answer = self.answers.pop(0)
        if answer is not None:
            return answer + "\n"
        import sys

        shown = sys.stdout.getvalue()  # type: ignore[attr-defined]
        url = re.findall(r"https?://\S+/oauth2/v3/authorize\?\S+", shown)[-1]
        self.url = url
        location = httpx2.get(url, trust_env=False).headers["location"]
        return self.change(location) + "\n"


def fresh(pair: Pair, name: str = "new.json") -> Path:
    """Write what a person has before: nothing but where the simulator is."""
    path = pair.folder / name
    path.write_text(json.dumps({"AUDIENCE": pair.stage.url, "auth_url": pair.stage.url}))
    path.chmod(0o600)
    return path


def test_ours_from_nothing_with_the_whole_address(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = fresh(pair)
        person = Person(["cid", "secret", f"https://{DOMAIN}/", "", "", None, ""])
        ended = await pair.ours("setup", "--config", "new.json", stdin=person)
        assert ended.code == 0, ended.out + ended.err
        document = json.loads(path.read_text())
        assert document["DOMAIN"] == DOMAIN
        assert document["REDIRECT_URI"] == BACK
        assert document["site_id"] == SITE
        for name in ("CLIENT_SECRET", "access_token", "refresh_token", "partner_token"):
            assert document[name] not in ended.out + ended.err
        assert set(parse_qs(urlsplit(person.url).query)["scope"][0].split()) == set(SCOPES.split())
        # again: nothing is done without a yes
        again = await pair.ours("setup", "--config", "new.json", stdin="n\n")
        assert (again.code, json.loads(path.read_text())) == (0, document)
        assert "Exiting..." in again.out
        assert document["refresh_token"] not in again.out

    play(body, settings=REGISTERING)


@pytest.mark.parametrize(
    ("about", "answers", "words"),
    [
        ({}, ["cid", "wrong", DOMAIN, "", ""], "answers 401"),
        ({}, ["cid"], "nothing more to read"),
        ({}, ["cid", "secret", "x", "y", "z"], "it was tried 3 times"),
        ({"denies_login": True}, ["cid", "secret", DOMAIN, "", "", None, None, None], "it was tried 3 times"),
        ({}, ["cid", "secret", "away.test", "", ""], "https://away.test"),
        ({"scopes": ALL_SCOPES - {"offline_access"}}, ["cid", "secret", DOMAIN, "", "", None], "no refresh token"),
    ],
)
def test_ours_stops_with_a_reason_and_goes_on_later(
    play: Play, about: dict[str, Any], answers: list[str | None], words: str
) -> None:
    settings = CloudSettings(**{**QUICK, "application": APPLICATION, "is_registered": False, **about})

    async def body(pair: Pair) -> None:
        path = fresh(pair)
        ended = await pair.ours("setup", "--config", "new.json", stdin=Person(answers))
        assert ended.code == 1
        assert words in ended.out + ended.err
        assert "Setup failed, exiting..." in ended.out
        assert "run setup again to go on" in ended.err
        assert "Traceback" not in ended.err
        pair.home.cloud.settings = REGISTERING
        pair.home.cloud.login._denies = False
        pair.home.cloud.login._allowed = ALL_SCOPES
        again = await pair.ours(
            "setup", "--config", "new.json", stdin=Person(["cid", "secret", DOMAIN, BACK, "", None, ""])
        )
        assert again.code == 0, again.out + again.err
        assert json.loads(path.read_text())["site_id"] == SITE

    play(body, settings=settings)


def test_ours_does_not_ask_for_a_login_that_works(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config(site_id="", partner_account={"response": {}})
        ended = await pair.ours("setup", "--config", "cfg.json", stdin="\n\n\n\n\n2\n1\n")
        assert ended.code == 1  # the second site has nothing to tell
        assert "the login works" in ended.out
        again = await pair.ours("setup", "--config", "cfg.json", stdin="n\n")
        assert again.code == 0
        assert json.loads(path.read_text())["site_id"] == 98765

    play(body)


def test_ours_refuses_an_address_of_another_login(play: Play) -> None:
    async def body(pair: Pair) -> None:
        fresh(pair)
        forged = Person(["cid", "secret", DOMAIN, "", "", None], lambda url: re.sub("state=[^&]+", "state=x", url))
        ended = await pair.ours("setup", "--config", "new.json", stdin=forged)
        assert ended.code == 1
        assert "its state is not the one of this login" in ended.out

    play(body, settings=REGISTERING)


def test_ours_does_not_lose_a_login_that_another_program_renewed_meanwhile(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config(site_id="", **pair.new_login())

        class Slow(Person):
            def readline(self, size: int | None = -1, /) -> str:
                if len(self.answers) == 1:  # while the person thinks about the site
                    document = json.loads(path.read_text())
                    path.write_text(json.dumps({**document, **newer}))
                return super().readline(size)

        newer = pair.new_login()
        ended = await pair.ours("setup", "--config", "cfg.json", stdin=Slow(["", "", "", "", "", "1"]))
        assert ended.code == 0, ended.out + ended.err
        document = json.loads(path.read_text())
        assert {key: document[key] for key in newer} == newer
        assert document["site_id"] == SITE

    play(body)


def test_ours_logs_in_anew_if_that_is_wanted(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config()
        stdin = "\n".join(["y", "", "", "", "", "", await code_of(pair), "", ""])
        ended = await pair.ours("setup", "--config", "cfg.json", stdin=stdin)
        assert ended.code == 0, ended.out + ended.err
        assert json.loads(path.read_text())["refresh_token"].startswith("refresh-")

    play(body)


# at home


@pytest.mark.parametrize("mode", ["cookie", "token"])
def test_the_gateway_at_home(play: Play, mode: str) -> None:
    async def body(pair: Pair) -> None:
        listener = Listener(app=pair.home.gateway.app, host="127.0.0.1", port=0, tls=pair.home.gateway.tls())
        async with serving([listener], speed=STAGE_SPEED) as (bound,):
            told = await pair.powerwall(
                ("power", []),
                ("level", []),
                ("grid_status", []),
                ("site_name", []),
                ("poll", ["/api/meters/aggregates"]),
                host=bound.url.removeprefix("https://"),
                password="12345",
                email="nobody@example.test",
                timezone="Europe/Berlin",
                authmode=mode,
                cachefile=str(pair.folder / "cache.json"),
            )
        assert told["connected"] is True
        power = told["power"]
        assert (power["solar"], power["load"]) == (6000.0, 1000.0)
        assert power["battery"] == pytest.approx(-5000, abs=5)
        assert power["site"] + power["battery"] + power["solar"] == pytest.approx(power["load"])
        assert told["level"] == pytest.approx(pair.home.battery.soc_pct)
        assert (told["grid_status"], told["site_name"]) == ("UP", "Energy Site")
        assert pair.home.gateway.requests.count("POST /api/login/Basic") == 1

    play(body)
