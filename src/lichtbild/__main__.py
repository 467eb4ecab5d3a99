"""`python -m lichtbild` is the command `lichtbild`."""

from __future__ import annotations

from lichtbild.cli import command

if __name__ == "__main__":
    command()
