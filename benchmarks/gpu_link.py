"""LDPC decoding and demapping of `benchmarks.gpu`, against stock Sionna 2 on the same device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sionna.phy.fec.ldpc import LDPC5GDecoder
from sionna.phy.mapping import Demapper

from benchmarks.gpu_bench import Bench
from moclink.phy.device_decoder import DeviceDecoder
from moclink.phy.device_receiver import demap
from moclink.phy.fused import Fused
from moclink.phy.ldpc import LDPCCode, get_code, get_decoder
from moclink.phy.modems import BitModem, pam_amplitudes

K, N, BITS_PER_SYMBOL, NUM_ITER = 324, 648, 6, 20
FAST = "moclink fast (CPU)"
SNRS = (5.0, 11.0, 20.0)
SYMBOLS = 354_816  # of a 2K picture, as in `benchmarks.demap`


@dataclass(frozen=True, eq=False)
class Words:
    """Codewords over AWGN.

    Attributes:
        bits: uint8 [B, k], sent.
        llr: float32 [B, n] on the device, ln P(1)/P(0).
    """

    bits: Any
    llr: Any


def words_at(code: LDPCCode, snr_db: float, count: int, device: str) -> Words:
    """Codewords of random bits over 64-QAM, the same in every run."""
    rng = np.random.default_rng([round(100 * snr_db) + 10_000])
    bits = rng.integers(0, 2, (count, code.k), dtype=np.uint8)
    modem = BitModem(BITS_PER_SYMBOL)
    symbols = modem.modulate(code.encode(bits))
    no = np.float32(10 ** (-snr_db / 10))
    noise = rng.standard_normal((2, *symbols.shape), np.float32) * np.float32(math.sqrt(no / 2))
    llr = modem.demap(symbols + noise[0] + 1j * noise[1], np.full(count, no, np.float32))
    return Words(torch.from_numpy(bits).to(device), torch.from_numpy(llr).to(device))


def in_batches(decoder: Callable[[Any], Any], batch: int) -> Callable[[Any], Any]:
    """A decoder of stock Sionna over batches of one size: LLRs -> bits uint8 [B, k]."""

    def decode(llr: Any) -> Any:
        with torch.no_grad():
            return torch.cat([decoder(part).to(torch.uint8) for part in llr.split(batch)])

    return decode


def stock_batches(bench: Bench) -> tuple[int, ...]:
    """Batch sizes that stock Sionna is tried at; the faster one counts."""
    return (4096, 32_768) if bench.on_gpu else (256,) if bench.small else (256, 2048)


def measure_ldpc(bench: Bench) -> None:
    """Information bits a second of each decoder at each SNR."""
    code = get_code("ldpc5g", K, N, BITS_PER_SYMBOL)
    count = bench.size(65_536, 2048, 256)
    ours, fast = DeviceDecoder(code.graph, NUM_ITER), get_decoder(code, "fast", NUM_ITER)
    stock = LDPC5GDecoder(code.encoder_5g, num_iter=NUM_ITER)
    for snr_db in SNRS:
        bench.need(20)
        words = words_at(code, snr_db, count, bench.device)
        on_host = words.llr.cpu().numpy()
        share = on_host[: bench.size(count // 8, count, count)]  # the CPU's rate needs no more
        calls: dict[str, Callable[[], Any]] = {
            "moclink device": lambda w=words: ours.decode_tensor(w.llr),
            "moclink device, from and to the host": lambda llr=on_host: ours.decode(llr),
            FAST: lambda llr=share: fast.decode(llr),
        }
        for batch in stock_batches(bench):
            decode = in_batches(stock, batch)
            calls[f"stock Sionna, batches of {batch}"] = lambda d=decode, w=words: d(w.llr)
        seconds = bench.fastest(calls, bench.size(3, 1, 1))
        expected = calls[f"stock Sionna, batches of {stock_batches(bench)[0]}"]()
        seconds[FAST] *= len(on_host) / len(share)
        baseline = min(each for name, each in seconds.items() if name.startswith("stock"))
        bits, converged, iterations = ours.decode_tensor(words.llr)
        for name, each in seconds.items():
            row = {"snr_db": snr_db, "decoder": name, "codewords": count}
            row |= {"mbit_per_s": count * K / each / 1e6, "times_stock": baseline / each}
            if name == "moclink device":
                wrong = (bits != words.bits).any(1).float().mean()
                row |= {"bler": float(wrong), "converged": float(converged.float().mean())}
                row["mean_iterations"] = float(iterations.float().mean())
                row["differ_from_stock"] = int((bits != expected).any(1).sum())
            bench.put("ldpc", row)
    bench.record["ldpc_is_compiled"] = ours.fuses
    bench.save()


def measure_compiled_stock(bench: Bench) -> None:
    """Stock Sionna's decoder under torch.compile, at the SNR-independent rate of all its iterations."""
    code = get_code("ldpc5g", K, N, BITS_PER_SYMBOL)
    # Python's loop over iterations is unrolled: a C++ compiler takes minutes for twenty.
    num_iter = 2 if bench.small else NUM_ITER
    stock = LDPC5GDecoder(code.encoder_5g, num_iter=num_iter)
    compiled = torch.compile(stock)
    words = words_at(code, 11.0, bench.size(65_536, 2048, 256), bench.device)
    for batch in stock_batches(bench):
        bench.need(60)
        plain, fused = (in_batches(decoder, batch) for decoder in (stock, compiled))
        _put_compiled(bench, words, {"as it is": plain, "compiled": fused}, batch, num_iter)


