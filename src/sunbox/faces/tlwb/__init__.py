"""The car as TeslaLogger's wallbox API."""
