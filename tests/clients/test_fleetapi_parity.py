"""Our `fleetapi` beside pypowerwall's, command by command over one simulated home: the same but for what is meant to differ."""

from __future__ import annotations

import ast
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client_sessions import Client, Stage, running, staged
from powerwall_clients import Pair
from powerwall_clients import play as play_pair
from starlette.responses import JSONResponse
from tests.powerwall_home import SITE

from sunbox.fleetapi import FleetAPI
from sunbox.fleetapi.differences import DIFFERENCES
from sunbox.fleetapi.legacy import FleetAPI as OldFleetAPI
from sunbox.simulator.tesla_cloud import CloudSettings

Play = Callable[..., None]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Client]]:
    with staged() as stage, running("pypowerwall", tmp_path_factory.mktemp("pypowerwall")) as process:
        yield stage, process


@pytest.fixture
def play(programs: tuple[Stage, Client], tmp_path: Path) -> Play:
    def run(body: Callable[[Pair], Awaitable[None]], **about: Any) -> None:
        play_pair(*programs, tmp_path, body, **about)

    return run


SAME = [
    "sites --json",
    "sites",
    "status",
    "status --json",
    "info",
    "info --json",
    "getmode",
    "getmode --json",
    "getreserve",
    "getreserve --json",
    "setmode foo",
    "setreserve 101",
    "setreserve abc",
    "setreserve -5",
    "setreserve 12.5",
]
"""The same exit code, and the same on standard output."""


@pytest.mark.parametrize("words", SAME)
def test_the_same_is_printed(play: Play, words: str) -> None:
    async def body(pair: Pair) -> None:
        pair.config()
        programs = (pair.theirs, pair.ours)
        seen = [(await program(*words.split(), "--config", "cfg.json"), pair.requests()) for program in programs]
        (theirs, their_requests), (ours, our_requests) = seen
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
        assert our_requests == their_requests

    play(body)


SETTINGS = [
    "setmode self",
    "setmode self_consumption",
    "setmode auto",
    "setmode time",
    "setmode autonomous",
    "setmode backup",
    "setreserve 0",
    "setreserve 30",
    "setreserve 80",
    "setreserve 90",
    "setreserve 100",
    "setreserve current",
]


@pytest.mark.parametrize("style", ["old", "new"])
@pytest.mark.parametrize("words", SETTINGS)
def test_the_same_is_set(play: Play, words: str, style: str) -> None:
    async def body(pair: Pair) -> None:
        pair.config()
        pair.home.patch(powerwall={"reply_style": style})
        seen = []
        for program in (pair.theirs, pair.ours):
            pair.home.battery.tell(reserve_pct=11)
            ended = await program(*words.split(), "--config", "cfg.json")
            seen.append((ended, pair.requests(), pair.home.battery.shown))
        (theirs, their_requests, told_by_them), (ours, our_requests, told_by_us) = seen
        assert (ours.code, ours.out) == (theirs.code, theirs.out) == (0, theirs.out)
        assert told_by_us == told_by_them
        *same, back = our_requests  # difference: read_back
        assert same == their_requests
        assert back == ("GET", f"/api/1/energy_sites/{SITE}/site_info", None)
        is_snapped = words == "setreserve 90"
        assert ("Warning" in ours.err) is is_snapped

    play(body)


FREE = {"kind": "rate_limited", "count": 9, "retry_after_s": 30}
"""Lists are not limited."""
FAILING: list[tuple[Any, str]] = [
    (fault, words)
    for fault in (
        "site_gone",
        "missing_scopes",
        "unregistered",
        FREE,
        {"kind": "server_error", "status": 500, "count": 9},
        {"kind": "login_required"},
    )
    for words in ("status", "info", "getmode", "getreserve", "setmode self", "setreserve 30", "sites")
    if words != "sites" or fault not in ("site_gone", FREE)
]


@pytest.mark.parametrize(("fault", "words"), FAILING)
def test_the_same_fails(play: Play, fault: Any, words: str) -> None:
    async def body(pair: Pair) -> None:
        pair.config()
        pair.home.patch(faults=[fault])
        theirs = await pair.theirs(*words.split(), "--config", "cfg.json")
        pair.home.patch(clear_faults=True, faults=[fault])
        ours = await pair.ours(*words.split(), "--config", "cfg.json")
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
        assert ours.code == 1
        assert ours.err.strip()
        assert "Traceback" not in ours.err

    play(body)


