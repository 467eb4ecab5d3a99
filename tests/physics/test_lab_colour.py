"""Colour figures of charts whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import UsageError
from lichtbild.core.colour_space import D50_XY, SRGB_TO_XYZ, bradford, lab_to_xyz, xy_to_xyz, xyz_to_lab
from lichtbild.lab.charts import ChartReference, chart_reference
from lichtbild.lab.charts.patches import Patches
from lichtbild.lab.colour import ChartColours, to_xyz_d50
from lichtbild.lab.colour import measure_colour as measure
from lichtbild.lab.figure import find

WHITE = xy_to_xyz(D50_XY)


def measure_colour(patches: Patches, reference: ChartReference) -> ChartColours:
    return measure(patches, reference, to_xyz_d50("srgb"))


def patches_of(lab: np.ndarray, noise: float = 0.0, clipped: tuple[int, ...] = ()) -> Patches:
    """What an exact picture of linear sRGB shows; not cut off at the borders of the gamut."""
    linear = lab_to_xyz(lab, WHITE) @ np.linalg.inv(bradford(SRGB_TO_XYZ.sum(1), WHITE) @ SRGB_TO_XYZ).T
    share = np.zeros(len(lab))
    share[list(clipped)] = 0.5
    return Patches(linear, np.full((len(lab), 3), noise), np.full(len(lab), 400), share)


def value(colours: object, name: str) -> float:
    figure = find(colours.figures, f"colour.{name}")  # type: ignore[attr-defined]
    assert figure is not None
    assert figure.value is not None
    return figure.value


def test_lab_and_back() -> None:
    lab = chart_reference("sg").lab_d50
    assert xyz_to_lab(lab_to_xyz(lab, WHITE), WHITE) == pytest.approx(lab, abs=1e-9)


@pytest.mark.parametrize("kind", ["classic", "passport", "sg"])
def test_a_perfect_picture_has_no_error(kind: str) -> None:
    reference = chart_reference(kind)
    colours = measure_colour(patches_of(reference.lab_d50), reference)
    assert value(colours, "de2000_max") < 1e-6
    assert value(colours, "saturation") == pytest.approx(100)
    assert value(colours, "tone_slope") == pytest.approx(1)
    assert value(colours, "white_balance_angle") == pytest.approx(0, abs=1e-4)
    assert colours.findings == ()


def test_exposure_is_fitted_and_told() -> None:
    reference = chart_reference("classic")
    darker = xyz_to_lab(0.5 * lab_to_xyz(reference.lab_d50, WHITE), WHITE)
    colours = measure_colour(patches_of(darker), reference)
    assert value(colours, "de2000_mean") < 1e-6
    assert value(colours, "de2000_as_rendered_mean") > 5


def test_saturation_hue_and_cast_are_what_was_put_in() -> None:
    reference = chart_reference("classic")
    lab = reference.lab_d50.copy()
    turn = np.radians(4)
    turned = 1.2 * lab[:, 1:] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    changed = np.concatenate([lab[:, :1], turned], 1)
    colours = measure_colour(patches_of(changed), reference)
    assert value(colours, "saturation") == pytest.approx(120, abs=0.5)
    assert value(colours, "hue_shift") == pytest.approx(4, abs=0.1)
    lab[:, 1] += 3
    colours = measure_colour(patches_of(lab), reference)
    assert value(colours, "white_balance_chroma") == pytest.approx(3, abs=0.05)


def test_interval_covers_noise() -> None:
    reference, rng = chart_reference("classic"), np.random.default_rng(3)
    changed = reference.lab_d50 * [1, 1.1, 1.1]
    truth = value(measure_colour(patches_of(changed), reference), "de2000_mean")
    inside = 0
    for _ in range(20):
        patches = patches_of(changed, 0.01)
        noisy = Patches(patches.mean + patches.error * rng.standard_normal((24, 3)), *list(vars(patches).values())[1:])
        figure = find(measure_colour(noisy, reference).figures, "colour.de2000_mean")
        assert figure is not None
        assert figure.low is not None
        assert figure.high is not None
        inside += figure.low <= truth <= figure.high
    # 95 % of 20, to 3 deviations of the binomial.
    assert inside >= 16


def test_clipped_patches_are_named_and_left_out() -> None:
    reference = chart_reference("classic")
    colours = measure_colour(patches_of(reference.lab_d50, clipped=(18, 15)), reference)
    assert "2 patches are clipped and left out: yellow, white 9.5" in colours.findings[0]
    assert np.flatnonzero(np.isnan(colours.difference)).tolist() == [15, 18]
    lost = measure_colour(patches_of(reference.lab_d50, clipped=(18, 19, 20, 21, 22)), reference)
    figure = find(lost.figures, "colour.de2000_mean")
    assert figure is not None
    assert figure.value is None
    assert "clipped" in figure.note


def test_unknown_tone_is_a_finding() -> None:
    reference = chart_reference("classic")
    patches = patches_of(reference.lab_d50)
    linear = Patches(np.maximum(patches.mean, 0) ** 2.2, patches.deviation, patches.n_pixels, patches.clipped)
    colours = measure_colour(linear, reference)
    assert any("tone slope" in line for line in colours.findings)
    with pytest.raises(UsageError, match="no colour space"):
        to_xyz_d50("rec2020")
