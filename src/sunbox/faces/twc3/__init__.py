"""A loadpoint as a Wall Connector of the third generation, to be looked at only."""

from sunbox.faces.twc3.app import create_app

__all__ = ["create_app"]
