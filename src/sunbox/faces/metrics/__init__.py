"""What is known, for Prometheus and those who read its format."""

from sunbox.faces.metrics.app import create_app

__all__ = ["create_app"]
