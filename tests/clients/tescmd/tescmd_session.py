"""Runs command lines of `tescmd`, one JSON object per line: `words`. The process starts once, for starting takes a second.

The answer has the exit `code`, and what was printed: `out` and `err`, each parsed where it is JSON.
"""

import contextlib
import io
import json
import sys

from tescmd.cli.main import main as tescmd


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def carry_out(words):
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            tescmd(words)
        except SystemExit as end:
            code = end.code or 0
    return {"code": code, "out": parsed(out.getvalue()), "err": parsed(err.getvalue())}


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carry_out(json.loads(line)["words"])) + "\n")
        sys.stdout.flush()


main()
