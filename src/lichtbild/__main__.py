"""`python -m lichtbild` is the command `lichtbild`."""

from __future__ import annotations

import sys

from lichtbild.cli import main

if __name__ == "__main__":
    sys.exit(main())
