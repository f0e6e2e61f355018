"""The bench: controllers on one simulated home, coupled to it directly, and scored against the best that was possible."""
