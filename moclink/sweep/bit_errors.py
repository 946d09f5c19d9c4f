"""Error rates of random bits through a modem.

Where symbols fade independently, or not at all, a cell is sent in batches of 64,800 bits until
enough errors have been seen, or as many bits as are allowed have been sent. A rate that is
estimated so is too high by at most 1 / min_errors of itself, since the last error ends the count.

Where symbols fade together the errors of one fade come together, and a rule that stops at errors
would stop on bad fades. A cell then sends a fixed number of codewords (or blocks of 648 bits), each
through a realisation of its own, whatever happens to them; its error rates are means over
realisations.

Transport blocks are 64,800 bits long, cut into code blocks of up to 8,448 bits; where symbols fade
together 3,824 bits, which are one code block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moclink.chain import BitChain
from moclink.constants import BATCH_BITS
from moclink.sweep.session import Session
from moclink.types import Cell, Row

REALISATIONS = 1000  # of a fading channel, in a cell
TRANSPORT_BLOCK = 3824  # bits of a transport block of one code block
UNCODED_BLOCK = 648  # bits that share a realisation where there is no code
REALISATIONS_AT_ONCE = 200


@dataclass
class ErrorCount:
    """What has been sent, and what of it was wrong."""

    bits: int = 0
    blocks: int = 0
    symbols: int = 0
    wrong_bits: int = 0
    wrong_blocks: int = 0
    iterations: int = 0


def measure_bit_errors(session: Session, cell: Cell) -> Row:
    """Send random bits by a chain of random bits, and count what is wrong.

    Args:
        session: Chains and channel.
        cell: Which chain, SNR and trial.
    """
    name, image, snr, trial = cell
    plan, chain = session.plan, session.chain(name)
    block, count = chain.modem.indices_per_block, ErrorCount()
    transport = block is None and chain.modem.code_blocks(chain.modem.symbols_for(1)) is not None
    coded = block is not None or transport
    if session.channel.coherence == 1:
        size = BATCH_BITS // block * block if block else BATCH_BITS
        while (
            count.bits < plan.max_bits
            and (count.wrong_blocks if coded else count.wrong_bits) < plan.min_errors
        ):
            _send(session, chain, size, snr, [(plan.seed, snr, image, trial, count.bits)], count)
    else:
        size = block or (TRANSPORT_BLOCK if transport else UNCODED_BLOCK)
        for start in range(0, REALISATIONS, REALISATIONS_AT_ONCE):
            numbers = range(start, min(start + REALISATIONS_AT_ONCE, REALISATIONS))
            keys = [(plan.seed, snr, image, trial, number) for number in numbers]
            _send(session, chain, size, snr, keys, count)
    return Row(
        name,
        image,
        None,
        None,
        snr,
        trial,
        ber=count.wrong_bits / count.bits,
        bler=count.wrong_blocks / count.blocks if coded else None,
        iterations=count.iterations / count.blocks if coded else None,
        bits=count.bits,
        symbols=count.symbols,
        blocks=count.blocks if coded else None,
    )


def _send(
    session: Session, chain: BitChain, size: int, snr: float, keys: list[tuple], count: ErrorCount
) -> None:
    """Send `size` bits through each realisation of the channel, and add to the count."""
    from moclink.phy.channels import noise_variance, stream

    block = chain.modem.indices_per_block
    bits = np.concatenate(
        [stream((*key, "bits")).integers(0, 2, (1, size), np.uint8) for key in keys]
    )
    output = session.channel(
        chain.modem.modulate(bits), noise_variance(np.full(len(keys), snr)), keys
    )
    demodulated = chain.modem.demodulate(output.received, output.no)
    decided = demodulated.hard()
    wrong = decided != np.pad(bits, ((0, 0), (0, decided.shape[1] - size)))
    count.bits += bits.size
    count.symbols += output.received.size
    count.wrong_bits += int(wrong[:, :size].sum())
    if demodulated.iterations is not None:
        places = chain.modem.code_blocks(output.received.shape[1])
        blocks = (
            wrong.reshape(len(wrong), -1, block).any(axis=2)
            if block
            else np.stack([wrong[:, place].any(axis=1) for place in places or ()], axis=1)
        )
        count.blocks += blocks.size
        count.wrong_blocks += int(blocks.sum())
        count.iterations += int(demodulated.iterations.sum())
