"""Real files through the front door. Each test is skipped, by name, where its set of files is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lichtbild as lb
from lichtbild.capture import open_mosaic_array, open_picture_array
from lichtbild.core import Burst, UnreadableFile

Shared = Callable[[str], Path]


def chart(folder: Path) -> Burst:
    """The two-frame raw of an ISO 12233 chart, every other block of it: 400 rows of 800 columns."""
    frames = []
    for letter in "AB":
        stored = np.fromfile(next(folder.glob(f"*frame{letter}*.raw")), "<u2").reshape(600, 1600)
        stored = stored if letter == "A" else stored[::-1, ::-1]
        cut = np.ascontiguousarray(stored[100:500, 700:1500])
        frames.append(open_mosaic_array(cut, "BGGR", 64, 1023, name=f"frame{letter}"))
    return Burst(tuple(frames), "chart", reference=0)


def test_two_real_raw_frames_merge(shared_data: Shared) -> None:
    burst = chart(shared_data("raw_chart_iso12233_c5590"))
    photo = lb.develop(burst)
    (motion,) = (m for name, m in photo.report["motion"].items() if name == "frameB")
    # Measured on the files: a pure shift of about 8 px in x and in y.
    assert motion["shift_px"] == pytest.approx(11, abs=1.2)
    assert motion["used"] > 0.8
    assert photo.report["frames_used"] > 1.8
    # The chart is printed in black on white: clipped paper has no colour.
    white = photo.pixels[photo.pixels.min(2) > 200].astype(float)
    assert len(white) > 1000
    assert np.abs(white[:, [0, 2]] - white[:, [1]]).mean() < 20


def test_merged_chart_has_less_noise(shared_data: Shared) -> None:
    burst = chart(shared_data("raw_chart_iso12233_c5590"))
    one = lb.merge(Burst(burst.sources[:1], "one")).pixels[..., 1].astype(float)
    two = lb.merge(burst).pixels[..., 1].astype(float)
    paper = [(slice(y, y + 16), slice(x, x + 16)) for y in range(0, 384, 16) for x in range(0, 784, 16)]
    paper = sorted((p for p in paper if 0.2 < one[p].mean() < 0.9), key=lambda p: one[p].std() / one[p].mean())[:60]
    second = [np.median([np.diff(a[p], 2, axis=1).std() for p in paper]) for a in (one, two)]
    assert second[1] < second[0] / 1.3


@pytest.mark.parametrize(
    ("folder", "name", "kind"),
    [
        ("raw_pi_dng_minimal", "pi_640x480_10bit_pidng.dng", "mosaic"),
        ("dng_lossy_linear_canon6d", "canon_eos_6d.dng", "linear"),
        ("raw_colorchecker_canon550d", "colorchart.dng", "mosaic"),
    ],
)
def test_real_dng_develops(shared_data: Shared, folder: str, name: str, kind: str) -> None:
    path = shared_data(folder) / name
    assert lb.inspect(path)["kind"] == kind
    photo = lb.develop(path)
    # Neither black nor burnt out, whatever tags are missing.
    assert 40 < photo.pixels.mean() < 215
    assert (photo.pixels == 255).all(2).mean() < 0.2


def test_headerless_raw_says_what_to_do(shared_data: Shared) -> None:
    path = shared_data("raw_phone_n900_strips") / "bayer_2592_304.pgm"
    with pytest.raises(UnreadableFile, match="open_mosaic_array"):
        lb.inspect(path)


def test_tiny_sequence_of_pictures(shared_data: Shared) -> None:
    """57 x 49 px: there is hardly a block to fit the noise on."""
    frames = np.load(shared_data("mfsr_sequences") / "text.npy")[:6]
    burst = Burst(tuple(open_picture_array(f, name=str(k)) for k, f in enumerate(frames)), "text")
    photo = lb.develop(burst)
    assert photo.pixels.shape == (57, 49, 3)


def test_picture_of_a_phone_stays_as_it_is(shared_data: Shared) -> None:
    """The camera denoised and sharpened it already: not softer than the file, nor much harsher."""
    from PIL import Image

    path = shared_data("gyro_phone_video") / "frames" / "RE_frame-112.jpg"
    before = np.asarray(Image.open(path)).astype(float)
    after = lb.develop(path).pixels.astype(float)
    steps = [np.abs(np.diff(p[:400, 300:, 1], axis=1)) for p in (before, after)]
    strong = steps[0] > 8
    assert 0.97 < steps[1][strong].mean() / steps[0][strong].mean() < 1.25
