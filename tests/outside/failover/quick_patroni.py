"""Starts Patroni with timings that are too short for it. Patroni 4 raises them to 20 seconds otherwise."""

import sys

from patroni import config
from patroni.__main__ import main

# Patroni starts PostgreSQL in a process that imports this file again.
if __name__ == "__main__":
    if hasattr(config.Config, "_validate_and_adjust_timeouts"):
        config.Config._validate_and_adjust_timeouts = lambda *_: None
    sys.exit(main())
