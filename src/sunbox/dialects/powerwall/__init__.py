"""A Powerwall's wire: Tesla's energy endpoints in the cloud, and the gateway at home."""
