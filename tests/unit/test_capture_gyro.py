"""Logs of gyroscopes: formats, axes, times, and what is wrong with bad ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.capture import read_gyro, with_gyro
from lichtbild.capture.gyro import orientations, with_log
from lichtbild.core import Burst, Exposure, FrameInfo, FrameSource
from lichtbild.core.errors import MetadataError, UnreadableFile
from lichtbild.core.turns import turns_by

GCSV = """GYROFLOW IMU LOG
version,1.3
id,made_up
orientation,{order}
{more}tscale,0.001
gscale,0.01
t,gx,gy,gz,ax,ay,az
"""


def write_gcsv(folder, rate, order="XYZ", more="", n=200, frames=(0.02, 0.1)):
    """Constant rates, rad/s about the log's axes, a sample each ms."""
    rows = [f"{k},{rate[0] * 100},{rate[1] * 100},{rate[2] * 100},0,0,0" for k in range(n)]
    (folder / "shot_timestamps.csv").write_text("".join(f"{round(t * 1e9)}\n" for t in frames))
    path = folder / "shot.gcsv"
    path.write_text(GCSV.format(order=order, more=more) + "\n".join(rows))
    return path


def burst_of(folder, n=2, time_s=0.01):
    info = FrameInfo("", (60, 80), "mosaic", exposure=Exposure(time_s=time_s))
    infos = [dataclasses.replace(info, name=f"{k}.dng", path=folder / f"{k}.dng") for k in range(n)]
    return Burst(tuple(FrameSource(i, lambda: np.zeros((60, 80))) for i in infos), "shot")


def test_axes_of_a_gcsv(tmp_path):
    """Right, up, back become right, down, forward; letters choose the log's axes, small ones the other way."""
    assert read_gyro(write_gcsv(tmp_path, (1, 2, 3))).rate_rad_s[0] == pytest.approx([1, -2, -3])
    assert read_gyro(write_gcsv(tmp_path, (1, 2, 3), "YxZ")).rate_rad_s[0] == pytest.approx([2, 1, -3])


def test_axes_of_android(tmp_path):
    path = tmp_path / "v_gyro.csv"
    path.write_text("0.1,0.2,0.3,1000000000\n0.1,0.2,0.3,1002000000\n")
    (tmp_path / "v_timestamps.csv").write_text("1001000000\n")
    log = read_gyro(path)
    assert log.rate_rad_s[0] == pytest.approx([-0.2, -0.1, -0.3])
    assert log.time_s == pytest.approx([1, 1.002])


def test_a_steady_turn_is_its_rotation_vector(tmp_path):
    """Mid-exposure of both frames: 80 ms of 2 rad/s about one axis."""
    rate = np.array([0.8, -1.2, 1.4])
    burst = with_gyro(burst_of(tmp_path), read_gyro(write_gcsv(tmp_path, rate)))
    first, second = (source.info.turns for source in burst.sources)
    assert first.shape == (1, 3, 3)
    relative = first[0].T @ second[0]
    np.testing.assert_allclose(relative, turns_by(0.08 * np.array([[0.8, 1.2, -1.4]]))[0], atol=1e-9)
    # A rotation vector's matrix turns by its length about it.
    assert np.trace(relative) == pytest.approx(1 + 2 * np.cos(0.08 * np.linalg.norm(rate)))
    np.testing.assert_allclose(relative @ [0.8, 1.2, -1.4], [0.8, 1.2, -1.4])


@pytest.mark.parametrize(("direction", "sign"), [(0, 1), (1, -1)])
def test_rows_have_moments_of_their_own(tmp_path, direction, sign):
    more = f"frame_readout_time,20\nframe_readout_direction,{direction}\n"
    log = read_gyro(write_gcsv(tmp_path, (0, 0, 1), more=more))
    turns = with_gyro(burst_of(tmp_path), log).sources[1].info.turns
    assert turns.shape == (9, 3, 3)
    np.testing.assert_allclose(turns[0].T @ turns[-1], turns_by(np.array([[0, 0, -0.02 * sign]]))[0], atol=1e-9)


