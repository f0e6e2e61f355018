"""Recorded documents lose nothing, the cut-off ones up to the cut; and each generation writes as its sample does."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smartevse_files import FIXTURES, PROFILE_OF, needs_files

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES, rows_of
from sunbox.dialects.smartevse.state import Setup, first_state
from sunbox.dialects.smartevse.table import PATHS, Kind, version_from_wire
from sunbox.dialects.smartevse.wire import Document, document_from_wire, document_to_wire, leaves, rows_missing
from sunbox.dialects.smartevse.words import Access, Contactor, Meter, Mode, Regime, State

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


def text_of(name: str) -> str:
    return (FIXTURES / name).read_text("utf-8")


def document_of(name: str) -> Document:
    document = document_from_wire(text_of(name))
    assert document is not None
    return document


@needs_files
def test_every_complete_sample_has_a_profile() -> None:
    assert {path.name for path in FIXTURES.glob("*.json")} == PROFILE_OF.keys()
    assert len(list(FIXTURES.glob("*.partial.txt"))) == 3


@needs_files
@pytest.mark.parametrize("name", sorted(PROFILE_OF))
def test_a_whole_document_is_read_and_written_without_loss(name: str) -> None:
    document, told = document_of(name), json.loads(text_of(name))
    assert document.is_whole
    assert document.raw == told
    assert document.unknown_paths == document.odd_paths == frozenset()
    for path, value in leaves(told):
        assert document.read(path) == value
        assert type(document.read(path)) is type(value)
    again = json.loads(document_to_wire(document.raw))
    assert list(leaves(again)) == list(leaves(told))
    compact = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    assert document_to_wire(document.raw).decode() == compact


@needs_files
@pytest.mark.parametrize("name", sorted(PROFILE_OF))
def test_the_profile_writes_the_keys_order_and_types_of_its_sample(name: str) -> None:
    profile, told = PROFILES[PROFILE_OF[name]], document_of(name)
    setup = Setup(mains_meter=Meter.API, ev_meter=Meter.API)
    written = dict(leaves(Box(profile).read(first_state(AT, setup))))
    rows = {row.path: row for row in rows_of(profile)}
    may_lack = {path for path in told.paths if rows[path].optional}
    assert set(written) <= set(told.paths)
    assert set(told.paths) - set(written) <= may_lack
    assert [path for path in told.paths if path in written] == list(written)
    for path, value in written.items():
        assert rows[path].fits(value), path
        if rows[path].kind is not Kind.NUMBER:  # 0 and 0.5 are both numbers there
            assert type(value) is type(told.at(path)), path
    assert written["version"] == told.at("version")
    assert rows_missing(told, rows_of(profile)) == frozenset()


@needs_files
@pytest.mark.parametrize(
    ("name", "last", "cut"),
    [
        ("settings_v3.10.2_issue132.partial.txt", "home_battery.last_update", "ev_meter"),
        ("settings_v3.7.2_ha-issue37_evnocomm.partial.txt", "settings.max_sum_mains_time", "settings.solar_max_import"),
        ("settings_v3.9.2_issue281_c2auto_b1.partial.txt", "home_battery.last_update", "ev_meter.description"),
    ],
)
def test_a_cut_off_document_is_read_up_to_the_cut(name: str, last: str, cut: str) -> None:
    document = document_of(name)
    assert not document.is_whole
    assert document.text == text_of(name)
    assert document.paths[-1] == last
    assert document.at(cut) is None
    assert document.unknown_paths == document.odd_paths == frozenset()
    # every value that is whole in the text is there
    assert all(json.dumps(value, ensure_ascii=False) in document.text for _, value in leaves(document.raw))


@needs_files
def test_what_they_mean() -> None:
    old = document_of("settings_v3.5dev_2024-01_docs.json")
    assert (old.version, old.mode, old.regime, old.access) == (None, Mode.OFF, Regime.SMART, Access.OFF)
    assert (old.ev_total_wh, old.ev_charged_wh, old.contactor) == (5_670_100.0, 0.0, Contactor.ALWAYS_ON)
    charging = document_of("settings_v3.6.10_teslalogger.json")
    assert (charging.mode, charging.access, charging.state) == (Mode.NORMAL, Access.ON, State.C)
    assert charging.ev_power_w == pytest.approx(6800.0, abs=0.01)
    assert charging.energy_wh("mains_meter.import_active_energy") == pytest.approx(3_456_987.65)
    newer = document_of("settings_v3.10.0_victron_raw.json")
    assert (newer.mode, newer.regime, newer.state) == (Mode.SOLAR, Regime.SOLAR, State.B1)
    assert (newer.ev_total_wh, newer.ev_charged_wh, newer.mains_meter) == (3_255_525.0, 6721.0, Meter.API)
    paused = document_of("settings_v3.10.2_issue132.partial.txt")
    assert (paused.mode, paused.access, paused.read("settings.override_current")) == (Mode.PAUSE, Access.PAUSE, 79)


@needs_files
@given(st.data())
def test_wherever_it_is_cut_what_was_whole_is_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PROFILE_OF)))
    text = json.dumps(json.loads(text_of(name)), separators=(",", ":"))
    length = data.draw(st.integers(0, len(text)))
    document = document_from_wire(text[:length])
    if length == 0:
        assert document is None
        return
    assert document is not None
    told = json.loads(text)
    whole = list(leaves(told))
    assert list(leaves(document.raw)) == whole[: len(document.paths)]
    assert document.is_whole == (length == len(text))
    # the next value is not whole: what stands before it and itself is not all there, with a character behind it
    if len(document.paths) < len(whole):
        following = json.dumps(nested(whole[: len(document.paths) + 1]), separators=(",", ":")).rstrip("}")
        assert text.startswith(following)
        assert length <= len(following)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("{", {}),
        ('{"a":6.', {}),
        ('{"a":6.5', {}),
        ('{"a":6.5,', {"a": 6.5}),
        ('{"a":"b"', {"a": "b"}),
        ('{"a":"b', {}),
        ('{"a":tru', {}),
        ('{"a":1,"b":{"c":2', {"a": 1}),
        ('{"a":1,"b":{"c":2}', {"a": 1, "b": {"c": 2}}),
        ('{"a":1 x', {}),
        ('{"a":[1,2]', {"a": [1, 2]}),
        ('{"a":[1,', {}),
        ("{1:2}", {}),
    ],
)
def test_where_a_document_ends(text: str, raw: dict[str, object]) -> None:
    document = document_from_wire(text)
    assert document is not None
    assert (document.raw, document.is_whole) == (raw, False)


def nested(values: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object that has these values at their paths."""
    made: dict[str, object] = {}
    for path, value in values:
        *above, name = path.split(".")
        inside = made
        for each in above:
            inside = inside.setdefault(each, {})  # type: ignore[assignment]
        inside[name] = value
    return made


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nonsense_is_no_document_or_an_empty_one(body: bytes | str) -> None:
    document = document_from_wire(body)
    assert document is None or isinstance(dict(document.raw), dict)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted({path.split(".")[0] for path in PATHS})), VALUES, max_size=6))
def test_odd_types_and_strange_keys_stay_where_they_were(told: dict[str, object]) -> None:
    document = document_from_wire(json.dumps(told))
    assert document is not None
    assert document.raw == told
    for path in document.odd_paths:
        assert document.read(path) is None
    _ = (document.mode, document.regime, document.access, document.state, document.version, document.contactor)
    _ = (document.mains_meter, document.ev_power_w, document.ev_total_wh, document.ev_charged_wh)


def test_numbers_that_no_list_has_stay_numbers() -> None:
    document = Document({"mode_id": 17, "evse": {"state_id": 99, "access": True}, "settings": {"enable_C2": "Perhaps"}})
    assert (document.mode, document.state, document.access, document.contactor) == (17, 99, Access.ON, None)
    assert Document({"evse": {"state_id": 255}}).state is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.11.1", (3, 11, 1)),
        ("3.6", (3, 6, 0)),
        ("21:02:46 @Jan  3 2024", None),
        ("", None),
        (None, None),
        (3.1, None),
    ],
)
def test_versions(text: object, version: tuple[int, int, int] | None) -> None:
    assert version_from_wire(text) == version
