//! Taking a source row apart into the taps of every output column.

use super::axis::Taps;
use super::kernel::{PlaneTaps, RgbTaps};

/// Taps of an RGB row. `row` may go on past its last pixel (into the next row or slack), which lets two pixels be
/// taken by one load of eight bytes; what lies there does not reach the result. Its first pixel is source column
/// `start`.
pub(crate) fn rgb(row: &[u8], start: usize, columns: &Taps, taps: &mut RgbTaps) {
    let visible = columns.visible();
    taps.first.resize(visible, 0);
    taps.second.resize(visible, 0);
    // The left one of two neighbours is the second tap in a mirrored axis.
    let (left, right, index) = if columns.flip {
        (&mut taps.second, &mut taps.first, &columns.i1)
    } else {
        (&mut taps.first, &mut taps.second, &columns.i0)
    };
    for ((left, right), &index) in left.iter_mut().zip(right.iter_mut()).zip(index) {
        let rest = &row[3 * (index as usize - start)..];
        let pair = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                bytes[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(bytes)
            }
        };
        *left = pair as u32 & 0xFF_FFFF;
        *right = (pair >> 24) as u32 & 0xFF_FFFF;
    }
    for x in columns.edge() {
        // Both taps are the pixel at the source's end, which was loaded as the left one.
        right[x] = left[x];
    }
}

/// Taps of a row of single numbers.
pub(crate) fn plane<T: Copy + Into<f32>>(row: &[T], columns: &Taps, taps: &mut PlaneTaps) {
    let visible = columns.visible();
    taps.first.resize(visible, 0.0);
    taps.second.resize(visible, 0.0);
    let both = taps.first.iter_mut().zip(&mut taps.second);
    for ((first, second), (&i0, &i1)) in both.zip(columns.i0.iter().zip(&columns.i1)) {
        *first = row[i0 as usize].into();
        *second = row[i1 as usize].into();
    }
}
