"""A charger as a go-eCharger: HTTP API v2 and v1."""

from sunbox.faces.goe.app import Charger, Manners, create_app

__all__ = ["Charger", "Manners", "create_app"]
