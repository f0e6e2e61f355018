"""A folder with a configuration, and a simulated home that it leads to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.powerwall_home import SITE, Energy, Standing

from sunbox.fleetapi import FleetAPI
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH


@dataclass
class Bench:
    """What a test holds."""

    url: str
    home: Energy
    clock: Standing
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / ".fleetapi.config"

    def write(self, **changed: Any) -> Path:
        document = {
            "CLIENT_ID": "cid",
            "CLIENT_SECRET": "secret",
            "DOMAIN": "example.test",
            "REDIRECT_URI": "https://example.test/access",
            "AUDIENCE": self.url,
            "partner_token": "",
            "partner_account": {},
            "access_token": FIRST_ACCESS,
            "refresh_token": FIRST_REFRESH,
            "site_id": SITE,
            "auth_url": self.url,
            **changed,
        }
        self.path.touch(mode=0o600)
        self.path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
        return self.path

    def read(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text())
        return document

    def calls(self) -> list[str]:
        """Return the names of the calls that came since the last time this was asked."""
        names = [each.endpoint for each in self.home.cloud.bill.requests]
        self.home.cloud.bill.requests.clear()
        return names


MakeFleet = Callable[..., FleetAPI]
