"""From the owner's YAML file to typed settings, all mistakes at once.

`load(path, registry)` returns a `Config` or raises `ConfigError`; drivers and faces bring their keys by the `Registry`.
"""

from sunbox.config.loader import Config, DeviceConfig, FacesConfig, JournalConfig, load
from sunbox.config.registry import DriverKind, FaceKind, Registry

__all__ = ["Config", "DeviceConfig", "DriverKind", "FaceKind", "FacesConfig", "JournalConfig", "Registry", "load"]
