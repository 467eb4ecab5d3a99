"""`python -m lichtbild.cli` is the command `lichtbild`."""

from __future__ import annotations

from lichtbild.cli import command

if __name__ == "__main__":
    command()
