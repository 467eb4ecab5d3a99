"""A picture rendered in parts, and facts from a picture that was not made yet."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_develop_kernel import random_frame  # type: ignore[import-not-found]

from lichtbild.core import Cfa, Domain, Frame, ShapeError
from lichtbild.stages import develop_display
from lichtbild.stages.develop_display import HALO_PX, Part


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("with_maps", [False, True])
def test_parts_are_the_rows_of_the_whole(bits: int, with_maps: bool) -> None:
    """Bands cut at multiples of 16 rows, of a picture that is cropped anywhere."""
    frame = random_frame((211, 90), with_maps=with_maps)
    crop = (13, 7, 190, 75)
    shown = Part(0, crop, (0, 190))
    proxy, cell = develop_display.make_proxy(frame, 60)
    facts = develop_display.analyse_proxy(
        develop_display.crop_proxy(proxy, cell, crop), cell, crop[2:], n_effective=float(np.mean(frame.n_effective))
    )
    whole = develop_display.render_part(frame, shown, facts, bits=bits).pixels
    pieces = np.empty_like(whole)
    for first, last in [(0, 50), (50, 51), (51, 130), (130, 190)]:
        start = max(first - HALO_PX, 0) + crop[0]
        start -= start % 16
        band = frame.rows(start, min(last + HALO_PX, crop[2]) + crop[0])
        alone = dataclasses.replace(band, pixels=band.pixels.copy())
        part = Part(start, crop, (first, last))
        develop_display.render_part(alone, part, facts, bits=bits, out=pieces[first:last])
    # The same steps in the same order, which the compiler rounds in another way at the ends of a loop.
    difference = np.abs(pieces.astype(float) - whole)
    assert difference.max() <= {8: 1, 16: 2, 32: 2e-5}[bits]
    assert difference.mean() <= {8: 1e-3, 16: 0.02, 32: 1e-6}[bits]


def test_a_crop_is_the_part_of_the_picture_that_it_shows() -> None:
    """Away from its edges, where the crop repeats its last pixels."""
    frame = random_frame((160, 96), with_maps=True)
    facts = develop_display.analyse(frame)
    whole = develop_display.render(frame, facts, bits=32).pixels
    part = Part(0, (0, 0, 160, 96), (40, 100))
    rows = develop_display.render_part(frame, part, facts, bits=32).pixels
    assert np.abs(rows - whole[40:100]).max() < 2e-5
    crop = (21, 10, 100, 70)
    part = Part(0, crop, (0, 100), window=crop)
    inside = develop_display.render_part(frame, part, facts, bits=32).pixels[3:-3, 3:-3]
    assert np.abs(inside - whole[24:118, 13:77]).max() < 2e-5


def test_rows_that_are_missing_are_named() -> None:
    frame = random_frame((96, 40), with_maps=True)
    facts = develop_display.analyse(frame)
    crop = (0, 0, 96, 40)
    with pytest.raises(ShapeError, match="rows 34 to 60"):
        develop_display.render_part(frame.rows(32, 80), Part(32, crop, (34, 60)), facts)
    with pytest.raises(ShapeError, match="do not fit"):
        develop_display.render_part(frame, Part(0, crop, (0, 9)), facts, out=np.empty((9, 40, 3), np.uint16))


@pytest.mark.parametrize("name", ["RGGB", "GBRG"])
def test_proxy_of_a_mosaic(name: str) -> None:
    """Cells hold whole patterns: the proxy of a mosaic is that of the picture it was made of."""
    rgb = random_frame((120, 161), with_maps=True)
    smooth = np.repeat(np.repeat(rgb.pixels[::8, ::8], 8, 0), 8, 1)[:120, :161]
    cfa = Cfa.from_name(name)
    colour = np.asarray(cfa.colours)[np.arange(120)[:, None] % 2, np.arange(161)[None, :] % 2]
    mosaic = Frame(
        np.take_along_axis(smooth, colour[..., None], 2)[..., 0],
        Domain.MOSAIC,
        dataclasses.replace(rgb.info, cfa=cfa),
        rgb.noise,
        gain=rgb.gain,
    )
    small, cell = develop_display.make_proxy(mosaic, 21)
    wanted, same = develop_display.make_proxy(rgb.replaced(pixels=smooth), 21)
    assert cell == same == 8
    assert small.domain is Domain.CAMERA_RGB
    assert np.allclose(small.pixels, wanted.pixels[:, : small.shape[1]], atol=1e-6)
    assert np.allclose(small.gain, wanted.gain[: small.gain.shape[0], : small.gain.shape[1]])


@pytest.mark.parametrize("is_mosaic", [False, True])
def test_clipped_pixels_do_not_colour_their_cell(is_mosaic: bool) -> None:
    """A warm lamp of which half the pixels are clipped in green: its cells are warm and not magenta, and as bright."""
    warm = np.array((0.4, 0.6, 0.25), np.float32)
    pixels = np.broadcast_to(warm, (160, 160, 3)).copy()
    pixels[40:120, 40:120] = np.minimum(2 * warm, 1) * (1, 1, 1)
    pixels[40:120:4, 40:120] = pixels[41:120:4, 40:120] = 0.9 * warm
    rgb = random_frame((160, 160), with_maps=False)
    frame = rgb.replaced(pixels=pixels)
    if is_mosaic:
        cfa = Cfa.from_name("RGGB")
        plane = np.asarray(cfa.colours)[np.arange(160)[:, None] % 2, np.arange(160)[None, :] % 2]
        info = dataclasses.replace(rgb.info, cfa=cfa)
        values = np.take_along_axis(pixels, plane[..., None], 2)[..., 0]
        frame = Frame(values, Domain.MOSAIC, info, rgb.noise)
    small, _ = develop_display.make_proxy(frame, 20)
    assert np.allclose(small.pixels[..., 0] / small.pixels[..., 1], 0.4 / 0.6, rtol=0.01)
    assert np.allclose(small.pixels[..., 2] / small.pixels[..., 1], 0.25 / 0.6, rtol=0.01)
    assert 0.7 < small.pixels[10, 10, 1] < 0.95
