//! Products by `vdpbf16ps` of AVX512-BF16, and its rounding.
#![allow(unsafe_code, reason = "functions compiled for optional instruction sets")]

use super::{LANES, Pair, Row, WIDTH};

/// Rows whose sums are kept in registers: with two vectors each, 24 of 32 registers.
#[cfg(target_arch = "x86_64")]
const AT_ONCE: usize = 12;

/// Whether the processor has it.
pub(super) fn is_there() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Calls the function for so many rows.
#[cfg(target_arch = "x86_64")]
macro_rules! of_rows {
    ($count:expr, $function:ident($($argument:expr),*)) => {
        match $count {
            1 => $function::<1>($($argument),*),
            2 => $function::<2>($($argument),*),
            3 => $function::<3>($($argument),*),
            4 => $function::<4>($($argument),*),
            5 => $function::<5>($($argument),*),
            6 => $function::<6>($($argument),*),
            7 => $function::<7>($($argument),*),
            8 => $function::<8>($($argument),*),
            9 => $function::<9>($($argument),*),
            10 => $function::<10>($($argument),*),
            11 => $function::<11>($($argument),*),
            _ => $function::<AT_ONCE>($($argument),*),
        }
    };
}

/// See [`Instructions::product`](super::Instructions::product), which has checked the sizes.
#[cfg(target_arch = "x86_64")]
pub(super) fn product(
    a: &[u16],
    rows: usize,
    (b, next): (&[Pair], &[Pair]),
    out: &mut [f32],
    (stride, columns): (usize, usize),
) {
    assert!(is_there(), "AVX512-BF16");
    let inner = 2 * b.len();
    // Of the next panel each block of rows fetches a part, so that none waits for memory.
    let mut parts = next.chunks(next.len().div_ceil((rows / AT_ONCE).max(1)).max(1));
    // For columns that are no whole vectors; filled once, not for each block.
    let mut narrow = [[0f32; WIDTH]; AT_ONCE];
    let mut row = 0;
    while row < rows {
        let next = parts.next().unwrap_or_default();
        // The last ones in two halves, since a few alone take as long as twice as many.
        let count = match rows - row {
            left if left >= 2 * AT_ONCE => AT_ONCE,
            left if left > AT_ONCE => left.div_ceil(2),
            left => left,
        };
        let a = &a[row * inner..];
        let whole = columns == WIDTH || columns == LANES;
        let (to, across) = match whole {
            true => (&mut out[row * stride..], stride),
            false => (narrow.as_flattened_mut(), WIDTH),
        };
        // SAFETY: the processor has the instructions, as was just checked.
        unsafe {
            match columns {
                LANES => of_rows!(count, half_block(a, b, to, across)),
                _ => of_rows!(count, block(a, (b, next), to, across)),
            }
        }
        if !whole {
            for (sums, row) in narrow[..count].iter().zip(row..) {
                out[row * stride..][..columns].copy_from_slice(&sums[..columns]);
            }
        }
        row += count;
    }
}

/// Writes the sums of `R` rows, `stride` apart.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn block<const R: usize>(a: &[u16], (b, next): (&[Pair], &[Pair]), out: &mut [f32], stride: usize) {
    use std::arch::x86_64::{
        __m512bh, _MM_HINT_T1, _mm_prefetch, _mm512_dpbf16_ps, _mm512_loadu_si512,
        _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    let pairs = b.len();
    assert!(a.len() >= 2 * R * pairs && out.len() >= (R - 1) * stride + WIDTH);
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    let from = a.as_ptr().cast::<i32>();
    // An address that is there, since one that is not is looked up in vain each time.
    let ahead = if next.is_empty() { b } else { next }.as_ptr().cast::<i8>();
    // Lines of 64 bytes, evenly over the block: in 2^-16 of a line.
    let (mut line, step) = (0, ((2 * next.len()) << 16) / pairs);
    for (k, pair) in b.iter().enumerate() {
        _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add((line >> 16) * 64));
        line += step;
        // SAFETY: a pair has 32 numbers of 32 bits, 16 for each vector; any bits are bf16 numbers.
        let columns: [__m512bh; 2] = unsafe {
            let from = pair.as_ptr();
            [from, from.add(LANES)].map(|from| as_bf16(_mm512_loadu_si512(from.cast())))
        };
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: each of the `R` rows has two numbers for each pair, as was checked above; any bits are bf16 numbers.
            let both =
                unsafe { as_bf16(_mm512_set1_epi32(from.add(r * pairs + k).read_unaligned())) };
            sums[0] = _mm512_dpbf16_ps(sums[0], both, columns[0]);
            sums[1] = _mm512_dpbf16_ps(sums[1], both, columns[1]);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        // SAFETY: the result has room for 32 sums in each of the rows, as was checked above.
        unsafe {
            let to = out.as_mut_ptr().add(r * stride);
            _mm512_storeu_ps(to, sums[0]);
            _mm512_storeu_ps(to.add(LANES), sums[1]);
        }
    }
}

