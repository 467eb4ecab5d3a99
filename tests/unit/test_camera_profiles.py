"""Camera profiles: what is read from .dcp, refused, applied; a look as a profile."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest

from lichtbild import api, looks
from lichtbild.capture.dng.profile import read_dcp
from lichtbild.core import (
    Burst,
    Camera,
    ColourCalibration,
    Domain,
    Frame,
    FrameInfo,
    FrameSource,
    HueSatMap,
    LichtbildError,
    MetadataError,
    NoiseModel,
    UnreadableFile,
    UsageError,
)  # fmt: skip
from lichtbild.core import colour_space as cs
from lichtbild.looks.dcp_export import look_table, profile_bytes, rendered, tone_curve
from lichtbild.output.dcp import FLOAT, LONG, RATIONAL, SHORT, TEXT, dcp_bytes
from lichtbild.stages import colour, develop_display
from lichtbild.stages.colour import ColourParams
from lichtbild.stages.colour.profile import PROPHOTO_TO_XYZ, ProfileFacts, apply, apply_reference
from lichtbild.stages.colour.reference import from_hsv, sampled, to_hsv

COLOUR_A = np.array([[104, -29, -16], [-41, 162, 5], [-5, 29, 57]]) / 128
COLOUR_D65 = np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128
PHONE = Camera("LG", "Nexus 5X", "LG Nexus 5X", colour=ColourCalibration((cs.A_XY, cs.D65_XY), (COLOUR_A, COLOUR_D65)))


def tags(**changes: tuple[int, object]) -> dict[int, tuple[int, object]]:
    table = np.zeros((1, 6, 3, 3), np.float32)
    table[..., 1:] = 1
    table[0, 2, 2] = (30, 0.5, 1.1)
    made: dict[int, tuple[int, object]] = {
        50708: (TEXT, b"LG Nexus 5X\0"), 50936: (TEXT, b"mine\0"), 50778: (SHORT, [17]), 50779: (SHORT, [21]),
        50721: (RATIONAL, COLOUR_A.ravel()), 50722: (RATIONAL, COLOUR_D65.ravel()), 50937: (LONG, [6, 3, 1]),
        50938: (FLOAT, table.ravel()), 50939: (FLOAT, 2 * table.ravel()),
        50940: (FLOAT, [0, 0, 0.2, 0.4, 1, 1]),
    }  # fmt: skip
    for key, value in changes.items():
        made[int(key[1:])] = value
    return made


def write(folder: Path, **changes: tuple[int, object]) -> Path:
    path = folder / "mine.dcp"
    path.write_bytes(dcp_bytes(tags(**changes)))
    return path


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    profile = read_dcp(write(tmp_path))
    assert (profile.name, profile.camera) == ("mine", "LG Nexus 5X")
    assert profile.calibration is not None
    np.testing.assert_allclose(profile.calibration.xyz_to_camera[1], COLOUR_D65, atol=1e-6)
    assert len(profile.hue_sat) == 2
    np.testing.assert_allclose(profile.hue_sat[0].table[2, 2, 0], (30, 0.5, 1.1), rtol=1e-6)
    assert profile.tone_curve is not None
    np.testing.assert_allclose(profile.tone_curve[1], (0.2, 0.4), rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"t50937": (LONG, [6, 1, 1])}, "6 x 1 x 1 nodes"),
        ({"t50937": (LONG, [9, 3, 1])}, "numbers where 81 belong"),
        ({"t50938": (FLOAT, [np.nan] * 54)}, "not finite"),
        ({"t50938": (FLOAT, [-1.0] * 54)}, "factors beyond"),
        ({"t50940": (FLOAT, [0, 0, 0.5, 0.2, 0.4, 1])}, "does not rise"),
        ({"t50721": (RATIONAL, [0.0] * 9), "t50722": (RATIONAL, [0.0] * 9)}, "cannot be inverted"),
    ],
)
def test_damaged_profiles_are_refused(changes: dict[str, tuple[int, object]], words: str, tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=words):
        read_dcp(write(tmp_path, **changes))


def test_files_that_are_no_profiles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.dcp"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(UnreadableFile, match="no camera profile"):
        read_dcp(path)
    whole = write(tmp_path).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(whole[: int(rng.integers(4, len(whole)))])
        for at in rng.integers(0, len(broken), 6):
            broken[at] = int(rng.integers(256))
        path.write_bytes(struct.pack("<2sH", b"II", 0x4352) + bytes(broken[4:]))
        try:
            read_dcp(path)
        except LichtbildError:
            continue


def burst_of(camera: Camera) -> Burst:
    pixels = np.full((32, 32, 3), 0.2, np.float32)
    info = FrameInfo("a", (32, 32), "linear", camera=camera, as_shot_neutral=(0.5, 1.0, 0.6))
    return Burst((FrameSource(info, lambda: pixels),), "a")


def test_a_profile_of_another_camera_is_refused(tmp_path: Path) -> None:
    path = str(write(tmp_path, t50708=(TEXT, b"Another X\0")))
    with pytest.raises(UsageError, match=r"'Another X'.*'LG Nexus 5X'"):
        api._in_colours(burst_of(PHONE), ColourParams(profile=path))
    taken = api._in_colours(burst_of(PHONE), ColourParams(profile=path, any_camera=True)).sources[0].info.camera
    assert taken.profile is not None
    assert taken.profile.tone_curve is None
    kept = api._in_colours(burst_of(PHONE), ColourParams(profile=path, any_camera=True, maker_look=True))
    assert kept.sources[0].info.camera.profile.tone_curve is not None  # type: ignore[union-attr]


def test_hsv_and_back() -> None:
    rgb = np.random.default_rng(1).random((200, 3)).astype(np.float32)
    np.testing.assert_allclose(from_hsv(*to_hsv(rgb)), rgb, atol=1e-5)


@pytest.mark.parametrize("is_encoded", [False, True])
@pytest.mark.parametrize("dims", [(6, 2, 1), (36, 8, 1), (12, 5, 7)])
@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (33, 64)])
def test_kernel_and_reference_agree(is_encoded: bool, dims: tuple[int, int, int], shape: tuple[int, int]) -> None:
    rng = np.random.default_rng()
    table = np.stack([rng.uniform(-40, 40, dims), rng.uniform(0.5, 1.5, dims), rng.uniform(0.7, 1.3, dims)], -1)
    table[:, 0, :, 0] = 0
    pixels = rng.uniform(-0.01, 1.0, (*shape, 3)).astype(np.float32) ** 2
    info = FrameInfo("random", shape, "linear", camera=PHONE)
    frame = Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated"))
    calibration = PHONE.colour
    assert calibration is not None
    matrix = colour.camera_to_work(colour.at_white(calibration, cs.D65_XY), (0.5, 1.0, 0.6), cs.D65_XY)
    to = np.linalg.inv(PROPHOTO_TO_XYZ) @ cs.REC2020_TO_XYZ @ matrix
    facts = ProfileFacts(to, (0.5, 1.0, 0.6), (HueSatMap(table.astype(np.float32), is_encoded),))
    difference = np.abs(apply(frame, facts).pixels - apply_reference(frame, facts).pixels)
    # At a node's edge rounding decides which cell is looked up; both give the same to rounding.
    assert np.quantile(difference, 0.995) < 2e-4


def test_a_map_turns_what_it_should_and_leaves_greys() -> None:
    table = np.ones((6, 2, 1, 3), np.float32)
    table[..., 0] = 0
    table[:, 1, 0] = (24, 0.8, 1.2)
    camera = dataclasses.replace(PHONE, profile=dataclasses.replace(read_nothing(), hue_sat=(HueSatMap(table),)))
    pixels = np.full((24, 24, 3), 0.2, np.float32) * np.float32([0.5, 1.0, 0.6])
    pixels[:12] *= np.float32([1.3, 1.0, 0.7])
    info = FrameInfo("two", (24, 24), "linear", camera=camera, as_shot_neutral=(0.5, 1.0, 0.6))
    frame = Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((1e-6,) * 3, (1e-9,) * 3, "simulated"))
    facts = develop_display.analyse(frame)
    assert facts.colour.profile is not None
    out = apply(frame, facts.colour.profile).pixels
    np.testing.assert_allclose(out[18, 12], pixels[18, 12], rtol=1e-5)
    to = facts.colour.profile.to_prophoto / np.asarray(facts.white.neutral)
    (h0, s0, v0), (h1, s1, v1) = (to_hsv((p[4, 12] @ to.T)[None].astype(np.float32)) for p in (pixels, out))
    share = float(s0[0])
    assert float((h1 - h0)[0]) * 60 == pytest.approx(24 * share, abs=0.2)
    assert float(s1[0] / s0[0]) == pytest.approx(1 - 0.2 * share, abs=2e-3)
    assert float(v1[0] / v0[0]) == pytest.approx(1 + 0.2 * share, abs=2e-3)


def read_nothing() -> object:
    from lichtbild.core import ColourProfile

    return ColourProfile()


@pytest.mark.parametrize("name", ["kontor", "fjord", "obsidian"])
def test_a_look_as_a_profile_gives_the_looks_colours(name: str, tmp_path: Path) -> None:
    """Read back, and rendered as the specification has it (map, then curve on greatest and least channel): CIEDE2000
    on colours of the world, mean 0.8, nine in ten within 2."""
    look = looks.load(name)
    path = tmp_path / "look.dcp"
    path.write_bytes(profile_bytes(look, PHONE))
    profile = read_dcp(path)
    assert profile.camera == "LG Nexus 5X"
    assert profile.look is not None
    np.testing.assert_allclose(profile.look.table, look_table(look), atol=1e-5)
    rng = np.random.default_rng(4)
    light = rng.uniform(0.03, 0.5, (3000, 1)) * rng.uniform(0.35, 1, (3000, 3))
    h, s, v = to_hsv(light.astype(np.float32))
    shift, more, brighter = np.moveaxis(sampled(profile.look.table, h, s, cs.srgb_encode(v)), -1, 0)
    lit = cs.srgb_decode(np.clip(cs.srgb_encode(v) * brighter, 0, 1))
    moved = from_hsv((h + shift / 60) % 6, np.clip(s * more, 0, 1), lit).astype(np.float64)
    found, wanted = curved(moved, tone_curve(look)), rendered(look, light)
    white = PROPHOTO_TO_XYZ.sum(1)
    error = cs.delta_e_2000(*(cs.xyz_to_lab(rgb @ PROPHOTO_TO_XYZ.T, white) for rgb in (found, wanted)))
    assert error.mean() < 0.8
    assert np.percentile(error, 90) < 2.0


def curved(rgb: np.ndarray, curve: np.ndarray) -> np.ndarray:
    order = np.argsort(rgb, axis=-1)
    low, middle, high = np.moveaxis(np.take_along_axis(rgb, order, -1), -1, 0)
    a, b = np.interp(low, *curve.T), np.interp(high, *curve.T)
    share = (middle - low) / np.maximum(high - low, 1e-9)
    out = np.empty_like(rgb)
    np.put_along_axis(out, order, np.stack([a, a + share * (b - a), b], -1), -1)
    return out
