"""TeslaLogger's wallbox API (tlwb) and its geofence file."""
