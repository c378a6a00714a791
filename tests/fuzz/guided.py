"""One target under atheris: `python -m tests.fuzz.guided TARGET CORPUS FLAG …`."""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Fuzz until the time is over, or until a promise is broken."""
    # Not in the requirements of the tests: not every Python has it.
    atheris: Any = __import__("atheris")
    with atheris.instrument_imports(include=["linkdoctor"]):
        from tests.fuzz.targets import TARGETS
    (target,) = (each for each in TARGETS if each.name == sys.argv[1])
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
