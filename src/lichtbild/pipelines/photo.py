"""The photograph: a burst, or one frame, to the negative, and the negative to the picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from lichtbild.core import Burst, Domain, Frame, Progress, ProgressEvent, memory, silent
from lichtbild.core.errors import RecipeError
from lichtbild.core.params import Params
from lichtbild.pipelines import intake
from lichtbild.stages import develop_display
from lichtbild.stages.align import AlignParams, Motion, align, pyramid
from lichtbild.stages.defects import DefectFacts, DefectParams
from lichtbild.stages.defects import analyse as find_defects
from lichtbild.stages.demosaic import DemosaicParams, demosaic
from lichtbild.stages.denoise import DenoiseParams, denoise_rgb
from lichtbild.stages.highlights import HighlightsParams
from lichtbild.stages.lens import LensParams
from lichtbild.stages.lens import correct as correct_lens
from lichtbild.stages.merge import MergeParams, Merger
from lichtbild.stages.quad_bayer import QuadBayerParams
from lichtbild.stages.sharpen import SharpenParams
from lichtbild.stages.tone import ToneParams
from lichtbild.stages.white_balance import WhiteBalanceParams


@dataclass(frozen=True)
class PhotoParams:
    """Parameters of every stage of the pipeline, in its order."""

    quad_bayer: QuadBayerParams = dataclasses.field(default_factory=QuadBayerParams)
    defects: DefectParams = dataclasses.field(default_factory=DefectParams)
    align: AlignParams = dataclasses.field(default_factory=AlignParams)
    merge: MergeParams = dataclasses.field(default_factory=MergeParams)
    demosaic: DemosaicParams = dataclasses.field(default_factory=DemosaicParams)
    denoise: DenoiseParams = dataclasses.field(default_factory=DenoiseParams)
    lens: LensParams = dataclasses.field(default_factory=LensParams)
    white_balance: WhiteBalanceParams = dataclasses.field(default_factory=WhiteBalanceParams)
    highlights: HighlightsParams = dataclasses.field(default_factory=HighlightsParams)
    tone: ToneParams = dataclasses.field(default_factory=ToneParams)
    sharpen: SharpenParams = dataclasses.field(default_factory=SharpenParams)

    @classmethod
    def from_values(cls, values: dict[str, dict[str, Any]]) -> PhotoParams:
        """From {stage: {parameter: value}}; raises RecipeError for a name that does not exist."""
        made: dict[str, Params] = {}
        for stage, parameters in values.items():
            if stage not in STAGES:
                raise RecipeError(f"there is no stage {stage!r}", hint=", ".join(STAGES))
            known = {field.name for field in dataclasses.fields(STAGES[stage])}
            for name in parameters.keys() - known:
                raise RecipeError(f"stage {stage!r} has no parameter {name!r}", hint=", ".join(sorted(known)))
            made[stage] = STAGES[stage](**parameters)
        return cls(**made)  # type: ignore[arg-type]


STAGES: dict[str, type[Params]] = {
    field.name: field.default_factory for field in dataclasses.fields(PhotoParams)  # type: ignore[misc]
}  # fmt: skip
MERGE_STAGES = {name: STAGES[name] for name in ("quad_bayer", "defects", "align", "demosaic", "merge")}


# Noise of the first guess is what the frames would have to undo: all of it goes, whatever the final picture keeps.
GUESS = DenoiseParams(luminance=1.0)


@dataclass(frozen=True, eq=False)
class Negative:
    """CAMERA_RGB of the whole active area before denoising and lens correction, and what was done, as plain data."""

    frame: Frame
    white_balance: intake.White
    report: dict[str, Any]


def negative(burst: Burst, params: PhotoParams, progress: Progress = silent) -> Negative:
    """The burst as one frame of linear camera RGB, of the reference's moment.

    A single frame is demosaiced. Of more, the reference is demosaiced and denoised as a first guess, which all frames
    then correct. Memory: two decoded frames and the accumulators, whatever the number of frames.
    """
    plan = intake.plan(burst, params.quad_bayer)
    work = _Steps(len(burst), progress)
    reference = intake.load(plan, plan.reference)
    work.step("read", reference.info.name)
    if len(burst) == 1:
        reference = intake.repaired(reference, DefectFacts.none(), params.defects)
        merged = _demosaiced(reference, plan, params)
        work.step("demosaic", "")
        return Negative(merged, plan.white_balance, plan.report | {"frames_used": 1.0})

    others = [k for k in plan.order if k != plan.reference]
    frame = intake.load(plan, others[0])
    defects = DefectFacts.none()
    if reference.domain is Domain.MOSAIC:
        defects = find_defects([reference, frame], params.defects)
    reference = intake.repaired(reference, defects, params.defects)
    guide = pyramid(reference, plan.white_balance)
    merger = Merger(reference, _first_guess(reference, plan, params), plan.white_balance, params.merge)
    motion: Motion | None = None
    frames: dict[int, dict[str, float]] = {}
    for k in others:
        frame = intake.repaired(frame if k == others[0] else intake.load(plan, k), defects, params.defects)
        motion = align(guide, pyramid(frame, plan.white_balance), params.align, motion)
        trust = merger.add(frame, motion)
        frames[k] = {
            "shift_px": round(float((motion.hand_px**2).sum(-1).mean() ** 0.5), 2),
            "moving": round(float((motion.doubt > 1).mean()), 4),
            "used": round(float(trust.mean()) / 255, 4),
        }
        work.step("merge", frame.info.name)
    # The finished picture needs the room of what the frames needed.
    del frame, guide
    memory.release()
    merged = merger.finish()
    report = plan.report | {
        "frames_used": round(float(merged.n_effective.mean()), 2),  # type: ignore[union-attr]
        "motion": {burst.sources[k].info.name: frames[k] for k in sorted(frames)},
        "defects": int(defects.rows.size),
    }
    work.step("merge", "")
    return Negative(merged, plan.white_balance, report)


def develop(
    burst: Burst, params: PhotoParams, progress: Progress = silent, *, space: str = "srgb", bits: int = 8
) -> tuple[Frame, Negative]:
    """The finished picture, DISPLAY_RGB of the default crop, and the negative it was made from."""
    made = negative(burst, params, progress)
    frame = denoise_rgb(made.frame, made.white_balance, _suited(params.denoise, made.frame))
    progress(ProgressEvent("denoise", 0.85, 1.0))
    frame = intake.cropped(correct_lens(frame, params.lens))
    progress(ProgressEvent("lens", 0.9, 1.0))
    display = develop_display.DevelopParams(params.white_balance, params.highlights, params.tone, params.sharpen)
    facts = develop_display.analyse(frame, display)
    picture = develop_display.render(frame, facts, display, space=space, bits=bits)
    report = made.report | {
        "white": {
            "kelvin": round(facts.white.kelvin),
            "tint": round(facts.white.tint, 1),
            "source": facts.white.source,
        },
        "exposure_ev": round(facts.tone.exposure_ev, 2),
        "assumed": [*made.report["assumed"], *facts.reasons],
    }
    progress(ProgressEvent("tone", 1.0, 1.0))
    return picture.replaced(colour_space=space), Negative(made.frame, made.white_balance, report)


def _demosaiced(frame: Frame, plan: intake.Plan, params: PhotoParams) -> Frame:
    return demosaic(frame, plan.white_balance, params.demosaic) if frame.domain is Domain.MOSAIC else frame


def _first_guess(frame: Frame, plan: intake.Plan, params: PhotoParams) -> Frame:
    return denoise_rgb(_demosaiced(frame, plan, params), plan.white_balance, _suited(GUESS, frame))


def _suited(chosen: DenoiseParams, frame: Frame) -> DenoiseParams:
    """The denoising asked for; of a picture that the camera denoised already, a third: the rest is texture by now."""
    if not frame.info.camera.is_rendered:
        return chosen
    return dataclasses.replace(chosen, luminance=chosen.luminance / 3, chrominance=chosen.chrominance / 3)


class _Steps:
    """Progress over the frames: four fifths of a picture's time are spent on them."""

    def __init__(self, n_frames: int, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, n_frames + 1, progress

    def step(self, stage: str, message: str) -> None:
        self.done += 1
        self.progress(ProgressEvent(stage, 0.8 * self.done / self.total, 1.0, message))
