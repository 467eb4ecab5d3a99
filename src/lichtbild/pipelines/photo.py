"""The photograph: a burst, or one frame, to the negative, and the negative to the picture."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lichtbild.core import Burst, Cfa, Domain, Frame, Progress, ProgressEvent, silent
from lichtbild.core.errors import RecipeError
from lichtbild.core.explain import Observer
from lichtbild.core.mosaic import mosaic_of
from lichtbild.core.params import Params
from lichtbild.pipelines import best, disputed, intake
from lichtbild.pipelines.explain import Explainer, explain_denoising
from lichtbild.pipelines.finishing import Finished, Source, camera_rows, finish, in_register
from lichtbild.pipelines.restored import restored
from lichtbild.stages import develop_display
from lichtbild.stages.align import MIN_SIZE_PX, AlignParams, Motion, align, pyramid
from lichtbild.stages.align import guide as align_guide
from lichtbild.stages.align.turned import told_by_gyro
from lichtbild.stages.colour import ColourParams
from lichtbild.stages.deconvolution import DeconvolutionParams
from lichtbild.stages.defects import DefectFacts, DefectParams
from lichtbild.stages.defects import analyse as find_defects
from lichtbild.stages.demosaic import DemosaicParams
from lichtbild.stages.denoise import DenoiseParams
from lichtbild.stages.highlights import HighlightsParams
from lichtbild.stages.lens import LensParams
from lichtbild.stages.look import Look, LookParams
from lichtbild.stages.merge import MergeParams, Merger
from lichtbild.stages.quad_bayer import QuadBayerParams
from lichtbild.stages.reconstruct import Reconstruction, ReconstructParams
from lichtbild.stages.reduce import ReduceParams
from lichtbild.stages.sharpen import SharpenParams
from lichtbild.stages.tone import ToneParams
from lichtbild.stages.white_balance import WhiteBalanceParams
from lichtbild.stages.wiener import WienerParams, own_samples_kept


@dataclass(frozen=True)
class PhotoParams:
    """Parameters of every stage of the pipeline, in its order."""

    quad_bayer: QuadBayerParams = dataclasses.field(default_factory=QuadBayerParams)
    reduce: ReduceParams = dataclasses.field(default_factory=ReduceParams)
    defects: DefectParams = dataclasses.field(default_factory=DefectParams)
    align: AlignParams = dataclasses.field(default_factory=AlignParams)
    merge: MergeParams = dataclasses.field(default_factory=MergeParams)
    wiener: WienerParams = dataclasses.field(default_factory=WienerParams)
    demosaic: DemosaicParams = dataclasses.field(default_factory=DemosaicParams)
    denoise: DenoiseParams = dataclasses.field(default_factory=DenoiseParams)
    reconstruct: ReconstructParams = dataclasses.field(default_factory=ReconstructParams)
    deconvolution: DeconvolutionParams = dataclasses.field(default_factory=DeconvolutionParams)
    lens: LensParams = dataclasses.field(default_factory=LensParams)
    white_balance: WhiteBalanceParams = dataclasses.field(default_factory=WhiteBalanceParams)
    colour: ColourParams = dataclasses.field(default_factory=ColourParams)
    highlights: HighlightsParams = dataclasses.field(default_factory=HighlightsParams)
    tone: ToneParams = dataclasses.field(default_factory=ToneParams)
    sharpen: SharpenParams = dataclasses.field(default_factory=SharpenParams)
    look: LookParams = dataclasses.field(default_factory=LookParams)

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
MERGE_STAGES = {
    name: STAGES[name] for name in ("quad_bayer", "reduce", "defects", "align", "demosaic", "merge", "wiener")
}


# Noise of the first guess is what the frames would have to undo: all of it goes, whatever the final picture keeps.
GUESS = DenoiseParams(luminance=1.0, chrominance=1.0)


@dataclass(frozen=True, eq=False)
class Negative:
    """What the frames gave before denoising and lens correction, and what was done, as plain data.

    `frame` is linear: CAMERA_RGB of the whole active area, or the MOSAIC of a single frame, whose `linear` is the
    former. `burst` holds the samples of all frames where they are to be asked again, `own` makes the reference's.
    """

    frame: Frame
    white_balance: intake.White
    report: dict[str, Any]
    params: PhotoParams
    burst: Reconstruction | None = None
    own: Callable[[], Frame] | None = None

    def mosaic(self) -> Frame:
        """A Bayer MOSAIC float32 [H, W] of the camera's filter array (RGGB where it has none), for developers that
        demosaic: what was merged, held to the reference's own samples, which are read again."""
        if self.frame.domain is Domain.MOSAIC or self.own is None:
            return mosaic_of(self.frame, self.frame.info.cfa or Cfa.from_name("RGGB"))
        return own_samples_kept(self.frame, self.own(), self.white_balance, self.params.wiener)

    def linear(self) -> Frame:
        """CAMERA_RGB float32 [H, W, 3]; a single frame is demosaiced at every call."""
        frame = self.frame
        return camera_rows(frame, 0, frame.shape[0], self.white_balance, self.params.demosaic)


