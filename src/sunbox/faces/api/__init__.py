"""The native REST API and the health."""

from sunbox.faces.api.app import create_app, create_health_app

__all__ = ["create_app", "create_health_app"]
