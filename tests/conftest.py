"""Fixtures for every test folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# Small matrices: threads of the linear algebra library would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest

# A shared machine is slow now and then: time is measured in benchmarks/, never asserted here.
hypothesis.settings.register_profile(
    "lichtbild", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("lichtbild")

ROOT = Path(__file__).resolve().parent.parent


# Tests trace what they need, whatever was kept on this machine.
os.environ["LICHTBILD_CACHE"] = ""


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data(name)` is the folder of a set of real pictures; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        base = Path(os.environ.get("LICHTBILD_DATA", ROOT.parent / "shared" / "data"))
        folder = base / name
        if not folder.exists():
            pytest.skip(f"{name} is not in {base} (set LICHTBILD_DATA)")
        return folder

    return find
