"""The power spectra of ``hann_spectrogram``, sixteen frames side by side, in numba.

Every operation works on one sample of sixteen frames at once: a vector register on
AVX-512, two on AVX2, four on SSE and NEON. No compiler finds that out by itself,
because it cannot tell that the arrays do not overlap; so the vector is a type here
(`load`, `store`, `splat`, ``+ - *``), and the rest is the textbook: a Stockham FFT of
radix 4, of half the length for real input. ``_spectra.scipy_spectra`` is the plain
version.

Importing this module loads numba; compiling takes some seconds once, then it comes from
numba's cache on disk.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16  # frames side by side
COMPLEX = 2 * LANES  # floats of one complex value: real parts, then imaginary parts

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_COMPILE: Any = {"nogil": True, "cache": True, "error_model": "numpy"}


class _LanesType(types.Type):
    """Numba's name for a vector of sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


_LANES = _LanesType()


def _define_operator(python_operator: Any, instruction: str) -> None:
    @infer_global(python_operator)
    class _Signature(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            both = args == (_LANES, _LANES)
            return signature(_LANES, *args) if both else None

    @lower_builtin(python_operator, _LANES, _LANES)
    def _emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # contract: a product and a sum may become one instruction
        return getattr(builder, instruction)(*args, flags=("contract",))


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
):
    _define_operator(_operator, _instruction)


