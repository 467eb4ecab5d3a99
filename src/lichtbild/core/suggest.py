"""Unknown names: which known one was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_names(name: str, known: Iterable[str], n: int = 3) -> str:
    """A hint for an error: the known names nearest to `name`, or all of them where none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n, 0.5)
    near += [k for k in known if name and k.startswith(name.lower()) and k not in near][:n]
    return ", ".join(near or known)
