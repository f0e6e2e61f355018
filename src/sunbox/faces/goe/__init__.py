"""A charger as a go-eCharger: HTTP API v2 and v1, and the charger that a loadpoint is seen as."""

from sunbox.faces.goe.app import Charger, Manners, create_app
from sunbox.faces.goe.loadpoint_box import LoadpointBox
from sunbox.faces.goe.settings import GoeFaceSettings

__all__ = ["Charger", "GoeFaceSettings", "LoadpointBox", "Manners", "create_app"]
