"""A meter that nobody reads: clients push its readings."""
