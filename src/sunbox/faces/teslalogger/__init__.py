"""The car as TeslaLogger shows it and is commanded by it."""

from sunbox.faces.teslalogger.app import create_apps

__all__ = ["create_apps"]
