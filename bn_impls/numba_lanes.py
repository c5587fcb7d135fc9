"""Vectors of the processor in Numba's functions: loops written with them are vectorized as written, or do not compile.

A value of type ``Lanes`` holds numbers in which is computed: float32, or float64 where the memory is float64.
Numba has no arithmetic in 16 bits on a CPU: memory of dtype ``int16`` holds the bits of float16 numbers, ``uint16``
those of bfloat16 numbers. LLVM divides a vector that is wider than the processor's.

``load``, ``store`` and the like see an array as flat memory and check nothing.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

FLOAT16, BFLOAT16 = types.int16, types.uint16  # what their bits are held in
LINE = 64  # bytes of a cache line
FLOAT, DOUBLE, INT16, INT32 = ir.FloatType(), ir.DoubleType(), ir.IntType(16), ir.IntType(32)


class Lanes(types.Type):
    """A vector of ``count`` numbers of a scalar type."""

    def __init__(self, scalar: types.Float, count: int) -> None:
        """Name the type."""
        self.scalar, self.count = scalar, count
        super().__init__(f"Lanes({scalar}, {count})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, vector(kind))


def vector(kind: Lanes) -> ir.VectorType:
    """LLVM's type of lanes."""
    return ir.VectorType(FLOAT if kind.scalar == types.float32 else DOUBLE, kind.count)


def address(context: Any, builder: Any, kind: Any, array: Any, index: Any, pointed: Any) -> Any:
    """Where an array's element lies, as a pointer to a vector."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointed.as_pointer())


def _computed_in(array: types.Array, count: types.IntegerLiteral) -> Lanes:
    wide = array.dtype == types.float64
    return Lanes(types.float64 if wide else types.float32, count.literal_value)


def widened(builder: Any, bits: Any, form: Any, count: int) -> Any:
    """Numbers of 16 bits as float32; exact."""
    if form == FLOAT16:
        return builder.fpext(builder.bitcast(bits, ir.VectorType(ir.HalfType(), count)), ir.VectorType(FLOAT, count))
    many = ir.VectorType(INT32, count)
    upper = builder.shl(builder.zext(bits, many), ir.Constant(many, [16] * count))
    return builder.bitcast(upper, ir.VectorType(FLOAT, count))


def narrowed(builder: Any, value: Any, form: Any, count: int) -> Any:
    """The nearest numbers of 16 bits, ties to even; a NaN stays one."""
    few, many = ir.VectorType(INT16, count), ir.VectorType(INT32, count)
    if form == FLOAT16:
        return builder.bitcast(builder.fptrunc(value, ir.VectorType(ir.HalfType(), count)), few)

    def of(number: int) -> Any:
        return ir.Constant(many, [number] * count)

    bits = builder.bitcast(value, many)
    odd = builder.and_(builder.lshr(bits, of(16)), of(1))
    rounded = builder.add(bits, builder.add(odd, of(0x7FFF)))
    quiet = builder.or_(bits, of(0x400000))
    chosen = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.trunc(builder.lshr(chosen, of(16)), few)


@intrinsic(prefer_literal=True)
def load(typing_context: Any, array: Any, index: Any, count: Any) -> Any:
    """``count`` numbers from a flat index on."""
    kind = _computed_in(array, count)
    narrow = array.dtype in (FLOAT16, BFLOAT16)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        stored = ir.VectorType(INT16, kind.count) if narrow else vector(kind)
        place = address(context, builder, sig.args[0], args[0], args[1], stored)
        found = builder.load(place, align=array.dtype.bitwidth // 8)
        return widened(builder, found, array.dtype, kind.count) if narrow else found

    return kind(array, types.intp, count), generate


@intrinsic(prefer_literal=True)
def store(typing_context: Any, array: Any, index: Any, value: Any, past: Any) -> Any:
    """Write lanes from a flat index on; ``past`` the caches, if 1, to the start of a cache line or the middle of it."""
    narrow, size = array.dtype in (FLOAT16, BFLOAT16), array.dtype.bitwidth // 8
    rounded = array.dtype == types.float32 and value.scalar == types.float64

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        stored = narrowed(builder, args[2], array.dtype, value.count) if narrow else args[2]
        stored = builder.fptrunc(stored, ir.VectorType(FLOAT, value.count)) if rounded else stored
        place = address(context, builder, sig.args[0], args[0], args[1], stored.type)
        written = builder.store(stored, place, align=min(size * value.count, LINE) if past.literal_value else size)
        if past.literal_value:
            written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(INT32, 1)]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value, past), generate


@intrinsic(prefer_literal=True)
def add_to(typing_context: Any, sums: Any, index: Any, value: Any) -> Any:
    """Add lanes to float64 numbers in memory."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = ir.VectorType(DOUBLE, value.count)
        place = address(context, builder, sig.args[0], args[0], args[1], wide)
        terms = args[2] if value.scalar == types.float64 else builder.fpext(args[2], wide)
        builder.store(builder.fadd(builder.load(place, align=8), terms), place, align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, value), generate


