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

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic, overload

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
def fill(typingctx, scalar):
    """Make a lane group of one repeated float32 or int32."""
    group = _GROUPS[scalar]

    def codegen(context, builder, signature, args):
        vector = context.get_value_type(group)
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), args[0], ir.IntType(32)(0))
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
def to_float(typingctx, value):
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
