"""The rules, pure: no I/O, no clock, no randomness; the standard library only.

`engine.step(state, event) -> (state, effects)` is the only entry. See docs/design.md.
"""
