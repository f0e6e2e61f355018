"""A Powerwall as the home's meter, and its battery held back from cars."""
