"""SmartEVSE v3: its settings document, its REST and MQTT, and the box behind them. Pure."""
