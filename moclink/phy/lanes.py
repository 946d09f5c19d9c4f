"""Sixteen float32 (or int32) lanes as one numba value: arithmetic that is vector code by construction.

A compiler's loop vectoriser may or may not turn a loop over 16 codewords into vector instructions,
and may treat the last ones differently. Here a lane group is an LLVM vector, so every lane goes
through the same instructions on every machine: one AVX-512 register, two of AVX2, four of SSE or
NEON. That is also why a codeword's result cannot depend on the lane it is decoded in.

Products and sums carry LLVM's `contract` flag: fused where the machine can, and always alike in all
lanes.

Example:
    >>> @numba.njit
    ... def scale(array, row, factor):
    ...     store(array, row, load(array, row) * fill(factor))
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic, overload

from moclink.numba_cache import inlined

LANES = 16

_CONTRACT = ("contract",)


class LaneGroup(types.Type):
    """The numba type of `LANES` values of one scalar type."""

    def __init__(self, scalar: types.Number) -> None:
        self.scalar = scalar
        super().__init__(name=f"LaneGroup({scalar})")


@register_default(LaneGroup)
class _LaneGroupModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        element = ir.FloatType() if fe_type.scalar is types.float32 else ir.IntType(32)
        super().__init__(dmm, fe_type, ir.VectorType(element, LANES))


float32_lanes = LaneGroup(types.float32)
int32_lanes = LaneGroup(types.int32)
_GROUPS = {types.float32: float32_lanes, types.int32: int32_lanes}


def _row_pointer(context, builder, array_type, array, row, group):
    """Pointer to row `row` of a C-contiguous [rows, LANES] array, as a pointer to a lane group."""
    data = context.make_array(array_type)(context, builder, array).data
    lanes = context.get_constant(types.intp, LANES)
    first = builder.gep(data, [builder.mul(row, lanes)])
    return builder.bitcast(first, context.get_value_type(group).as_pointer())


@intrinsic
def load(typingctx, array, row):
    """Read row `row` of a C-contiguous [rows, LANES] array."""
    group = _GROUPS[array.dtype]

    def codegen(context, builder, signature, args):
        pointer = _row_pointer(context, builder, signature.args[0], args[0], args[1], group)
        return builder.load(pointer, align=4)

    return group(array, types.intp), codegen


@intrinsic
def store(typingctx, array, row, value):
    """Write a lane group to row `row` of a C-contiguous [rows, LANES] array."""

    def codegen(context, builder, signature, args):
        pointer = _row_pointer(context, builder, signature.args[0], args[0], args[1], value)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def load_at(typingctx, array, place):
    """Read `LANES` values of a one-dimensional C-contiguous array, from any place on."""
    group = _GROUPS[array.dtype]

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.gep(data, [args[1]])
        return builder.load(
            builder.bitcast(pointer, context.get_value_type(group).as_pointer()), align=4
        )

    return group(array, types.intp), codegen


@intrinsic
def store_at(typingctx, array, place, value):
    """Write a lane group to a one-dimensional C-contiguous array, from any place on."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.gep(data, [args[1]])
        pointer = builder.bitcast(pointer, context.get_value_type(value).as_pointer())
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def fill(typingctx, scalar):
    """Make a lane group of one repeated float32 or int32."""
    group = _GROUPS[scalar]

    def codegen(context, builder, signature, args):
        vector = context.get_value_type(group)
        first = builder.insert_element(
            ir.Constant(vector, ir.Undefined), args[0], ir.IntType(32)(0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)

    return group(scalar), codegen


@intrinsic
def as_int(typingctx, value):
    """The bit patterns of float32 lanes."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(int32_lanes))

    return int32_lanes(float32_lanes), codegen


@intrinsic
def as_float(typingctx, value):
    """The float32 lanes of these bit patterns."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(float32_lanes))

    return float32_lanes(int32_lanes), codegen


@intrinsic
def lanes_to_float(typingctx, value):
    """Convert int32 lanes to float32 by value."""

    def codegen(context, builder, signature, args):
        return builder.sitofp(args[0], context.get_value_type(float32_lanes))

    return float32_lanes(int32_lanes), codegen


@intrinsic
def minimum(typingctx, a, b):
    """The smaller of two float32 lane groups, lane by lane."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[0], args[1])

    return float32_lanes(float32_lanes, float32_lanes), codegen


@intrinsic
def maximum(typingctx, a, b):
    """The larger of two float32 lane groups, lane by lane."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return float32_lanes(float32_lanes, float32_lanes), codegen


@intrinsic
def not_positive(typingctx, value):
    """Int32 lanes: -1 where a float32 lane is <= 0, else 0."""

    def codegen(context, builder, signature, args):
        zero = ir.Constant(args[0].type, [0.0] * LANES)
        below = builder.fcmp_ordered("<=", args[0], zero)
        return builder.sext(below, context.get_value_type(int32_lanes))

    return int32_lanes(float32_lanes), codegen


@intrinsic
def all_nonzero(typingctx, value):
    """Whether no int32 lane is zero."""

    def codegen(context, builder, signature, args):
        zero = ir.Constant(args[0].type, [0] * LANES)
        is_zero = builder.icmp_signed("==", args[0], zero)
        mask = builder.bitcast(is_zero, ir.IntType(LANES))
        return builder.icmp_signed("==", mask, mask.type(0))

    return types.boolean(int32_lanes), codegen


def _binary(group: LaneGroup, method: str, **options):
    """An intrinsic for one of llvmlite's two-operand instructions."""

    @intrinsic
    def apply(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, method)(*args, **options)

        return group(group, group), codegen

    return apply


def _define(function, group: LaneGroup, method: str, **options) -> None:
    """Let a Python operator on two lane groups of one type mean an LLVM instruction."""
    instruction = _binary(group, method, **options)

    @overload(function)
    def typing(a, b):
        if a is group and b is group:
            return lambda a, b: instruction(a, b)


_define(operator.add, float32_lanes, "fadd", flags=_CONTRACT)
_define(operator.sub, float32_lanes, "fsub", flags=_CONTRACT)
_define(operator.mul, float32_lanes, "fmul", flags=_CONTRACT)
_define(operator.truediv, float32_lanes, "fdiv")
_define(operator.add, int32_lanes, "add")
_define(operator.sub, int32_lanes, "sub")
_define(operator.and_, int32_lanes, "and_")
_define(operator.or_, int32_lanes, "or_")
_define(operator.xor, int32_lanes, "xor")
_define(operator.lshift, int32_lanes, "shl")
_define(operator.rshift, int32_lanes, "ashr")


_ONE = np.float32(1)
_LOG2_E = np.float32(1.4426950408889634)
_LN_2 = np.float32(0.6931471805599453)
# Adding 1.5 * 2^23 rounds a float32 to an integer, which is then found in its lowest bits.
_ROUNDER = np.float32(12582912.0)
_MANTISSA_BITS = np.int32(23)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
# Near-minimax fits: 2^f on [-1/2, 1/2] (relative error 7e-8) and ln(1 + f) / f on
# [sqrt(1/2) - 1, sqrt(2) - 1] (error 2e-7), constant term first.
_EXP2 = tuple(
    np.float32(c) for c in (1.0000001, 0.69314694, 0.2402212, 0.05550713, 0.009675541, 0.0013276471)
)
_LOG1P = tuple(
    np.float32(c)
    for c in (
        0.99999994,
        -0.50000346,
        0.33335608,
        -0.2497156,
        0.19884236,
        -0.17212428,
        0.16338143,
        -0.10378707,
    )
)


@inlined
def exp_negative(a):
    """e^-a in every lane, 0 <= a <= 87."""
    y = a * fill(-_LOG2_E)
    rounded = y + fill(_ROUNDER)
    f = y - (rounded - fill(_ROUNDER))
    p = fill(_EXP2[5])
    p = p * f + fill(_EXP2[4])
    p = p * f + fill(_EXP2[3])
    p = p * f + fill(_EXP2[2])
    p = p * f + fill(_EXP2[1])
    p = p * f + fill(_EXP2[0])
    return as_float(as_int(p) + (as_int(rounded) << fill(_MANTISSA_BITS)))


@inlined
def log(r):
    """Natural logarithm in every lane, of positive normal numbers."""
    bits = as_int(r)
    exponent = (bits - fill(_SQRT_HALF_BITS)) >> fill(_MANTISSA_BITS)
    f = as_float(bits - (exponent << fill(_MANTISSA_BITS))) - fill(_ONE)
    p = fill(_LOG1P[7])
    p = p * f + fill(_LOG1P[6])
    p = p * f + fill(_LOG1P[5])
    p = p * f + fill(_LOG1P[4])
    p = p * f + fill(_LOG1P[3])
    p = p * f + fill(_LOG1P[2])
    p = p * f + fill(_LOG1P[1])
    p = p * f + fill(_LOG1P[0])
    return lanes_to_float(exponent) * fill(_LN_2) + f * p