def _put_compiled(
    bench: Bench, words: Words, decoders: dict[str, Callable], batch: int, num_iter: int
) -> None:
    """A row of a decoder as it is and compiled."""
    first = bench.timed(lambda: decoders["compiled"](words.llr))
    calls = {name: lambda d=decode: d(words.llr) for name, decode in decoders.items()}
    seconds = bench.fastest(calls, bench.size(3, 1, 1))
    one, other = (call() for call in calls.values())
    row: dict[str, Any] = {"decoder": f"stock Sionna, batches of {batch}", "codewords": len(one)}
    row |= {"iterations": num_iter, "seconds_to_compile": first - seconds["compiled"]}
    row |= {f"mbit_per_s_{name}": one.numel() / s / 1e6 for name, s in seconds.items()}
    bench.put("compiled", row | {"differ": int((one != other).any(1).sum())})


def measure_demapping(bench: Bench) -> None:
    """Symbols a second of moclink's and of Sionna's app demapper, both as they are and compiled."""
    count = bench.size(16 * SYMBOLS, SYMBOLS, 4096)
    rng = np.random.default_rng(0)
    no = np.float32(10 ** (-11 / 10))
    symbols = BitModem(BITS_PER_SYMBOL).modulate(
        rng.integers(0, 2, (1, BITS_PER_SYMBOL * count), dtype=np.uint8)
    )[0]
    noise = rng.standard_normal((2, count), np.float32) * np.float32(math.sqrt(no / 2))
    y = torch.from_numpy(symbols + noise[0] + 1j * noise[1]).to(bench.device)
    levels = torch.tensor(pam_amplitudes(8), device=bench.device)
    axes = torch.view_as_real(y).T.contiguous()
    variances = torch.full((count,), float(no), device=bench.device)

    def ours(axes: Any, variances: Any) -> Any:
        return demap(axes, variances, levels)

    fused, stock = Fused(ours, "demapping"), Demapper("app", "qam", BITS_PER_SYMBOL)
    compiled, one = torch.compile(stock), torch.tensor(float(no), device=bench.device)
    calls: dict[str, Callable[[], Any]] = {
        "moclink": lambda: ours(axes, variances),
        "moclink, compiled": lambda: fused(axes, variances),
        "Sionna app": lambda: stock(y, one),
        "Sionna app, compiled": lambda: compiled(y, one),
    }
    with torch.no_grad():
        seconds = bench.fastest(calls)
        difference = calls["moclink, compiled"]().permute(2, 0, 1).flatten() - calls["Sionna app"]()
    for name, each in seconds.items():
        row = {"demapper": name, "symbols": count, "msymbol_per_s": count / each / 1e6}
        row["times_sionna"] = seconds["Sionna app"] / each
        bench.put("demap", row)
    bench.record["largest_llr_difference"] = float(difference.abs().max())
    bench.save()
