"""Carries out calls of `tesla-fleet-api`, one JSON object per line: `url`, `token`, `vin` (or number of a site), `on`, `call`, `with`.

The answer has either `returned`, or `raised` (the names of the error's classes, its own first) with `data`.
"""

import asyncio
import json
import sys

import aiohttp
from tesla_fleet_api import TeslaFleetApi
from tesla_fleet_api.const import VehicleDataEndpoint
from tesla_fleet_api.exceptions import TeslaFleetError


async def carry_out(asked):
    async with aiohttp.ClientSession() as session:
        api = TeslaFleetApi(session=session, access_token=asked["token"], server=asked["url"])
        places = {
            "api": lambda: api,
            "user": lambda: api.user,
            "vehicle": lambda: api.vehicles.specific(asked["vin"]),
            "site": lambda: api.energySites.create(int(asked["vin"])),
        }
        where = places[asked["on"]]()
        arguments = dict(asked["with"])
        if "endpoints" in arguments:
            arguments["endpoints"] = [VehicleDataEndpoint(name) for name in arguments["endpoints"]]
        try:
            return {"returned": await getattr(where, asked["call"])(**arguments)}
        except TeslaFleetError as error:  # derives from BaseException
            return {"raised": [kind.__name__ for kind in type(error).__mro__], "data": error.data}


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asyncio.run(carry_out(json.loads(line)))) + "\n")
        sys.stdout.flush()


main()
