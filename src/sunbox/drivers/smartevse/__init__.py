"""SmartEVSE v3 as a charger, over HTTP or MQTT, and its meters as meters of the site."""
