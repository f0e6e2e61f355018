"""`python -m sunbox.fleetapi`."""

from sunbox.fleetapi.command import run

run()
