"""From the owner's YAML file to typed settings, all mistakes at once."""
