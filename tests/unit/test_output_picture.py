"""JPEG, TIFF and PNG: pixels, colour profile, EXIF, XMP, as Pillow, lcms2, tifffile and exiftool see them."""

import dataclasses
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageCms

from lichtbild.core import Camera, Domain, DomainError, Frame, FrameInfo, NoiseModel, OutputError, Tags, UsageError
from lichtbild.core.exif import parse_exif
from lichtbild.output import Photo, bayer_negative, icc, photo, xmp

NOISE = NoiseModel((1e-3,), (1e-5,), "simulated")

# What has to arrive in every format: exiftool's name -> value with -n.
WANTED = {
    "Make": "Maker", "Model": "Phone 1", "Artist": "A. Author", "Copyright": "2026 A. Author", "Orientation": 1,
    "Software": "lichtbild 0.1.0", "ImageDescription": "A view", "ModifyDate": "2026:08:01 12:31:00",
    "DateTimeOriginal": "2026:08:01 12:30:45", "CreateDate": "2026:08:01 12:30:45", "OffsetTime": "+02:00",
    "OffsetTimeOriginal": "+02:00", "OffsetTimeDigitized": "+02:00", "SubSecTimeOriginal": 123,
    "ExposureTime": 0.008, "FNumber": 1.8, "ISO": 800, "ExposureProgram": 2, "MeteringMode": 5, "Flash": 16,
    "ExposureCompensation": -0.3333333333, "FocalLength": 4.3, "FocalLengthIn35mmFormat": 26, "LensMake": "Maker",
    "LensModel": "Back camera 4.3mm f/1.8", "LensInfo": "4.3 4.3 1.8 1.8", "WhiteBalance": 0, "BrightnessValue": 3.5,
    "GPSLatitudeRef": "N", "GPSLongitudeRef": "E", "GPSAltitude": 519, "GPSDateStamp": "2026:08:01",
    "GPSTimeStamp": "10:30:45", "UserComment": "by the lake", "Rating": 4,
    "Label": "Red", "Subject": ["lake", "evening"],
}  # fmt: skip
NOT_WANTED = ["MakerNotes", "ToneCurve", "ImageUniqueID", "DocumentID", "InstanceID"]
EXIF = {
    "ifd0": {270: "A view", 271: "Maker", 272: "Phone 1", 274: 6, 306: "2026:08:01 12:31:00", 315: "A. Author",
             33432: "2026 A. Author", 282: (300, 1), 50706: b"\1\4\0\0"},
    "exif": {33434: (1, 125), 33437: (9, 5), 34850: 2, 34855: 800, 36867: "2026:08:01 12:30:45", 37521: "123",
             36868: "2026:08:01 12:30:45", 36880: "+02:00", 36881: "+02:00", 36882: "+02:00", 37379: (7, 2),
             37380: (-1, 3), 37383: 5, 37385: 16, 37386: (43, 10), 37500: b"maker" * 3000, 40962: 9, 41987: 0,
             41989: 26, 42034: ((43, 10), (43, 10), (9, 5), (9, 5)),
             37510: b"ASCII\0\0\0by the lake", 42016: "0123456789abcdef" * 2, 42035: "Maker",
             42036: "Back camera 4.3mm f/1.8"},
    "gps": {1: "N", 2: ((48, 1), (8, 1), (1234, 100)), 3: "E", 4: ((11, 1), (34, 1), (5678, 100)), 5: 0, 6: (519, 1),
            7: ((10, 1), (30, 1), (45, 1)), 29: "2026:08:01"},
}  # fmt: skip
PACKET = b"""<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:tiff='http://ns.adobe.com/tiff/1.0/'
 xmlns:crs='http://ns.adobe.com/camera-raw-settings/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'
 xmlns:GCamera='http://ns.google.com/photos/1.0/camera/'
 xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/'
 xmpMM:DocumentID='a' xmpMM:InstanceID='b'
 xmp:Rating='4' xmp:Label='Red' tiff:Orientation='6'
 xmp:CreatorTool='Phone' crs:Exposure2012='+1.0' GCamera:MicroVideo='1'>
<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>evening</rdf:li></rdf:Bag></dc:subject>
<crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li></rdf:Seq></crs:ToneCurve></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""
REPORT = {"frames": [{"name": "a.dng"}, {"name": "b & <c>.dng"}], "stages": {"align": {}, "merge": {}}, "reference": 0}


def picture(height=90, width=130, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([0.5 + 0.4 * np.sin(x / 9), 0.5 + 0.4 * np.cos(y / 11), 0.5 + 0.3 * np.sin((x + y) / 13)], -1)
    return np.clip(rgb + rng.normal(0, 0.01, rgb.shape), 0, 1)


def display(bits=8, orientation=1, space="srgb", **size):
    pixels = np.rint(picture(**size) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    info = FrameInfo(
        "shot", pixels.shape[:2], "mosaic", Camera("Maker", "Phone 1"), orientation=orientation, tags=Tags(EXIF, PACKET)
    )
    return Frame(pixels, Domain.DISPLAY_RGB, info, NOISE, colour_space=space)


def exiftool(path, *arguments):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    return subprocess.run(["exiftool", *arguments, str(path)], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png", "dng", "avif", "heic", "jxl"])
def test_every_tag_of_the_list_arrives(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    negative = Frame(picture().astype(np.float32), Domain.CAMERA_RGB, display().info, NOISE)
    Photo(display(bits=16), negative, REPORT).save(path)
    got = json.loads(exiftool(path, "-n", "-j", *(f"-{name}" for name in [*WANTED, *NOT_WANTED])))[0]
    del got["SourceFile"]
    assert len(WANTED) >= 25
    assert got == {k: pytest.approx(v, rel=1e-6) if isinstance(v, float) else v for k, v in WANTED.items()}
    where = json.loads(exiftool(path, "-n", "-j", "-GPSPosition"))[0]["GPSPosition"].split()
    np.testing.assert_allclose(np.array(where, float), [48 + 8 / 60 + 12.34 / 3600, 11 + 34 / 60 + 56.78 / 3600])
    ours = json.loads(exiftool(path, "-j", "-XMP-lichtbild:all"))[0]
    assert ours["Frames"] == ["a.dng", "b & <c>.dng"]
    assert (ours["FrameCount"], ours["Stages"], ours["Reference"]) == (2, ["align", "merge"], 0)
    packet = exiftool(path, "-b", "-xmp")
    assert not re.search("Exposure2012|ToneCurve|MicroVideo|tiff:Orientation", packet)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "avif", "heic", "jxl"])
@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_exiftool_finds_nothing_to_complain_about(tmp_path, suffix, space):
    Photo(display(space=space)).save(tmp_path / f"a.{suffix}")
    complaints = re.findall(
        r"^Warning +: (.*)$", exiftool(tmp_path / f"a.{suffix}", "-validate", "-warning", "-a"), re.M
    )
    # Deflate (8) is of Adobe's supplement to TIFF, and a method of finding the place is not for us to make up.
    known = "Invalid value for IFD0 tag 0x0103 Compression|Missing required TIFF GPS tag 0x001b GPSProcessingMethod"
    assert [c for c in complaints if not (suffix == "tif" and re.fullmatch(known, c))] == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_stands_upright_as_pillow_would_turn_it(tmp_path, orientation):
    frame = display(orientation=orientation)
    shot = Photo(frame)
    shot.save(tmp_path / "a.png")
    turn = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270",
            7: "TRANSVERSE", 8: "ROTATE_90"}  # fmt: skip
    expected = Image.fromarray(frame.pixels)
    if orientation > 1:
        expected = expected.transpose(Image.Transpose[turn[orientation]])
    with Image.open(tmp_path / "a.png") as back:
        np.testing.assert_array_equal(np.asarray(back), np.asarray(expected))
        assert back.getexif()[274] == 1
    np.testing.assert_array_equal(shot.pixels, np.asarray(expected))


def test_a_jpeg_is_what_libjpeg_makes_of_the_pixels_at_full_colour(tmp_path):
    frame = display(height=200, width=301)
    Photo(frame).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as back:
        assert [component[1:3] for component in back.layer] == [(1, 1)] * 3
        error = np.asarray(back, float) - frame.pixels
        exif = parse_exif(back.info["exif"])
    theirs = io.BytesIO()
    Image.fromarray(frame.pixels).save(theirs, "JPEG", quality=95, subsampling=0)
    with Image.open(theirs) as back:
        their_error = np.asarray(back, float) - frame.pixels
    assert (error**2).mean() <= 1.02 * (their_error**2).mean()
    assert (exif["exif"][40962], exif["exif"][40963], exif["ifd0"][274]) == (301, 200, 1)
    assert 37500 not in exif["exif"]
    assert 50706 not in exif["ifd0"]
    with Image.open(io.BytesIO(exif["ifd1"][513])) as thumbnail:
        assert thumbnail.size == (160, 106)


@pytest.mark.parametrize(("suffix", "bits"), [("tif", 16), ("png", 16), ("png", 8)])
@pytest.mark.parametrize("size", [(90, 130), (1, 1), (200, 3), (131, 777)])
def test_png_and_tiff_are_lossless(tmp_path, suffix, bits, size):
    imagecodecs = pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    frame = display(bits=bits, height=size[0], width=size[1])
    Photo(frame).save(tmp_path / f"a.{suffix}")
    if suffix == "tif":
        back = tifffile.imread(tmp_path / "a.tif")
    else:
        back = imagecodecs.png_decode((tmp_path / "a.png").read_bytes())
    assert back.dtype == frame.pixels.dtype
    np.testing.assert_array_equal(back, frame.pixels)


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_lcms2_sees_the_exact_colours(space):
    imagecodecs = pytest.importorskip("imagecodecs")
    rgb = np.random.default_rng(1).random((40, 40, 3)).astype(np.float32)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    # IEC 61966-2-1 and SMPTE EG 432-1 as published, adapted to D50 with Bradford (Lindbloom's matrix).
    published = {
        "srgb": [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ],
        "p3": [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]],
    }[space]
    bradford = [
        [1.0478112, 0.0228866, -0.0501270],
        [0.0295424, 0.9904844, -0.0170491],
        [-0.0092345, 0.0150436, 0.7521316],
    ]
    lab = as_lab(linear @ (np.array(bradford) @ published).T)
    lab_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 0)).tobytes()
    got = imagecodecs.cms_transform(
        rgb, icc.icc_profile(space), lab_profile, colorspace="rgb", outcolorspace="lab", outdtype="f4", intent=1
    )
    assert np.linalg.norm(got - lab, axis=-1).max() < 0.1


def as_lab(xyz):
    t = xyz / [0.9642, 1.0, 0.8249]
    x, y, z = np.moveaxis(np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_the_profile_is_in_the_file_and_pillow_can_use_it(tmp_path, suffix):
    Photo(display(space="p3")).save(tmp_path / f"a.{suffix}")
    if suffix == "tif":
        tifffile = pytest.importorskip("tifffile")
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            profile = tif.pages[0].tags[34675].value
    else:
        with Image.open(tmp_path / f"a.{suffix}") as back:
            profile = back.info["icc_profile"]
    assert profile == icc.icc_profile("p3")
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert ImageCms.getProfileDescription(opened).strip() == "Display P3 (lichtbild)"
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    shown = ImageCms.profileToProfile(red, opened, ImageCms.createProfile("sRGB"), renderingIntent=1)
    assert shown.getpixel((0, 0)) == (255, 0, 0)  # outside sRGB: clipped to its red


def test_the_preview_of_a_p3_picture_is_srgb():
    frame = display(space="p3")
    theirs = ImageCms.profileToProfile(
        Image.fromarray(frame.pixels),
        ImageCms.ImageCmsProfile(io.BytesIO(icc.icc_profile("p3"))),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
    )
    ours = photo.srgb_preview(frame)
    assert np.abs(ours.astype(int) - np.asarray(theirs, int)).max() <= 1


@pytest.mark.parametrize("packet", [
    b"", b"\0" * 20, b"<not xml", PACKET[:300], b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<a/>" * 2, b"\xff\xfe<",
    PACKET.decode().encode("utf-16"),
    b"<x>" * 50_000, PACKET.replace(b"rdf:", b"r:"),
])  # fmt: skip
def test_a_broken_packet_is_left_out_and_ours_is_there(packet):
    made = xmp.xmp_packet(packet, {"Stages": ["a\0b"], "Engine": "x\x1f<&"})
    assert b"<rdf:li>ab</rdf:li>" in made or b"<r:li>ab</r:li>" in made
    assert b'lichtbild:Engine="x&lt;&amp;"' in made


def test_a_packet_too_long_for_a_segment_gives_way(tmp_path):
    frame = display().with_info(tags=Tags(EXIF, PACKET.replace(b"lake", b"lake" * 20_000)))
    Photo(frame, report=REPORT).save(tmp_path / "a.jpg")
    Photo(frame, report=REPORT).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.jpg") as back:
        assert b"FrameCount" in back.info["xmp"]
        assert b"lake" not in back.info["xmp"]
    assert b"lakelake" in (tmp_path / "a.png").read_bytes()


def test_exif_too_long_for_a_segment_loses_the_thumbnail_first(tmp_path):
    tags = {**EXIF, "exif": {**EXIF["exif"], 37510: b"log" * 999, 42033: "x" * 62_000}}
    Photo(display().with_info(tags=Tags(tags))).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as back:
        exif = parse_exif(back.info["exif"])
    assert "ifd1" not in exif
    assert 37510 not in exif["exif"]
    assert exif["gps"][1] == "N"


def test_bits_are_converted_to_the_nearest():
    wide = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(photo_bits(wide, 8), np.rint(wide / 257).astype(np.uint8))
    np.testing.assert_array_equal(photo_bits(np.arange(256, dtype=np.uint8), 16), np.arange(256) * 257)
    values = np.array([-1, 0, 0.5, 1, 7, np.nan, np.inf], np.float32)
    np.testing.assert_array_equal(photo_bits(values, 8), [0, 0, 128, 255, 255, 0, 255])


def photo_bits(values, bits):
    from lichtbild.output.picture import as_bits

    return as_bits(values, bits)


def test_wrong_use_is_named(tmp_path):
    shot = Photo(display())
    with pytest.raises(UsageError, match=r"\.gif: no format that is written \(try: \.jpg"):
        shot.save(tmp_path / "a.gif")
    with pytest.raises(UsageError, match="negative of this photograph was not kept"):
        shot.save(tmp_path / "a.dng")
    with pytest.raises(UsageError, match="quality"):
        shot.save(tmp_path / "a.jpg", quality=0)
    with pytest.raises(UsageError, match="kind of negative"):
        shot.save_negative(tmp_path / "a.dng", kind="round")
    with pytest.raises(DomainError, match="'adobe'"):
        Photo(display(space="adobe")).save(tmp_path / "a.jpg")
    shot.save(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="--force"):
        shot.save(tmp_path / "a.jpg")
    shot.save(tmp_path / "a.jpg", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg"]


def half_a_step(light, n_frames):
    """A negative is stored in eighths of its noise."""
    return np.sqrt((min(NOISE.alpha) * np.maximum(light, 0) + min(NOISE.beta)) / n_frames) / 16


@pytest.mark.parametrize("kind", ["linear", "bayer"])
def test_the_negative_is_written_both_ways(tmp_path, kind):
    rawpy = pytest.importorskip("rawpy", reason="LibRaw (rawpy) is not installed")
    rgb = picture().astype(np.float32)
    info = dataclasses.replace(display().info, as_shot_neutral=(0.5, 1, 0.6))
    negative = Frame(rgb, Domain.CAMERA_RGB, info, NOISE, n_effective=8.0)
    Photo(display(), negative, REPORT).save_negative(tmp_path / "a.dng", kind=kind)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        stored = raw.raw_image.copy()
        black, white = raw.black_level_per_channel[0], raw.white_level
    back = (stored[..., :3].astype(float) if kind == "linear" else stored.astype(float)) - black
    expected = rgb if kind == "linear" else bayer_negative(negative).pixels
    assert np.all(np.abs(back / (white - black) - expected) < half_a_step(expected, 8) + 1 / (white - black))
    if kind == "bayer":
        np.testing.assert_array_equal(expected[::2, ::2], rgb[::2, ::2, 0])
        np.testing.assert_array_equal(expected[1::2, 1::2], rgb[1::2, 1::2, 2])
        np.testing.assert_array_equal(expected[::2, 1::2], rgb[::2, 1::2, 1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("is_turned", [False, True])
def test_the_preview_in_a_negative_stands_as_the_negative_does(tmp_path, orientation, is_turned):
    shot = display(orientation=orientation, height=60, width=90)
    negative = Frame(picture(60, 90).astype(np.float32), Domain.CAMERA_RGB, shot.info, NOISE)
    if is_turned:
        shot = shot.replaced(pixels=np.ascontiguousarray(Photo(shot).pixels)).with_info(orientation=1)
    Photo(shot, negative).save(tmp_path / "a.dng")
    thumbnail = subprocess.run(
        ["exiftool", "-b", "-PreviewImage", tmp_path / "a.dng"], capture_output=True, check=False
    )
    with Image.open(io.BytesIO(thumbnail.stdout)) as back:
        assert back.size == (90, 60)
        seen = np.asarray(back.convert("L"), float)
    expected = np.asarray(Image.fromarray(display(height=60, width=90).pixels).convert("L"), float)
    assert np.abs(seen - expected).mean() < 6


def test_monochrome_is_one_plane_without_colour(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    rgb = np.repeat(picture()[..., :1], 3, 2).astype(np.float32)
    negative = Frame(rgb, Domain.CAMERA_RGB, dataclasses.replace(display().info, kind="monochrome"), NOISE)
    Photo(display(), negative).save(tmp_path / "a.dng")
    with tifffile.TiffFile(tmp_path / "a.dng") as tif:
        raw = tif.pages[0].pages[0]
        assert (raw.photometric.name, raw.samplesperpixel) == ("LINEAR_RAW", 1)
        black, white = float(raw.tags[50714].value), float(raw.tags[50717].value)
        back = (np.array(raw.tags[50712].value)[raw.asarray()] - black) / (white - black)
        assert not {50721, 50778, 50728} & set(tif.pages[0].tags.keys())
    assert np.all(np.abs(back - rgb[..., 0]) < half_a_step(rgb[..., 0], 1) + 1 / (white - black))
    assert "OK" in exiftool(tmp_path / "a.dng", "-validate")


def test_the_negative_of_pictures_is_linear_srgb(tmp_path):
    rawpy = pytest.importorskip("rawpy", reason="LibRaw (rawpy) is not installed")
    rgb = (0.1 + 0.8 * picture()).astype(np.float32)
    negative = Frame(rgb, Domain.CAMERA_RGB, dataclasses.replace(display().info, kind="picture"), NOISE)
    Photo(display(), negative).save(tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        back = raw.postprocess(
            gamma=(1, 1), no_auto_bright=True, output_bps=16, use_camera_wb=True, adjust_maximum_thr=0
        )
    # LibRaw leaves the black of a linear file out of its scale, so all is compared at equal brightness.
    assert np.abs(back / back.mean() - rgb / rgb.mean()).max() < 0.005
