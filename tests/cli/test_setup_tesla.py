"""`sunbox setup tesla` against the simulated cloud over loopback: a browser's part is played, nothing of sunbox is replaced."""

import io
import json
import os
import re
import select
import stat
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.loopback import WITHIN_S, served

from sunbox.app import REGISTRY
from sunbox.cli.main import main
from sunbox.clock import SystemClock
from sunbox.config import load
from sunbox.dialects.tesla.table import SCOPES
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_limits import ALL_SCOPES
from sunbox.simulator.tesla_login import Application

VIN, OTHER_VIN = "LRW3F7EK4NC700000", "LRWYGCEK0PC123456"
BACK = "https://example.test/back"
CLIENT, SECRET = "1234-abcd", "ta-secret.Wonderful+&%"
NO_LATENCY = {"slow_s": (0.0, 0.0), "quick_s": (0.0, 0.0)}
APPLICATION = Application(client_id=CLIENT, client_secret=SECRET, redirect_uri=BACK)


@contextmanager
def tesla(cars=((VIN, "Rote Zora"),), **settings):
    """Serve Tesla's cloud; it is known to itself by the address that it got."""
    clock = SystemClock()
    made = [TeslaCar(vin=vin, name=name, now=clock.now) for vin, name in cars]
    given = CloudSettings(**{"application": APPLICATION, **NO_LATENCY, **settings})
    cloud = TeslaCloud(clock, made, settings=given)
    with served(cloud.app) as url:
        cloud._base_url = url
        yield url, cloud


class Browser(io.StringIO):
    """Standard input where a person opens the address that was printed and pastes what it led to, changed by `paste`."""

    def __init__(self, capsys, paste):
        super().__init__()
        self.capsys, self.paste = capsys, paste
        self.out = self.err = self.url = ""

    def look(self):
        told = self.capsys.readouterr()
        self.out, self.err = self.out + told.out, self.err + told.err

    def readline(self, size=-1):
        self.look()
        found = re.search(r"https?://\S+/oauth2/v3/authorize\?\S+", self.out + self.err)
        self.url = found.group()
        return self.paste(self.url) + "\n"


