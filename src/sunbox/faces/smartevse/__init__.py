"""A SmartEVSE's own web interface, in front of whatever has a box of `dialects/smartevse`."""
