"""The frame of the command line: every command is there, errors are sentences, exit codes mean something."""

import importlib
import re
import shlex

import click
import pytest

from sunbox import __version__
from sunbox.cli.main import COMMANDS, cli, main
from sunbox.errors import ConfigError, SunboxError


def every_command():
    for name, row in COMMANDS.items():
        command = getattr(importlib.import_module(row.module), row.attribute)
        yield from with_its_own((name,), command)


def with_its_own(path, command):
    yield path, command
    if isinstance(command, click.Group):
        given = tuple(
            each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)
        )
        for name, sub in command.commands.items():
            yield from with_its_own((*path, *given, name), sub)


def path_of(words):
    """Return the command that a line names: a car's or a charger's name stands where the help has NAME."""
    exact, named = tuple(words), (words[0], "NAME", *words[2:])
    fitting = [path for path in ALL if path in (exact[: len(path)], named[: len(path)])]
    return max(fitting, key=lambda path: (len(path), path == exact[: len(path)]))


ALL = dict(every_command())


def test_the_commands_are_those_that_are_documented():
    assert list(COMMANDS) == [
        "demo",
        "setup",
        "run",
        "check",
        "status",
        "vehicle",
        "charger",
        "battery",
        "explain",
        "report",
        "whatif",
        "replay",
        "day",
        "bench",
        "simulate",
        "config",
    ]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(run, path):
    ran = run(*path, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: sunbox {' '.join(path)}")
    assert re.search(r"Examples?:\n +sunbox ", ran.out)
    assert ALL[path].help


@pytest.mark.parametrize("path", [(), *ALL], ids=lambda path: " ".join(path) or "sunbox")
def test_examples_can_be_typed_as_they_are(path):
    """Each example's options exist and take its values (what it names need not be there)."""
    epilog = (ALL[path] if path else cli).epilog
    lines = [
        re.split(r" {2,}| \| | > ", line.strip())[0]
        for line in epilog.splitlines()
        if line.strip().startswith("sunbox ")
    ]
    assert lines
    for line in lines:
        words = shlex.split(line)[1:]
        found = path_of(words)
        command = ALL[found]
        parser = command.make_parser(click.Context(command, info_name=words[0], **command.context_settings))
        values, rest, _ = parser.parse_args(list(words[len(found) :]))
        assert rest == []
        context = click.Context(command, info_name=words[0])
        for parameter in command.params:
            is_file = isinstance(parameter.type, click.Path)
            if parameter.name in values and values[parameter.name] is not None and not is_file:
                parameter.process_value(context, values[parameter.name])


def test_version(run):
    assert run("--version") == (0, f"sunbox {__version__}\n", "")


def test_help_lists_every_command_with_its_words(run):
    ran = run("--help")
    for name, row in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(row.words)}$", ran.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["statsu"], "There is no command 'statsu'. Did you mean status?"),
        (["zzz"], "There is no command 'zzz'. There are: demo, setup, run, check"),
        (["--nope"], "No such option"),
        (["status", "--nope"], "No such option"),
        (["replay"], "Missing argument 'FILE'"),
        (["replay", "gone.jsonl"], "'gone.jsonl' does not exist"),
        (["status", "--url", "localhost"], "'localhost' is no address; write one such as http://127.0.0.1:5000"),
    ],
)
def test_a_wrong_line_is_explained(run, words, hint):
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert hint in ran.err


class Failing(click.Command):
    """A command that fails as it is told."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("fail")
        self.error = error

    def invoke(self, ctx):
        raise self.error


FAILURES = [
    (SunboxError("the port is taken; use another"), 1, "the port is taken; use another\n"),
    (ConfigError(["a.yaml:1:1 x: one", "a.yaml:2:1 y: two"]), 2, "a.yaml:1:1 x: one\na.yaml:2:1 y: two\n"),
    (KeyboardInterrupt(), 130, "\n"),
    (click.Abort(), 130, ""),
]


@pytest.fixture
def failing(monkeypatch):
    def fail_with(error):
        monkeypatch.setattr(cli, "get_command", lambda _context, _name: Failing(error))

    return fail_with


@pytest.mark.parametrize(("error", "code", "text"), FAILURES, ids=lambda value: type(value).__name__)
def test_errors_are_sentences(run, failing, error, code, text):
    failing(error)
    assert run("run") == (code, "", text)


def test_a_mistake_of_ours_says_so_without_a_traceback(run, failing):
    failing(ZeroDivisionError("division by zero"))
    ran = run("run")
    assert ran.code == 1
    assert "ZeroDivisionError: division by zero" in ran.err
    assert "--debug" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("error", [SunboxError("x"), ZeroDivisionError("x")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("words", [["--debug", "run"], ["run", "--debug"]], ids=" ".join)
def test_debug_shows_where_it_came_from(failing, error, words):
    failing(error)
    with pytest.raises(type(error)):
        main(words)
