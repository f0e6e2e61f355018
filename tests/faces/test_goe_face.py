"""The HTTP side of a go-eCharger: forms of filters and sets, the device's codes, texts and types, both generations of the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sunbox.dialects.goe.box import Box, Readout
from sunbox.dialects.goe.decide import Behind
from sunbox.dialects.goe.profiles import PROFILES
from sunbox.dialects.goe.query import MOST_QUERY_CHARS
from sunbox.dialects.goe.state import DEVICE, LOADPOINT, Conduct, first_state
from sunbox.dialects.goe.table import KEYS
from sunbox.faces.goe import Manners, create_app
from sunbox.faces.goe.app import DEVICE_MANNERS, NO_SUCH_PATH, OTHER_METHOD

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)
PLUGGED = Behind(is_plugged=True, cable_a=20)
FLOWING = replace(PLUGGED, is_charging=True, amps_a=(10.0, 10.0, 10.0), closed=(True, True, True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    code: int
    headers: dict[str, str]
    body: bytes
    pieces: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return self.headers["content-type"]


class Port:
    """A box at the face, asked with raw bytes."""

    def __init__(self, profile: str = "055", conduct: Conduct = LOADPOINT, manners: Manners | None = None) -> None:
        self.box = Box(PROFILES[profile], conduct)
        self.state = self.box.advanced(first_state(AT), PLUGGED, AT + timedelta(seconds=1))
        self.app = create_app(self, manners)

    def read(self, names: Iterable[str] = ()) -> Readout:
        return self.box.read(self.state, names)

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        judged = self.box.judge(self.state, items)
        self.state = self.box.settle(self.state, judged.good)
        return judged.answers

    def has_api(self, switch: str) -> bool:
        return self.box.has_api(self.state, switch)

    def ask(self, path: str, query: str | bytes = b"", method: str = "GET", **headers: str) -> Answer:
        raw = query.encode() if isinstance(query, str) else query
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        names = {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": raw,
            "headers": [(name.encode(), value.encode()) for name, value in names.items()],
        }
        asyncio.run(self.app(scope, receive, send))
        start, *bodies = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        pieces = [message.get("body", b"") for message in bodies]
        return Answer(start["status"], told, b"".join(pieces), len([piece for piece in pieces if piece]))


def test_a_status_without_filter_has_every_key() -> None:
    answer = Port().ask("/api/status")
    assert (answer.code, answer.type) == (200, "application/json")
    assert len(answer.json) > 200
    assert answer.headers["content-length"] == str(len(answer.body))


FILTERS = [
    ("filter=alw,car,eto,nrg,wh,trx,cards", ["alw", "eto", "car", "wh", "trx", "nrg", "cards"]),
    ("filter=alw%2Ccar", ["alw", "car"]),
    ('filter=["rfb","alw"]', ["rfb", "alw"]),
    ("filter=%5B%22rfb%22%2C%22alw%22%5D", ["rfb", "alw"]),
    ("filter=car+alw", ["alw", "car"]),
    ("filter=alw,grp,fte", ["alw"]),
    ("filter=grp", []),
]


@pytest.mark.parametrize(("query", "keys"), FILTERS)
def test_filters_are_answered_in_the_order_of_the_device(query: str, keys: list[str]) -> None:
    answer = Port().ask("/api/status", query)
    assert (answer.code, list(answer.json)) == (200, keys)


def test_an_empty_filter_is_none() -> None:
    assert Port().ask("/api/status", "filter=").body == Port().ask("/api/status").body


def test_a_newer_one_answers_400_with_a_complete_body() -> None:
    answer = Port("60.3").ask("/api/status", "filter=alw,grp")
    assert (answer.code, answer.type, answer.json) == (400, "application/json", {"alw": True})
    assert Port("60.3").ask("/api/status", "filter=alw").code == 200


def test_a_long_filter_of_all_keys_is_answered() -> None:
    query = "filter=" + ",".join(key.name for key in KEYS)
    assert 600 < len(query) < MOST_QUERY_CHARS
    assert Port().ask("/api/status", query).code == 200


SETS = [
    ("amp=10", 200, {"amp": True}),
    ("acs=1&lmo=3&frc=2", 200, {"acs": True, "lmo": True, "frc": True}),
    ("fna=%22my+gw%22", 200, {"fna": True}),
    ("ids=%7B%22pGrid%22:-34.0,%22pPv%22:2669.0,%22pAkku%22:0.0%7D", 200, {"ids": True}),
    ('ids={"pGrid":-34,"pAkku":0}', 200, {"ids": True}),
    ("dwo=null", 200, {"dwo": True}),
    ("bac=false&sdp=true", 200, {"bac": True, "sdp": True}),
    ("", 200, {}),
    ("alw=true", 500, {"alw": "alw: tried to set api key without setter (true)"}),
    ('cid="', 500, {"cid": 'cid: tried to set api key with invalid json IncompleteInput (")'}),
    ("amp=5", 500, {"amp": "amp: failed: Value 5 exceeds range 6 to 32 (5)"}),
    (
        "mce=true&mcu=mqtt://x",
        500,
        {"mce": True, "mcu": "mcu: tried to set api key with invalid json InvalidInput (mqtt://x)"},
    ),
]


@pytest.mark.parametrize(("query", "code", "body"), SETS)
def test_sets(query: str, code: int, body: dict[str, Any]) -> None:
    port = Port()
    answer = port.ask("/api/set", query)
    assert (answer.code, answer.json) == (code, body)
    assert answer.type == ("application/json" if code == 200 else "text/plain")
    assert answer.headers["content-length"] == str(len(answer.body))


def test_each_key_stands_alone_and_the_good_ones_act_at_once() -> None:
    port = Port()
    answer = port.ask("/api/set", "frc=1&amp=99&alw=true&psm=1")
    assert answer.code == 500
    assert [value is True for value in answer.json.values()] == [True, False, False, True]
    told = port.ask("/api/status", "filter=frc,amp,alw,psm,modelStatus,acu").json
    assert told == {"alw": False, "acu": None, "amp": 16, "frc": 1, "psm": 1, "modelStatus": 4}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/api/status", "/api/set", "/status", "/mqtt"])
def test_only_get(method: str, path: str) -> None:
    port = Port()
    answer = port.ask(path, "amp=10", method)
    assert (answer.code, answer.headers["allow"]) == (405, "GET")
    assert answer.body == OTHER_METHOD.encode()
    assert port.read(("amp",)).values == {"amp": 16}


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/api/status/", "/favicon.ico", "/tlwb"])
def test_other_paths(path: str) -> None:
    answer = Port().ask(path)
    assert (answer.code, answer.body) == (404, NO_SUCH_PATH.encode())


def test_an_address_that_is_too_long() -> None:
    answer = Port().ask("/api/set", "fna=" + "x" * MOST_QUERY_CHARS)
    assert answer.code == 414


def test_200_keys_at_once() -> None:
    port = Port()
    answer = port.ask("/api/set", "&".join(f"k{n}={n}" for n in range(199)) + "&amp=12")
    assert (answer.code, len(answer.json), answer.json["amp"]) == (500, 200, True)
    assert port.read(("amp",)).values == {"amp": 12}


def test_pages_of_other_sites_may_not_set_anything() -> None:
    port = Port()
    for path, query in (("/api/set", "amp=10"), ("/mqtt", "payload=amp=10")):
        answer = port.ask(path, query, sec_fetch_site="cross-site")
        assert answer.code == 403
        assert port.ask(path, query, origin="http://evil.example", host="10.0.0.1").code == 403
    assert port.read(("amp",)).values == {"amp": 16}
    assert "access-control-allow-origin" not in port.ask("/api/status").headers


def test_a_device_lets_them_closes_and_sends_in_pieces() -> None:
    port = Port(conduct=DEVICE, manners=DEVICE_MANNERS)
    answer = port.ask("/api/status", origin="http://else.example", host="10.0.0.1")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["connection"] == "close"
    assert "content-length" not in answer.headers
    assert answer.pieces > 1
    assert len(answer.json) > 200
    assert port.ask("/api/set", "amp=10", origin="http://else.example", host="10.0.0.1").json == {"amp": True}
    failed = port.ask("/api/set", "amp=5")
    assert (failed.code, failed.headers["content-length"]) == (500, str(len(failed.body)))


def test_an_api_that_is_switched_off_is_not_there() -> None:
    port = Port(conduct=DEVICE)
    port.ask("/api/set", "hla=false")
    assert (port.ask("/status").code, port.ask("/mqtt").code) == (404, 404)
    port.ask("/api/set", "hai=false")
    assert (port.ask("/api/status").code, port.ask("/api/set", "hai=true").code) == (404, 404)
    face = Port(conduct=LOADPOINT)
    face.ask("/api/set", "hai=false&hla=false")
    assert face.ask("/api/status", "filter=hai,hla").json == {"hai": False, "hla": False}
    assert face.ask("/status").code == 200


def test_a_fault_of_ours_is_no_traceback() -> None:
    port = Port()
    port.state = replace(port.state, values={})
    answer = port.ask("/api/status")
    assert (answer.code, answer.type) == (500, "text/html")
    assert b"Traceback" not in answer.body


# --- v1 --------------------------------------------------------------------------------------------------------------


def test_v1_is_all_text_but_for_its_few_numbers() -> None:
    port = Port()
    port.state = port.box.advanced(port.state, FLOWING, AT + timedelta(seconds=2))
    told = port.ask("/status").json
    assert (told["car"], told["alw"], told["amp"], told["err"], told["version"]) == ("2", "1", "16", "0", "B")
    numbers = {name for name, value in told.items() if not isinstance(value, str)}
    assert numbers == {"nrg", "tma", "loe", "lot", "lom", "lop", "lof", "loa", "lch"}
    assert (told["pha"], told["tof"], told["tme"], told["cid"]) == ("63", "101", "1706241200", "255")
    assert (told["nrg"][4], told["nrg"][7], told["nrg"][11]) == (100, 23, 690)


PAYLOADS = [
    ("amp=10", "amp", "10"),
    ("amx=11", "amp", "11"),
    ("amp%3D12", "amp", "12"),
    ("amp=99", "amp", "16"),
    ("amp=x", "amp", "16"),
    ("alw=0", "alw", "0"),
    ("alw=2", "alw", "1"),
    ("ast=1", "ast", "1"),
    ("ama=20", "ama", "20"),
    ("al2=18", "al2", "18"),
    ("al2=99", "al2", "16"),
    ("dwo=25", "dwo", "25"),
    ("cid=16711680", "cid", "16711680"),
    ("rbc=5", "rbc", "1"),
    ("nonsense=5", "rbc", "1"),
    ("=", "rbc", "1"),
]


@pytest.mark.parametrize(("payload", "key", "value"), PAYLOADS)
def test_v1_sets_one_key_and_tells_all(payload: str, key: str, value: str) -> None:
    answer = Port().ask("/mqtt", f"payload={payload}")
    assert (answer.code, answer.json[key]) == (200, value)
    assert len(answer.json) >= 90


def test_v1_starts_and_stops_by_alw() -> None:
    port = Port()
    for value, frc in (("0", 1), ("1", 2)):
        assert port.ask("/mqtt", f"payload=alw={value}").json["alw"] == value
        assert port.read(("frc",)).values == {"frc": frc}


def test_v1_knows_a_limit_only_while_it_holds() -> None:
    port = Port()
    assert [port.ask("/mqtt", "payload=dwo=25").json[name] for name in ("dwo", "stp")] == ["25", "2"]
    assert port.read(("dwo",)).values == {"dwo": 2500}
    assert [port.ask("/mqtt", "payload=stp=0").json[name] for name in ("dwo", "stp")] == ["0", "0"]


@pytest.mark.parametrize("profile", PROFILES)
def test_v1_of_every_generation(profile: str) -> None:
    assert Port(profile).ask("/status").code == 200


# --- what real clients ask for and can bear ----------------------------------------------------------------------------

CARD_IDS = ",".join(f"c{n}i" for n in range(10))

ASKED = {
    "evcc": "alw,car,eto,nrg,wh,trx,cards",
    "goecharger-api-lite": "acu,ama,car,dwo,err,frc,nrg,psm,tma,ust,var",
    "goe": "sse,fna,fwv,tse,tsss,tof,tds,utc,loc,dwo,psm,spl3,clp,lck,alw,acu,tpa,car,err,cus,modelStatus,wh,nrg,pnp,"
    "eto,rbc,rbt",
    "openHAB": "mod,psm,trx,alw,tma,wh,dwo,frc,nrg,awp,car,amp,err,cbl,eto,fwv",
    "Home Assistant, set-up": "oem,sse,typ,var",
    "Home Assistant, idle": "car,modelStatus,err,nrg,tma,trx,rbt,fsptws,inva,lbp,lccfc,lccfi,lcctc,lfspt,lmsc,lpsc,lcs",
    "Victron": "nrg,wh,eto,alw,amp,ama,car,tma,frc,cdi,lmo",
}


@pytest.mark.parametrize("client", ASKED)
def test_every_key_that_a_client_needs_is_there(client: str) -> None:
    answer = Port().ask("/api/status", f"filter={ASKED[client]}")
    assert (answer.code, set(answer.json)) == (200, set(ASKED[client].split(",")))


@pytest.mark.parametrize("profile", PROFILES)
def test_home_assistant_finds_its_cards_in_every_generation(profile: str) -> None:
    query = f"filter=ccrv,typ,log,fwc,fwv,var,cll,adi,cards,{CARD_IDS}"
    told = Port(profile).ask("/api/status", query).json
    assert {"typ", "var", "fwv", "adi"} <= told.keys()
    assert len(told["cards"]) == 10 or set(CARD_IDS.split(",")) <= told.keys()


NEVER_NULL = "car err pha tma amp ama mca wh fmt cco rssi ust eto sse typ var fwv modelStatus nrg clp lck cus"


@pytest.mark.parametrize("behind", [Behind(), PLUGGED, FLOWING], ids=["idle", "plugged", "charging"])
def test_strict_clients_can_bear_what_the_standard_generation_says(behind: Behind) -> None:
    port = Port()
    port.state = port.box.advanced(port.state, behind, AT + timedelta(seconds=5))
    told = port.ask("/api/status").json
    assert {name for name in NEVER_NULL.split() if told[name] is None} == set()
    assert told["car"] in range(1, 5)
    assert told["modelStatus"] in {*range(21), 22, 23, 24}
    assert (len(told["nrg"]), len(told["tma"])) == (16, 2)
    assert (told["var"], told["adi"]) == (22, False)  # else a client lowers every current above 16 A
    assert datetime.fromisoformat(told["utc"]).replace(tzinfo=UTC) == port.state.at
    assert datetime.fromisoformat(told["loc"].replace(" ", "")) == port.state.at
    assert isinstance(told["eto"], int)


# --- whatever may arrive ---------------------------------------------------------------------------------------------

WILD = Port()


@given(
    st.sampled_from(["/api/status", "/api/set", "/status", "/mqtt"]),
    st.binary(max_size=200) | st.text(max_size=80).map(lambda text: b"fna=" + text.encode()),
)
@example("/api/set", b"fna=%22\xff\xfe\x00%0a%22&\x00=\x00&%=%&amp")
@example("/api/set", b"&" * 8000)
@example("/api/status", b"filter=%00%ff%0d%0a")
@example("/mqtt", b"payload=amp=%00")
@example("/api/set", b"rst=1&su=true&hai=false")
def test_whatever_is_asked_is_answered_in_the_shape_of_the_device(path: str, query: bytes) -> None:
    answer = WILD.ask(path, query)
    assert answer.code in {200, 500}
    assert isinstance(answer.json, dict)
    if answer.code == 500:
        assert path == "/api/set"
        assert any(value is not True for value in answer.json.values())
    assert len(WILD.ask("/api/status").json) > 200
