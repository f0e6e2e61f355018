"""go-eCharger API v2 (and the older v1): the keys, their values on the wire, and the charger as its clients know it."""
