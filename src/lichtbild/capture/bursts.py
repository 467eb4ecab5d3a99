"""From paths to a burst: open, survey a folder, hold the frames against each other."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lichtbild.capture import exif_facts
from lichtbild.capture.candidates import Candidate, Proposal
from lichtbild.capture.grouping import MAX_FRAMES, Compare, difference, group
from lichtbild.capture.gyro import with_log
from lichtbild.capture.naming import natural_key, parse_name
from lichtbild.capture.picture import open_picture
from lichtbild.capture.sniff import check_name, has_picture_suffix, sniff, unreadable
from lichtbild.core import Burst, FrameSource, LichtbildError, MetadataError, ShapeError, UnreadableFile, UsageError

MAX_FOLDER_FILES = 20_000


def open_file(path: str | Path) -> FrameSource:
    """Open one file by what its bytes say, whatever its name; pixels are decoded when they are read.

    Raises
    ------
    UnreadableFile
        If it is missing, broken, of no readable kind, or a developed picture under a raw's name.
    MetadataError
        If a tag that its pixels need is missing or senseless.
    """
    path = Path(path)
    sniffed = sniff(path)
    reasons = check_name(path, sniffed)
    if sniffed.kind == "dng":
        from lichtbild.capture.dng import open_dng

        source = open_dng(path)
    elif sniffed.kind == "raw":
        from lichtbild.capture.raw import open_raw

        source = open_raw(path)
    else:
        return open_picture(path)
    if not reasons:
        return source
    info = dataclasses.replace(source.info, reasons=(*reasons, *source.info.reasons))
    return dataclasses.replace(source, info=info)


@dataclass(frozen=True, eq=False)
class Survey:
    """What a folder holds.

    Parameters
    ----------
    folder
        The folder.
    proposals
        Its shots, in order of capture.
    left_out
        (file, why) of the files that are no frames at all: broken, side files, pictures made by this program.
    """

    folder: Path
    proposals: tuple[Proposal, ...]
    left_out: tuple[tuple[Path, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {
            "folder": str(self.folder),
            "proposals": [p.to_json() for p in self.proposals],
            "left_out": [{"file": str(p), "reason": why} for p, why in self.left_out],
        }


def find_bursts(folder: str | Path) -> list[Proposal]:
    """The shots of a folder (not of the folders in it), with reasons. See `survey` for what was left out."""
    return list(survey(folder).proposals)


def survey(folder: str | Path, compare: Compare | None = None) -> Survey:
    """Look through a folder.

    Raises
    ------
    UnreadableFile
        If the folder cannot be read or holds more than 20 000 files.
    """
    folder = Path(folder)
    try:
        entries = sorted(folder.iterdir(), key=lambda p: natural_key(p.name))
    except NotADirectoryError as error:
        raise UnreadableFile("is a file, not a folder", where=folder) from error
    except OSError as error:
        raise unreadable(folder, error) from error
    if len(entries) > MAX_FOLDER_FILES:
        raise UnreadableFile(f"{len(entries)} files are too many", where=folder, hint="split the folder")
    candidates: list[Candidate] = []
    left_out: list[tuple[Path, str]] = []
    for path in entries:
        if path.name.startswith(".") or not path.is_file():
            continue
        sidecar = parse_name(path.stem).sidecar
        why = sidecar if sidecar else _candidate_or_reason(path, candidates)
        if why:
            left_out.append((path, why))
    return Survey(folder, tuple(group(candidates, compare, _references(folder))), tuple(left_out))


def _candidate_or_reason(path: Path, candidates: list[Candidate]) -> str:
    """Append `path` to `candidates`, or say why not."""
    try:
        sniffed = sniff(path)
        if not sniffed.is_readable and not has_picture_suffix(path):
            return f"is {sniffed.what}"
        source = open_file(path)
    except LichtbildError as error:
        return error.message if error.hint is None else f"{error.message} (try: {error.hint})"
    software = exif_facts.software(source.info.tags.exif).lower()
    if software.startswith("lichtbild") and "simulate" not in software:
        return "made by lichtbild"
    candidates.append(Candidate(path, source.info, source))
    return ""


def _references(folder: Path) -> dict[str, int]:
    """reference_frame.txt of the HDR+ data set: the number of the frame that the others were aligned to."""
    try:
        text = (folder / "reference_frame.txt").read_text("ascii")[:16].strip()
    except (OSError, UnicodeDecodeError):
        return {}
    return {"payload": int(text)} if text.isdigit() else {}


# ---- reading


def read(what: str | Path | Iterable[str | Path], gyro: str | Path | None = None) -> Burst:
    """The one burst that `what` means.

    Parameters
    ----------
    what
        A file (a burst of one), a folder that holds exactly one shot, or the frames' files in any order.
    gyro
        The gyroscope's log (see `lichtbild.capture.gyro`); one that has the burst's name and lies beside it is found.

    Returns
    -------
    A burst whose pixels are still on disk; `reasons` tells why these frames, and what was left out.

    Raises
    ------
    UsageError
        If no file is given, or one twice.
    MetadataError, ShapeError
        If a folder holds several shots (they are listed), or frames are of different cameras, kinds or sizes, or more
        than 64; the odd files are named.
    UnreadableFile
        If a file cannot be opened, or a folder holds no pictures.
    """
    return with_log(_read(what), None if gyro is None else Path(gyro))


def _read(what: str | Path | Iterable[str | Path]) -> Burst:
    if isinstance(what, str | Path):
        path = Path(what)
        if path.is_dir():
            return _read_folder(path)
        source = open_file(path)
        return Burst((source,), path.stem, 0, ("one file was given",))
    paths = [Path(p) for p in what]
    if len(paths) == 1:
        return _read(paths[0])
    return _read_list(paths)


def _read_folder(folder: Path) -> Burst:
    found = survey(folder)
    if len(found.proposals) != 1:
        text, hint = _choice(found)
        kind = MetadataError if found.proposals else UnreadableFile
        raise kind(text, where=folder, hint=hint)
    proposal = found.proposals[0]
    if proposal.problem:
        raise ShapeError(proposal.problem, where=folder)
    check_burst(proposal.sources)
    notes = [f"left out {p.name}: {why}" for p, why in (*proposal.left_out, *found.left_out) if has_picture_suffix(p)]
    doubt = () if proposal.is_sure else ("unsure: look at the reasons, or name the files",)
    reference = proposal.reference if len(proposal.members) > 1 else 0
    return Burst(proposal.sources, proposal.name, reference, (*proposal.reasons, *doubt, *notes))


def _choice(found: Survey) -> tuple[str, str]:
    if not found.proposals:
        broken = [f"{p.name}: {why}" for p, why in found.left_out if has_picture_suffix(p)]
        folders = sorted(p.name for p in found.folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        text = "no pictures in this folder" + ("; " + "; ".join(broken[:8]) if broken else "")
        return text, f"one of its folders: {', '.join(folders[:8])}" if folders else "a folder of DNG or JPEG frames"
    lines = [f"{number:>4}  {p.summary()}" for number, p in enumerate(found.proposals[:12], 1)]
    more = len(found.proposals) - len(lines)
    text = "\n".join(
        [f"{len(found.proposals)} shots in this folder", *lines, *([f"      and {more} more"] if more else [])]
    )
    return text, "--burst and the number of one of them, or the names of its files"


def _read_list(paths: Sequence[Path]) -> Burst:
    if not paths:
        raise UsageError("no file was given")
    twice = [str(p) for p, n in Counter(p.resolve() for p in paths).items() if n > 1]
    if twice:
        raise UsageError(f"named twice: {', '.join(twice)}")
    sources = {p: open_file(p) for p in paths}
    candidates = [Candidate(p, s.info, s) for p, s in sources.items()]
    kinds = {c.is_raw for c in candidates}
    dropped: list[str] = []
    if len(kinds) == 2:
        raws = {c.name.stem.lower() for c in candidates if c.is_raw}
        dropped = [f"left out {c.path.name}: the camera's own picture of a raw frame"
                   for c in candidates if not c.is_raw and c.name.stem.lower() in raws]  # fmt: skip
        candidates = [c for c in candidates if c.is_raw or c.name.stem.lower() not in raws]
    candidates.sort(key=Candidate.sort_key)
    check_burst([sources[c.path] for c in candidates])
    cover = next((k for k, c in enumerate(candidates) if c.name.is_cover), None)
    name = candidates[0].name.burst or candidates[0].path.stem
    reasons = (f"{len(candidates)} files were given", *dropped)
    return Burst(tuple(sources[c.path] for c in candidates), name, cover, reasons)


def check_burst(sources: Sequence[FrameSource]) -> None:
    """Refuse frames that cannot be one burst, by name.

    Raises
    ------
    MetadataError
        If cameras, kinds or colour filters differ.
    ShapeError
        If sizes differ, or there are none or more than 64.
    """
    if not 1 <= len(sources) <= MAX_FRAMES:
        raise ShapeError(f"a burst has 1 to {MAX_FRAMES} frames, not {len(sources)}", hint="name the frames to use")
    infos = [s.info for s in sources]
    keys = [(i.camera.name, i.kind, i.cfa, i.shape) for i in infos]
    common = Counter(keys).most_common(1)[0][0]
    model = infos[keys.index(common)]
    odd = [(i.name, difference(model, i)) for i, key in zip(infos, keys, strict=True) if key != common]
    if not odd:
        return
    text = "; ".join(f"{name}: {why}" for name, why in odd[:8]) + ("; ..." if len(odd) > 8 else "")
    error = ShapeError if all("another size" in why for _, why in odd) else MetadataError
    raise error(f"these frames are not one burst: {text}", hint="leave them out")
