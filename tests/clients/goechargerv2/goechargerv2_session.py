"""Carries out calls of `goechargerv2`, one JSON object per line: `host`, `call`, `with`.

The answer has either `returned`, or `raised` with the text of the error.
"""

import json
import sys

from goechargerv2.goecharger import GoeChargerApi


def main():
    chargers = {}
    for line in sys.stdin:
        asked = json.loads(line)
        host = asked["host"]
        if host not in chargers:
            chargers[host] = GoeChargerApi(f"http://{host}", "any token", timeout=30)
        try:
            answer = {"returned": getattr(chargers[host], asked["call"])(*asked["with"])}
        except (ValueError, RuntimeError) as error:
            answer = {"raised": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
