//! Taking a source row apart into the taps of every output column.
//!
//! Two neighbouring pixels are taken by one load, which reaches past the pair for RGB; loads that would leave the row are
//! made byte by byte.
#![allow(unsafe_code, reason = "loads without a bounds check, checked once per row")]

use super::axis::Taps;
use super::kernel::{GreyPairs, PlaneTaps, RgbPairs};

/// The left one of each column's two neighbouring pixels.
fn left(columns: &Taps) -> &[u32] {
    if columns.flip { &columns.i1 } else { &columns.i0 }
}

/// Pairs of an RGB row. `row` may go on past its last pixel (into the next row or slack); what lies there does not
/// reach the result. Its first pixel is source column `start`.
pub(crate) fn rgb(row: &[u8], start: usize, columns: &Taps, pairs: &mut RgbPairs) {
    let index = left(columns);
    pairs.resize(index.len(), [0; 2]);
    let needed = columns.source_range();
    assert!(
        start <= needed.start && row.len() >= 3 * (needed.end - start),
        "a row without its pixels"
    );
    if row.len() >= 3 * (needed.end - start) + 8 {
        for (pair, &index) in pairs.iter_mut().zip(index) {
            let at = 3 * (index as usize - start);
            // SAFETY: a table's indices lie in its source range, so at + 8 is below the length found above.
            let bytes = unsafe { row.as_ptr().add(at).cast::<[u8; 8]>().read() };
            *pair = words(bytes);
        }
    } else {
        for (pair, &index) in pairs.iter_mut().zip(index) {
            let rest = &row[3 * (index as usize - start)..];
            let mut bytes = [0; 8];
            let length = rest.len().min(8);
            bytes[..length].copy_from_slice(&rest[..length]);
            *pair = words(bytes);
        }
    }
    // At the source's end both taps are the last pixel, which was loaded as the left one.
    for [low, high] in &mut pairs[columns.edge()] {
        let pixel = *low & 0xFF_FFFF;
        *low = pixel | pixel << 24;
        *high = pixel >> 8;
    }
}

fn words(bytes: [u8; 8]) -> [u32; 2] {
    let pair = u64::from_le_bytes(bytes);
    [pair as u32, (pair >> 32) as u32]
}

/// Pairs of a grey row.
pub(crate) fn grey(row: &[u8], columns: &Taps, pairs: &mut GreyPairs) {
    let index = left(columns);
    pairs.resize(index.len(), 0);
    let edge = columns.edge();
    // At the source's end both taps are the last pixel, elsewhere the right neighbour exists.
    assert!(row.len() >= columns.source_range().end, "a row without its pixels");
    for (pair, &index) in pairs[..edge.start].iter_mut().zip(index) {
        // SAFETY: a table's indices lie in its source range, which the row holds, and away from the edge so do their
        // right neighbours, which are the other taps.
        let bytes = unsafe { row.as_ptr().add(index as usize).cast::<[u8; 2]>().read() };
        *pair = u16::from_le_bytes(bytes);
    }
    for x in edge {
        let pixel = row[index[x] as usize];
        pairs[x] = u16::from_le_bytes([pixel; 2]);
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
