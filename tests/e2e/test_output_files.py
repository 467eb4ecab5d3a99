"""Several files of one development, recipes and sidecars, signed files: the command as a photographer uses it."""

import datetime
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lichtbild import api
from lichtbild.cli import main
from lichtbild.core import UsageError
from lichtbild.output import Credentials, Photo, Target, parse_target
from lichtbild.output.xmp import OURS


@pytest.fixture(scope="module")
def burst(tmp_path_factory) -> Path:
    """Three small frames of the simulator."""
    folder = tmp_path_factory.mktemp("files") / "shot"
    assert main(["simulate", "-o", str(folder), "--frames", "3", "--size", "320x240", "--iso", "400", "--quiet"]) == 0
    return folder


@pytest.fixture
def shot(burst, tmp_path) -> Path:
    """A copy of them to write beside."""
    return Path(shutil.copytree(burst, tmp_path / "shot"))


def develop(*words) -> int:
    return main(["develop", *map(str, words), "--quiet"])


def test_one_development_gives_all_files(burst, tmp_path):
    names = (
        "small.jpg,longest=160,kbytes=20",
        "full.avif",
        "p.jxl",
        "s.exr",
        "n.dng,form=half",
        "a.tif",
        "hdr.avif,hdr=pq",
    )
    words = [word for name in names for word in ("-o", str(tmp_path / name))]
    assert develop(burst, *words, "--hdr") == 0
    made = {path.name: path for path in tmp_path.iterdir() if path.is_file()}
    assert sorted(made) == ["a.tif", "full.avif", "hdr.avif", "n.dng", "p.jxl", "s.exr", "small.jpg"]
    with Image.open(made["small.jpg"]) as small, Image.open(made["full.avif"]) as full:
        assert max(small.size) == 160
        assert max(full.size) > 300
        shrunk = np.asarray(full.convert("RGB").resize(small.size, Image.Resampling.LANCZOS), float)
        # Shrunk in linear light the one, as it is coded the other.
        assert np.corrcoef(np.asarray(small, float).ravel(), shrunk.ravel())[0, 1] > 0.95
    assert made["small.jpg"].stat().st_size <= 20_000
    openexr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    with openexr.File(str(made["s.exr"])) as file:
        scene = file.channels()["RGB"].pixels.astype(np.float64)
    with Image.open(made["full.avif"]) as picture:
        shown = np.asarray(picture.convert("RGB"), float).mean(-1)
    # Brighter in the scene is brighter in the picture, but for what local tone mapping moves.
    assert np.corrcoef(np.log(np.maximum(scene.mean(-1), 1e-3)).ravel(), shown.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg,longest=0", "longest"), ("a.jpg,qualty=3", "quality"), ("a.jpg,quality=101", "quality"),
        ("a.xyz", "format"), ("a.png,quality=3", "option"), ("a.jpg,kbytes=5,difference=1", "one of them"),
        ("a.avif,hdr=dolby", "hdr"), ("a.jpg,hdr=pq", "hdr"), ("a.dng,form=quad", "form"),
        ("a.jpg,longest=x", "number"), ("a.jpg,longest=99,longest=98", "twice"),
    ],
)  # fmt: skip
def test_wrong_options_are_told(text, said, tmp_path, burst, capsys):
    assert develop(burst, "-o", str(tmp_path / text)) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_comma_may_be_part_of_a_name():
    assert parse_target("one, two.jpg").path == Path("one, two.jpg")
    assert parse_target("a=b,c=d.jpg,quality=80") == Target(Path("a=b,c=d.jpg"), None, {"quality": 80})


def test_two_files_of_one_name_are_refused(burst, tmp_path, capsys):
    assert develop(burst, "-o", tmp_path / "a.jpg", "-o", tmp_path / "a.jpg,quality=50") == 2
    assert "twice" in capsys.readouterr().err


