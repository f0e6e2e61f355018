"""Outwards: reach a real device, turn its answers into events, carry out effects."""