def open_page(url):
    """Return the address that a browser is sent to."""
    answer = httpx2.get(url, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def code_at(url):
    return parse_qs(urlsplit(open_page(url)).query)["code"][0]


class Ran:
    """How a command ended, and everything that it printed or logged."""

    def __init__(self, code, browser):
        self.code, self.out, self.err, self.url = code, browser.out, browser.err, browser.url

    @property
    def told(self):
        return self.out + self.err


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUNBOX_TESLA_CLIENT_SECRET", SECRET)
    return tmp_path


@pytest.fixture
def log_in(home, capsys, monkeypatch):
    def run(url, *words, paste=open_page, client=CLIENT, back=BACK):
        browser = Browser(capsys, paste)
        monkeypatch.setattr(sys, "stdin", browser)
        options = [word for pair in (("--client-id", client), ("--redirect-uri", back)) if pair[1] for word in pair]
        options += ["--base-url", url, "--auth-url", url] if url else []
        with pytest.raises(SystemExit) as ended:
            main(["setup", "tesla", *options, *map(str, words)])
        browser.look()
        ran = Ran(ended.value.code, browser)
        assert_no_secrets(home, ran)
        return ran

    return run


def assert_no_secrets(folder, ran):
    secrets = [SECRET]
    for path in folder.iterdir():
        if path.suffix in {".json", ".login"}:
            try:
                document = json.loads(path.read_text())
            except (ValueError, OSError):
                continue
            keys = ("access_token", "refresh_token", "previous_refresh_token", "verifier")
            secrets += [document[key] for key in keys if document.get(key)]
    assert [secret for secret in secrets if secret in ran.told] == []


def stored(home):
    return json.loads((home / "tokens.json").read_text())


def tokens(home, **changes):
    """Write a token file of an earlier login."""
    path = home / "tokens.json"
    document = {"access_token": "old-access", "refresh_token": "old-refresh", "client_id": CLIENT, "region": "na"}
    path.write_text(json.dumps(document | changes))
    path.chmod(0o600)
    return path


def everything_in(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir() if path.suffix != ".lock"}


# it works


def test_a_login_by_the_address_that_the_browser_ended_at(home, log_in):
    with tesla() as (url, cloud):
        ran = log_in(url)
    assert ran.code == 0, ran.told
    told = stored(home)
    assert (told["client_id"], told["region"], told["base_url"], told["redirect_uri"]) == (CLIENT, "eu", url, BACK)
    assert "client_secret" not in told
    assert stat.S_IMODE((home / "tokens.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == ["tokens.json", "tokens.json.lock"]
    for words in ("Logged in.", f"Region eu, at {url}", "everything that sunbox uses", f"Rote Zora, {VIN}", "online"):
        assert words in ran.out
    asked = [request.endpoint for request in cloud.bill.requests]
    assert asked == ["authorize", "token", "region", "vehicles"]
    assert cloud.bill.total.dollars == 0.0


def test_the_address_asks_for_what_is_needed(home, log_in):
    with tesla() as (url, _):
        query = parse_qs(urlsplit(log_in(url).url).query)
    assert query.pop("code_challenge")[0] not in (home / "tokens.json").read_text()
    assert len(query.pop("state")[0]) == 32
    assert query == {
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [BACK],
        "scope": [SCOPES],
        "code_challenge_method": ["S256"],
        "prompt_missing_scopes": ["true"],
    }


@pytest.mark.parametrize("region", ["na", "eu", "cn"])
def test_without_addresses_it_is_tesla_s_own_page(home, log_in, region):
    ran = log_in(None, "--region", region, paste=lambda _: "")
    host = "auth.tesla.cn" if region == "cn" else "auth.tesla.com"
    assert ran.url.startswith(f"https://{host}/oauth2/v3/authorize?response_type=code&")


@pytest.mark.parametrize(
    "paste",
    [
        code_at,
        lambda url: f"  '{open_page(url)}'  ",
        lambda url: open_page(url).partition("?")[2],
        lambda url: open_page(url).replace("?", "#"),
    ],
    ids=["code", "quoted", "query", "fragment"],
)
def test_what_people_paste(home, log_in, paste):
    with tesla() as (url, _):
        assert log_in(url, paste=paste).code == 0
    assert stored(home)["refresh_token"].startswith("refresh-")


def test_in_two_steps_for_scripts(home, log_in):
    with tesla() as (url, _):
        first = log_in(url, "--json", paste=lambda _: "")
        assert first.code == 2
        assert "missing on standard input" in first.err
        shown = json.loads(first.out)
        assert shown == {"is_logged_in": False, "authorize_url": first.url}
        kept = home / "tokens.json.login"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        second = log_in(url, "--json", paste=lambda _: open_page(first.url))
        assert second.code == 0, second.told
        assert second.url == first.url
        assert not kept.exists()
        third = log_in(url, paste=lambda _: "")
        assert third.url != first.url  # what was ended is not begun again


def test_a_login_that_began_for_something_else_or_long_ago_is_not_gone_on_with(home, log_in):
    with tesla() as (url, _):
        first = log_in(url, paste=lambda _: "")
        other = log_in(url, "--scopes", "openid offline_access vehicle_cmds", paste=lambda _: "")
        assert parse_qs(urlsplit(other.url).query)["state"] != parse_qs(urlsplit(first.url).query)["state"]
        kept = home / "tokens.json.login"
        kept.write_text(json.dumps(json.loads(kept.read_text()) | {"until_at": "2020-01-01T00:00:00Z"}))
        late = log_in(url, "--scopes", "openid offline_access vehicle_cmds", paste=lambda _: "")
        assert parse_qs(urlsplit(late.url).query)["state"] != parse_qs(urlsplit(other.url).query)["state"]


ENERGY = "energy_device_data", "energy_cmds"


@pytest.mark.parametrize(
    ("meter", "words", "more"),
    [
        ("driver: powerwall, site: 123456", (), ENERGY),
        ("driver: powerwall, site: 123456, hold: backup", (), ENERGY),
        ("driver: powerwall, site: 123456, hold: off", (), ENERGY[:1]),
        ('driver: powerwall, proxy: "http://192.168.0.9:8675"', (), ()),
        ('driver: powerwall, site: 123456, proxy: "http://192.168.0.9:8675"', (), ENERGY),
        ('driver: http, url: "http://192.168.0.9/em", grid_w: $.w', (), ()),
        ("driver: powerwall, site: 123456", ("--no-powerwall",), ()),
        ('driver: http, url: "http://192.168.0.9/em", grid_w: $.w', ("--powerwall",), ENERGY),
        (None, ("--powerwall",), ENERGY),
        (None, (), ()),
        ("driver: powerwall, site: 123456", ("--scopes", "openid offline_access vehicle_cmds"), None),
    ],
)
def test_the_scopes_of_a_powerwall_are_asked_for_where_they_are_needed(home, log_in, meter, words, more):
    if meter is not None:
        (home / "sunbox.yaml").write_text(f"meters:\n  - {{id: battery, {meter}}}\n")
    with tesla() as (url, _):
        ran = log_in(url, *words)
    assert ran.code == 0, ran.told
    (asked,) = parse_qs(urlsplit(ran.url).query)["scope"]
    assert asked == (" ".join((SCOPES, *more)) if more is not None else words[1])


def test_a_login_that_lacks_what_the_powerwall_needs_says_so(home, log_in):
    (home / "sunbox.yaml").write_text("meters:\n  - {id: battery, driver: powerwall, site: 123456}\n")
    with tesla() as (url, _):
        lacking = log_in(url, "--no-powerwall", "--json")
        whole = log_in(url, "--json")
    (note,) = json.loads(lacking.out)["notes"]
    assert "the login lacks energy_device_data and energy_cmds" in note
    assert json.loads(whole.out)["notes"] == []


def test_json_tells_everything_and_no_secret(home, log_in):
    with tesla() as (url, _):
        ran = log_in(url, "--json")
    told = json.loads(ran.out)
    paste = told.pop("paste")
    assert told == {
        "is_logged_in": True,
        "tokens": "tokens.json",
        "client_id": CLIENT,
        "region": "eu",
        "base_url": url,
        "scopes": sorted(SCOPES.split()),
        "lacks": [],
        "vehicles": [{"vin": VIN, "name": "Rote Zora", "state": "online"}],
        "notes": [],
    }
    assert [(piece["section"], piece["under"]) for piece in paste] == [
        ("tesla", None),
        ("vehicles", None),
        ("loadpoints", None),
    ]


def test_an_application_without_a_secret(home, log_in, monkeypatch):
    monkeypatch.delenv("SUNBOX_TESLA_CLIENT_SECRET")
    with tesla(application=Application(client_id=CLIENT, redirect_uri=BACK)) as (url, _):
        assert log_in(url).code == 0


def test_the_secret_from_a_file(home, log_in, monkeypatch):
    monkeypatch.delenv("SUNBOX_TESLA_CLIENT_SECRET")
    secret = home / "secret.txt"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o644)
    with tesla() as (url, _):
        ran = log_in(url, "--client-secret-file", secret)
    assert ran.code == 0
    assert f"run: chmod 600 {secret}" in ran.out


# what is to be pasted


def pasted_into(path, ran):
    """Put the lines of `--json` where it says that they belong."""
    lines = path.read_text().splitlines() if path.exists() else []
    for piece in reversed(json.loads(ran.out)["paste"]):
        if piece["under"] is None:
            lines.append(piece["text"])
        elif piece["under"].startswith("inside"):
            row = int(re.search(r"line (\d+)", piece["under"]).group(1)) - 1
            lines[row] = lines[row][: lines[row].rindex("]")] + f", {piece['text']}]"
        else:
            name = re.search(r"`(\w+):`", piece["under"]).group(1)
            lines.insert(lines.index(f"{name}:") + 1, piece["text"])
    path.write_text("\n".join(lines) + "\n")
    return load(path, REGISTRY, {})


METER = 'meters: [{id: house, driver: http, url: "http://127.0.0.1:9/em", grid_w: "$.power"}]\n'
SITE = "site: {timezone: Europe/Berlin}\nplaces: [{name: Carport, lat: 52.4, lon: 13.5, tags: [home, pv]}]\n"

FILES = {
    "nothing": "",
    "block": f"tesla:\n  account: tokens.json\nvehicles:\n    - {{id: model3, driver: tesla, vin: {OTHER_VIN}}}\n"
    "loadpoints:\n    - {id: carport, vehicle: model3}\n",
    "at the edge": f"tesla:\n  region: eu\nvehicles:\n- id: model3\n  driver: tesla\n  vin: {OTHER_VIN}\n"
    "loadpoints:\n- id: carport\n  vehicle: model3\n",
    "flow": f"tesla: {{}}\nvehicles: [{{id: model3, driver: tesla, vin: {OTHER_VIN}}}]\n"
    "loadpoints: [{id: carport, vehicle: model3}]\n",
}


@pytest.mark.parametrize("own", FILES.values(), ids=FILES)
def test_the_lines_fit_the_file_and_are_right(home, log_in, own):
    path = home / "sunbox.yaml"
    path.write_text(SITE + METER + own)
    before = path.read_bytes()
    with tesla(cars=((VIN, "Rote Zora: rot"), (OTHER_VIN, ""))) as (url, _):
        ran = log_in(url, "--json")
    assert ran.code == 0, ran.told
    assert path.read_bytes() == before
    config = pasted_into(path, ran)
    cars = {car.vin: car for car in config.settings.vehicles}
    assert set(cars) == {VIN, OTHER_VIN}
    assert cars[VIN].name == "Rote Zora: rot"
    assert {row.vehicle_id for row in config.settings.loadpoints} == {car.id for car in cars.values()}
    assert config.accounts["tesla"].account == home / "tokens.json"
    assert config.warnings == ()


def test_a_file_that_has_everything_needs_nothing(home, log_in):
    path = home / "sunbox.yaml"
    path.write_text(
        f"{SITE}{METER}tesla: {{account: tokens.json}}\nvehicles: [{{id: a, driver: tesla, vin: {VIN.lower()}}}]\n"
        "loadpoints: [{id: b, vehicle: a}]\n"
    )
    with tesla() as (url, _):
        ran = log_in(url)
    assert ran.code == 0, ran.told
    assert "For sunbox.yaml" not in ran.out
    assert "Then: sunbox check -c sunbox.yaml" in ran.out


def test_the_token_file_is_the_configuration_s_and_other_addresses_too(home, log_in):
    folder = home / "etc"
    folder.mkdir()
    path = folder / "home.yaml"
    with tesla() as (url, _):
        path.write_text(f'tesla: {{account: secret/tesla.json, base_url: "{url}", auth_url: "{url}"}}\n')
        (folder / "secret").mkdir()
        ran = log_in(None, "-c", path)
    assert ran.code == 0, ran.told
    assert (folder / "secret" / "tesla.json").exists()
    assert "account:" not in ran.out


@pytest.mark.parametrize(
    ("own", "under", "text"),
    [
        ("site: {}\n", None, "tesla:\n  account: keep/my.json"),
        ("tesla:\n", "under `tesla:`, line 1", "  account: keep/my.json"),
        ("tesla:\n    region: eu\n", "under `tesla:`, line 1", "    account: keep/my.json"),
        (
            "tesla: {account: tokens.json}\n",
            "inside the { } of `tesla:`, line 1, in place of the account there",
            "account: keep/my.json",
        ),
    ],
)
def test_tokens_elsewhere_are_to_be_written_down(home, log_in, own, under, text):
    (home / "sunbox.yaml").write_text(own)
    (home / "keep").mkdir()
    with tesla() as (url, _):
        ran = log_in(url, "--tokens", "keep/my.json", "--json")
    assert json.loads(ran.out)["paste"][0] == {"section": "tesla", "under": under, "text": text}


def test_what_the_configuration_says_otherwise_is_told(home, log_in):
    (home / "sunbox.yaml").write_text("tesla: {region: na, client_id: other}\n")
    with tesla() as (url, _):
        ran = log_in(url)
    assert ran.code == 0, ran.told
    assert "sunbox.yaml says `region: na` under `tesla:`, and the login is for eu" in ran.out
    assert f"sunbox.yaml says `client_id: other` under `tesla:`, and the login is for {CLIENT}" in ran.out


# what may be lacking


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"vehicle_location"}, "vehicle_location: a car does not say where it is: write `assume_place`"),
        (
            {"vehicle_cmds", "vehicle_charging_cmds"},
            "vehicle_charging_cmds and vehicle_cmds: no commands: sunbox can watch",
        ),
        ({"vehicle_charging_cmds"}, "vehicle_charging_cmds: a car may refuse to start"),
        ({"vehicle_device_data"}, "vehicle_device_data: no data"),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_scopes_that_were_not_granted(home, log_in, missing, words):
    (home / "sunbox.yaml").write_text(SITE + METER)
    with tesla(scopes=ALL_SCOPES - missing) as (url, cloud):
        ran = log_in(url)
        assert "vehicles" not in cloud.bill.total.calls or "vehicle_device_data" not in missing
    assert ran.code == 0, ran.told
    first = next(line for line in ran.out.splitlines() if line.startswith("Not allowed:"))
    assert first.startswith(f"Not allowed: {words}")
    assert ("assume_place: Carport" in ran.out) is ("vehicle_location" in missing)
    assert (VIN in ran.out) is ("vehicle_device_data" not in missing)