def test_a_recipe_gives_the_same_file_bit_for_bit(shot, tmp_path):
    flags = ("--tone-contrast", "0.9", "--reference", "2")
    assert develop(shot, "-o", tmp_path / "a.jpg", *flags, "--sidecar") == 0
    sidecar = next(shot.glob("*.lichtbild.json"))
    document = json.loads(sidecar.read_text(encoding="utf-8"))
    assert document["stages"]["tone"]["params"]["contrast"] == 0.9
    assert [len(member["sha256"]) for member in document["members"]] == [64] * 3
    # The sidecar is followed where it lies ...
    assert develop(shot, "-o", tmp_path / "b.jpg") == 0
    # ... and says the same when it is given elsewhere.
    moved = shutil.copy(sidecar, tmp_path / "elsewhere.json")
    assert develop(shot, "-o", tmp_path / "c.jpg", "--no-sidecar", "--recipe", moved) == 0
    assert develop(shot, "-o", tmp_path / "d.jpg", "--no-sidecar") == 0
    a, b, c, d = ((tmp_path / f"{name}.jpg").read_bytes() for name in "abcd")
    assert a == b == c
    assert a != d


def test_a_sidecar_keeps_what_others_wrote(shot, tmp_path):
    assert develop(shot, "-o", tmp_path / "a.jpg", "--sidecar") == 0
    sidecar = next(shot.glob("*.lichtbild.json"))
    document = json.loads(sidecar.read_text(encoding="utf-8"))
    document["rating"] = 5
    sidecar.write_text(json.dumps(document), encoding="utf-8")
    assert develop(shot, "-o", tmp_path / "b.jpg", "--tone-contrast", "0.9", "--sidecar") == 0
    document = json.loads(sidecar.read_text(encoding="utf-8"))
    assert (document["rating"], document["stages"]["tone"]["params"]["contrast"]) == (5, 0.9)


def test_a_damaged_sidecar_is_never_written_over(shot, tmp_path, capsys):
    sidecar = shot / f"{api.read(shot).name}.lichtbild.json"
    sidecar.write_text('{"stages": 3', encoding="utf-8")
    assert develop(shot, "-o", tmp_path / "a.jpg", "--sidecar") == 2
    assert "not a recipe" in capsys.readouterr().err
    assert sidecar.read_text(encoding="utf-8") == '{"stages": 3'
    assert not (tmp_path / "a.jpg").exists()


def test_a_recipe_is_of_its_frames(shot, tmp_path, capsys):
    assert develop(shot, "-o", tmp_path / "a.jpg", "--sidecar") == 0
    sidecar = next(shot.glob("*.lichtbild.json"))
    first = sorted(shot.glob("*.dng"))[0]
    data = bytearray(first.read_bytes())
    data[-3] ^= 1
    first.write_bytes(data)
    assert develop(shot, "-o", tmp_path / "b.jpg") == 2
    assert f"frames have changed since: {first.name}" in capsys.readouterr().err
    first.unlink()
    assert develop(shot, "-o", tmp_path / "b.jpg", "--no-sidecar", "--recipe", sidecar) == 2
    assert "not given" in capsys.readouterr().err


def test_presets_are_layered_and_rules_ask_about_the_shot(burst, tmp_path):
    (tmp_path / "soft.toml").write_text('name = "soft"\n[tone]\ncontrast = 0.8\n[sharpen]\namount = 0.2\n')
    (tmp_path / "night.toml").write_text(
        '[tone]\ncontrast = 0.9\n[[rules]]\niso = [300, 500]\nmode = "burst"\n[rules.denoise]\nluminance = 0.4\n'
        '[[rules]]\ncamera = "nobody*"\n[rules.tone]\ncontrast = 2.0\n'
    )
    words = ("--recipe", tmp_path / "soft.toml", "--recipe", tmp_path / "night.toml")
    assert develop(burst, "-o", tmp_path / "a.png", *words) == 0
    flags = ("--tone-contrast", "0.9", "--sharpen-amount", "0.2", "--denoise-luminance", "0.4")
    assert develop(burst, "-o", tmp_path / "b.png", *flags) == 0
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        packet = a.text["XML:com.adobe.xmp"]
    assert OURS in packet
    assert "&quot;contrast&quot;:0.9" in packet


