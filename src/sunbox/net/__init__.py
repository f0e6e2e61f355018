"""HTTP clients and serving on several ports."""