def test_without_offline_access_nothing_is_kept(home, log_in):
    with tesla(scopes=ALL_SCOPES - {"offline_access"}) as (url, _):
        ran = log_in(url)
    assert ran.code == 1
    assert "allow offline access" in ran.err
    assert not (home / "tokens.json").exists()


def test_an_account_of_another_region_is_followed_and_kept(home, log_in):
    with tesla() as (there, other), tesla(is_account_elsewhere=True, other_base_url=there) as (here, cloud):
        other.tokens = cloud.tokens
        ran = log_in(here, "--region", "eu")
    assert ran.code == 0, ran.told
    assert "the account lives in region na, not eu" in ran.out
    assert (stored(home)["region"], stored(home)["base_url"]) == ("na", there)
    assert f"Rote Zora, {VIN}" in ran.out


def test_an_address_that_is_not_tesla_s_is_not_followed(home, log_in):
    with tesla() as (url, cloud):
        cloud._base_url = "https://fleet-api.example.com"
        ran = log_in(url)
        assert ran.code == 0, ran.told
        assert "https://fleet-api.example.com, where the answer points for this account, is not Tesla's" in ran.out
        assert stored(home)["base_url"] == url
        # a proxy in the house stays in between, whatever it forwards
        cloud._base_url = "https://fleet-api.prd.eu.vn.cloud.tesla.com"
        ran = log_in(url, "--no-login")
    assert ran.code == 0, ran.told
    assert (stored(home)["base_url"], VIN in ran.out) == (url, True)


