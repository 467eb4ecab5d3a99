"""A filter array is believed unless the pixels contradict it plainly; no honest file may be read otherwise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import cfa_plane_index
from lichtbild.pipelines import intake
from lichtbild.pipelines.filter_array import contradicted
from lichtbild.stages.quad_bayer import QuadBayerParams

SHAPE = (384, 512)
NOISE = NoiseModel((4e-4,) * 3, (1e-5,) * 3, "simulated")


def scene(kind, rng):
    """Linear camera RGB [H, W, 3]."""
    y, x = np.mgrid[0 : 1 : SHAPE[0] * 1j, 0 : 1 : SHAPE[1] * 1j]
    patches = rng.uniform(0.05, 0.6, (8, 10, 3)).repeat(48, 0)[: SHAPE[0]].repeat(52, 1)[:, : SHAPE[1]]
    if kind == "flat grey":
        return np.full((*SHAPE, 3), 0.3)
    if kind == "grey ramp":
        return np.repeat((0.05 + 0.5 * x)[..., None], 3, 2)
    if kind == "red and blue alike":
        return patches[..., [0, 1, 0]]
    if kind == "one colour":
        return np.stack([0.3 + 0.2 * y, 0.05 + 0.0 * y, 0.3 + 0.2 * y], -1)
    if kind == "fine stripes":
        return patches * (1 + 0.5 * np.sin(np.arange(SHAPE[1]) * 3.0))[:, None]
    if kind == "dark":
        return patches * 0.02
    return patches


def frame_of(light, cfa, rng, crosstalk=0.0):
    pattern = Cfa.from_name(cfa)
    plane = cfa_plane_index(pattern, SHAPE)
    mosaic = np.take_along_axis(light, plane[..., None], 2)[..., 0].copy()
    # Greens in rows of red are a little brighter than those in rows of blue, as on real sensors.
    rows = (np.arange(SHAPE[0]) % 2 == pattern.red_row)[:, None]
    mosaic *= np.where((plane == 1) & rows, 1 + crosstalk, 1)
    mosaic += rng.standard_normal(SHAPE) * np.sqrt(4e-4 * mosaic + 1e-5)
    info = FrameInfo("test", SHAPE, "mosaic", cfa=pattern)
    return Frame(mosaic.astype(np.float32), Domain.MOSAIC, info, NOISE)


KINDS = ("patches", "flat grey", "grey ramp", "red and blue alike", "one colour", "fine stripes", "dark")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("crosstalk", [0.0, 0.08])
def test_honest_files_are_believed(kind, cfa, crosstalk):
    rng = np.random.default_rng(20261122)
    assert contradicted(frame_of(scene(kind, rng), cfa, rng, crosstalk)) is None


@pytest.mark.parametrize("said", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_a_tag_that_is_off_by_a_column_is_not(said):
    rng = np.random.default_rng(20261122)
    true = Cfa.from_name(said).shifted(0, 1)
    # The light is warm everywhere: red and blue differ the same way in all blocks.
    light = scene("patches", rng)
    light[..., 2] = light[..., 0] * rng.uniform(0.4, 0.7, light.shape[:2]).mean() * (0.8 + 0.2 * light[..., 1])
    frame = frame_of(light, true.name, rng)
    frame = frame.with_info(cfa=Cfa.from_name(said))
    assert contradicted(frame) == true


def test_the_pipeline_says_so(shared_data):
    import lichtbild as lb

    burst = lb.read(shared_data("raw_pi_dng_minimal") / "pi_640x480_10bit_pidng.dng")
    plan, _ = intake.plan(burst, QuadBayerParams())
    assert plan.burst.sources[0].info.cfa == Cfa.from_name("BGGR")
    assert any("contradict the filter array GBRG" in line for line in plan.report["assumed"])
    assert intake.load(plan, 0).info.cfa == Cfa.from_name("BGGR")
    # What was opened stays as it was.
    assert burst.sources[0].info.cfa == Cfa.from_name("GBRG")
    assert dataclasses.replace(burst, name="x").sources[0] is burst.sources[0]
