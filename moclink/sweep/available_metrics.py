"""Which metrics can be measured: weights that are missing, pictures that are too small."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from moclink.images import Picture
from moclink.metrics import PERCEPTUAL_SIZE
from moclink.presets import is_bit_chain
from moclink.sweep.plan import Plan
from moclink.sweep.session import METRIC_COLUMNS, Session
from moclink.sweep.tensorflow_log import quietly
from moclink.sweep.workers import Pool


def find_missing_metrics(session: Session, plan: Plan) -> list[tuple[str, str]]:
    """(name, why) of the plan's learned metrics whose weights are missing."""
    flat = np.full((1, PERCEPTUAL_SIZE, PERCEPTUAL_SIZE, 3), 0.5, np.float32)
    missing = []
    for name in plan.metrics:
        if "lpips" not in name:
            continue
        try:
            with quietly():
                for function in session.metric_functions([name], PERCEPTUAL_SIZE).values():
                    function(flat, flat)
        except RuntimeError as error:
            missing.append((name, str(error)))
    return missing


def drop_missing_metrics(plan: Plan, pool: Pool, make_session: Callable[[], Session]) -> Plan:
    """The plan without metrics whose weights are missing; a message on standard error names them."""
    missing = {name: why for _, (name, why) in pool.run(find_missing_metrics, [plan], make_session)}
    for reason in dict.fromkeys(missing.values()):
        names = ", ".join(name for name, why in missing.items() if why == reason)
        print(f"note: not measured: {names}, since {reason}", file=sys.stderr)
    return replace(plan, metrics=tuple(name for name in plan.metrics if name not in missing))


def report_small_pictures(plan: Plan, pictures: Sequence[Picture]) -> None:
    """Say on standard error which metrics some pictures are too small for."""
    if all(is_bit_chain(name) for name in plan.chains):
        return
    sides = [min(picture.height, picture.width) for picture in pictures]
    needs: dict[int, list[str]] = {}
    for name in plan.metrics:
        needs.setdefault(METRIC_COLUMNS[name][1], []).append(name)
    for least, names in sorted(needs.items()):
        small = sum(side < least for side in sides)
        if small:
            which = f"{small} of {len(sides)} pictures" if len(sides) > 1 else "the picture"
            what = f"{', '.join(names)}: not measured of {which}"
            print(f"note: {what} (sides of {least} pixels are needed)", file=sys.stderr)