def test_no_cars(home, log_in):
    with tesla(cars=()) as (url, _):
        ran = log_in(url)
    assert ran.code == 0
    assert "The account has no cars" in ran.out


def test_an_application_that_is_not_registered_can_go_on_later(home, log_in):
    with tesla(is_registered=False) as (url, cloud):
        ran = log_in(url)
        assert ran.code == 1
        assert "answers 412" in ran.err
        assert "POST /api/1/partner_accounts" in ran.err
        assert "--no-login" in ran.out
        before = stored(home)
        object.__setattr__(cloud.settings, "is_registered", True)
        again = log_in(None, "--no-login", client=None, back=None)
    assert again.code == 0, again.told
    assert VIN in again.out
    assert stored(home) == before


# what goes wrong

WRONG = {
    "state": (
        lambda url: re.sub("state=[^&]+", "state=forged", open_page(url)),
        "its state is not the one of this login",
    ),
    "no state": (lambda url: open_page(url).partition("&state")[0], "its state is not the one of this login"),
    "used": (lambda url: (code := code_at(url)) and spend(url, code), "the code is used up or too old"),
    "made up": (lambda _: "EU_00000000000000000000000000000000", "the code is used up or too old"),
    "itself": (lambda url: url, "this is the address to be opened"),
    "empty page": (lambda _: "https://example.test/back", "has no code="),
    "words": (lambda _: "what now?", "neither an address nor a code"),
    "a novel": (lambda _: "https://example.test/back?code=" + "x" * 9000, "an address has at most 8192"),
}


