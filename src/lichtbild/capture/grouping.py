"""Bursts among the files of a folder: a proposal with reasons, never a silent guess.

Evidence, strongest first: the name says so (BURST and an id, payload_N000, an iPhone's burst id); the name gives one
moment and an index, or frames follow each other within max(2 x exposure + 150 ms, 500 ms), and they show the same
scene; frames of one numbered series within 10 s, or without any time, show the same scene (proposed, marked unsure).
Camera, size, kind and lens must be the same in all cases. A time rule alone stacks unrelated pictures, so the pictures
are always looked at where names do not decide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lichtbild.capture import exif_facts, overlap
from lichtbild.capture.candidates import Candidate, Proposal, without_companions
from lichtbild.capture.naming import natural_key
from lichtbild.core import FrameInfo

MAX_FRAMES = 64
SAME_SCENE = 0.35
SLOW_GAP_S = 10.0
STRONG_GAP_S = 30.0
BRACKET_STEP_EV = 0.3

Compare = Callable[[Candidate, Candidate], float | None]


def pictures_compare() -> Compare:
    """Compares the files' pictures; each is read once."""
    cache: dict[int, Any] = {}

    def small(c: Candidate) -> Any:
        if id(c) not in cache:
            cache[id(c)] = None if c.source is None else overlap.thumbnail(c.source)
        return cache[id(c)]

    return lambda a, b: overlap.overlap(small(a), small(b))


def group(
    candidates: Iterable[Candidate], compare: Compare | None = None, references: dict[str, int] | None = None
) -> list[Proposal]:
    """Sort files into shots.

    Parameters
    ----------
    candidates
        Files of one folder, in any order; the result does not depend on it.
    compare
        How alike two files' pictures are (`overlap.overlap`); None: their pictures are read.
    references
        {burst key of the name: index of the reference} from side files ("payload" of the HDR+ data set).

    Returns
    -------
    Proposals by first file in order of capture. Every candidate is a member of exactly one, or a companion in
    `left_out`. Cost: headers only, and one small picture a file where names do not decide.
    """
    compare = compare or pictures_compare()
    frames, companions = without_companions(sorted(candidates, key=Candidate.sort_key))
    classes: dict[tuple[Any, ...], list[Candidate]] = {}
    for c in frames:
        classes.setdefault(c.class_key(), []).append(c)
    shots: list[_Shot] = []
    for members in classes.values():
        shots += _named_bursts(members)
        named = {id(c) for shot in shots for c in shot.frames}
        shots += _linked_runs([c for c in members if id(c) not in named], compare)
    odd = _odd_ones_of_named(shots)
    proposals = [_proposal(shot, companions, odd, references or {}) for shot in shots]
    order = {id(shot): shot.frames[0].sort_key() for shot in shots}
    keyed = sorted(zip(shots, proposals, strict=True), key=lambda pair: order[id(pair[0])])
    return [proposal for _, proposal in keyed]


@dataclass(eq=False)
class _Shot:
    frames: list[Candidate]
    reasons: list[str] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    is_sure: bool = True
    burst_key: str = ""


# ---- bursts by name


def _burst_key(c: Candidate) -> str:
    apple = exif_facts.apple_burst_id(c.info.tags.exif)
    # A date and an index may also be two pictures of one second: those are looked at (`_link`).
    return f"Apple burst {apple}" if apple else "" if c.name.scheme.startswith("date") else c.name.burst


def _named_bursts(members: Sequence[Candidate]) -> list[_Shot]:
    """Sets whose names (or an iPhone's burst id) say that they belong together, of one class."""
    sets: dict[str, list[Candidate]] = {}
    for c in members:
        if key := _burst_key(c):
            sets.setdefault(key, []).append(c)
    shots = []
    for key, frames in sets.items():
        for run in _split_by_gap(sorted(frames, key=_burst_order)):
            if len(run) == 1 and not run[0].name.scheme.startswith(("HDR+", "BURST")):
                continue
            scheme = "iPhone burst id" if key.startswith("Apple burst") else run[0].name.scheme
            shots.append(_Shot(run, [f"same burst by name: {key} ({scheme})"], burst_key=key))
    return shots