def negative(
    burst: Burst, params: PhotoParams, progress: Progress = silent, *, explain: Observer | None = None
) -> Negative:
    """The burst as one linear frame, of the reference's moment.

    A single frame stays a mosaic. Of more, the reference is demosaiced and denoised as a first guess, which all frames
    then correct. Memory: two decoded frames and the accumulators, whatever the number of frames.
    `explain` gets pictures of what was found, one by one.
    """
    plan, reference = intake.plan(burst, params.quad_bayer, params.reduce)
    work = _Steps(len(plan.order), progress)
    work.step("read", reference.info.name)
    if len(burst) == 1 or min(reference.shape) < MIN_SIZE_PX:
        work.step("repair", "")
        return _alone(plan, reference, params, explain)

    others = [k for k in plan.order if k != plan.reference]
    defects, is_mosaic = DefectFacts.none(), reference.domain is Domain.MOSAIC
    if is_mosaic:
        neighbours = (intake.load(plan, k) for k in others[:2])
        defects = find_defects(itertools.chain([reference], neighbours), params.defects)
    reference = intake.repaired(reference, defects, params.defects)
    guide = align_guide(reference, plan.white_balance)
    joint = best.reconstruction(reference, plan.white_balance, len(burst), params.reconstruct)
    guess = Source(reference, plan.white_balance, params.demosaic, _suited(GUESS, reference))
    merger = Merger(reference, guess.bands(), plan.white_balance, params.merge)
    told = Explainer(burst, reference, plan.reference, explain) if explain else None
    del reference, guess
    motion: Motion | None = None
    frames: dict[int, dict[str, float | str]] = {}
    for k in others:
        name = burst.sources[k].info.name
        frame = intake.repaired(intake.load(plan, k), defects, params.defects)
        turned = told_by_gyro(plan.burst.sources[plan.reference].info, frame.info, guide.mosaic_shape)
        motion = align(guide, pyramid(frame, plan.white_balance), params.align, motion, turned)
        if motion.refused:
            frames[k] = {"refused": motion.refused, "used": 0.0}
            if told:
                told.refused(k, motion.refused)
            work.step("merge", name)
            del frame
            continue
        trust = best.add(merger, joint, frame, motion)
        if told:
            told.frame(k, frame, motion, trust)
        frames[k] = {
            "shift_px": round(float((motion.hand_px**2).sum(-1).mean() ** 0.5), 2),
            "moving": round(float((motion.doubt > 1).mean()), 4),
            "used": round(float(trust[::4].mean()) / 255, 4),
        }
        work.step("merge", name)
        del frame, trust  # the next one takes their place
    del guide
    motions = {burst.sources[k].info.name: frames[k] for k in sorted(frames)}
    notes = _left_out(motions)
    own = partial(_reference_again, plan, defects, params.defects) if is_mosaic else None
    report = plan.report | {"motion": motions, "defects": int(defects.rows.size), "notes": notes}
    if own and not any(facts["used"] for facts in frames.values()):
        # A merge of one frame is none: what develops single frames knows more about edges.
        del merger
        return _told_alone(own(), plan, report, params, joint, told)
    merged = merger.finish()
    del merger
    doubted = disputed.settle(merged, own(), plan.white_balance, params.wiener, params.demosaic) if own else 0.0
    if told:
        told.merged(merged)
    n_used = round(float(merged.n_effective.mean()), 2)  # type: ignore[union-attr]
    report |= {"frames_used": n_used, "disputed": round(doubted, 4)}
    merged = merged.with_info(reasons=(*merged.info.reasons, *notes))
    work.step("merge", "")
    return Negative(merged, plan.white_balance, report, params, joint, own)


def _reference_again(plan: intake.Plan, defects: DefectFacts, params: DefectParams) -> Frame:
    return intake.repaired(intake.load(plan, plan.reference), defects, params)