def spend(url, code):
    """Use a code up, in vain."""
    parts = urlsplit(url)
    form = {"grant_type": "authorization_code", "client_id": CLIENT, "client_secret": SECRET, "code": code}
    httpx2.post(f"{parts.scheme}://{parts.netloc}/oauth2/v3/token", data=form, trust_env=False)
    return code


@pytest.mark.parametrize(("paste", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_leaves_the_old_login(home, log_in, paste, words):
    path = tokens(home)
    before = path.read_bytes()
    with tesla() as (url, _):
        ran = log_in(url, paste=paste)
    assert ran.code == 1
    assert words in ran.err
    assert path.read_bytes() == before


def test_who_says_no(home, log_in):
    with tesla(denies_login=True) as (url, _):
        ran = log_in(url)
    assert ran.code == 1
    assert "access_denied" in ran.err
    assert "log in again and allow what is asked for" in ran.err


@pytest.mark.parametrize("secret", ["wrong-secret", ""])
def test_a_wrong_secret(home, log_in, monkeypatch, secret):
    monkeypatch.setenv("SUNBOX_TESLA_CLIENT_SECRET", secret)
    with tesla() as (url, _):
        ran = log_in(url)
    assert ran.code == 1
    assert "unauthorized_client" in ran.err
    assert "--client-secret-file" in ran.err
    assert "wrong-secret" not in ran.told


def test_tesla_has_trouble(home, log_in):
    with tesla() as (url, cloud):
        cloud.add_faults([{"kind": "server_error", "endpoint": "vehicles", "status": 503, "count": None}])
        ran = log_in(url)
    assert ran.code == 1
    assert "asked for its cars, answers 503" in ran.err
    assert "Tesla's service has trouble" in ran.err
    assert (home / "tokens.json").exists()


def test_nobody_answers(home, log_in):
    with tesla() as (url, _):
        pass
    ran = log_in(url, paste=lambda _: "EU_00000000000000000000000000000000")
    assert ran.code == 1
    assert "check the internet connection" in ran.err


def test_everything_that_is_missing_is_told_at_once(home, log_in):
    ran = log_in(None, client=None, back=None)
    assert ran.code == 2
    assert "nobody can be asked here" in ran.err
    assert "--client-id" in ran.err
    assert "--redirect-uri" in ran.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--client-id", "with space"), "is no client ID"),
        (("--redirect-uri", "example.com/back"), "is no address"),
        (("--region", "mars"), "'mars' is not one of 'na', 'eu', 'cn'"),
        (("--scopes", "openid"), "offline_access is missing"),
        (("--scopes", "openid OFFLINE"), "'OFFLINE' is no scope"),
        (("--base-url", "http://example.com"), "use https"),
        (("--client-secret-file", "gone.txt"), "gone.txt cannot be read"),
        (("--client-secret-file", "empty.txt"), "does not hold a secret"),
    ],
)
def test_options_that_cannot_be(home, log_in, words, hint):
    (home / "empty.txt").write_text("\n")
    ran = log_in(None, *words)
    assert ran.code == 2
    assert hint in ran.err