def _burst_order(c: Candidate) -> tuple[Any, ...]:
    return (c.name.index is None, c.name.index or 0, *c.sort_key())


def _split_by_gap(frames: list[Candidate]) -> list[list[Candidate]]:
    """Names repeat after a counter's overflow or a copy from two cards: no burst pauses for half a minute."""
    runs = [[frames[0]]]
    for a, b in itertools.pairwise(frames):
        gap = _gap_s(a, b)
        if gap is not None and abs(gap) > STRONG_GAP_S:
            runs.append([])
        runs[-1].append(b)
    return runs


def _odd_ones_of_named(shots: Sequence[_Shot]) -> dict[int, list[tuple[Path, str]]]:
    """Files whose name belongs to a burst of another camera or size: {id of the larger shot: [(file, why)]}."""
    by_key: dict[str, list[_Shot]] = {}
    for shot in shots:
        if shot.burst_key:
            by_key.setdefault(shot.burst_key, []).append(shot)
    odd: dict[int, list[tuple[Path, str]]] = {}
    for same in by_key.values():
        main = max(same, key=lambda s: (len(s.frames), -_index_of_first(same, s)))
        for other in same:
            if other is not main:
                why = difference(main.frames[0].info, other.frames[0].info) or "taken at another time"
                odd.setdefault(id(main), []).extend((c.path, why) for c in other.frames)
    return odd


def _index_of_first(shots: Sequence[_Shot], shot: _Shot) -> int:
    return sorted(shots, key=lambda s: s.frames[0].sort_key()).index(shot)


def difference(a: FrameInfo, b: FrameInfo) -> str:
    """What keeps two frames from being of one burst, in words; empty: nothing."""
    if a.camera.name != b.camera.name:
        return f"another camera: {b.camera.name}, not {a.camera.name}"
    if a.shape != b.shape:
        return f"another size: {b.shape[1]} x {b.shape[0]} px, not {a.shape[1]} x {a.shape[0]}"
    if a.kind != b.kind:
        return f"another kind: {b.kind}, not {a.kind}"
    if a.cfa != b.cfa:
        return f"another colour filter: {b.cfa and b.cfa.name}, not {a.cfa and a.cfa.name}"
    return ""


# ---- bursts by time and content


def _linked_runs(members: list[Candidate], compare: Compare) -> list[_Shot]:
    shots: list[_Shot] = []
    timed = sorted((c for c in members if c.captured_s is not None), key=Candidate.sort_key)
    series: dict[str, list[Candidate]] = {}
    for c in members:
        if c.captured_s is None:
            key = (c.name.series or c.name.burst) if c.name.index is not None else f"={c.path.name}"
            series.setdefault(key, []).append(c)
    for run in (timed, *(sorted(s, key=lambda c: natural_key(c.path.name)) for s in series.values())):
        shots += _chain(run, compare)
    return shots


def _chain(ordered: list[Candidate], compare: Compare) -> list[_Shot]:
    shots: list[_Shot] = []
    for c in ordered:
        if shots:
            last = shots[-1]
            verdict, is_sure, why = _link(last.frames[-1], c, compare)
            if verdict:
                last.frames.append(c)
                last.reasons.append(why)
                last.is_sure &= is_sure
                continue
            if why:
                last.left_out.append((c.path, why))
        shots.append(_Shot([c]))
    return shots


def _gap_s(a: Candidate, b: Candidate) -> float | None:
    return None if a.captured_s is None or b.captured_s is None else b.captured_s - a.captured_s


def allowed_gap_s(a: FrameInfo, b: FrameInfo) -> float:
    """max(2 x exposure + 150 ms, 500 ms): a camera's pause between the frames of one burst."""
    longest = max(a.exposure.time_s or 0.0, b.exposure.time_s or 0.0)
    return max(2 * longest + 0.15, 0.5)


def step_ev(a: FrameInfo, b: FrameInfo) -> float:
    """Exposure of b over a, EV; 0 where it is not told."""
    return math.log2(b.exposure.relative_to(a.exposure))