def test_recipe_show_diff_and_migrate(shot, tmp_path, capsys):
    assert develop(shot, "-o", tmp_path / "a.jpg", "--sidecar") == 0
    sidecar = next(shot.glob("*.lichtbild.json"))
    (tmp_path / "soft.toml").write_text("[tone]\ncontrast = 0.8\n")
    assert main(["recipe", "show", str(tmp_path / "soft.toml")]) == 0
    assert "tone.contrast = 0.8  (default " in capsys.readouterr().out
    assert main(["recipe", "diff", str(sidecar), str(sidecar)]) == 0
    assert capsys.readouterr().out == "no difference\n"
    older = json.loads(sidecar.read_text(encoding="utf-8"))
    older["stages"]["tone"] |= {"version": older["stages"]["tone"]["version"] - 1}
    older["stages"]["tone"]["params"]["glow"] = 1.0
    older["mood"] = "blue"
    path = tmp_path / "older.json"
    path.write_text(json.dumps(older), encoding="utf-8")
    assert develop(shot, "-o", tmp_path / "b.jpg", "--no-sidecar", "--recipe", path) == 2
    assert "renders it otherwise (tone" in capsys.readouterr().err
    assert main(["recipe", "migrate", str(path), "-o", str(tmp_path / "new.json")]) == 0
    said = capsys.readouterr().err
    assert "tone.glow = 1.0: left out" in said
    assert "renders otherwise" in said
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["mood"] == "blue"
    assert develop(shot, "-o", tmp_path / "c.jpg", "--no-sidecar", "--recipe", tmp_path / "new.json") == 0
    assert (tmp_path / "c.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[tone]\ncontrst = 1\n", "contrast"), ("[toone]\ncontrast = 1\n", "tone"),
        ("[tone]\ncontrast = 99.0\n", "bounds"), ("tone = 3\n", "no table"),
        ("[[rules]]\niso = [9, 1]\n", "range"), ("[[rules]]\nmode = 'day'\n", "single"),
        ("= 3", "no TOML"), ("[tone]\ncontrast = nan\n", "bounds"), ("[tone]\ncontrast = [1, 2]\n", "no number"),
    ],
)  # fmt: skip
def test_wrong_presets_are_told(content, said, burst, tmp_path, capsys):
    (tmp_path / "p.toml").write_text(content)
    assert develop(burst, "-o", tmp_path / "a.jpg", "--recipe", tmp_path / "p.toml") == 2
    told = capsys.readouterr().err
    assert said in told
    assert "p.toml" in told
    assert not (tmp_path / "a.jpg").exists()


# ---- content credentials


