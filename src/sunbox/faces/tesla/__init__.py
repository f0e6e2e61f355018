"""The cars as Tesla's Fleet API, and as TeslaBleHttpProxy."""

from sunbox.faces.tesla.app import create_app
from sunbox.faces.tesla.settings import TeslaFaceSettings
from sunbox.faces.tesla.shapes import Shape

__all__ = ["Shape", "TeslaFaceSettings", "create_app"]
