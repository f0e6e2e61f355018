"""A Powerwall in scripts and on the command line, for what was written for other programs of this name.

`from fleetapi import FleetAPI` gives the class whose failures are None or False, `python -m fleetapi` (or `python fleetapi.py`, with a
copy of this file beside the script) runs the command. New scripts take `sunbox.fleetapi`, whose failures are exceptions.
"""

from sunbox.fleetapi.legacy import FleetAPI

__all__ = ["FleetAPI"]

if __name__ == "__main__":
    from sunbox.fleetapi.command import run

    run()
