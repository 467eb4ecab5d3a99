"""The simulated sensor judged by the reference code of EMVA 1288: `python benchmarks/emva_certificate.py PYTHON`.

PYTHON is the interpreter of an environment of its own, as that code needs old packages:

    python -m venv judge && judge/bin/pip install "numpy<2" "pillow<11" emva1288==1.0.2

Frames go there as arrays. Bounds: gain K and quantum efficiency within 0.5 %, dark noise and DSNU 1.5 %, PRNU 1 %. The
quantum efficiency is what this script says it is (photons = electrons / 0.62), so its error is that of the light.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

QE = 0.62
SHAPE = (400, 512)
LEVELS = 24
STACK = 40
TIME_S = 0.01
BOUNDS = {"K": 0.5, "QE": 0.5, "sigma_d": 1.5, "DSNU": 1.5, "PRNU": 1.0}

JUDGE = """
import json, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
from emva1288.process import loader, data, results
folder, bits = sys.argv[1], int(sys.argv[2])
named = json.load(open(folder + "/images.json"))
images = {kind: {float(t): {float(p): [folder + "/" + n for n in names] for p, names in at.items()}
                 for t, at in times.items()} for kind, times in named.items()}
found = loader.LoadImageData(images, fload=np.load).data
found["width"], found["height"] = found.get("width"), found.get("height")
r = results.Results1288(data.Data1288(found).data, loglevel=40)
print(json.dumps({"K": r.K, "QE": r.QE, "sigma_d": r.sigma_d, "DSNU": r.DSNU1288, "PRNU": r.PRNU1288}))
"""


def frames(folder: Path, sensor: object, iso: float) -> None:
    """Pairs at rising light and two stacks, as the standard's section 6 asks, into `folder`."""
    from lichtbild.simulate import expose

    images: dict[str, dict[str, dict[str, list[str]]]] = {"temporal": {}, "spatial": {}}
    white_e = sensor.electrons_at_white(iso)
    seed = iter(range(10_000, 10**6))

    def shot(share: float) -> str:
        light = np.full(SHAPE, share, np.float32)
        name = f"{next(seed)}.npy"
        np.save(folder / name, expose(sensor, light, iso, int(name[:-4]), time_s=TIME_S))
        return name

    time_ns = str(TIME_S * 1e9)
    shares = [0.0, *np.linspace(0.03, 1.1, LEVELS)]
    images["temporal"][time_ns] = {str(share * white_e / QE): [shot(share) for _ in range(2)] for share in shares}
    images["spatial"][time_ns] = {
        str(share * white_e / QE): [shot(share) for _ in range(STACK)] for share in (0.0, 0.5)
    }
    (folder / "images.json").write_text(json.dumps(images))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="interpreter of the environment with emva1288 1.0.2")
    parser.add_argument("--show", action="store_true", help="what the reference code prints besides")
    args = parser.parse_args()
    from lichtbild.simulate import Sensor

    sensor = Sensor(bits=12, black=240, saturation_e=6000, read_before_e=2.2, read_after_dn=1.1, prnu=0.007, dsnu_e=1.2,
                    dark_e_s=5.0)  # fmt: skip
    print("| ISO | | truth | EMVA 1288 reference | error, % | bound, % |\n|---|---|---|---|---|---|")
    missed = 0
    for iso in (100.0, 400.0, 1600.0):
        with tempfile.TemporaryDirectory() as name:
            frames(Path(name), sensor, iso)
            done = subprocess.run([args.python, "-c", JUDGE, name, str(sensor.bits)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        if args.show:
            print(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        gain = sensor.gain_dn_e(iso)
        # In electrons as the standard has them; the dark current's own photon noise belongs to the dark noise.
        sigma = float(np.sqrt((sensor.read_noise_dn(iso) / gain) ** 2 + sensor.dark_e(TIME_S)))
        truth = {"K": gain, "QE": 100 * QE, "sigma_d": sigma, "DSNU": sensor.dsnu_e, "PRNU": 100 * sensor.prnu}
        for key, bound in BOUNDS.items():
            error = 100 * (found[key] / truth[key] - 1)
            missed += abs(error) > bound
            print(f"| {iso:.0f} | {key} | {truth[key]:.5g} | {found[key]:.5g} | {error:+.2f} | {bound} |")
    print(f"\n{'all within bounds' if not missed else f'{missed} out of bounds'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
