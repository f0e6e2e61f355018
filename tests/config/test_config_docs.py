"""The documents tell the truth: examples load, the reference is that of the models, links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from config_docs import DOCUMENT, with_reference

from sunbox.app import REGISTRY
from sunbox.config import load
from sunbox.config.reference import json_schema

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "sunbox.example.yaml"
DOCUMENTS = sorted(path for folder in (ROOT, ROOT / "docs", ROOT / "packaging") for path in folder.glob("*.md"))


def readme_example() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return example


@pytest.mark.parametrize("text", [EXAMPLE.read_text(encoding="utf-8"), readme_example()], ids=["example", "readme"])
def test_an_example_is_right_and_has_nothing_to_warn_of(tmp_path, text):
    tokens = tmp_path / "tokens.json"
    tokens.write_text("{}")
    tokens.chmod(0o600)
    path = tmp_path / "sunbox.yaml"
    path.write_text(text, encoding="utf-8")
    config = load(path, REGISTRY, {})
    assert config.warnings == ()
    assert config.settings.loadpoints


def test_the_circuits_of_the_reference_are_right(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    car = "vehicles: [{id: model3, driver: tesla, vin: LRW3F7EK4NC700000}]\n"
    (tmp_path / "sunbox.yaml").write_text(car + example, encoding="utf-8")
    config = load(tmp_path / "sunbox.yaml", REGISTRY, {})
    assert [(circuit.id, circuit.parent) for circuit in config.settings.circuits] == [
        ("yard", None),
        ("garage", "yard"),
    ]
    assert not any(" circuits[" in warning for warning in config.warnings)


def test_what_is_commented_out_in_the_example_can_be_written_too(tmp_path):
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    text = "\n".join(re.sub(r"^( +)# (?=[a-z_-]+:|- )", r"\1", line) for line in lines)
    assert text.count("#") < "\n".join(lines).count("#")
    (tmp_path / "geofence-private.csv").write_text("Cabin,52.1,13.1,,+tlwb\n")
    (tmp_path / "password.txt").write_text("long enough\n")
    (tmp_path / "gateway-password").write_text("abcde\n")
    (tmp_path / "sunbox.yaml").write_text(text, encoding="utf-8")
    config = load(tmp_path / "sunbox.yaml", REGISTRY, {"INVERTER_PASSWORD": "x"})
    assert [place.name for place in config.settings.places] == ["Home", "Office", "Cabin"]
    assert config.faces.password.get_secret_value() == "long enough"
    assert [(meter.id, meter.is_cloud) for meter in config.settings.meters][-2:] == [
        ("powerwall", False),
        ("far", True),
    ]


def test_the_reference_is_that_of_the_models():
    """`make docs` writes it again."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == with_reference(text)


@pytest.mark.parametrize("driver", [*REGISTRY.meters, *REGISTRY.vehicles, *REGISTRY.chargers, *REGISTRY.accounts])
def test_every_driver_is_in_the_reference(driver):
    assert re.search(rf"^### (.*, driver )?{driver}$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("face", REGISTRY.faces)
def test_every_face_with_keys_of_its_own_is_in_the_reference(face):
    assert re.search(rf"^### faces.{face}$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_row_of_the_reference_is_whole():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("|") and not line.endswith("|")] == []


def test_every_key_has_a_meaning():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 50
    assert [key for key, meaning in rows if not meaning.strip()] == []


def accepts(schema, definitions, value) -> bool:
    """Return whether a schema takes a value: as much of JSON schema as ours uses."""
    if schema is False:
        return False
    if "$ref" in schema:
        schema = {
            **definitions[schema["$ref"].rpartition("/")[2]],
            **{key: schema[key] for key in schema if key != "$ref"},
        }
    if "anyOf" in schema:
        return any(accepts(option, definitions, value) for option in schema["anyOf"])
    if "const" in schema:
        return value == schema["const"]
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if schema.get("type") == "null":
        return value is None
    if not isinstance(value, kinds[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return False
    if schema["type"] == "array":
        return all(accepts(schema["items"], definitions, item) for item in value)
    if schema["type"] == "object":
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        return all(key in value for key in schema.get("required", [])) and all(
            accepts(properties[key], definitions, item) if key in properties else rest is not False
            for key, item in value.items()
        )
    if schema["type"] in {"integer", "number"}:
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return re.search(schema.get("pattern", ""), value) is not None if isinstance(value, str) else True


WRONG = [
    ("site: {voltage_v: 23}", "below the least"),
    ("site: {nme: x}", "unknown key"),
    ("sites: {}", "unknown section"),
    ("loadpoints: [{id: a, mode: pvv}]", "unknown mode"),
    ("loadpoints: [{vehicle: a}]", "no id"),
    ("meters: [{id: a, driver: htp, url: x}]", "unknown driver"),
    ("meters: [{id: a, driver: http, grid_w: 5, url: x}]", "a number for a path"),
    ("tesla: {budget: {per_month: never}}", "a word for a number"),
    ("chargers: [{id: a, driver: b}]", "no driver at all"),
    ("circuits: [{max_a: 20}]", "no id of a circuit"),
    ("circuits: [{id: a, max_a: 2000}]", "above the most"),
    ("site: {battery_hold: 1}", "a number for yes or no"),
    ("faces: {twc3: [{loadpoint: carport}]}", "no port of a face's own"),
    ('faces: {goe: [{port: 5001, profile: "56"}]}', "a generation that there is not"),
]
RIGHT = [
    "tesla: {budget: {per_month: unlimited}}",
    "loadpoints: [{id: a, vehicle: b, phases: auto}]",
    "meters: [{id: a, driver: http, url: x, grid_w: {path: $.a, invert: true}, interval_s: 2}]",
    "circuits: [{id: a, max_a: 20}, {id: b, parent: a, max_w: 4600, meter: m, safe_a: 0}]",
    "places: [{geofence: x.csv}, {name: a, lat: 1, lon: 2.5}]",
    "faces: {twc3: [{port: 5003}, {loadpoint: carport, port: 5004}]}",
    'faces: {goe: [{loadpoint: carport, port: 5001, profile: "055", name: Wall}]}',
    'faces: {smartevse: [{port: 5002, profile: "3.6", mains_meter: api, modem: true, mqtt: {url: "mqtt://a"}}]}',
    "{}",
]


def test_the_json_schema_takes_what_is_right():
    schema = json.loads(json.dumps(json_schema(REGISTRY)))
    for text in [EXAMPLE.read_text(encoding="utf-8"), readme_example(), *RIGHT]:
        assert accepts(schema, schema["$defs"], yaml.safe_load(text)), text


@pytest.mark.parametrize(("text", "why"), WRONG, ids=[why for _, why in WRONG])
def test_the_json_schema_refuses_what_is_wrong(text, why):
    schema = json_schema(REGISTRY)
    assert not accepts(schema, schema["$defs"], yaml.safe_load(text))


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere_inside_the_repository(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.is_relative_to(ROOT), target
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist(path):
    from sunbox.cli.main import COMMANDS

    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    text = "\n".join(blocks)
    told = set(re.findall(r"(?:^|\$ |bin/)sunbox ([a-z]+)", text, re.MULTILINE))
    assert told <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_the_unit_file_starts_what_there_is():
    from sunbox.cli.main import COMMANDS

    text = (ROOT / "packaging" / "sunbox.service").read_text(encoding="utf-8")
    (command,) = re.findall(
        r"^ExecStart=/opt/sunbox/bin/sunbox (\w+) -c /var/lib/sunbox/sunbox.yaml$", text, re.MULTILINE
    )
    assert command in COMMANDS
