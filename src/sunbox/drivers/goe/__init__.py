"""A real go-eCharger: HTTP API v2, v1 where v2 is switched off, or MQTT."""
