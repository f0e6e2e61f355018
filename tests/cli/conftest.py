"""Running commands as people do: words in, text and exit code out."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sunbox.cli.main import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    def run_command(*words: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        told = capsys.readouterr()
        return Ran(ended.value.code, told.out, told.err)

    return run_command