/// The same of the panel's first 16 columns. Two functions, since one for any number of vectors is compiled to three quarters of the speed.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn half_block<const R: usize>(a: &[u16], b: &[Pair], out: &mut [f32], stride: usize) {
    use std::arch::x86_64::{
        _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps,
        _mm512_storeu_ps,
    };

    let pairs = b.len();
    assert!(a.len() >= 2 * R * pairs && out.len() >= (R - 1) * stride + LANES);
    let mut sums = [_mm512_setzero_ps(); R];
    let from = a.as_ptr().cast::<i32>();
    for (k, pair) in b.iter().enumerate() {
        // SAFETY: a pair has 32 numbers of 32 bits, of which 16 are read; any bits are bf16 numbers.
        let columns = unsafe { as_bf16(_mm512_loadu_si512(pair.as_ptr().cast())) };
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: each of the `R` rows has two numbers for each pair, as was checked above; any bits are bf16 numbers.
            let both =
                unsafe { as_bf16(_mm512_set1_epi32(from.add(r * pairs + k).read_unaligned())) };
            *sum = _mm512_dpbf16_ps(*sum, both, columns);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        // SAFETY: the result has room for 16 sums in each of the rows, as was checked above.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(r * stride), sum) };
    }
}

/// Has numbers fetched that will be read soon, where the processor can be asked to.
#[inline]
pub(super) fn fetch(numbers: &[u16]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(32) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction, which reads nothing into the program.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// The same bits as bf16 numbers.
///
/// # Safety
/// None is needed: both types are 512 bits without a meaning that some bits would not have.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn as_bf16(bits: std::arch::x86_64::__m512i) -> std::arch::x86_64::__m512bh {
    // SAFETY: both types are 512 plain bits.
    unsafe { std::mem::transmute(bits) }
}

/// Rounds to the nearest bf16, ties to even.
#[cfg(target_arch = "x86_64")]
pub(super) fn round(from: &[f32], to: &mut [u16]) {
    assert!(is_there(), "AVX512-BF16");
    let (vectors_from, rest_from) = from.as_chunks();
    let (vectors_to, rest_to) = to.as_chunks_mut();
    // SAFETY: the processor has the instructions, as was just checked.
    unsafe { vectors(vectors_from, vectors_to) };
    super::scalar::round(rest_from, rest_to);
}

/// Rounds what `map` makes of each row, to the first `columns` of rows that are `stride` apart. `map` must be `#[inline(always)]`, as must
/// be all that it calls.
#[cfg(target_arch = "x86_64")]
pub(super) fn round_mapped(
    from: &[Row],
    map: impl Fn(&Row) -> Row,
    to: &mut [u16],
    (stride, columns): (usize, usize),
) {
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn rows(
        from: &[Row],
        map: impl Fn(&Row) -> Row,
        to: &mut [u16],
        (stride, columns): (usize, usize),
    ) {
        for (from, to) in from.iter().zip(to.chunks_mut(stride)) {
            let from = map(from);
            if let Some(to) = to.first_chunk_mut::<WIDTH>().filter(|_| columns == WIDTH) {
                vectors(from.as_chunks().0, to.as_chunks_mut().0);
                continue;
            }
            let mut rounded = [0; WIDTH];
            vectors(from.as_chunks().0, rounded.as_chunks_mut().0);
            to[..columns].copy_from_slice(&rounded[..columns]);
        }
    }

    assert!(is_there(), "AVX512-BF16");
    // SAFETY: the processor has the instructions, as was just checked.
    unsafe { rows(from, map, to, (stride, columns)) };
}

/// Rounds vectors.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn vectors(from: &[[f32; 16]], to: &mut [[u16; 16]]) {
    use std::arch::x86_64::{
        __m256bh, __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_loadu_ps,
    };

    for (from, to) in from.iter().zip(to) {
        // SAFETY: 16 numbers of f32 are read and 16 of 16 bits are written; both types of the result are 256 plain bits.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from.as_ptr()));
            let bits = std::mem::transmute::<__m256bh, __m256i>(rounded);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), bits);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn product(
    _: &[u16],
    _: usize,
    _: (&[Pair], &[Pair]),
    _: &mut [f32],
    _: (usize, usize),
) {
    unreachable!("only x86-64 has it");
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn round(_: &[f32], _: &mut [u16]) {
    unreachable!("only x86-64 has it");
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn round_mapped(_: &[Row], _: impl Fn(&Row) -> Row, _: &mut [u16], _: (usize, usize)) {
    unreachable!("only x86-64 has it");
}
