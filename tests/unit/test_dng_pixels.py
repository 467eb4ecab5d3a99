"""Pixels of every compression and sample type: the array that was written, LibRaw's and tifffile's reading of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture.dng import cfa_doubts, open_dng
from lichtbild.capture.dng.jpegxl import jpeg_xl_header
from lichtbild.core import Cfa, MetadataError, UnreadableFile

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "dng_seeds.py"
spec = importlib.util.spec_from_file_location("dng_seeds", SCRIPT)
make = importlib.util.module_from_spec(spec)
sys.modules["dng_seeds"] = make
spec.loader.exec_module(make)

SEEDS = make.seeds()
LOSSY = {"lossy-linear", "lossy-mosaic"}
# The LibRaw inside rawpy refuses BigTIFF and JPEG XL, reads only the first strip of lossless JPEG, and 4 x 4 arrays,
# planes and floats otherwise.
LIBRAW_READS = [n for n in SEEDS if n.startswith(("plain", "ljpeg-tiles", "ljpeg-one")) or n == "full"]
LIBRAW_READS.remove("plain-12-bigtiff")


def opened(tmp_path, data, name="a.dng"):
    path = tmp_path / name
    path.write_bytes(data)
    return open_dng(path)


def pattern_at(raw, top, left):
    """Letters of the 2 x 2 block at a place of LibRaw's whole image (its own margins it makes even)."""
    return "".join("RGBG"[raw.raw_color(top + i, left + j)] for i in (0, 1) for j in (0, 1))


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_every_seed_reads_as_it_was_written(tmp_path, name):
    data, expected = SEEDS[name]
    source = opened(tmp_path, data)
    pixels = source.read()
    assert pixels.dtype == (np.float32 if "float" in name else np.uint16)
    assert pixels.flags.c_contiguous
    assert source.info.shape == pixels.shape[:2]
    if name in LOSSY:
        # JPEG at quality 95 of noise of 5 grey levels; a plane or tile in a wrong place would be off by 20 and more.
        assert np.abs(pixels.astype(int) - expected).mean() < 4
    else:
        np.testing.assert_array_equal(pixels, expected)
    height = pixels.shape[0]
    for start, stop in ((0, height), (height // 3, height // 3 + 1), (height - 5, height)):
        np.testing.assert_array_equal(source.read_rows(start, stop), pixels[start:stop])


@pytest.mark.parametrize("name", LIBRAW_READS)
def test_libraw_reads_the_same_mosaic(tmp_path, name):
    rawpy = pytest.importorskip("rawpy")
    source = opened(tmp_path, SEEDS[name][0])
    with rawpy.imread(str(source.info.path)) as raw:
        theirs = raw.raw_image_visible.copy()
        letters = pattern_at(raw, raw.sizes.top_margin, raw.sizes.left_margin)
    table = source.info.levels.table
    ours = source.read()
    np.testing.assert_array_equal(ours if table is None else table[ours], theirs)
    assert letters == source.info.cfa.name


@pytest.mark.parametrize(
    ("compression", "predictor", "kind"),
    [("none", False, "u2"), ("deflate", False, "u2"), ("deflate", True, "u2"), ("deflate", True, "f4"),
     ("deflate", True, "f2"), ("jpegxl_dng", False, "u2")],
)  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_files_written_by_tifffile(tmp_path, compression, predictor, kind, order):
    tifffile = pytest.importorskip("tifffile")
    if compression == "jpegxl_dng" and order == ">":
        pytest.skip("tifffile hands big-endian numbers to its JPEG XL encoder, which refuses them")
    mosaic = make.scene(70, 100, 16, seed=3)
    written = (mosaic / 65535).astype(order + kind) if kind[0] == "f" else mosaic.astype(order + kind)
    path = tmp_path / "t.dng"
    extra = [(50706, 1, 4, (1, 7, 1, 0), True), (33421, 3, 2, (2, 2), True), (33422, 1, 4, (2, 1, 1, 0), True)]
    options = {"compression": compression, "predictor": predictor} if compression != "none" else {}
    with tifffile.TiffWriter(path, byteorder=order) as tif:
        tif.write(written, photometric="cfa", tile=(32, 48), extratags=extra, subfiletype=0, **options)
    source = open_dng(path)
    np.testing.assert_array_equal(source.read(), written.astype(source.read().dtype))
    assert source.info.cfa.name == "BGGR"


@pytest.mark.parametrize("name", ["BGGR", "GRBG", "GBRG", "RGGB"])
def test_the_filter_array_counts_from_the_active_area(tmp_path, name):
    rawpy = pytest.importorskip("rawpy")
    image = make.scene(64, 64, 16)
    codes = ["RGB".index(letter) for letter in name]
    raw = make.raw_ifd(
        image, [make.pack(image, 16)], 1, 16, t33422=(make.BYTE, codes), t50829=(make.LONG, [3, 5, 61, 60])
    )
    source = opened(tmp_path, make.dng(raw))
    assert source.info.cfa == Cfa.from_name(name)
    np.testing.assert_array_equal(source.read(), image[3:61, 5:60])
    with rawpy.imread(str(source.info.path)) as theirs:
        assert pattern_at(theirs, 3, 5) == name


def test_quad_bayer_is_told_from_bayer_by_its_tag(tmp_path):
    source = opened(tmp_path, SEEDS["quad-bayer"][0])
    assert source.info.cfa == Cfa.from_name("GRBG", quad=2)
    repeated = [0, 1, 0, 1, 1, 2, 1, 2] * 2
    image = SEEDS["quad-bayer"][1]
    tags = {"t33421": (make.SHORT, [4, 4]), "t33422": (make.BYTE, repeated)}
    plain = opened(tmp_path, make.dng(make.raw_ifd(image, [make.pack(image, 16)], 1, 16, **tags)), "b.dng")
    assert plain.info.cfa == Cfa.from_name("RGGB")


@pytest.mark.parametrize(
    ("dim", "codes"),
    [([6, 6], [1, 1, 0, 1, 1, 2] * 6), ([2, 2], [0, 1, 2, 3]), ([2, 2], [0, 1, 1, 1]), ([2, 2], [0, 2, 1, 1]),
     ([4, 4], [0, 1, 1, 0] * 4), ([3, 2], [0, 1, 1, 2])],
)  # fmt: skip
def test_other_filter_arrays_are_refused_by_name(tmp_path, dim, codes):
    image = make.scene(16, 16, 16)
    raw = make.raw_ifd(image, [make.pack(image, 16)], 1, 16, t33421=(make.SHORT, dim), t33422=(make.BYTE, codes))
    with pytest.raises(MetadataError, match="CFAPattern"):
        opened(tmp_path, make.dng(raw))


def test_pixels_that_contradict_their_filter_array_are_told():
    rng = np.random.default_rng(1)
    colour = np.array([0.4, 1.0, 0.6])
    for true in (Cfa.from_name("GRBG"), Cfa.from_name("RGGB", quad=2)):
        rows, columns = (np.arange(64) // true.quad) % 2, (np.arange(96) // true.quad) % 2
        plane = np.asarray(true.colours)[rows[:, None], columns[None]]
        mosaic = (1000 * colour[plane] + rng.normal(0, 20, plane.shape)).astype(np.uint16)
        assert cfa_doubts(mosaic, true) == ()
        (doubt,) = cfa_doubts(mosaic, Cfa.from_name("RGGB"))
        assert ("quad-Bayer" if true.quad == 2 else "shifted") in doubt


@pytest.mark.parametrize("kind", ["short", "half"])
def test_a_tile_too_small_for_its_place_is_damage(tmp_path, kind):
    import imagecodecs

    image = make.scene(32, 64, 12)
    piece = image[:31] if kind == "short" else image[:, :32]
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(piece), lossless=True, bitspersample=12)
    source = opened(tmp_path, make.dng(make.raw_ifd(image, [data], 7, 12)))
    with pytest.raises(UnreadableFile):
        source.read()


def test_jpeg_xl_of_several_frames_reads_too(tmp_path):
    import imagecodecs

    rgb = make.scene(300, 420, 16, 3)
    data = imagecodecs.jpegxl_encode(rgb, distance=8.0, effort=7)
    assert jpeg_xl_header(data, "").unbounded
    source = opened(tmp_path, make.dng(make.raw_ifd(rgb, [data], 52546, 16)))
    np.testing.assert_array_equal(source.read(), imagecodecs.jpegxl_decode(data))


@pytest.mark.parametrize(
    ("stored_bits", "tag_bits", "white", "top"),
    [
        (10, 10, 1023, 1023),
        (10, 10, 65535, 65535),
        (12, 16, 65535, 65535),
        (12, 12, 4095, 4095),
        (16, 16, 60000, 65535),
    ],
)
def test_jpeg_xl_numbers_have_the_range_their_levels_have(tmp_path, stored_bits, tag_bits, white, top):
    import imagecodecs

    image = make.scene(48, 64, stored_bits)
    data = imagecodecs.jpegxl_encode(image, lossless=True, bitspersample=stored_bits)
    raw = make.raw_ifd(image, [data], 52546, tag_bits, t50717=(make.LONG, white))
    pixels = opened(tmp_path, make.dng(raw)).read()
    np.testing.assert_allclose(pixels / top, image / (2**stored_bits - 1), atol=0.6 / 65535)


def test_only_the_tiles_of_the_active_area_are_decoded(tmp_path):
    import imagecodecs

    image = make.scene(64, 64, 12)
    parts = make.tiles(image, 32, 32, lambda t: imagecodecs.jpeg8_encode(t, lossless=True, bitspersample=12))
    parts[0] = b"\xff\xd8 not a JPEG at all" * 8
    raw = make.raw_ifd(image, parts, 7, 12, (32, 32), t50829=(make.LONG, [32, 0, 64, 64]))
    np.testing.assert_array_equal(opened(tmp_path, make.dng(raw)).read(), image[32:])


def test_floats_that_are_no_numbers_become_black_or_clipped(tmp_path):
    values = np.full((16, 16), 0.5, np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    raw = make.raw_ifd(values, [values.tobytes()], 1, 32, is_float=True)
    source = opened(tmp_path, make.dng(raw))
    pixels = source.read()
    assert np.all(np.isfinite(pixels))
    assert pixels[0, 0] == pixels[0, 2] == 0
    assert pixels[0, 1] > 1
    assert source.info.levels.white == (1.0,)


def test_24_bit_floats_follow_ieee(tmp_path):
    # sign, 7 bits of exponent with bias 63, 16 of mantissa: 1.0, -3.0, the smallest, and 2^-62.
    words = np.array([0x3F0000, 0xC08000, 0x000001, 0x010000], np.uint32)
    raw_bytes = words.astype(">u4").view(np.uint8).reshape(4, 4)[:, 1:].tobytes() * 4
    values = np.zeros((4, 4), np.float32)
    raw = make.raw_ifd(values, [raw_bytes], 1, 24, is_float=True, t50717=(make.LONG, [1]))
    pixels = opened(tmp_path, make.dng(raw, ">")).read()
    np.testing.assert_array_equal(pixels[0], np.float32([1.0, -3.0, 2.0**-78, 2.0**-62]))


def test_lossy_jpeg_is_what_libraw_makes_of_adobes_file(shared_data):
    rawpy = pytest.importorskip("rawpy")
    path = shared_data("dng_lossy_linear_canon6d") / "canon_eos_6d.dng"
    source = open_dng(path)
    (poly, *_) = source.info.opcodes.on_linear
    linear = np.polyval(poly.coefficients[::-1], source.read() / 255.0) * 65535
    with rawpy.imread(str(path)) as raw:
        theirs = raw.raw_image_visible[..., :3].astype(np.float64)
    # LibRaw applies the polynomial while decoding, and cuts to whole numbers.
    assert np.abs(theirs - linear).max() <= 1


@pytest.mark.parametrize(
    "name", ["raw_colorchecker_canon550d/colorchart.dng", "raw_pi_dng_minimal/pi_640x480_10bit_pidng.dng"]
)
def test_real_mosaics_are_libraws_bit_for_bit(shared_data, name):
    rawpy = pytest.importorskip("rawpy")
    folder, file = name.split("/")
    path = shared_data(folder) / file
    source = open_dng(path)
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(source.read(), raw.raw_image_visible)
        assert pattern_at(raw, raw.sizes.top_margin, raw.sizes.left_margin) == source.info.cfa.name


def test_a_mislabelled_real_file_is_noticed(shared_data):
    source = open_dng(shared_data("raw_pi_dng_minimal") / "pi_640x480_10bit_pidng.dng")
    assert any("shifted" in doubt for doubt in cfa_doubts(source.read(), source.info.cfa))
