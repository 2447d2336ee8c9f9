//! Taking a source row apart into the taps of every output column.

use super::axis::AxisTable;
use super::kernel::{PlaneTaps, RgbTaps};

/// Taps of an RGB row. `row` may go on past its last pixel (into the next row or slack), which lets two pixels be
/// taken by one load of eight bytes; what lies there does not reach the result.
pub(crate) fn rgb(row: &[u8], columns: &AxisTable, taps: &mut RgbTaps) {
    let visible = columns.visible();
    taps.first.resize(visible, 0);
    taps.second.resize(visible, 0);
    // The left one of a pair of neighbours is the second tap in a mirrored axis.
    let (left, right) = if columns.flip() {
        (&mut taps.second, &mut taps.first)
    } else {
        (&mut taps.first, &mut taps.second)
    };
    let index = if columns.flip() { columns.i1() } else { columns.i0() };
    for ((left, right), &index) in left.iter_mut().zip(right.iter_mut()).zip(index) {
        let at = 3 * index as usize;
        let pair = match row[at..].first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                let rest = &row[at..];
                bytes[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(bytes)
            }
        };
        *left = pair as u32 & 0xFF_FFFF;
        *right = (pair >> 24) as u32 & 0xFF_FFFF;
    }
    let edge = columns.edge();
    for x in edge {
        // Both taps are the pixel at the source's end, which was loaded as the left one.
        let pixel = left[x];
        right[x] = pixel;
    }
}

/// Taps of a row of single numbers, of type f32 or u8.
pub(crate) fn plane<T: Copy + Into<f32>>(row: &[T], columns: &AxisTable, taps: &mut PlaneTaps) {
    let visible = columns.visible();
    taps.first.resize(visible, 0.0);
    taps.second.resize(visible, 0.0);
    let row = &row[..columns.source()];
    for (tap, &index) in taps.first.iter_mut().zip(columns.i0()) {
        *tap = row[index as usize].into();
    }
    for (tap, &index) in taps.second.iter_mut().zip(columns.i1()) {
        *tap = row[index as usize].into();
    }
}