def test_rates_that_change_are_integrated_in_order(tmp_path):
    """A quarter turn about one axis, then about another: turns do not commute."""
    path = write_gcsv(tmp_path, (0, 0, 0))
    log = read_gyro(path)
    quarter = np.pi / 2
    times = np.array([0, 1, 1 + 1e-9, 2])
    rate = np.array([[quarter, 0, 0], [quarter, 0, 0], [0, quarter, 0], [0, quarter, 0]])
    # Half a million samples a second would be no better: rates are constant.
    fine = np.unique(np.concatenate([times, np.linspace(0, 2, 101)]))
    rates = np.stack([np.interp(fine, times, rate[:, k]) for k in range(3)], -1)
    found = orientations(dataclasses.replace(log, time_s=fine, rate_rad_s=rates), np.array([0.0, 2.0]))[1]
    expected = turns_by(np.array([[quarter, 0, 0]]))[0] @ turns_by(np.array([[0, quarter, 0]]))[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_log_beside_the_burst_is_found(tmp_path):
    write_gcsv(tmp_path, (0, 0, 1))
    burst = with_log(burst_of(tmp_path), None)
    assert burst.sources[0].info.turns is not None
    assert "turns from shot.gcsv" in burst.reasons


def test_a_bad_log_that_was_found_is_told_of_and_left(tmp_path):
    write_gcsv(tmp_path, (0, 0, 1), frames=(0.02, 0.1, 0.15))
    burst = with_log(burst_of(tmp_path), None)
    assert burst.sources[0].info.turns is None
    assert any("gyro log not used" in line and "3 frames for a burst of 2" in line for line in burst.reasons)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", UnreadableFile, "no numbers"),
        ("\x00\x01garbage", UnreadableFile, "line 1 does not hold 4 numbers"),
        ("1,2,3\n", UnreadableFile, "line 1 does not hold 4"),
        ("0,0,0,1\n0,nan,0,2\n", UnreadableFile, "line 2"),
        ("0,0,0,5\n0,0,0,5\n", MetadataError, "do not rise"),
        ("900,0,0,1\n0,0,0,2\n", MetadataError, "no turn of a camera"),
        ("GYROFLOW IMU LOG\nversion,1.3\n", UnreadableFile, "t,gx,gy,gz"),
        (GCSV.format(order="XXZ", more="") + "0,1,1,1\n1,1,1,1\n", MetadataError, "three axes"),
        ("GYROFLOW IMU LOG\ntscale,soon\nt,gx,gy,gz\n0,1,1,1\n", MetadataError, "no number"),
        ("0,0,0,1\n0,0,0,2\n", MetadataError, "nothing tells when each frame was taken"),
    ],
)
def test_bad_logs(tmp_path, text, kind, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(kind, match=message) as error:
        read_gyro(path)
    assert "bad.csv" in str(error.value)


def test_logs_that_do_not_fit(tmp_path):
    with pytest.raises(MetadataError, match="does not cover the burst"):
        with_gyro(burst_of(tmp_path), read_gyro(write_gcsv(tmp_path, (0, 0, 1), frames=(0.02, 3.0))))
    path = write_gcsv(tmp_path, (0, 0, 1), frames=(0.02, 0.1))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:30] + [f"{k},0,0,0" for k in (400, 401)]))
    (tmp_path / "shot_timestamps.csv").write_text("10000000\n300000000\n")
    with pytest.raises(MetadataError, match="gap"):
        with_gyro(burst_of(tmp_path), read_gyro(path))
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_gyro(tmp_path / "nowhere.gcsv")


def test_a_phones_log(shared_data, tmp_path):
    """The log of a real clip, written as its numbers: covers its frames, and turns little from one to the next."""
    folder = shared_data("gyro_phone_video")
    samples = np.loadtxt(folder / "gyro.txt", delimiter=",")[3000:6000]
    frames = np.loadtxt(folder / "framestamp.txt")
    frames = frames[(frames > samples[0, 3]) & (frames < samples[-1, 3] - 0.05)][:10]
    path = tmp_path / "clip_gyro.csv"
    path.write_text("".join(f"{x},{y},{z},{round(t * 1e9)}\n" for x, y, z, t in samples))
    (tmp_path / "clip_timestamps.csv").write_text("".join(f"{round(t * 1e9)}\n" for t in frames))
    burst = with_gyro(burst_of(tmp_path, 10, 0.005), read_gyro(path))
    turns = np.array([source.info.turns[0] for source in burst.sources])
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (10, 3, 3)), atol=1e-9)
    angle = np.arccos(np.clip((np.trace(turns[0].T @ turns[-1]) - 1) / 2, -1, 1))
    assert 1e-4 < angle < 0.5