def _alone(plan: intake.Plan, reference: Frame, params: PhotoParams, explain: Observer | None) -> Negative:
    """The reference is all there is, or all that can be used."""
    notes = []
    if (n := len(plan.burst)) > 1:
        height, width = reference.shape
        notes = [f"{width} x {height} px are too few to align: {reference.info.name} alone of {n} frames is used"]
    reference = intake.repaired(reference, DefectFacts.none(), params.defects)
    joint = best.reconstruction(reference, plan.white_balance, 1, params.reconstruct)
    told = Explainer(plan.burst, reference, plan.reference, explain) if explain else None
    return _told_alone(reference, plan, plan.report | {"notes": notes}, params, joint, told)


def _told_alone(
    reference: Frame, plan: intake.Plan, report: dict[str, Any], params: PhotoParams, joint: Reconstruction | None,
    told: Explainer | None,
) -> Negative:  # fmt: skip
    """The negative of the reference, and why it is nothing else."""
    reference = reference.with_info(reasons=(*reference.info.reasons, *report["notes"]))
    if told:
        told.merged(reference)
    return Negative(reference, plan.white_balance, report | {"frames_used": 1.0}, params, joint)


def _left_out(motions: dict[str, dict[str, float | str]]) -> list[str]:
    """A line for each reason for which frames were refused."""
    names: dict[str, list[str]] = {}
    for name, facts in motions.items():
        if "refused" in facts:
            names.setdefault(str(facts["refused"]), []).append(name)
    return [f"not used: {', '.join(of)}: {why}" for why, of in names.items()]


def source_of(made: Negative) -> Source:
    """The negative, whose rows are wanted denoised or, of quality best, reconstructed."""
    denoising = _suited(made.params.denoise, made.frame)
    merged = Source(made.frame, made.white_balance, made.params.demosaic, denoising)
    return merged if made.burst is None else best.JointSource(made.burst, merged)


def develop(
    burst: Burst,
    params: PhotoParams,
    progress: Progress = silent,
    *,
    space: str = "srgb",
    bits: int = 8,
    look: Look | None = None,
    headroom_ev: float = 0.0,
    scene: bool = False,
    explain: Observer | None = None,
) -> tuple[Finished, Negative]:
    """The finished picture, DISPLAY_RGB of the default crop, and the negative it was made from.

    `look`: what `params.look` asks for, read from its file (default: natural). `headroom_ev` above 0: the rendition for
    an HDR display too (see `develop_display.render`).
    """
    look = look or Look()
    made = negative(burst, params, progress, explain=explain)
    frame, told = in_register(made.frame, made.white_balance, params.lens)
    source = restored(source_of(dataclasses.replace(made, frame=frame)), params.deconvolution)
    if explain:
        explain_denoising(source.merged, made.frame.info.orientation, explain)
    display = develop_display.DevelopParams(params.white_balance, params.highlights, params.tone, params.sharpen, look)
    share = 1 - _Steps.SHARE

    def rest(event: ProgressEvent) -> None:
        progress(ProgressEvent(event.stage, _Steps.SHARE + share * event.done, 1.0))

    done = finish(source, params.lens, display, rest, space=space, bits=bits, headroom_ev=headroom_ev, scene=scene)
    facts = done.facts
    report = made.report | {
        "white": {
            "kelvin": round(facts.white.kelvin),
            "tint": round(facts.white.tint, 1),
            "source": facts.white.source,
        },
        "exposure_ev": round(facts.tone.exposure_ev, 2),
        "look": look.name,
        "assumed": [*made.report["assumed"], *facts.reasons],
        "notes": [*made.report.get("notes", ()), *told, *done.told],
    }
    done = dataclasses.replace(done, picture=done.picture.replaced(colour_space=space))
    return done, dataclasses.replace(made, report=report)


def _suited(chosen: DenoiseParams, frame: Frame) -> DenoiseParams:
    """The denoising asked for; of a picture that the camera denoised already, a third: the rest is texture by now."""
    if not frame.info.camera.is_rendered:
        return chosen
    return dataclasses.replace(chosen, luminance=chosen.luminance / 3, chrominance=chosen.chrominance / 3)


class _Steps:
    """Progress over the frames: SHARE of a picture's time is spent on them."""

    SHARE = 0.8

    def __init__(self, n_frames: int, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, n_frames + 1, progress

    def step(self, stage: str, message: str) -> None:
        self.done += 1
        self.progress(ProgressEvent(stage, self.SHARE * self.done / self.total, 1.0, message))
