"""Carries out calls of `goecharger-api-lite`, one JSON object per line: `host`, `call`, `with`.

A text of `with` that is a member of the client's own enumerations (`PhaseMode.one`) is taken as that. The answer has either
`returned`, or `raised` with the text of the error.
"""

import json
import sys

from goecharger_api_lite import GoeCharger
from goecharger_api_lite.exception import GoeChargerError


def meant(argument):
    kind, _, member = argument.partition(".") if isinstance(argument, str) else ("", "", "")
    enumeration = getattr(GoeCharger.SettableValueEnum, kind, None)
    if enumeration is not None:
        return enumeration[member]
    return tuple(argument) if isinstance(argument, list) else argument


def main():
    chargers = {}
    for line in sys.stdin:
        asked = json.loads(line)
        host = asked["host"]
        charger = chargers.setdefault(host, None) or GoeCharger(host=host, timeout=30.0)
        chargers[host] = charger
        try:
            answer = {"returned": getattr(charger, asked["call"])(*map(meant, asked["with"]))}
        except (GoeChargerError, ValueError) as error:
            answer = {"raised": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