def _link(a: Candidate, b: Candidate, compare: Compare) -> tuple[bool, bool, str]:
    """(whether b follows a in one burst, whether that is sure, why or why not; empty where nothing hints at it)."""
    gap, allowed = _gap_s(a, b), allowed_gap_s(a.info, b.info)
    is_numbered = a.name.index is not None and b.name.index is not None
    is_one_moment = is_numbered and bool(a.name.burst) and a.name.burst == b.name.burst
    is_series = is_numbered and a.name.series == b.name.series
    # Without sub-seconds a gap is known to a second only.
    is_coarse = gap is not None and a.captured_s == int(a.captured_s or 0) and b.captured_s == int(b.captured_s or 0)
    is_near = gap is not None and gap <= (allowed + 1 if is_coarse else allowed)
    is_slow = (gap is None or gap <= SLOW_GAP_S) and is_series and abs(step_ev(a.info, b.info)) < BRACKET_STEP_EV
    is_one_moment = is_one_moment and (gap is None or gap <= STRONG_GAP_S)
    if not (is_near or is_slow or is_one_moment):
        is_worth_telling = gap is not None and gap <= SLOW_GAP_S
        return False, True, f"{gap:.2f} s after {a.path.name}, more than {allowed:.2f} s" if is_worth_telling else ""
    score = compare(a, b)
    when = "no time told" if gap is None else f"{gap:.2f} s after {a.path.name}"
    when += ", whole seconds" if is_coarse else ""
    when += f", one moment by name ({a.name.burst})" if is_one_moment else ""
    is_firm = is_one_moment or (is_near and not is_coarse)
    if score is None:
        text = f"{when}; the pictures could not be compared"
        return is_firm, False, f"{b.path.name}: {text}" if is_firm else text
    if score < SAME_SCENE:
        return False, True, f"{when}, but another scene (likeness {score:.2f})"
    slow = "" if is_near or is_one_moment or gap is None else f", more than {allowed:.2f} s, but numbered in one series"
    return True, is_firm, f"{b.path.name}: {when}{slow}, same scene (likeness {score:.2f})"


# ---- proposals


def _proposal(
    shot: _Shot,
    companions: dict[Path, list[tuple[Path, str]]],
    odd: dict[int, list[tuple[Path, str]]],
    references: dict[str, int],
) -> Proposal:
    frames = shot.frames
    n = len(frames)
    left_out = [*shot.left_out, *odd.get(id(shot), []), *(pair for c in frames for pair in companions.get(c.path, []))]
    left_out.sort(key=lambda pair: natural_key(pair[0].name))
    steps = [step_ev(frames[0].info, c.info) for c in frames]
    kind = "single" if n == 1 else "bracket" if max(steps) - min(steps) >= BRACKET_STEP_EV else "burst"
    reasons = [] if n == 1 else [_common_line(frames), _exposure_line(kind, steps), *shot.reasons]
    reference = next((k for k, c in enumerate(frames) if c.name.is_cover), None)
    if reference is not None and n > 1:
        reasons.append(f"reference: the camera marked {frames[reference].path.name}")
    wanted = references.get(shot.burst_key)
    if wanted is not None:
        reference = next((k for k, c in enumerate(frames) if c.name.index == wanted), None)
        reasons.append(f"reference: frame {wanted} by reference_frame.txt")
    problem = ""
    if n > MAX_FRAMES:
        problem = f"{n} frames are more than the {MAX_FRAMES} of a burst: name the files to use"
    return Proposal(
        kind, _label(frames), tuple(c.path for c in frames), reference, shot.is_sure, tuple(reasons),
        tuple(left_out), problem, tuple(c.source for c in frames if c.source is not None),
    )  # fmt: skip


def _common_line(frames: Sequence[Candidate]) -> str:
    info = frames[0].info
    return f"same camera ({info.camera.name}), {info.kind}, {info.shape[1]} x {info.shape[0]} px"


def _exposure_line(kind: str, steps: Sequence[float]) -> str:
    if kind == "bracket":
        return "exposures " + ", ".join(f"{s:+.1f}" for s in steps) + " EV"
    spread = max(steps) - min(steps)
    return "same exposure" if spread < 0.01 else f"exposures within {spread:.2f} EV"


def _label(frames: Sequence[Candidate]) -> str:
    first = frames[0]
    if len(frames) == 1:
        return first.path.stem
    if first.name.burst:
        return first.path.parent.name if first.name.scheme.startswith("HDR+") else first.name.burst
    return first.path.stem
