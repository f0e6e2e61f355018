"""Carries out calls of `goe`, one JSON object per line: `host`, `call`, `with`.

Dataclasses come as maps, what JSON does not know as text. The answer has either `returned`, or `raised` with the text of the error.
"""

import json
import sys
from dataclasses import asdict

from goe.charger import GoEChargerClient


def main():
    chargers = {}
    for line in sys.stdin:
        asked = json.loads(line)
        host = asked["host"]
        if host not in chargers:
            chargers[host] = GoEChargerClient.local(host)
        try:
            answer = {"returned": asdict(getattr(chargers[host], asked["call"])(*asked["with"]))}
        except (KeyError, ValueError, OSError) as error:
            answer = {"raised": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()


main()
