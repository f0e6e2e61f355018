"""The page."""

from sunbox.faces.ui.app import create_app

__all__ = ["create_app"]
