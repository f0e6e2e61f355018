"""The table: the 90 keys of the first document, each served with its type, and what each generation has of all keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from goe_files import DOCUMENT, needs_files

from sunbox.dialects.goe.box import Box
from sunbox.dialects.goe.decide import Behind
from sunbox.dialects.goe.keys import Access, Category, Key, Kind, firmware_from_wire
from sunbox.dialects.goe.profiles import PROFILES, STANDARD, Profile, keys_of
from sunbox.dialects.goe.state import DEVICE, BoxState, first_state
from sunbox.dialects.goe.table import BY_NAME, KEYS, SOURCE_KEYS
from sunbox.dialects.goe.wire import fits

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)
BOX = Box(STANDARD, DEVICE)
IDLE = first_state(AT)
CHARGING = BOX.advanced(
    BOX.advanced(IDLE, Behind(is_plugged=True, cable_a=20), AT + timedelta(seconds=5)),
    Behind(is_plugged=True, is_charging=True, cable_a=20, amps_a=(16.0, 15.9, 16.1), closed=(True, True, True)),
    AT + timedelta(seconds=20),
)

GOOD = {  # something that each writable key of the document takes
    "wifis": '[{},{"ssid":"a","key":"b"}]',
    "delw": "1",
    "wan": '"x"',
    "wak": '"x"',
    "wen": "false",
    "pass": '"x"',
    "utc": '"2024-06-17T10:00:00"',
    "lmo": "4",
    "clp": "[6,32]",
    "cid": '"#123abc"',
    "cwc": '"#123abc"',
    "cch": '"#123abc"',
    "cfi": '"#123abc"',
    "psm": "1",
    "trx": "0",
    **dict.fromkeys(
        ("sch_week", "sch_satur", "sch_sund"),
        '{"control":1,"ranges":[{"begin":{"hour":1,"minute":0},"end":{"hour":2,"minute":0}},'
        '{"begin":{"hour":0,"minute":0},"end":{"hour":0,"minute":0}}]}',
    ),
}


def good_value(key: Key) -> str:
    """Return JSON text that a key takes."""
    if key.name in GOOD:
        return GOOD[key.name]
    return {Kind.BOOL: "true", Kind.TEXT: '"x"', Kind.NUMBER: "1.5"}.get(key.kind, str(int(key.low or 0) + 1))


def test_the_document_has_90_keys_and_each_name_one_row() -> None:
    assert len(SOURCE_KEYS) == 90
    assert len(BY_NAME) == len(KEYS)
    assert {key.name for key in SOURCE_KEYS if key.access is Access.W} == {"delw", "lrn", "del", "pass"}


@pytest.mark.parametrize("state", [IDLE, CHARGING], ids=["idle", "charging"])
@pytest.mark.parametrize("key", SOURCE_KEYS, ids=lambda key: key.name)
def test_every_key_of_the_document_is_served_with_its_type(key: Key, state: BoxState) -> None:
    readout = BOX.read(state, (key.name,))
    assert readout.code == 200
    if key.is_readable:
        assert set(readout.values) == {key.name}
        assert fits(key, readout.values[key.name])
        whole = BOX.read(state).values
        assert whole[key.name] == readout.values[key.name]
    else:
        assert readout.values == {}


def test_a_whole_status_has_86_of_them_first_and_in_order() -> None:
    whole = list(BOX.read(IDLE).values)
    assert whole[:86] == [key.name for key in SOURCE_KEYS if key.is_readable]
    assert len(whole) == len([key for key in keys_of(STANDARD).values() if key.is_readable])


@pytest.mark.parametrize("key", SOURCE_KEYS, ids=lambda key: key.name)
def test_every_key_of_the_document_is_set_or_refused(key: Key) -> None:
    text = good_value(key)
    judged = BOX.judge(IDLE, ((key.name, text),))
    if key.access is Access.R:
        assert judged.answers == {key.name: f"{key.name}: tried to set api key without setter ({text})"}
        assert BOX.settle(IDLE, judged.good) == IDLE
        return
    assert judged.answers == {key.name: True}
    changed = BOX.settle(IDLE, judged.good)
    shown = BOX.read(changed, (key.name,)).values.get(key.name)
    if key.is_secret or key.access is Access.W:
        assert shown in {None, False}
    elif key.name == "utc":
        assert shown == "2024-06-17T10:00:00.000000"  # the clock is the host's
    else:
        assert fits(key, shown)
        assert shown != BOX.read(IDLE, (key.name,)).values[key.name] or text in {str(shown).lower(), f'"{shown}"'}


@needs_files
def test_the_rows_are_those_of_the_document() -> None:
    rows = re.findall(
        r"^\| ((?!Key)\w+) +\| (R|W|R/W) +\| (\S+) +\| (\w+) +\|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    assert [row[0] for row in rows] == [key.name for key in SOURCE_KEYS]
    for name, access, kind, category in rows:
        key = BY_NAME[name]
        assert (name, key.category) == (name, Category(category))
        # later tables let these two be set; everything else is as it was
        assert key.access == access or (name in {"lbr", "trx"} and key.writable_since is not None), name
        if kind.startswith("optional"):
            assert key.nullable, name


ENUMERATED = [key for key in KEYS if key.words]


@pytest.mark.parametrize("key", ENUMERATED, ids=lambda key: key.name)
def test_what_it_says_by_itself_is_a_word_of_its_list(key: Key) -> None:
    if key.is_readable:
        assert key.default in key.words


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("state", [IDLE, CHARGING], ids=["idle", "charging"])
def test_every_generation_says_only_what_its_rows_say(profile: Profile, state: BoxState) -> None:
    box = Box(profile, DEVICE)
    values = box.read(state).values
    assert {name for name, value in values.items() if not fits(BY_NAME[name], value)} == set()
    assert len(values["nrg"]) == 16


def test_generations_differ_as_they_do() -> None:
    asked = ("alw", "cards", "c0i", "nonsense", "cae", "bac", "psm")
    told = {name: Box(profile, DEVICE).read(IDLE, asked) for name, profile in PROFILES.items()}
    assert {name: readout.code for name, readout in told.items()} == {
        "051": 200,
        "055": 200,
        "59.4": 200,
        "60.3": 400,
        "60.5-core": 400,
    }
    assert {name: readout.values.get("bac", "-") for name, readout in told.items()} == {
        "051": True,
        "055": 3,
        "59.4": 3,
        "60.3": 3,
        "60.5-core": "-",
    }
    assert all(readout.values["alw"] is True for readout in told.values())
    assert told["60.5-core"].values["cae"] is None
    assert told["60.3"].values["c0i"] is True
    assert "c0i" not in told["055"].values
    assert "sbe" not in Box(PROFILES["59.4"], DEVICE).read(IDLE).values


def test_051_knows_neither_auto_nor_a_transaction_by_hand() -> None:
    old = Box(PROFILES["051"], DEVICE)
    assert old.judge(IDLE, (("psm", "0"), ("trx", "0"), ("lbr", "5"), ("bac", "false"))).answers == {
        "psm": "psm: failed: Value 0 exceeds range 1 to 2 (0)",
        "trx": "trx: tried to set api key without setter (0)",
        "lbr": "lbr: tried to set api key without setter (5)",
        "bac": True,
    }
    changed = old.settle(IDLE, {"bac": 0})
    assert old.read(changed, ("bac", "sdp")).values == {"bac": False, "sdp": True}
    assert old.read(IDLE, ("utc", "loc")).values == {
        "utc": "2024-06-17T10:00:00.000.000",
        "loc": "2024-06-17T12:00:00.000.000 +02:00",
    }


@pytest.mark.parametrize(
    ("fwv", "number"),
    [
        ("053.1", (53, 1)),
        ("60.5", (60, 5)),
        ("35.6-1-ga0d44e5", (35, 6)),
        ("055", (55, 0)),
        (36.3, (36, 3)),
        ("", None),
        (None, None),
        ("dev", None),
        (True, None),
    ],
)
def test_firmware_numbers(fwv: object, number: tuple[int, int] | None) -> None:
    assert firmware_from_wire(fwv) == number
