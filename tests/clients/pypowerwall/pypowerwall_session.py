"""Carries out what `pypowerwall` is asked, one JSON object per line.

`cli`: the words of `python -m pypowerwall.fleetapi` (or of `module`), with `stdin`, in the folder `cwd`; the answer has `code`, `out`
and `err`. `hosts` says what is reached instead of addresses that cannot be configured. `call`: a method of `Powerwall` (made once with
`make`), with `with`; the answer has `returned`.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback

import pypowerwall
import pypowerwall.fleetapi.fleetapi as fleet

HOSTS = {}
ORIGINAL = fleet._http2_request


def request(method, url, **more):
    for origin, instead in HOSTS.items():
        if url.startswith(origin):
            url = instead + url.removeprefix(origin)
    return ORIGINAL(method, url, **more)


fleet._http2_request = request


def run_cli(asked):
    HOSTS.clear()
    HOSTS.update(asked.get("hosts", {}))
    os.chdir(asked["cwd"])
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["fleetapi", *asked["words"]]
    given, sys.stdin = sys.stdin, io.StringIO(asked.get("stdin", ""))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(asked.get("module", "pypowerwall.fleetapi"), run_name="__main__", alter_sys=False)
        except SystemExit as end:
            code = 0 if end.code is None else end.code
        except Exception:  # noqa: BLE001 - what Python itself would do
            traceback.print_exc()
            code = 1
        finally:
            sys.stdin = given
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def on_class(asked):
    HOSTS.clear()
    HOSTS.update(asked.get("hosts", {}))
    api = fleet.FleetAPI(**asked["make"])
    return {name: getattr(api, name)(*arguments) for name, arguments in asked["calls"]}


def on_powerwall(asked):
    powerwall = pypowerwall.Powerwall(**asked["make"])
    told = {"connected": powerwall.is_connected()}
    for name, arguments in asked["calls"]:
        told[name] = getattr(powerwall, name)(*arguments)
    return told


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed beside is no answer
    for line in sys.stdin:
        asked = json.loads(line)
        carry_out = {"cli": run_cli, "class": on_class, "powerwall": on_powerwall}[asked["do"]]
        answers.write(json.dumps({"returned": carry_out(asked)}, default=str) + "\n")
        answers.flush()


main()
