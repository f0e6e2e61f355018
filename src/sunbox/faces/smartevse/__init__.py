"""A charger as a SmartEVSE: its REST, and the box that a loadpoint is seen as."""

from sunbox.faces.smartevse.app import DEVICE_MANNERS, MOST_ACCEPTED, Manners, Served, create_app
from sunbox.faces.smartevse.loadpoint_box import LoadpointBox
from sunbox.faces.smartevse.settings import OWN_METER, SmartEvseFaceSettings, own_meter

__all__ = [
    "DEVICE_MANNERS",
    "MOST_ACCEPTED",
    "OWN_METER",
    "LoadpointBox",
    "Manners",
    "Served",
    "SmartEvseFaceSettings",
    "create_app",
    "own_meter",
]
