"""Every notebook runs top to bottom in a fresh kernel, and what it finds agrees with theory.

The kernel is this interpreter, whatever kernels are registered on the machine. Notebooks read
MOCLINK_SHORT for their sizes; after the last cell the still-living kernel is asked for the results.
"""

import asyncio
import base64
import json
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ASKED = {
    "ber_psnr_awgn": """dict(
        uncoded={m: [list(map(float, a)) for a in arrays] for m, arrays in uncoded.items()},
        uncoded_bits=uncoded_bits,
        snrs_sionna=snrs_sionna.tolist(), bler_sionna=bler_sionna.tolist(),
        snrs_moclink=snrs_moclink.tolist(), bler_moclink=bler_moclink.tolist(),
        blocks=blocks, cliff_db=cliff_db, cliff_snrs=cliff_snrs.tolist(),
        cliff_psnr=cliff_psnr.tolist(), damaged_seen=damaged_seen.tolist(),
        ideal_psnr=list(map(float, ideal_psnr)),
        rows=[[r.chain, r.snr_db, r.psnr_db] for r in rows],
        fading=[fading_damaged, fading_predicted, fading_trials])""",
    "swap_channel_blocks": """dict(
        bit_errors=bit_errors, bits=BITS, snrs=snrs.tolist(), indices=indices[0].size,
        index_errors={name: errors.tolist() for name, errors in index_errors.items()},
        psnrs={name: list(map(float, values)) for name, values in psnrs.items()},
        same=bool(same))""",
}


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request, tmp_path_factory):
    """(name, executed notebook, what was asked of its kernel)."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    notebook = nbformat.read(request.param, as_version=4)
    question = ASKED.get(request.param.stem, "None")
    notebook.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({question}))"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOCLINK_SHORT", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        # With no folders to search, "python3" is ipykernel's own: sys.executable.
        manager = AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
        )
        client = NotebookClient(
            notebook, km=manager, timeout=600, resources={"metadata": {"path": str(folder)}}
        )
        asyncio.run(client.async_execute())
    answer = json.loads(
        "".join(o.text for o in notebook.cells[-1].outputs if o.get("name") == "stdout")
    )
    return request.param.stem, notebook, answer


def outputs(notebook):
    return [
        out
        for cell in notebook.cells
        if cell.cell_type == "code"
        for out in cell.get("outputs", [])
    ]


def figures(notebook):
    found = (out.get("data", {}).get("image/png") for out in outputs(notebook))
    return [base64.b64decode(text) for text in found if text]


def test_it_runs_without_errors_and_draws_as_many_figures_as_are_committed(executed):
    name, notebook, _ = executed
    committed = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not [out for out in outputs(notebook) if out.output_type == "error"]
    assert len(figures(notebook)) == len(figures(committed)) > 0


def q_function(x):
    return 0.5 * math.erfc(x / math.sqrt(2))


def test_error_rates_agree_with_theory_and_with_each_other(executed):
    name, _, found = executed
    if name != "ber_psnr_awgn":
        pytest.skip("asks for the results of another notebook")
    snrs, *simulated = found["uncoded"]["6"]
    for bers in simulated:
        for snr_db, ber in zip(snrs, bers, strict=True):
            if snr_db < 10:  # the closed form decides for the nearest symbol, app LLRs bit by bit
                continue
            a = math.sqrt(10 ** (snr_db / 10) / 21)
            weights = {1: 7, 3: 6, 5: -1, 9: 1, 13: -1}
            theory = sum(w * q_function(i * a) for i, w in weights.items()) / 12
            # Bits of a symbol err together; 3 bits per axis bound the variance by 3 times the
            # binomial one.
            sigma = math.sqrt(3 * theory * (1 - theory) / found["uncoded_bits"])
            assert abs(ber - theory) < 5 * sigma, snr_db
    blers = dict(zip(found["snrs_moclink"], found["bler_moclink"], strict=True))
    for snr_db, bler in zip(found["snrs_sionna"], found["bler_sionna"], strict=True):
        p = (bler + blers[snr_db]) / 2
        # 100 codewords at Sionna's points, at least 1000 at moclink's.
        assert (
            abs(bler - blers[snr_db]) < 5 * math.sqrt(p * (1 - p) * (1 / 100 + 1 / 1000)) + 0.01
        ), snr_db
    assert 11.5 < found["cliff_db"] < 12.5


def test_the_picture_falls_where_the_block_error_rate_says(executed):
    name, _, found = executed
    if name != "ber_psnr_awgn":
        pytest.skip("asks for the results of another notebook")
    quality = np.array(found["cliff_psnr"])
    snrs, damaged = np.array(found["cliff_snrs"]), np.array(found["damaged_seen"])
    below, above = snrs < found["cliff_db"] - 1, snrs > found["cliff_db"] + 1
    assert below.any() and above.any()
    assert (damaged[below] == 1).all() and (damaged[above] == 0).all()
    assert quality[above].min() == quality[above].max() > quality[below].max() + 5
    assert (np.array(found["ideal_psnr"])[below] > quality[below].max() + 5).all()
    share, predicted, trials = found["fading"]
    assert abs(share - predicted) < 4 * math.sqrt(predicted * (1 - predicted) / trials) + 1 / trials
    psnr = {(chain, snr): value for chain, snr, value in found["rows"]}
    for chain in {chain for chain, _ in psnr} - {"jpeg-capacity"}:
        assert psnr[chain, 28.0] > psnr[chain, 8.0] + 5
        assert psnr["jpeg-capacity", 28.0] > psnr[chain, 28.0]


def test_swapped_channels_lose_what_theory_says(executed):
    name, _, found = executed
    if name != "swap_channel_blocks":
        pytest.skip("asks for the results of another notebook")
    expected = (
        7 / 12 * q_function(math.sqrt(10**2.2 / 21))
    )  # Gray 64-QAM at 22 dB, nearest neighbours
    sigma = math.sqrt(3 * expected / found["bits"])
    assert abs(found["bit_errors"]["AWGN"] - expected) < 5 * sigma
    for channel in ("AWGN", "training channel"):
        for snr_db, share in zip(found["snrs"], found["index_errors"][channel], strict=True):
            p = 1.75 * q_function(math.sqrt(10 ** (snr_db / 10) / 21))
            assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / found["indices"]), (channel, snr_db)
    best = {channel: values[-1] for channel, values in found["psnrs"].items()}
    # Without errors both are the codec alone; every other channel still loses indices at 24 dB.
    assert abs(best["AWGN"] - best["training channel"]) < 0.3
    assert all(
        best[channel] < best["AWGN"]
        for channel in best
        if channel not in ("AWGN", "training channel")
    )
    assert found["same"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_outputs_are_whole_small_and_name_no_machine(path):
    notebook = nbformat.read(path, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "execute it in a fresh kernel, top to bottom"
    kinds = {(out.output_type, out.get("name")) for out in outputs(notebook)}
    assert not {("error", None), ("stream", "stderr")} & kinds
    assert all(len(figure) < 100_000 for figure in figures(notebook))
    text = json.dumps(
        [[out.get("text"), out.get("data", {}).get("text/plain")] for out in outputs(notebook)]
    )
    text += json.dumps(notebook.metadata)
    assert not re.search(r"/(home|root|tmp|work|Users|usr|opt|mnt)/|[A-Z]:\\\\", text)
