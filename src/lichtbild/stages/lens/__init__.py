"""What the file says about the lens: OpcodeList3 (warps, vignetting, gains), applied after demosaicing.

Warps, trims and gains that follow each other are done in one resampling, so that pixels are interpolated once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.frame import Frame, FrameInfo
from lichtbild.core.params import Params, param
from lichtbild.stages.lens.geometry import is_warp
from lichtbild.stages.lens.lateral import lateral_colour
from lichtbild.stages.lens.plan import LensPlan, Resampling, plan_of
from lichtbild.stages.lens.register import of_green, registered
from lichtbild.stages.lens.straighten import attitude_from_lines, focal_px, turned_back
from lichtbild.stages.linearise import apply_linear
from lichtbild.stages.linearise.validity import sound_ops

__all__ = ["LensParams", "LensPlan", "correct", "plan", "registered", "upright", "with_lateral_colour"]


@dataclass(frozen=True)
class LensParams(Params):
    """What a user can set about lens corrections."""

    geometry: bool = param(True, "straighten lines and remove lateral colour as the file says")
    lateral_colour: str = param(
        "automatic",
        "red and blue brought to where green is: as told by file or profile, as found in the picture, or found only "
        "where nothing is told",
        choices=("automatic", "told", "found"),
    )
    roll_deg: float = param(0.0, "how far the camera was turned clockwise, undone", unit="deg", low=-45.0, high=45.0)
    pitch_deg: float = param(0.0, "how far it looked up, undone for upright lines", unit="deg", low=-30.0, high=30.0)
    yaw_deg: float = param(0.0, "how far it looked to the right, undone", unit="deg", low=-30.0, high=30.0)
    upright: bool = param(False, "find roll and pitch by the lines of buildings; the angles above are added")

    @property
    def is_turned(self) -> bool:
        return any((self.roll_deg, self.pitch_deg, self.yaw_deg))

    @property
    def turned(self) -> LensParams:
        """What is left to ask for when the turn is done."""
        return dataclasses.replace(self, roll_deg=0.0, pitch_deg=0.0, yaw_deg=0.0)


def with_lateral_colour(frame: Frame, params: LensParams) -> tuple[FrameInfo, tuple[str, ...]]:
    """What the file tells, and the lateral colour that is found in the picture where that is asked for; a line for
    people if there is some.

    `frame` is a linear MOSAIC or CAMERA_RGB before its warp. Pictures that the camera developed are left alone.
    """
    info = frame.info
    ops = info.opcodes.after_demosaic
    told = any(is_warp(op) and len(getattr(op, "radial", ())) > 1 for op in ops)
    if not params.geometry or info.kind == "picture" or params.lateral_colour == "told":
        return info, ()
    if told and params.lateral_colour == "automatic":
        return info, ()
    found = lateral_colour(frame)
    if found is None or not found.is_certain:
        return info, ()
    if told:  # what is found is all there is: the file's planes are all treated as green is
        ops = tuple(of_green(op) for op in ops)
    opcodes = dataclasses.replace(info.opcodes, after_demosaic=(found.warp(), *ops))
    red, blue = found.greatest_px
    line = f"lateral colour found: red {red:.2f}, blue {blue:.2f} px at the most, undone"
    return dataclasses.replace(info, opcodes=opcodes), (line,)


def upright(small: Frame, params: LensParams) -> tuple[LensParams, tuple[str, ...]]:
    """Parameters with the angles that a picture's own lines tell, and a line for people; the same unless asked for.

    `small` is a proxy of the picture, CAMERA_RGB, its straight lines straight.
    """
    if not params.upright:
        return params, ()
    found = attitude_from_lines(small, focal_px(small.info, small.shape))
    chosen = dataclasses.replace(
        params,
        roll_deg=min(max(params.roll_deg + found.roll_deg, -45.0), 45.0),
        pitch_deg=min(max(params.pitch_deg + found.pitch_deg, -30.0), 30.0),
        upright=False,
    )
    if not found.n_lines:
        return chosen, ("set upright: no lines that agree were found, the picture stays as it is",)
    return chosen, (f"set upright: roll {found.roll_deg:+.2f}, pitch {found.pitch_deg:+.2f} degrees by its lines",)


def plan(info: FrameInfo, shape: tuple[int, int], params: LensParams | None = None) -> LensPlan | None:
    """OpcodeList3 of `info`, and the turn that is asked for, made ready for pictures of `shape`; None where there is
    neither.

    Raises
    ------
    MetadataError, ShapeError
        If an opcode makes no sense, or the picture is too small or too large for it.
    """
    ops, chosen = info.opcodes.after_demosaic, params or LensParams()
    if not ops and not chosen.is_turned:
        return None
    if min(shape) < 2:
        raise ShapeError("a picture of one row or column has no lens", where=info.name)
    if not chosen.geometry:
        ops = tuple(op for op in ops if not is_warp(op))
    sound, reasons = sound_ops(ops, info.name)
    if chosen.is_turned:
        focal = focal_px(info, shape)
        sound = (*sound, turned_back(shape, focal, chosen.roll_deg, chosen.pitch_deg, chosen.yaw_deg))
    return plan_of(info, shape, sound, reasons)


def correct(frame: Frame, params: LensParams | None = None) -> Frame:
    """Apply OpcodeList3: lines straight, colours in register, corners as bright as the centre.

    Parameters
    ----------
    frame
        CAMERA_RGB float32 [H, W, 3], linear.

    Returns
    -------
    The same without a list (nothing can be applied twice); `gain` and `n_effective` follow the pixels, `noise` loses
    what interpolation averages away. A frame without opcodes is returned as it is.

    Raises
    ------
    DomainError, MetadataError, ShapeError
        If pixels are not linear camera RGB, or an opcode does not fit them.

    Notes
    -----
    Six taps of a windowed sinc at 1/256 px; beyond the picture its border repeats. Cost: 0.25 s of processor time for
    12 MP, 0.18 s where all planes come from one place. Source: DNG 1.7.1, chapter 7.
    """
    frame.require(Domain.CAMERA_RGB)
    ready = plan(frame.info, frame.shape, params)
    if ready is None:
        return frame
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError("lens corrections need linear light", where=frame.info.name, hint="linearise first")
    if ready.can_be_banded:
        return ready.band(frame, 0, 0, ready.shape[0])
    info = ready.info_after(frame.info)
    for run in ready.runs:
        if isinstance(run, Resampling):
            frame = run.applied(frame, 0, 0, run.chain.shape[0])
        else:
            frame = apply_linear(frame, run) if isinstance(run, list) else run.applied(frame, 0)
    return frame.replaced(info=info)