@pytest.fixture(scope="module")
def credentials(tmp_path_factory) -> Credentials:
    """A chain of the test's own."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    return made_credentials(tmp_path_factory.mktemp("keys"))


def made_credentials(folder: Path) -> Credentials:
    """A root that vouches for one signer, keys on P-256, as PEM files in `folder`."""
    import c2pa  # noqa: F401  (what has to be there to use them)
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    start = datetime.datetime(2026, 1, 1)

    def name(text):
        return x509.Name([
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ])  # fmt: skip

    def certificate(subject, issuer, key, signer, is_root):
        usage = {name: False for name in (
            "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
            "decipher_only")}  # fmt: skip
        made = (
            x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=36500))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )  # fmt: skip
        if not is_root:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("Signer", "Root", signer, root, False) + certificate("Root", "Root", root, root, True)
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(
        signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Credentials(folder / "chain.pem", folder / "key.pem")


@pytest.fixture(scope="module")
def photo(burst) -> Photo:
    return api.develop(burst, headroom_ev=2.0)


def state_of(path):
    """(state, problems but that nobody knows the signer, assertions) as the reader of the consortium sees a file."""
    import c2pa

    mime = "image/" + {".jpg": "jpeg", ".tif": "tiff"}.get(path.suffix, path.suffix[1:])
    with c2pa.Reader(mime, io.BytesIO(path.read_bytes())) as reader:
        told = json.loads(reader.json())
    manifest = told["manifests"][told["active_manifest"]]
    problems = [status["code"] for status in told.get("validation_status", [])]
    return told["validation_state"], [code for code in problems if code != "signingCredential.untrusted"], manifest


def _state_or_refusal(path):
    import c2pa

    try:
        return state_of(path)[0]
    except c2pa.C2paError:
        return "refused"  # so damaged that it cannot even be read


@pytest.mark.parametrize("name", ["a.jpg", "a.avif", "a.heic", "a.jxl", "a.png", "a.tif", "a.dng"])
def test_signed_files_are_valid(photo, credentials, tmp_path, name):
    if name == "a.heic":
        pytest.importorskip("pillow_heif")
    path = tmp_path / name
    photo.save(path, credentials=credentials)
    state, problems, manifest = state_of(path)
    assert (state, problems) == ("Valid", [])
    assertions = {a["label"]: a["data"] for a in manifest["assertions"]}
    actions = assertions["c2pa.actions.v2"]["actions"]
    assert actions[0]["digitalSourceType"].endswith("computationalCapture")
    assert {"merge", "denoise", "look"} <= {a.get("description") for a in actions}
    assert assertions["org.lichtbild.provenance"]["FrameCount"] == 3
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    assert _state_or_refusal(path) in ("Invalid", "refused")


def test_a_signed_gain_map_is_still_found(photo, credentials, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    photo.save(tmp_path / "a.jpg", credentials=credentials)
    photo.save(tmp_path / "b.jpg")
    signed, plain = (
        imagecodecs.ultrahdr_decode((tmp_path / name).read_bytes(), dtype="float16") for name in ("a.jpg", "b.jpg")
    )
    np.testing.assert_array_equal(signed, plain)


def test_keys_that_do_not_sign_are_told_before_the_work(burst, credentials, tmp_path, capsys):
    (tmp_path / "no.pem").write_text("nothing")
    words = ("develop", str(burst), "-o", str(tmp_path / "a.jpg"), "--sign")
    assert main([*words, str(tmp_path / "no.pem"), str(credentials.key)]) == 2
    assert "no PEM file" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "gone.pem"), str(credentials.key)]) == 2
    assert "gone.pem" in capsys.readouterr().err
    assert main([*words, str(credentials.certificate), str(credentials.certificate)]) == 2
    assert main([*words, str(credentials.certificate), str(credentials.key), "--sign-with", "rot13"]) == 2
    assert not (tmp_path / "a.jpg").exists()


def test_the_signer_is_an_extra(tmp_path, monkeypatch, photo, credentials):
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(UsageError, match="not installed") as told:
        photo.save(tmp_path / "a.jpg", credentials=credentials)
    assert "lichtbild[c2pa]" in told.value.hint
    assert not list(tmp_path.iterdir())


def test_exiftool_finds_nothing_in_a_signed_negative(photo, credentials, tmp_path):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    photo.save(tmp_path / "a.dng", credentials=credentials)
    words = ["exiftool", "-validate", "-warning", "-a", "-s3", str(tmp_path / "a.dng")]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    # Releases before 12.60 do not know the tag of the credentials yet.
    assert [line for line in told[1:] if "0xcd41" not in line] == []


def test_the_look_in_a_negative_gives_the_picture_again(shot, tmp_path):
    """Nothing is baked in: the same frames give another profile for another look, beside the same pixels."""
    for look in ("natural", "silver"):
        words = ("-o", tmp_path / f"{look}.dng", "-o", tmp_path / f"{look}.png", "--look", look)
        assert develop(shot, *words) == 0
        assert develop(tmp_path / f"{look}.dng", "-o", tmp_path / f"{look}_again.png", "--colour-maker-look") == 0
        with Image.open(tmp_path / f"{look}.png") as one, Image.open(tmp_path / f"{look}_again.png") as other:
            a, b = np.asarray(one, float), np.asarray(other, float)
        # Local tone, grain and sharpening are not of a profile; curve, colours and exposure are.
        assert np.abs(a - b).mean() < 9
        assert np.abs(a.mean((0, 1)) - b.mean((0, 1))).max() < 6
    negatives = [api.read(tmp_path / f"{look}.dng").sources[0].read() for look in ("natural", "silver")]
    np.testing.assert_array_equal(*negatives)
