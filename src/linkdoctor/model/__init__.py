"""Pure data and pure functions: what was seen, what Docker promises, what was concluded.

Nothing in here does I/O or reads a clock.
"""
