"""A real go-eCharger: HTTP API v2, or v1 where v2 is switched off."""
