"""Pure data and pure functions: what was seen, what Docker promises, what was concluded.

Nothing in here does I/O or reads a clock.
"""

from linkdoctor.moved import understand_old_names

understand_old_names()
