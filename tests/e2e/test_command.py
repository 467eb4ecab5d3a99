"""The installed command on files: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

N_FRAMES = 4


def command() -> list[str]:
    """The script that pip installed beside this interpreter, or the module where the package is run from source."""
    script = shutil.which("lichtbild", path=sysconfig.get_path("scripts"))
    return [script] if script else [sys.executable, "-m", "lichtbild"]


def run(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(), *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this process and in `tmp_path`: a second of start-up is saved, and warnings are errors."""
    from lichtbild.cli import main

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        capsys.readouterr()
        try:
            code: object = main([str(word) for word in words])
        except SystemExit as stopped:
            code = stopped.code
        told = capsys.readouterr()
        return subprocess.CompletedProcess(words, int(str(code)), told.out, told.err)

    return call


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated burst as DNG files."""
    folder = tmp_path_factory.mktemp("burst") / "shot"
    done = run("simulate", "-o", folder, "--frames", N_FRAMES, "--size", "384x288", "--seed", 5)
    assert done.returncode == 0, done.stderr
    assert len(list(folder.glob("*.dng"))) == N_FRAMES
    return folder


def jpeg(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB"))


# ---- what is written


def test_a_folder_becomes_a_picture_and_a_negative(burst: Path, tmp_path: Path) -> None:
    done = run("develop", burst, "-o", tmp_path / "photo.jpg", "--negative", "linear")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "text for people goes to standard error"
    assert files_in(tmp_path) == {"photo.jpg", "photo.dng"}
    picture = jpeg(tmp_path / "photo.jpg")
    assert picture.shape == (288, 384, 3)
    assert 20 < picture.mean() < 235, "neither black nor white"
    with tifffile.TiffFile(tmp_path / "photo.dng") as negative:
        pages = [page for top in negative.pages for page in (top, *(top.pages or ()))]
        assert any(page.photometric == 34892 for page in pages), "LinearRaw"


def test_files_and_single_frames_are_developed_too(burst: Path, tmp_path: Path) -> None:
    files = sorted(burst.glob("*.dng"))
    assert run("develop", *files, "-o", tmp_path / "four.jpg").returncode == 0
    assert run("develop", files[0], "-o", tmp_path / "one.jpg").returncode == 0
    four, one = jpeg(tmp_path / "four.jpg"), jpeg(tmp_path / "one.jpg")
    assert four.shape == one.shape


def test_merge_writes_both_kinds_of_negative(burst: Path, tmp_path: Path) -> None:
    for kind, photometric in (("linear", 34892), ("bayer", 32803)):
        target = tmp_path / f"{kind}.dng"
        done = run("merge", burst, "-o", target, "--negative", kind)
        assert done.returncode == 0, done.stderr
        with tifffile.TiffFile(target) as negative:
            pages = [page for top in negative.pages for page in (top, *(top.pages or ()))]
            assert photometric in {page.photometric for page in pages}


def test_a_preview_is_a_smaller_picture(burst: Path, tmp_path: Path) -> None:
    done = run("preview", burst, "-o", "small.jpg", "--megapixels", "0.05", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "small.jpg") as picture:
        assert 0.03e6 < picture.size[0] * picture.size[1] < 0.06e6
        assert np.asarray(picture).std() > 10
    for wrong in (("--megapixels", "0"), ("-o", "small.dng"), ("--jpeg-quality", "101")):
        assert run("preview", burst, *wrong, cwd=tmp_path).returncode == 2


def test_frames_that_were_not_used_are_told(here: Here, tmp_path: Path) -> None:
    for k in range(2):
        values = np.random.default_rng(k).integers(20, 200, (20, 24, 3)).astype(np.uint8)
        Image.fromarray(values).save(tmp_path / f"IMG_{k}.png")
    for verb, output in (("develop", "o.jpg"), ("merge", "o.dng")):
        done = here(verb, "IMG_0.png", "IMG_1.png", "-o", output)
        assert done.returncode == 0, done.stderr
        assert "24 x 20 px are too few to align" in done.stderr
        assert (tmp_path / output).exists()


def test_the_negative_develops_again(burst: Path, tmp_path: Path) -> None:
    assert run("merge", burst, "-o", tmp_path / "negative.dng").returncode == 0
    done = run("develop", tmp_path / "negative.dng", "-o", tmp_path / "again.jpg")
    assert done.returncode == 0, done.stderr
    assert run("develop", burst, "-o", tmp_path / "direct.jpg").returncode == 0
    again, direct = (jpeg(tmp_path / name).astype(float) for name in ("again.jpg", "direct.jpg"))
    # The same light through the same rendering: what differs is 16-bit rounding and where analysis falls.
    assert abs(again.mean() - direct.mean()) < 6


@pytest.mark.parametrize(("verb", "suffix"), [("develop", "jpg"), ("merge", "dng")])
def test_what_was_done_is_explained_in_pictures(
    verb: str, suffix: str, burst: Path, here: Here, tmp_path: Path
) -> None:
    why = tmp_path / "why" / "so"
    done = here(verb, burst, "-o", f"a.{suffix}", "--explain", why)
    assert done.returncode == 0, done.stderr
    assert "pictures that explain" in done.stderr
    index = json.loads((why / "explain.json").read_text())
    assert {entry["file"] for entry in index["pictures"]} | {"explain.json"} == files_in(why)
    assert len(index["frames"]) == N_FRAMES - 1
    wanted = ["motion", "confidence", "rejected"] * (N_FRAMES - 1) + ["effective-frames", "rejected", "noise"]
    wanted += ["denoised-away"] * (verb == "develop")
    kinds = sorted(wanted, key=len, reverse=True)
    for entry in index["pictures"]:
        kinds.remove(next(kind for kind in kinds if entry["file"].endswith(f"{kind}.png")))
        with Image.open(why / entry["file"]) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert picture.mode == "RGB"
    assert kinds == []

    before = {path: path.stat().st_mtime_ns for path in why.iterdir()}
    refused = here(verb, burst, "-o", f"b.{suffix}", "--explain", why)
    assert refused.returncode == 3
    assert "--force" in refused.stderr
    assert files_in(tmp_path) == {f"a.{suffix}", "why"}, "refused before any work"
    assert {path: path.stat().st_mtime_ns for path in why.iterdir()} == before
    assert here(verb, burst, "-o", f"b.{suffix}", "--explain", why, "--force").returncode == 0


def test_inspect_tells_what_the_file_says(burst: Path) -> None:
    file = min(burst.glob("*.dng"))
    done = run("inspect", file)
    assert done.returncode == 0
    assert file.name in done.stdout
    for word in ("noise", "RGGB", "384"):
        assert word in done.stdout, word
    (report,) = events(run("inspect", file, "--json"))
    assert report["event"] == "report"
    assert report["path"] == str(file)


def test_inspect_proposes_the_bursts_of_a_folder(burst: Path) -> None:
    done = run("inspect", burst)
    assert done.returncode == 0, done.stderr
    assert str(N_FRAMES) in done.stdout


# ---- events


def test_json_is_one_event_a_line_and_time_runs_forward(burst: Path, tmp_path: Path) -> None:
    done = run("develop", burst, "-o", tmp_path / "photo.jpg", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    told = events(done)
    assert [e["path"] for e in told if e["event"] == "written"] == [str(tmp_path / "photo.jpg")]
    assert told[-1]["event"] == "done"
    assert told[-1]["frames"] == N_FRAMES
    steps = [e["done"] / e["total"] for e in told if e["event"] == "progress"]
    assert len(steps) >= N_FRAMES
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1)


# ---- how it ends


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("develop",),
        ("develop", "x.dng", "--no-such-flag"),
        ("develop", "x.dng", "-o", "x.bmp"),
        ("develop", "x.dng", "--jpeg-quality", "0"),
        ("develop", "x.dng", "--tone-exposure-ev", "99"),
        ("merge", "x.dng", "-o", "x.jpg"),
    ],
)
def test_wrong_usage_ends_with_2(words: Sequence[str], here: Here, tmp_path: Path) -> None:
    done = here(*words)
    assert done.returncode == 2, done.stderr
    assert done.stderr
    assert files_in(tmp_path) == set()


def test_wrong_usage_of_the_installed_command(tmp_path: Path) -> None:
    done = run("develop", "x.dng", "-o", "x.bmp", cwd=tmp_path)
    assert done.returncode == 2
    assert ".bmp: no format that is written" in done.stderr
    assert "Traceback" not in done.stderr


def _no_file(folder: Path, good: Path) -> Path:
    return folder / "missing.dng"


def _empty_file(folder: Path, good: Path) -> Path:
    (folder / "empty.dng").write_bytes(b"")
    return folder / "empty.dng"


def _cut_file(folder: Path, good: Path) -> Path:
    (folder / "cut.dng").write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    return folder / "cut.dng"


def _text_file(folder: Path, good: Path) -> Path:
    (folder / "notes.dng").write_text("not a picture\n" * 50)
    return folder / "notes.dng"


def _empty_folder(folder: Path, good: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


@pytest.mark.parametrize("make", [_no_file, _empty_file, _cut_file, _text_file, _empty_folder])
@pytest.mark.parametrize("verb", ["develop", "merge", "inspect"])
def test_unreadable_input_ends_with_3(
    verb: str, make: Callable[[Path, Path], Path], burst: Path, here: Here, tmp_path: Path
) -> None:
    bad = make(tmp_path, min(burst.glob("*.dng")))
    before = files_in(tmp_path)
    done = here(verb, bad)
    assert done.returncode == 3, done.stderr
    assert bad.name in done.stderr
    assert "a bug in lichtbild" not in done.stderr
    assert files_in(tmp_path) == before


def test_unreadable_input_of_the_installed_command(tmp_path: Path) -> None:
    done = run("develop", _text_file(tmp_path, tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    assert "notes.dng" in done.stderr
    assert "Traceback" not in done.stderr


def test_frames_of_different_sizes_are_refused_by_name(burst: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run("simulate", "-o", other, "--frames", 1, "--size", "320x240").returncode == 0
    (stranger,) = other.glob("*.dng")
    shutil.move(stranger, tmp_path / "stranger.dng")
    done = run("develop", *sorted(burst.glob("*.dng")), tmp_path / "stranger.dng", "-o", tmp_path / "x.jpg")
    assert done.returncode == 3
    assert "stranger.dng" in done.stderr
    assert not (tmp_path / "x.jpg").exists()


def test_inspect_goes_on_past_a_broken_file(burst: Path, tmp_path: Path) -> None:
    good = min(burst.glob("*.dng"))
    bad = _cut_file(tmp_path, good)
    done = run("inspect", bad, good)
    assert done.returncode == 1
    assert good.name in done.stdout
    assert bad.name in done.stderr


def test_several_shots_in_a_folder_are_not_guessed_about(burst: Path, tmp_path: Path) -> None:
    for number, start in ((1, 0), (2, 2)):
        for k, file in enumerate(sorted(burst.glob("*.dng"))[start : start + 2]):
            shutil.copy(file, tmp_path / f"IMG_20260{number}01_120000_BURST{k}.dng")
    done = run("develop", tmp_path, "-o", tmp_path / "photo.jpg")
    if done.returncode == 0:
        pytest.fail("two bursts were taken for one:\n" + done.stderr)
    assert done.returncode == 3
    assert "2" in done.stderr
    chosen = run("develop", tmp_path, "--burst", "2", "-o", tmp_path / "photo.jpg")
    assert chosen.returncode == 0, chosen.stderr


def test_nothing_is_overwritten_without_force(burst: Path, tmp_path: Path) -> None:
    target = tmp_path / "photo.jpg"
    target.write_bytes(b"mine")
    done = run("develop", burst, "-o", target)
    assert done.returncode == 3
    assert "--force" in done.stderr
    assert target.read_bytes() == b"mine"
    assert run("develop", burst, "-o", target, "--force").returncode == 0
    jpeg(target)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(burst: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = run("develop", burst, "-o", locked / "photo.jpg")
    assert done.returncode == 3
    assert "permission" in done.stderr.lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
def test_a_full_disk_under_the_output_of_inspect(burst: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command(), "inspect", str(burst)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_runs_leave_nothing(number: signal.Signals, code: int, tmp_path: Path) -> None:
    shot = tmp_path / "shot"
    words = ["simulate", "-o", str(shot), "--frames", "64", "--size", "1600x1200", "--json"]
    with subprocess.Popen([*command(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    left = list(tmp_path.rglob("*"))
    whole = [p for p in left if p.suffix == ".dng"]
    assert [p for p in left if p.is_file() and p not in whole] == []
    for path in whole:
        with tifffile.TiffFile(path) as file:
            assert file.pages[0] is not None


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run("develop", _text_file(tmp_path, tmp_path), "--debug")
    assert done.returncode == 3
    assert "Traceback" in done.stderr


# ---- asking


def test_version_and_help() -> None:
    import lichtbild

    assert run("--version").stdout.strip() == f"lichtbild {lichtbild.__version__}"
    overview = run("--help")
    assert overview.returncode == 0
    for verb in ("develop", "merge", "inspect", "simulate", "demo"):
        assert verb in overview.stdout
        own = run(verb, "--help")
        assert own.returncode == 0, own.stderr
        assert f"lichtbild {verb}" in own.stdout.split("examples:")[1]


def test_asking_for_the_version_is_quick_to_start() -> None:
    """No clock: what would make it slow is not imported."""
    code = "import sys, lichtbild.cli as c\ntry: c.main(['--version'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" not in loaded
    assert "lichtbild.core" not in loaded