def _vector_pointer(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    array = context.make_array(sig.args[0])(context, builder, args[0])
    first = builder.gep(array.data, [args[1]])
    return builder.bitcast(first, _VECTOR.as_pointer())


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Return ``array[index : index + LANES]`` of a flat float32 array."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_vector_pointer(context, builder, sig, args), align=4)

    return _LANES(array, types.intp), emit


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Set ``array[index : index + LANES]`` of a flat float32 array."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _vector_pointer(context, builder, sig, args)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), emit


@intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """Return a vector of sixteen times one float32."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(undefined, args[0], zero)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, undefined, zeros)

    return _LANES(types.float32), emit


def lane_spectra(
    y: np.ndarray,
    start: int,
    n_frames: int,
    hop_length: int,
    window: np.ndarray,
    bands: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    out: np.ndarray,
) -> None:
    """Write the power spectra of frames, or the sums of bands of them, to ``out``."""
    # Zeros stand in for samples before and after `y`, in which frame 0 begins at
    # `start`. window (n_fft,), a power of two from 8 up; bands of a BandedMatrix;
    # out (n_frames, n_fft // 2 + 1 or n_filters).
    factors, rotation = _factors(len(window))
    if bands is None:
        nothing = np.empty(0, dtype=np.intp)
        bands = nothing, nothing, np.empty(0, dtype=np.float32)
    # Half the window: the formula for real input divides by two.
    half = window * np.float32(0.5)
    _spectra(y, start, n_frames, hop_length, half, factors, rotation, *bands, out)


@lru_cache(maxsize=32)
def _factors(n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the complex factors of the radix-4 passes and of the split in two."""
    size, passes = n_fft // 2, []
    while size >= 4:
        factor = np.exp(-2j * np.pi * np.arange(size // 4) / size)
        powers = np.stack([factor, factor**2, factor**3], axis=1)
        passes.append(powers.astype(np.complex64).view(np.float32))
        size //= 4
    rotation = np.exp(-2j * np.pi * np.arange(n_fft // 4 + 1) / n_fft)
    rotation = rotation.astype(np.complex64)[:, np.newaxis].view(np.float32)
    return np.concatenate(passes), rotation


@njit(**_COMPILE)
def _spectra(  # type: ignore[no-untyped-def]
    y, start, n_frames, hop_length, window, factors, rotation, first, end, weights, out
):
    n_fft = window.size
    half = n_fft // 2
    n_hops = LANES + (n_fft - 1) // hop_length
    columns = np.empty(min(hop_length, n_fft) * n_hops, np.float32)
    place = np.arange(n_fft) % hop_length * n_hops + np.arange(n_fft) // hop_length
    x = np.empty(half * COMPLEX, np.float32)
    spare = np.empty(half * COMPLEX, np.float32)
    power = np.empty((half + 1) * LANES, np.float32)
    sums = np.empty(first.size * LANES, np.float32)
    for frame in range(0, n_frames, LANES):
        _to_columns(y, start + frame * hop_length, hop_length, n_hops, columns)
        for n in range(n_fft):  # even samples are real parts, odd ones imaginary
            store(x, n * LANES, load(columns, place[n]) * splat(window[n]))
        _power(_fft(x, spare, half, factors), half, rotation, power)
        if first.size:
            _sum_bands(power, first, end, weights, sums)
            _to_rows(sums, frame, out)
        else:
            _to_rows(power, frame, out)


@njit(**_COMPILE)
def _to_columns(y, start, hop_length, n_hops, columns):  # type: ignore[no-untyped-def]
    """Put each sample of a hop below the same sample of the other hops."""
    # Sample n of sixteen frames is then sixteen values from n % hop_length * n_hops +
    # n // hop_length on. Sixteen rows at a time: a cache line of `y`.
    n_rows = columns.size // n_hops
    is_inside = start >= 0 and start + (n_hops - 1) * hop_length + n_rows <= y.size
    for row in range(0, n_rows, 16):
        for hop in range(n_hops):
            source = start + hop * hop_length
            for i in range(row, min(row + 16, n_rows)):
                if is_inside or 0 <= source + i < y.size:
                    columns[i * n_hops + hop] = y[source + i]
                else:
                    columns[i * n_hops + hop] = 0


@njit(**_COMPILE)
def _fft(x, spare, size, factors):  # type: ignore[no-untyped-def]
    """Return the Fourier transform of ``x``, which is overwritten, as is ``spare``."""
    stride, row = 1, 0  # of values that share a factor; in ``factors``
    while size >= 4:
        quarter = size // 4
        step = quarter * stride * COMPLEX
        for p in range(quarter):
            w1r, w1i = splat(factors[row + p, 0]), splat(factors[row + p, 1])
            w2r, w2i = splat(factors[row + p, 2]), splat(factors[row + p, 3])
            w3r, w3i = splat(factors[row + p, 4]), splat(factors[row + p, 5])
            for q in range(stride):
                i = (p * stride + q) * COMPLEX
                ar, ai = load(x, i), load(x, i + LANES)
                br, bi = load(x, i + step), load(x, i + step + LANES)
                cr, ci = load(x, i + 2 * step), load(x, i + 2 * step + LANES)
                dr, di = load(x, i + 3 * step), load(x, i + 3 * step + LANES)
                er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
                gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
                i = (4 * p * stride + q) * COMPLEX
                store(spare, i, er + gr)
                store(spare, i + LANES, ei + gi)
                i += stride * COMPLEX
                zr, zi = fr + hi, fi - hr
                store(spare, i, zr * w1r - zi * w1i)
                store(spare, i + LANES, zr * w1i + zi * w1r)
                i += stride * COMPLEX
                zr, zi = er - gr, ei - gi
                store(spare, i, zr * w2r - zi * w2i)
                store(spare, i + LANES, zr * w2i + zi * w2r)
                i += stride * COMPLEX
                zr, zi = fr - hi, fi + hr
                store(spare, i, zr * w3r - zi * w3i)
                store(spare, i + LANES, zr * w3i + zi * w3r)
        row += quarter
        x, spare = spare, x
        size, stride = quarter, stride * 4
    if size == 2:
        step = stride * COMPLEX
        for i in range(0, step, LANES):
            a, b = load(x, i), load(x, i + step)
            store(x, i, a + b)
            store(x, i + step, a - b)
    return x


@njit(**_COMPILE)
def _power(x, half, rotation, power):  # type: ignore[no-untyped-def]
    """Split the transform of even + i odd samples; write squared magnitudes."""
    four = splat(np.float32(4))
    total, alternating = load(x, 0) + load(x, LANES), load(x, 0) - load(x, LANES)
    store(power, 0, four * total * total)
    store(power, half * LANES, four * alternating * alternating)
    for k in range(1, half // 2 + 1):
        i, j = k * COMPLEX, (half - k) * COMPLEX
        ar, ai, br, bi = load(x, i), load(x, i + LANES), load(x, j), load(x, j + LANES)
        even_r, even_i, odd_r, odd_i = ar + br, ai - bi, ai + bi, br - ar
        wr, wi = splat(rotation[k, 0]), splat(rotation[k, 1])
        zr, zi = odd_r * wr - odd_i * wi, odd_r * wi + odd_i * wr
        low_r, low_i, high_r, high_i = (
            even_r + zr,
            even_i + zi,
            even_r - zr,
            even_i - zi,
        )
        store(power, k * LANES, low_r * low_r + low_i * low_i)
        store(power, (half - k) * LANES, high_r * high_r + high_i * high_i)


@njit(**_COMPILE)
def _sum_bands(power, first, end, weights, sums):  # type: ignore[no-untyped-def]
    """Multiply with a banded filter bank."""
    at = 0
    for band in range(first.size):
        total = splat(np.float32(0))
        bin_ = first[band] * LANES
        while at < end[band]:
            total = total + load(power, bin_) * splat(weights[at])
            bin_ += LANES
            at += 1
        store(sums, band * LANES, total)


@njit(**_COMPILE)
def sum_bands(spectra, first, end, weights, out):  # type: ignore[no-untyped-def]
    """Write what a banded filter bank makes of spectra, sixteen frames side by side."""
    # spectra (n_frames, n_bins), out (n_frames, n_filters)
    power = np.zeros(spectra.shape[1] * LANES, np.float32)
    sums = np.empty(first.size * LANES, np.float32)
    for frame in range(0, out.shape[0], LANES):
        for lane in range(min(LANES, out.shape[0] - frame)):
            for i in range(spectra.shape[1]):
                power[i * LANES + lane] = spectra[frame + lane, i]
        _sum_bands(power, first, end, weights, sums)
        _to_rows(sums, frame, out)


@njit(**_COMPILE)
def _to_rows(lanes, start, out):  # type: ignore[no-untyped-def]
    """Write sixteen frames side by side as rows; those beyond the last are left out."""
    for lane in range(min(LANES, out.shape[0] - start)):
        for i in range(out.shape[1]):
            out[start + lane, i] = lanes[i * LANES + lane]
