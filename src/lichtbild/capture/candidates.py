"""Files that may belong to a burst, and what is proposed of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lichtbild.capture.naming import Name, natural_key, parse_name
from lichtbild.core import FrameInfo, FrameSource

COMPANION_GAP_S = 3.0

# Which file of one exposure holds the most: a DNG beats a vendor's raw (it may carry opcodes), any raw a picture.
_RANK = {".dng": 0, ".heic": 2, ".heif": 2, ".hif": 2, ".tif": 2, ".tiff": 2, ".png": 3, ".jpg": 4, ".jpeg": 4}


@dataclass(frozen=True, eq=False)
class Candidate:
    """One file that may belong to a burst.

    Parameters
    ----------
    path
        The file.
    info
        What it tells.
    source
        The way to its pixels; None in tests of the rules alone.
    """

    path: Path
    info: FrameInfo
    source: FrameSource | None = None
    name: Name = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", parse_name(self.path.stem))

    @property
    def is_raw(self) -> bool:
        return self.info.kind != "picture"

    @property
    def captured_s(self) -> float | None:
        return self.info.exposure.captured_s

    def class_key(self) -> tuple[Any, ...]:
        """What all frames of a burst have in common."""
        i, e = self.info, self.info.exposure
        return (i.camera.make, i.camera.model, i.camera.unique_name, i.shape, i.kind, e.f_number, e.focal_length_mm)

    def sort_key(self) -> tuple[Any, ...]:
        time = self.captured_s
        return (time is None, time or 0.0, natural_key(self.path.name))


@dataclass(frozen=True, eq=False)
class Proposal:
    """Files that are taken to be one shot.

    Parameters
    ----------
    kind
        "burst" (equal exposures), "bracket" (exposures 0.3 EV apart and more), or "single".
    name
        Label: what the file names have in common.
    members
        The files, in order of capture.
    reference
        Index of the frame that the camera marked as the best; None: not marked.
    is_sure
        Whether names, or times and pictures, agree; False asks for a look.
    reasons
        Why these are one shot, a line each.
    left_out
        (file, why not) of files near this shot that are not frames of it.
    problem
        Why it cannot be read as it is, or empty.
    """

    kind: str
    name: str
    members: tuple[Path, ...]
    reference: int | None = None
    is_sure: bool = True
    reasons: tuple[str, ...] = ()
    left_out: tuple[tuple[Path, str], ...] = ()
    problem: str = ""
    sources: tuple[FrameSource, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "members": [str(p) for p in self.members],
            "reference": self.reference,
            "is_sure": self.is_sure,
            "reasons": list(self.reasons),
            "left_out": [{"file": str(p), "reason": why} for p, why in self.left_out],
            "problem": self.problem,
        }

    def summary(self) -> str:
        """One line for people."""
        n = len(self.members)
        doubt = "" if self.is_sure else ", unsure"
        files = self.members[0].name if n == 1 else f"{self.members[0].name} ... {self.members[-1].name}"
        return f"{self.kind} of {n}{doubt}: {files}" if n > 1 else f"single: {files}"


# ---- companions: several files of one exposure


def without_companions(ordered: list[Candidate]) -> tuple[list[Candidate], dict[Path, list[tuple[Path, str]]]]:
    """Keep the richest file of each exposure; the others go to {kept file: [(companion, why)]}."""
    by_stem: dict[str, list[Candidate]] = {}
    for c in ordered:
        by_stem.setdefault(c.name.stem.lower(), []).append(c)
    dropped: set[int] = set()
    companions: dict[Path, list[tuple[Path, str]]] = {}
    for same in by_stem.values():
        kept: list[Candidate] = []
        for c in sorted(same, key=_richness):
            owner = next((k for k in kept if _same_moment(k, c)), None)
            if owner is None:
                kept.append(c)
                continue
            dropped.add(id(c))
            what = "the camera's own picture" if owner.is_raw and not c.is_raw else "the same exposure"
            companions.setdefault(owner.path, []).append((c.path, f"{what} of {owner.path.name}"))
    return [c for c in ordered if id(c) not in dropped], companions


def _richness(c: Candidate) -> tuple[Any, ...]:
    return (not c.is_raw, _RANK.get(c.path.suffix.lower(), 1), natural_key(c.path.name))


def _same_moment(a: Candidate, b: Candidate) -> bool:
    if a.captured_s is None or b.captured_s is None:
        return True
    return abs(a.captured_s - b.captured_s) <= COMPANION_GAP_S
