"""The API that TeslaLogger has: a car's values as JSON, and commands."""
