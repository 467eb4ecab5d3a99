"""The fused kernel against the stages in NumPy, one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, NoiseModel, UsageError
from lichtbild.core import colour_space as cs
from lichtbild.stages import develop_display, highlights, look, sharpen, tone

COLOUR_D65 = np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128


def random_frame(shape: tuple[int, int], *, with_maps: bool, is_rendered: bool = False) -> Frame:
    """Noise and edges, a quarter of it clipped, some of it below black."""
    rng = np.random.default_rng()
    pixels = np.minimum(rng.uniform(-0.02, 1.1, (*shape, 3)) ** 2 * rng.choice([0.05, 0.4, 1.4], (*shape, 1)), 1)
    info = FrameInfo(
        "random",
        shape,
        "linear",
        camera=Camera(colour=ColourCalibration((cs.D65_XY,), (COLOUR_D65,)), is_rendered=is_rendered),
        as_shot_neutral=(0.45, 1.0, 0.7),
    )
    nodes = [-(-n // 16) + 1 for n in shape]
    return Frame(
        pixels.astype(np.float32),
        Domain.CAMERA_RGB,
        info,
        NoiseModel((3e-4, 2e-4, 4e-4), (1e-6, 1e-6, 2e-6), "simulated"),
        gain=rng.uniform(1, 2.5, (*nodes, 3)).astype(np.float32) if with_maps else None,
        n_effective=rng.uniform(1, 9, shape).astype(np.float32) if with_maps else 4.0,
    )


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (17, 15), (64, 16), (99, 530), (203, 61)])
@pytest.mark.parametrize("with_maps", [False, True])
@pytest.mark.parametrize(("bits", "limit"), [(8, 1.0), (16, 12.0), (32, 5e-4)])
def test_fused_equals_composed(shape: tuple[int, int], with_maps: bool, bits: int, limit: float) -> None:
    frame = random_frame(shape, with_maps=with_maps)
    facts = develop_display.analyse(frame)
    fused = develop_display.render(frame, facts, bits=bits, space="p3").pixels.astype(np.float64)
    composed = develop_display.render_reference(frame, facts, bits=bits, space="p3").pixels.astype(np.float64)
    difference = np.abs(fused - composed)
    assert np.quantile(difference, 0.999) <= limit


def test_fused_equals_composed_with_other_params() -> None:
    frame = random_frame((80, 70), with_maps=True)
    params = develop_display.DevelopParams(
        highlights=highlights.HighlightsParams(reconstruct=False),
        tone=tone.ToneParams(exposure_ev=-0.7, contrast=0.5, shadows=0.6, highlights=-0.5, saturation=1.4, local=0.3),
        sharpen=sharpen.SharpenParams(amount=2.0, radius_px=0.9),
    )
    facts = develop_display.analyse(frame, params)
    window = (10, 20, 40, 35)
    fused = develop_display.render(frame, facts, params, window=window).pixels.astype(int)
    composed = develop_display.render_reference(frame, facts, params, window=window).pixels.astype(int)
    assert np.abs(fused - composed).max() <= 1


def test_fused_equals_composed_for_pictures_of_the_camera() -> None:
    frame = random_frame((40, 40), with_maps=False, is_rendered=True)
    facts = develop_display.analyse(frame)
    fused = develop_display.render(frame, facts).pixels.astype(int)
    composed = develop_display.render_reference(frame, facts).pixels.astype(int)
    assert np.abs(fused - composed).max() <= 1


EVERYTHING = look.from_document(
    {
        "tone": {"slope": 1.8, "black": 0.01, "mid": 0.15, "local_contrast": 0.4, "white_ev": 0.5},
        "colour": {"saturation": 1.2, "shadows": 0.7, "highlights": 0.8, "density": 0.5, "gamut": 0.6},
        "hues": [
            {"hue_deg": 264, "turn_deg": -25, "saturation": 0.6, "lightness": -0.1},
            {"hue_deg": 50, "width_deg": 90, "turn_deg": 20, "saturation": 1.5, "lightness": 0.08},
        ],
        "split": {"shadows_chroma": 0.03, "highlights_chroma": 0.04},
        "grain": {"rms": 15, "format_mm": 10, "size_um": 60},
        "vignette": {"corner_ev": -1.3, "steep": 0.6},
        "halation": {"strength": 0.2, "radius": 0.05},
        "sharpen": {"amount": 0.5},
    },
    "everything",
)


@pytest.mark.parametrize("monochrome", [0.0, 1.0])
@pytest.mark.parametrize(("bits", "headroom_ev"), [(8, 0.0), (32, 0.0), (32, 2.0)])
def test_fused_equals_composed_in_a_look(monochrome: float, bits: int, headroom_ev: float) -> None:
    frame = random_frame((90, 75), with_maps=True)
    bw = look.from_document({"monochrome": {"amount": monochrome, "filter": "orange"}}, "bw", EVERYTHING)
    params = develop_display.DevelopParams(look=bw)
    facts = develop_display.analyse(frame, params)
    for window in (None, (20, 10, 80, 60)):
        fused, composed = (
            render(frame, facts, params, bits=bits, window=window, headroom_ev=headroom_ev).pixels.astype(np.float64)
            for render in (develop_display.render, develop_display.render_reference)
        )
        assert np.quantile(np.abs(fused - composed), 0.999) <= (1 if bits == 8 else 1e-3 * 2**headroom_ev)


@pytest.mark.parametrize("place", [(0, 0), (40, 15), (41, 16), (79, 1060)])
def test_one_clipped_pixel_is_found_wherever_it_is(place: tuple[int, int]) -> None:
    """Vectors of pixels far from clipping skip the reconstruction."""
    frame = random_frame((80, 1061), with_maps=True)
    pixels = 0.3 * frame.pixels
    facts = develop_display.analyse(frame.replaced(pixels=pixels))
    rows, columns = (slice(max(k - 1, 0), k + 2) for k in place)
    pixels[rows, columns] = (0.8, 4.0, 0.9)
    frame = frame.replaced(pixels=pixels)
    fused = develop_display.render(frame, facts).pixels.astype(int)
    composed = develop_display.render_reference(frame, facts).pixels.astype(int)
    assert np.abs(fused - composed).max() <= 1


def test_unknown_outputs_are_refused() -> None:
    frame = random_frame((8, 8), with_maps=False)
    facts = develop_display.analyse(frame)
    with pytest.raises(UsageError, match="adobe98"):
        develop_display.render(frame, facts, space="adobe98")
    with pytest.raises(UsageError, match="10 bits"):
        develop_display.render(frame, facts, bits=10)
    with pytest.raises(UsageError, match="headroom of 2 EV in 8 bits"):
        develop_display.render(frame, facts, headroom_ev=2.0)