@pytest.mark.parametrize("where", ["gone/tokens.json", "file/tokens.json"])
def test_a_folder_that_cannot_be_written_to_is_told_before_anybody_logs_in(home, log_in, where):
    (home / "file").write_text("")
    ran = log_in(None, "--tokens", where)
    assert ran.code == 1
    assert "/authorize?" not in ran.told
    assert where.partition("/")[0] in ran.err


def test_a_file_open_to_others_is_closed_and_told(home, log_in):
    path = tokens(home)
    path.chmod(0o644)
    with tesla() as (url, _):
        ran = log_in(url)
    assert ran.code == 0, ran.told
    assert "open to other users" in ran.err
    assert f"holds a login of application {CLIENT}, region na. A new one takes its place" in ran.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "old-" not in path.read_text()


def test_a_login_that_was_elsewhere_is_told(home, log_in):
    tokens(home, base_url="http://192.168.0.9:8080", auth_url="https://auth.tesla.com")
    ran = log_in(None, paste=lambda _: "")
    assert ran.url.startswith("https://auth.tesla.com/")
    assert "To stay there: --base-url http://192.168.0.9:8080" in ran.out
    assert "--auth-url" not in ran.out


def test_what_is_no_token_file_is_replaced_and_what_is_no_file_is_not(home, log_in):
    path = home / "tokens.json"
    path.write_text("{}")
    with tesla() as (url, _):
        ran = log_in(url)
        assert ran.code == 0, ran.told
        assert "is no token file; the new login takes its place" in ran.out
        (home / "folder.json").mkdir()
        (home / "sunbox.yaml").write_text("tesla: {account: folder.json}\n")
        ran = log_in(url)
    assert ran.code == 1
    assert "folder.json cannot be read" in ran.err


def test_without_a_login_there_is_nothing_to_look_at(home, log_in):
    ran = log_in(None, "--no-login")
    assert ran.code == 1
    assert "tokens.json does not exist" in ran.err


