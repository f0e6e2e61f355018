"""The car as TeslaLogger's wallbox API."""

from sunbox.faces.tlwb.app import create_app

__all__ = ["create_app"]
