"""sunbox makes any car a wallbox, and any wallbox a solar wallbox."""

__version__ = "0.1.0"
