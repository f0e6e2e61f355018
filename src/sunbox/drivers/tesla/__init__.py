"""A Tesla through the Fleet API."""
