"""Inwards: what clients see. One folder per dialect; a face knows `core/wallbox.py` and nothing else of the gateway."""