ODD: dict[str, dict[str, Any]] = {
    "nothing": {"live_status": {}, "site_info": {}, "products": []},
    "null": {"live_status": None, "site_info": None, "products": None},
    "empty": {
        "live_status": {"percentage_charged": None, "ü": "ß", "list": [{"a": None}]},
        "site_info": {"backup_reserve_percent": 0, "default_real_mode": "", "x": {"y": [1.5, True]}},
        "products": [{"energy_site_id": 1}],
        "post": "",
    },
    "text": {"live_status": "later", "site_info": "later", "products": "later", "post": {"Code": 200}},
}
"""What a site may answer: only what programs print of it counts here."""


@pytest.mark.parametrize("odd", sorted(ODD))
def test_odd_answers_are_printed_the_same(play: Play, odd: str) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].rpartition("/")[2]
        body = {"response": ODD[odd].get(name if scope["method"] == "GET" else "post", {"Code": 200})}
        await JSONResponse(body)(scope, receive, send)

    async def body(pair: Pair) -> None:
        pair.config()
        pair.stage.app = answer
        every = [
            *("getmode", "getreserve", "getreserve --json", "status", "status --json", "info --json", "sites --json"),
            *("sites", "setreserve current", "setreserve 20", "setreserve 080", "setreserve +5", "setreserve 1_0"),
            *("setreserve CURRENT", "setmode SELF", "setmode self", "status extra", "--json status", "status --site"),
        ]
        for words in every:
            theirs, ours = [await run(*words.split(), "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
            if odd != "text" and "Traceback" not in theirs.err:  # difference: no_object
                assert (words, ours.code, ours.out) == (words, theirs.code, theirs.out)
            assert "Traceback" not in ours.err

    play(body)


@pytest.mark.parametrize("words", ["status", "sites", "getmode --json"])
def test_no_configuration(play: Play, words: str) -> None:
    async def body(pair: Pair) -> None:
        theirs = await pair.theirs(*words.split(), "--config", "none.json")
        ours = await pair.ours(*words.split(), "--config", "none.json")
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
        assert ours.code == 1

    play(body)


def test_no_words_and_wrong_words(play: Play) -> None:
    async def body(pair: Pair) -> None:
        for words in ((), ("bogus",), ("-h",)):
            theirs, ours = await pair.theirs(*words), await pair.ours(*words)
            assert ours.code == theirs.code
            assert bool(ours.out) == bool(theirs.out)
            assert bool(ours.err) == bool(theirs.err)
        assert (await pair.ours("bogus")).code == 2

    play(body)


@pytest.mark.parametrize("words", ["getreserve", "setreserve 30", "sites"])
def test_an_expired_token_is_renewed_the_same_way(play: Play, words: str) -> None:
    async def body(pair: Pair) -> None:
        seen = []
        for program in (pair.theirs, pair.ours):
            path = pair.config(**pair.new_login())
            pair.home.cloud.faults.clear()
            pair.home.patch(faults=["token_expired"])
            ended = await program(*words.split(), "--config", "cfg.json")
            document = json.loads(path.read_text())
            assert document["refresh_token"].startswith("refresh-")
            assert path.stat().st_mode & 0o777 == 0o600
            shape = [(method, path_) for method, path_, _ in pair.requests()]
            seen.append((ended.code, ended.out, shape, sorted(document)))
        theirs, ours = seen
        extra = 1 if words.startswith("set") else 0  # difference: read_back
        assert ours[:2] == theirs[:2]
        assert ours[2][: len(ours[2]) - extra] == theirs[2]
        assert ours[3] == theirs[3]

    play(body)


CLASS_READS = [
    "solar_power",
    "grid_power",
    "battery_power",
    "load_power",
    "home_power",
    "battery_level",
    "grid_status",
    "island_status",
    "site_name",
    "get_operating_mode",
    "operating_mode",
    "get_battery_reserve",
    "battery_reserve",
    "get_grid_charging",
    "get_grid_export",
    "get_live_status",
    "get_site_info",
    "get_site_status",
    "get_backup_time_remaining",
    "getsites",
    "get_products",
]
CLASS_WRITES: list[tuple[str, list[Any]]] = [
    ("set_battery_reserve", [30]),
    ("set_operating_mode", ["autonomous"]),
    ("set_grid_charging", ["off"]),
    ("set_grid_charging", [True]),
    ("set_grid_export", ["pv_only"]),
]


@pytest.mark.parametrize("kind", [FleetAPI, OldFleetAPI], ids=["sunbox", "old"])
def test_the_class_returns_the_same(play: Play, kind: Any) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config()
        theirs = await pair.their_class(*((name, []) for name in CLASS_READS))
        ours = await pair.stage.call(lambda: {name: getattr(kind(path), name)() for name in CLASS_READS})
        assert json.loads(json.dumps(ours)) == theirs
        for name, arguments in CLASS_WRITES:
            theirs = await pair.their_class((name, arguments))
            answer = await pair.stage.call(lambda name=name, arguments=arguments: getattr(kind(path), name)(*arguments))
            assert answer == theirs[name]

    play(body)


def test_the_old_class_fails_as_theirs_does(play: Play) -> None:
    async def body(pair: Pair) -> None:
        path = pair.config()
        wrong: list[tuple[str, list[Any]]] = [
            ("set_battery_reserve", [101]),
            ("set_operating_mode", ["party"]),
            ("set_grid_export", ["sometimes"]),
        ]
        theirs = await pair.their_class(*wrong)
        for name, arguments in wrong:
            ours = await pair.stage.call(
                lambda name=name, arguments=arguments: getattr(OldFleetAPI(path), name)(*arguments)
            )
            assert ours is theirs[name] is False
        pair.home.patch(faults=["unregistered"])
        reads: list[tuple[str, list[Any]]] = [("get_live_status", []), ("solar_power", []), ("getsites", [])]
        theirs = await pair.their_class(*reads)
        for name, _ in reads:
            assert (await pair.stage.call(lambda name=name: getattr(OldFleetAPI(path), name)())) is theirs[name] is None

    play(body)


# what is meant to differ

Try = Callable[[Pair], Awaitable[None]]


async def _json(pair: Pair) -> None:
    for words in ("setmode self", "setreserve 30"):
        theirs, ours = [await run(*words.split(), "--json", "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
        with pytest.raises(ValueError, match=r"."):
            json.loads(theirs.out)
        assert json.loads(ours.out) == ast.literal_eval(theirs.out)


async def _no_argument(pair: Pair) -> None:
    for words in ("setmode", "setreserve"):
        theirs, ours = [await run(words, "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
        assert (theirs.code, ours.code) == (0, 2)
        assert ours.out == theirs.out
    assert pair.requests() == []


async def _options(pair: Pair) -> None:
    words = ("setreserve", "--config", "cfg.json", "33")
    theirs = await pair.theirs(*words)
    assert (theirs.code, pair.requests()) == (2, [])
    ours = await pair.ours(*words)
    assert (ours.code, ours.err) == (0, "")
    assert pair.home.battery.shown.reserve_pct == 33


async def _vehicles(pair: Pair) -> None:
    from sunbox.simulator.car import TeslaCar

    cloud = pair.home.cloud
    car = TeslaCar(vin="LRW3F7EK4NC700000", now=cloud.clock.now)
    object.__setattr__(cloud._account, "cars", (car,))
    theirs, ours = [await run("sites", "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
    assert theirs.out == "  None - None\n" + ours.out
    as_json = [await run("sites", "--json", "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
    assert as_json[0] == as_json[1]


async def _site(pair: Pair) -> None:
    theirs = await pair.theirs("status", "--site", "777", "--config", "cfg.json")
    assert theirs.code == 0
    assert pair.requests()[0][1] == f"/api/1/energy_sites/{SITE}/live_status"
    ours = await pair.ours("status", "--site", "777", "--config", "cfg.json")
    assert ours.code == 1
    assert pair.requests()[0][1] == "/api/1/energy_sites/777/live_status"


async def _broken_config(pair: Pair) -> None:
    (pair.folder / "broken.json").write_text("{nonsense")
    theirs, ours = [await run("status", "--config", "broken.json") for run in (pair.theirs, pair.ours)]
    assert "Traceback" in theirs.err
    missing = await pair.ours("status", "--config", "gone.json")
    assert ours.code == 1
    assert ours.out == missing.out.replace("gone.json", "broken.json")
    assert "no JSON" in ours.err


async def _no_server(pair: Pair) -> None:
    pair.config("away.json", AUDIENCE="http://127.0.0.1:9")
    theirs, ours = [await run("status", "--config", "away.json") for run in (pair.theirs, pair.ours)]
    assert "Traceback" in theirs.err
    assert ours.code == 1
    assert ours.out.startswith("Error: Unable to retrieve live status")
    assert "http://127.0.0.1:9: no connection" in ours.err


async def _read_back(pair: Pair) -> None:
    pair.home.patch(powerwall={"apply_s": 45})
    theirs = await pair.theirs("setreserve", "40", "--config", "cfg.json")
    assert (theirs.err, len(pair.requests())) == ("", 1)
    ours = await pair.ours("setreserve", "41", "--config", "cfg.json")
    assert (ours.code, len(pair.requests())) == (0, 2)
    assert "the site still tells 20 % and not 41 %" in ours.err


async def _refused(pair: Pair) -> None:
    pair.home.patch(faults=[{"kind": "write_refused", "count": 2}])
    theirs, ours = [await run("setreserve", "40", "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
    assert (theirs.code, ours.code) == (0, 1)
    assert "not allowed (code 400)" in ours.err


async def _no_object(pair: Pair) -> None:
    pair.home.patch(faults=[{"kind": "no_object", "count": 2}])
    theirs, ours = [await run("status", "--config", "cfg.json") for run in (pair.theirs, pair.ours)]
    assert "Unable" not in theirs.out or "Traceback" in theirs.err or theirs.code == 1
    assert ours.code == 1
    assert "nothing in `response`" in ours.err


async def _default_config(pair: Pair) -> None:
    pair.config(".fleetapi.config", site_id=777)
    pair.config(".pypowerwall.fleetapi")
    assert (await pair.theirs("getreserve")).code == 0
    assert (await pair.ours("getreserve")).code == 1  # there is no site 777
    (pair.folder / ".fleetapi.config").unlink()
    assert (await pair.ours("getreserve")).code == 0


async def _chosen_site(pair: Pair) -> None:
    pair.config("free.json", site_id="")
    theirs, ours = [await run("getreserve", "--config", "free.json") for run in (pair.theirs, pair.ours)]
    assert (ours.code, ours.out) == (theirs.code, theirs.out) == (0, "20\n")


async def _region(pair: Pair) -> None:
    pair.home.cloud.settings = CloudSettings(
        slow_s=(0, 0), quick_s=(0, 0), other_base_url=pair.stage.url.replace("127.0.0.1", "localhost")
    )
    pair.home.patch(faults=[{"kind": "wrong_region", "count": 1}])
    theirs = await pair.theirs("getreserve", "--config", "cfg.json")
    assert theirs.code == 1
    pair.home.patch(clear_faults=True, faults=[{"kind": "wrong_region", "count": 1}])
    ours = await pair.ours("getreserve", "--config", "cfg.json")
    assert (ours.code, ours.out) == (0, "20\n")
    assert "localhost" in json.loads((pair.folder / "cfg.json").read_text())["AUDIENCE"]


async def _version(pair: Pair) -> None:
    theirs = await pair.their_class(("firmware_version", []))
    ours = await pair.stage.call(FleetAPI(pair.folder / "cfg.json").firmware_version)
    assert (theirs["firmware_version"], ours) == (None, "25.18.4 1a2b3c4d")


async def _energies(pair: Pair) -> None:
    ours = FleetAPI(pair.folder / "cfg.json")
    assert await pair.stage.call(ours.total_pack_energy) == 27_000
    assert await pair.stage.call(ours.energy_left) == pytest.approx(pair.home.battery.energy_wh, abs=1)


async def _history(pair: Pair) -> None:
    await pair.home.live(3600)
    asked: list[Any] = ["energy", "day", "Europe/Berlin", "2024-06-17T00:00:00+02:00", "2024-06-17T23:59:59+02:00"]
    theirs = await pair.their_class(("get_calendar_history", asked))
    ours = await pair.stage.call(lambda: FleetAPI(pair.folder / "cfg.json").get_calendar_history(*asked))
    assert not (theirs["get_calendar_history"] or {}).get("time_series")
    assert len(ours["time_series"]) == 13


async def _keys(pair: Pair) -> None:
    for words in ("create-key", "page"):
        theirs, ours = [await run(words) for run in (pair.theirs, pair.ours)]
        assert (theirs.code, ours.code) == (2, 0)


TRIES: dict[str, Try] = {
    "json": _json,
    "no_argument": _no_argument,
    "options": _options,
    "vehicles": _vehicles,
    "site": _site,
    "broken_config": _broken_config,
    "no_server": _no_server,
    "read_back": _read_back,
    "refused": _refused,
    "no_object": _no_object,
    "default_config": _default_config,
    "chosen_site": _chosen_site,
    "region": _region,
    "version": _version,
    "energies": _energies,
    "history": _history,
    "keys": _keys,
}
ELSEWHERE = {"setup"}
"""In test_pypowerwall.py, side by side too."""


def test_every_difference_is_tried() -> None:
    assert [row.id for row in DIFFERENCES if row.id not in ELSEWHERE] == [
        row.id for row in DIFFERENCES if row.id in TRIES
    ]
    assert set(TRIES) | ELSEWHERE == {row.id for row in DIFFERENCES}


@pytest.mark.parametrize("name", sorted(TRIES))
def test_what_is_meant_to_differ_does(play: Play, name: str) -> None:
    async def body(pair: Pair) -> None:
        pair.config()
        await TRIES[name](pair)

    play(body)