@intrinsic(prefer_literal=True)
def zeros(typing_context: Any, array: Any, count: Any) -> Any:
    """Lanes of 0 in which numbers of an array are computed."""
    kind = _computed_in(array, count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(vector(kind), [0.0] * kind.count)

    return kind(array, count), generate


def repeated(builder: Any, number: Any, kind: Lanes) -> Any:
    """One number in every lane."""
    nothing = ir.Constant(vector(kind), ir.Undefined)
    first = builder.insert_element(nothing, number, INT32(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(INT32, kind.count), None))


@intrinsic(prefer_literal=True)
def same(typing_context: Any, array: Any, index: Any, count: Any) -> Any:
    """One number of an array in every lane."""
    kind = _computed_in(array, count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return repeated(builder, builder.load(builder.gep(data, [args[1]])), kind)

    return kind(array, types.intp, count), generate


@intrinsic
def in_double(typing_context: Any, value: Any) -> Any:
    """Lanes as float64."""
    kind = Lanes(types.float64, value.count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return args[0] if value == kind else builder.fpext(args[0], vector(kind))

    return kind(value), generate


@intrinsic(prefer_literal=True)
def filled(typing_context: Any, number: Any, count: Any) -> Any:
    """One float64 number in every lane."""
    kind = Lanes(types.float64, count.literal_value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return repeated(builder, args[0], kind)

    return kind(types.float64, count), generate


@intrinsic
def added(typing_context: Any, value: Any) -> Any:
    """The sum of all lanes, in float64."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        total = DOUBLE(0.0)
        wide = args[0] if value.scalar == types.float64 else builder.fpext(args[0], ir.VectorType(DOUBLE, value.count))
        for lane in range(value.count):
            total = builder.fadd(total, builder.extract_element(wide, INT32(lane)))
        return total

    return types.float64(value), generate


@intrinsic
def root(typing_context: Any, value: Any) -> Any:
    """The square root."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        name = f"llvm.sqrt.v{value.count}f{value.scalar.bitwidth}"
        kind = args[0].type
        return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), args)

    return value(value), generate


@intrinsic
def not_negative(typing_context: Any, value: Any) -> Any:
    """0 where a number is less; a NaN stays one."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * value.count)
        return builder.select(builder.fcmp_ordered("<", args[0], zero), zero, args[0])

    return value(value), generate


@intrinsic
def finite(typing_context: Any, value: Any) -> Any:
    """0 where a number is infinite or none."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * value.count)
        difference = builder.fsub(args[0], args[0])
        return builder.select(builder.fcmp_ordered("ord", difference, difference), args[0], zero)

    return value(value), generate


@intrinsic(prefer_literal=True)
def fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once where the processor can."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = args[0].type
        name = f"llvm.fmuladd.v{a.count}f{a.scalar.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(function, args)

    return a(a, b, c), generate


class _Arithmetic(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if args and all(isinstance(kind, Lanes) for kind in args):
            return signature(args[0], *args)
        return None


def _arithmetic(function: Any, instruction: str, operands: int) -> None:
    infer_global(function)(type(f"_{function.__name__}", (_Arithmetic,), {"key": function}))

    @lower_builtin(function, *[Lanes] * operands)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_arithmetic(operator.add, "fadd", 2)
_arithmetic(operator.sub, "fsub", 2)
_arithmetic(operator.mul, "fmul", 2)
_arithmetic(operator.truediv, "fdiv", 2)
_arithmetic(operator.neg, "fneg", 1)


@intrinsic(prefer_literal=True)
def fetch_add(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an int64 element that other threads change, too; gives what stood there before."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [args[1]]), args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate
