"""Make bjontegaard.json: python make_bjontegaard.py, with pip install bjontegaard==1.3.0 (BSD-3-Clause)."""

import json
from pathlib import Path

import bjontegaard

EXAMPLES = {
    # H.264 curves that have gone around with implementations of VCEG-M33.
    "h264": [
        ([686.76, 309.58, 157.11, 85.95], [40.28, 37.18, 34.24, 31.42]),
        ([893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]),
    ],
    # The example in the README of the package: x265 at two presets.
    "x265": [
        ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]),
        ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987]),
    ],
}

made = {}
for name, (reference, tested) in EXAMPLES.items():
    made[name] = {"reference": reference, "tested": tested}
    for method in ("cubic", "pchip"):
        curves = (*reference, *tested)
        options = {"method": method, "require_matching_points": False}
        made[name][method] = {
            "bd_rate": bjontegaard.bd_rate(*curves, **options),
            "bd_psnr": bjontegaard.bd_psnr(*curves, **options),
        }
Path(__file__).with_name("bjontegaard.json").write_text(json.dumps(made, indent=1) + "\n")
