"""A loadpoint as a Wall Connector of the third generation, to be looked at only."""

from sunbox.faces.twc3.app import create_app
from sunbox.faces.twc3.settings import Twc3Settings

__all__ = ["Twc3Settings", "create_app"]