def test_a_configuration_with_mistakes_about_tesla(home, log_in):
    (home / "sunbox.yaml").write_text("tesla: {region: mars}\n")
    ran = log_in(None)
    assert ran.code == 2
    assert "sunbox.yaml:1:17 tesla.region" in ran.err
    (home / "sunbox.yaml").write_text("tesla: [\n")
    assert log_in(None).code == 2


def test_a_full_disk_leaves_the_old_login(home, log_in, monkeypatch):
    path = tokens(home)
    before = path.read_bytes()

    def fill_the_disk(url):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        return open_page(url)

    with tesla() as (url, _):
        ran = log_in(url, paste=fill_the_disk)
    assert ran.code == 1
    assert "No space left on device" in ran.err
    assert path.read_bytes() == before
    assert [each.name for each in home.iterdir() if each.name.startswith(".")] == []


def test_ctrl_c_leaves_everything_as_it_was(home, log_in):
    tokens(home)
    before = everything_in(home)

    def interrupt(_):
        raise KeyboardInterrupt

    with tesla() as (url, _):
        assert log_in(url, paste=interrupt).code == 130
    assert everything_in(home) == before


# at a terminal

AT_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "sunbox", *sys.argv[1:]])
"""


class Terminal:
    """A person at a terminal: everything that it shows, and what is typed."""

    def __init__(self, folder, *words):
        self.shown = ""
        self.master, slave = os.openpty()
        environ = {key: value for key, value in os.environ.items() if not key.startswith("SUNBOX_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *words],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environ, "TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(slave)

    def until(self, words, within_s=WITHIN_S):
        """Return what is shown since then, once these words are."""
        ends_s = time.monotonic() + within_s
        while words not in self.shown:
            assert time.monotonic() < ends_s, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 65536).decode()
                except OSError:  # the program has ended
                    assert words in self.shown, self.shown
        before, _, self.shown = self.shown.partition(words)
        return before + words

    def type(self, text):
        os.write(self.master, text.encode())

    def interrupt(self, within_s=WITHIN_S):
        """Press Ctrl-C until the program has ended and return its exit code.

        Once is not enough for a machine that presses it in the same moment in
        which the prompt is shown: a signal between a prompt and its read is seen
        by Python with the next key only.
        """
        ends_s = time.monotonic() + within_s
        while time.monotonic() < ends_s:
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(5)
        raise AssertionError(f"not ended by Ctrl-C within {within_s:g} s: {self.shown}")

    def end(self):
        rest = self.until("sunbox check") if self.process.poll() is None else ""
        return self.process.wait(WITHIN_S), rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(WITHIN_S)
        os.close(self.master)


def test_at_a_terminal_everything_is_asked_for(home):
    with tesla() as (url, _), Terminal(home, "setup", "tesla", "--base-url", url, "--auth-url", url) as terminal:
        told = terminal.until("developer.tesla.com: ")
        terminal.type("with space\n")
        told += terminal.until("is no client ID") + terminal.until("developer.tesla.com: ")
        terminal.type(f"{CLIENT}\n")
        told += terminal.until("[eu]: ")
        terminal.type("\n")
        told += terminal.until("as it stands there: ")
        terminal.type(f"{BACK}\n")
        told += terminal.until("has none): ")
        terminal.type(f"{SECRET}\n")
        told += terminal.until("The browser's address: ")
        address = re.search(r"http://\S+/authorize\?\S+", told).group()
        terminal.type(f"{address}\n")
        told += terminal.until("this is the address to be opened") + terminal.until("The browser's address: ")
        terminal.type(f"{open_page(address)}\n")
        code, rest = terminal.end()
    assert code == 0, told + rest
    assert "Logged in." in rest
    assert SECRET not in told + rest
    assert stored(home)["access_token"] not in told + rest


def test_ctrl_c_at_a_terminal(home):
    tokens(home, redirect_uri=BACK)
    before = everything_in(home)
    with Terminal(home, "setup", "tesla", "--client-id", CLIENT) as terminal:
        terminal.until("Log in anew? [Y/n]: ")
        terminal.type("y\n")
        terminal.until("[na]: ")
        terminal.type("\n")
        terminal.until(f"[{BACK}]: ")
        terminal.type("\n")
        terminal.until("has none): ")
        terminal.type("\n")
        terminal.until("The browser's address: ")
        assert terminal.interrupt() == 130
    assert everything_in(home) == before
