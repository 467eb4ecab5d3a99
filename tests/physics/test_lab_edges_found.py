"""Edges found in whole pictures and raws, and their sharpness over the field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lichtbild.core import ShapeError
from lichtbild.lab.analytic_charts import slanted_squares
from lichtbild.lab.analytic_edges import photographed
from lichtbild.lab.edge_finding import FindSettings, find_edges
from lichtbild.lab.edge_model import GaussianEdge
from lichtbild.lab.sfr import EdgeSettings
from lichtbild.lab.sharpness_map import grid_map, measure_edges, measure_mosaic_edges, over_field

SHAPE, SIDE = (420, 560), 90.0
MIDDLES = np.array([[85.0, 90.0], [85.0, 280.0], [85.0, 470.0], [330.0, 90.0], [330.0, 280.0], [330.0, 470.0]])


def mtf50(sigma: float) -> float:
    f = np.linspace(0, 1, 20001)
    return float(f[np.argmax(GaussianEdge(sigma, np.radians(5)).transfer(f) < 0.5)])


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return photographed(slanted_squares(SHAPE, MIDDLES, SIDE, 0.7), 15000, 2.5, np.random.default_rng(3))


def test_every_edge_of_every_square_is_found_where_it_is(picture: np.ndarray) -> None:
    edges = find_edges(picture)
    assert len(edges) == 4 * len(MIDDLES)
    a, half = np.radians(5.0), SIDE / 2
    for edge in edges:
        for row, column in (edge.start, edge.end, edge.middle):
            near = np.array([row, column]) - MIDDLES[np.argmin(np.hypot(*(MIDDLES - (row, column)).T))]
            u, v = near[1] * np.cos(a) - near[0] * np.sin(a), near[1] * np.sin(a) + near[0] * np.cos(a)
            assert min(abs(abs(u) - half), abs(abs(v) - half)) < 1.0
            assert max(abs(u), abs(v)) < half + 1
        assert 65 < edge.length_px < SIDE
        assert edge.angle_deg == pytest.approx(5.0, abs=0.7)
        assert edge.clear_px >= 16


def test_what_is_found_is_measured(picture: np.ndarray) -> None:
    found = measure_edges(picture)
    figures = [e.sfr.figure("mtf50") for e in found]
    truth = mtf50(0.7)
    assert all(e.sfr.is_measured for e in found)
    np.testing.assert_allclose([f.value for f in figures], truth, rtol=0.02)
    inside = [f.low <= truth <= f.high for f in figures if f.low is not None and f.high is not None]
    assert sum(inside) >= 20
    iso = measure_edges(picture, EdgeSettings(method="iso"))
    np.testing.assert_allclose([e.sfr.figure("mtf50").value for e in iso], truth, rtol=0.04)


def test_directions_and_zones(picture: np.ndarray) -> None:
    found = measure_edges(picture)
    # The upper middle square: its upright edges run along the radius, its level ones across it.
    above = [e for e in found if abs(e.edge.middle[1] - 280) < 60 and e.edge.middle[0] < 150]
    assert len(above) == 4
    for e in above:
        if abs(e.edge.middle[1] - 280) < 20:
            assert e.direction == "tangential"
            assert e.edge.is_turned
    zones = over_field(found, 3)
    assert {z.direction for z in zones} == {"all", "sagittal", "tangential"}
    assert sum(z.n_edges for z in zones if z.direction == "all") == len(found)
    whole = [z.mtf50 for z in zones if z.direction == "all" and z.n_edges]
    for figure in whole:
        assert figure.value == pytest.approx(mtf50(0.7), rel=0.01)
    assert zones[0].mtf50.value is None or zones[0].n_edges
    cells = grid_map(found, SHAPE, (3, 4))
    assert np.nanmax(np.abs(cells - mtf50(0.7))) < 0.01
    assert np.isnan(grid_map([], SHAPE)).all()


def test_a_raw_is_measured_colour_by_colour() -> None:
    rng = np.random.default_rng(5)
    sharp, soft = (slanted_squares((300, 300), np.array([[150.0, 150.0]]), 160.0, s) for s in (0.5, 1.1))
    mosaic = photographed(sharp, 15000, 2.5, rng)
    mosaic[0::2, 0::2] = photographed(soft, 15000, 2.5, rng)[0::2, 0::2]
    greens, red = np.array([[0, 1], [1, 0]], bool), np.array([[1, 0], [0, 0]], bool)
    for plane, sigma in ((greens, 0.5), (red, 1.1)):
        found = measure_mosaic_edges(mosaic, plane)
        assert len(found) == 4
        np.testing.assert_allclose([e.sfr.figure("mtf50").value for e in found], mtf50(sigma), rtol=0.04)


@pytest.mark.parametrize("kind", ["noise", "even", "texture", "text"])
def test_nothing_is_measured_where_there_is_no_edge(kind: str) -> None:
    rng = np.random.default_rng(7)
    pictures = {
        "noise": lambda: rng.normal(0.5, 0.05, (200, 300)),
        "even": lambda: np.full((200, 300), 0.5),
        "texture": lambda: np.abs(np.cumsum(np.cumsum(rng.normal(0, 1, (200, 300)), 0), 1)) / 500,
        "text": lambda: np.kron(rng.integers(0, 2, (20, 30)), np.ones((10, 10))) * 0.6 + 0.2,
    }
    assert not [e for e in measure_edges(pictures[kind]()) if e.sfr.is_measured]


def test_a_colour_picture_is_refused() -> None:
    with pytest.raises(ShapeError):
        find_edges(np.zeros((40, 40, 3)))
    with pytest.raises(ShapeError):
        measure_edges(np.zeros((40, 40, 3)))


def test_a_real_raw_of_a_tonal_chart(shared_data: Callable[[str], Path]) -> None:
    """Twenty sides of five squares; those on the clipped ground are findings, the others agree between neighbours."""
    file = shared_data("raw_chart_tonal_sfr") / "test_1920x1080_10bit_rggb_u16le.raw"
    mosaic = np.fromfile(file, "<u2").reshape(1080, 1920) / 1020.0
    greens = np.array([[0, 1], [1, 0]], bool)
    find = FindSettings(least_length_px=110, least_angle_deg=3.5)
    found = measure_mosaic_edges(mosaic, greens, EdgeSettings(white=1.0), find)
    assert any("clipped" in e.sfr.finding for e in found)
    values = [e.sfr.figure("mtf50") for e in found if e.sfr.is_measured]
    assert len(values) >= 6
    assert all(0.08 < (f.value or 0) < 0.45 for f in values)
