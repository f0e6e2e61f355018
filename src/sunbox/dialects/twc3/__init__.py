"""Tesla's Wall Connector of the third generation: its vitals."""
