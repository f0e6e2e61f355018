"""A world that pretends: sun, house, battery, cars and Tesla's cloud, with physics, a bill and faults."""
