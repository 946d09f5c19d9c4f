"""Binary range coder with adaptive probabilities, in compiled code.

A decision of probability p takes that share of the range; bytes leave at the top as the range
narrows, and a carry runs into those that left before (G. N. N. Martin, 1979). The range has 40 to 48
bits and probabilities 16, so that a decision of probability 0.9999 costs what it should. Each
probability is the mean of two estimates that follow the decisions at different speeds.

It is our own because it is called for every decision from compiled loops, which a library's coder
cannot be. The state of a coder is an array, since compiled functions share it: STATE_LENGTH of uint64.
"""

from __future__ import annotations

import numpy as np

from moclink.numba_cache import compiled, inlined

STATE_LENGTH = 5
PROBABILITY_BITS = 16
_LOW, _RANGE, _CACHE, _PENDING, _AT = range(STATE_LENGTH)
_TOP = 40
_SMALLEST = np.uint64(1 << _TOP)
_BELOW = np.uint64((1 << _TOP) - 1)
_CARRY = np.uint64(1 << (_TOP + 8))
_BYTE = np.uint64(0xFF)
_EIGHT, _SHIFT = np.uint64(8), np.uint64(_TOP)
_PROBABILITY_SHIFT = np.uint64(PROBABILITY_BITS)
_SLOW, _FAST = 8, 5
_NONE = np.uint64(256)  # no byte waits for a carry yet
_ONE, _ZERO = np.uint64(1), np.uint64(0)
_LEAST = 2  # of a probability, of 2^16
MODEL_BITS = 24  # of the two estimates


@compiled(nogil=True)
def start_encoder() -> np.ndarray:
    """A new encoder's state."""
    state = np.zeros(STATE_LENGTH, np.uint64)
    state[_RANGE] = _CARRY
    state[_CACHE] = _NONE
    return state


@inlined
def _shift_out(state, data):  # noqa: ANN001, ANN202
    low = state[_LOW]
    if low < (_BYTE << _SHIFT) or low >= _CARRY:
        carry = low >> (_SHIFT + _EIGHT)
        if state[_CACHE] != _NONE:
            data[state[_AT]] = np.uint8((state[_CACHE] + carry) & _BYTE)
            state[_AT] += _ONE
        while state[_PENDING] > _ZERO:
            data[state[_AT]] = np.uint8((_BYTE + carry) & _BYTE)
            state[_AT] += _ONE
            state[_PENDING] -= _ONE
        state[_CACHE] = (low >> _SHIFT) & _BYTE
    else:
        state[_PENDING] += _ONE
    state[_LOW] = (low & _BELOW) << _EIGHT


@compiled(nogil=True)
def put_share(state: np.ndarray, data: np.ndarray, bit: int, zero: int) -> None:
    """Encode a decision whose probability of 0 is zero / 2^16."""
    bound = (state[_RANGE] >> _PROBABILITY_SHIFT) * np.uint64(zero)
    if bit:
        state[_LOW] += bound
        state[_RANGE] -= bound
    else:
        state[_RANGE] = bound
    while state[_RANGE] < _SMALLEST:
        state[_RANGE] <<= _EIGHT
        _shift_out(state, data)


@compiled(nogil=True)
def bytes_written(state: np.ndarray) -> np.int64:
    """Bytes that an encoder has written, those that wait for a carry and the last ones counted."""
    return np.int64(state[_AT] + state[_PENDING]) + 16


@compiled(nogil=True)
def finish_encoder(state: np.ndarray, data: np.ndarray) -> np.int64:
    """Write what is left, as briefly as a decoder that reads zeros after the end allows.

    Returns:
        Bytes written in all.
    """
    state[_LOW] = (state[_LOW] + _BELOW) & ~_BELOW
    for _ in range(7):
        _shift_out(state, data)
    length = state[_AT]
    while length > _ZERO and data[length - _ONE] == 0:
        length -= _ONE
    return np.int64(length)


@compiled(nogil=True)
def start_decoder(data: np.ndarray) -> np.ndarray:
    """State of a decoder of these bytes (uint8)."""
    state = np.zeros(STATE_LENGTH, np.uint64)
    state[_RANGE] = _CARRY
    for _ in range((_TOP + 8) // 8):
        _shift_in(state, data)
    return state


@inlined
def _shift_in(state, data):  # noqa: ANN001, ANN202
    state[_LOW] <<= _EIGHT
    if state[_AT] < len(data):
        state[_LOW] |= np.uint64(data[state[_AT]])
    state[_AT] += _ONE


@compiled(nogil=True)
def get_share(state: np.ndarray, data: np.ndarray, zero: int) -> int:
    """Decode a decision whose probability of 0 is zero / 2^16."""
    bound = (state[_RANGE] >> _PROBABILITY_SHIFT) * np.uint64(zero)
    bit = 0
    if state[_LOW] >= bound:
        state[_LOW] -= bound
        state[_RANGE] -= bound
        bit = 1
    else:
        state[_RANGE] = bound
    while state[_RANGE] < _SMALLEST:
        state[_RANGE] <<= _EIGHT
        _shift_in(state, data)
    return bit


@compiled(nogil=True)
def probability_of_zero(model: np.ndarray) -> int:
    """Of a model, int32 [2]: a slow and a fast estimate, in 2^-24. The mean in 2^-16, not 0 or 1."""
    both = (model[0] + model[1]) >> (MODEL_BITS + 1 - PROBABILITY_BITS)
    return min(max(both, _LEAST), (1 << PROBABILITY_BITS) - _LEAST)


@compiled(nogil=True)
def adapt(model: np.ndarray, bit: int) -> None:
    """Let both estimates of a model follow a decision."""
    goal = 0 if bit else 1 << MODEL_BITS
    model[0] += (goal - model[0]) >> _SLOW
    model[1] += (goal - model[1]) >> _FAST
