//! PNG's five row filters, undone (PNG specification, section 9).

/// Undoes the filters of rows that each start with their filter's number, in place, and gives the rows without those numbers, which
/// lie at the beginning. `step` is the distance to the same sample of the pixel to the left. `look` is given each row when it is
/// done, while it is at hand.
/// None where a filter's number does not exist.
pub(super) fn unfilter(
    rows: &mut [u8],
    row_bytes: usize,
    step: usize,
    mut look: impl FnMut(&[u8]),
) -> Option<&[u8]> {
    let stride = row_bytes + 1;
    let height = rows.len() / stride;
    // Above the first row all is zero, which only the mean needs to see: without it, "up" changes nothing and
    // Paeth's estimate is the byte to the left.
    let blank = if rows.first() == Some(&3) { vec![0; row_bytes] } else { Vec::new() };
    for y in 0..height {
        // Row y moves from y * stride + 1 to y * row_bytes, never past what is still needed.
        let filter = match (y, rows[y * stride]) {
            (0, 2) => 0,
            (0, 4) => 1,
            (_, filter) => filter,
        };
        rows.copy_within(y * stride + 1..(y + 1) * stride, y * row_bytes);
        let (before, rest) = rows.split_at_mut(y * row_bytes);
        let row = &mut rest[..row_bytes];
        let above = if y == 0 { &blank[..] } else { &before[(y - 1) * row_bytes..] };
        match step {
            1 => undo_bytes(filter, row, above)?,
            2 => undo::<2>(filter, row, above)?,
            3 => undo::<3>(filter, row, above)?,
            4 => undo::<4>(filter, row, above)?,
            6 => undo::<6>(filter, row, above)?,
            8 => undo::<8>(filter, row, above)?,
            _ => return None,
        }
        look(row);
    }
    Some(&rows[..height * row_bytes])
}

/// Pixels that are looked at together.
const PIECE: usize = 16;

/// Whether all bytes are zero. Those of whole pieces are looked at in one go.
#[inline(always)]
fn is_zero<const STEP: usize>(pixels: &[[u8; STEP]]) -> bool {
    let any = |all: u8, byte: &u8| all | byte;
    match <&[[u8; STEP]; PIECE]>::try_from(pixels) {
        Ok(piece) => piece.as_flattened().iter().fold(0, any) == 0,
        Err(_) => pixels.as_flattened().iter().fold(0, any) == 0,
    }
}

/// One row, `STEP` bytes at a time so that a pixel's channels are worked on side by side.
fn undo<const STEP: usize>(filter: u8, row: &mut [u8], above: &[u8]) -> Option<()> {
    match filter {
        0 => {}
        1 => {
            let mut left = [0; STEP];
            for pixels in row.as_chunks_mut::<STEP>().0.chunks_mut(PIECE) {
                // Of masks most differences are zero: what is to the left then stays.
                if is_zero(pixels) {
                    pixels.fill(left);
                    continue;
                }
                for pixel in pixels {
                    for c in 0..STEP {
                        left[c] = pixel[c].wrapping_add(left[c]);
                    }
                    *pixel = left;
                }
            }
        }
        2 => {
            for (byte, above) in row.iter_mut().zip(above) {
                *byte = byte.wrapping_add(*above);
            }
        }
        3 => {
            let mut left = [0; STEP];
            for (pixel, above) in
                row.as_chunks_mut::<STEP>().0.iter_mut().zip(above.as_chunks::<STEP>().0)
            {
                for c in 0..STEP {
                    left[c] = pixel[c].wrapping_add(mean(left[c], above[c], 0));
                }
                *pixel = left;
            }
        }
        4 => {
            let (mut left, mut corner) = ([0; STEP], [0; STEP]);
            let pixels = row.as_chunks_mut::<STEP>().0;
            let above = &above.as_chunks::<STEP>().0[..pixels.len()];
            for (pixels, above) in pixels.chunks_mut(PIECE).zip(above.chunks(PIECE)) {
                // The estimate is then the pixel above, and stays so.
                if left == corner && is_zero(pixels) {
                    pixels.copy_from_slice(above);
                    left = above[above.len() - 1];
                    corner = left;
                    continue;
                }
                for (pixel, above) in pixels.iter_mut().zip(above) {
                    for c in 0..STEP {
                        left[c] = pixel[c].wrapping_add(paeth(left[c], above[c], corner[c]));
                    }
                    *pixel = left;
                    corner = *above;
                }
            }
        }
        _ => return None,
    }
    Some(())
}

/// One row of single bytes. Each depends on the one before, which is slow; but masks are flat nearly everywhere, and
/// eight bytes whose differences are zero are mostly known at once.
fn undo_bytes(filter: u8, row: &mut [u8], above: &[u8]) -> Option<()> {
    match filter {
        1 => add_left(row),
        3 => flat_or(row, above, mean, |left, above, _| (above == [left; 8]).then_some(above)),
        4 => flat_or(row, above, paeth, |left, above, corner| {
            if left == corner {
                // The estimate is then the byte above, and stays so.
                Some(above)
            } else {
                // The estimate is then the byte to the left.
                (above == [corner; 8]).then_some([left; 8])
            }
        }),
        _ => return undo::<1>(filter, row, above),
    }
    Some(())
}

/// Adds to every byte the one before it.
fn add_left(row: &mut [u8]) {
    let mut left = 0;
    let (eights, rest) = row.as_chunks_mut::<8>();
    for eight in eights {
        // Sums of one byte with the next, of two with two, of four with four: eight running sums in three steps.
        let mut sums = u64::from_le_bytes(*eight);
        if sums == 0 {
            *eight = [left; 8];
            continue;
        }
        for shift in [8, 16, 32] {
            sums = add_bytes(sums, sums << shift);
        }
        *eight = add_bytes(sums, u64::from_le_bytes([left; 8])).to_le_bytes();
        left = eight[7];
    }
    for byte in rest {
        left = byte.wrapping_add(left);
        *byte = left;
    }
}

/// Eight sums of bytes, none carrying into the next.
fn add_bytes(a: u64, b: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    ((a & !HIGH) + (b & !HIGH)) ^ ((a ^ b) & HIGH)
}

/// Adds `predict(left, above, corner)` to every byte; `flat(left, above, corner)` may know eight bytes that all equal
/// their predictions.
#[inline(always)]
fn flat_or(
    row: &mut [u8],
    above: &[u8],
    predict: impl Fn(u8, u8, u8) -> u8,
    flat: impl Fn(u8, [u8; 8], u8) -> Option<[u8; 8]>,
) {
    let (mut left, mut corner) = (0, 0);
    let above = &above[..row.len()];
    let (eights, rest) = row.as_chunks_mut::<8>();
    let (above_eights, above_rest) = above.as_chunks::<8>();
    for (eight, above) in eights.iter_mut().zip(above_eights) {
        let known = if *eight == [0; 8] { flat(left, *above, corner) } else { None };
        if let Some(known) = known {
            *eight = known;
        } else {
            for (byte, &above) in eight.iter_mut().zip(above) {
                *byte = byte.wrapping_add(predict(left, above, corner));
                (left, corner) = (*byte, above);
            }
        }
        (left, corner) = (eight[7], above[7]);
    }
    for (byte, &above) in rest.iter_mut().zip(above_rest) {
        *byte = byte.wrapping_add(predict(left, above, corner));
        (left, corner) = (*byte, above);
    }
}

fn mean(left: u8, above: u8, _: u8) -> u8 {
    ((u16::from(left) + u16::from(above)) / 2) as u8
}

/// The neighbour nearest to left + above - corner; ties go to left, then above.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let (to_left, to_above) = ((b - c).abs(), (a - c).abs());
    let to_corner = (a + b - 2 * c).abs();
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Filters rows by the definitions, byte by byte.
    fn filter(rows: &[u8], row_bytes: usize, step: usize, filters: &[u8]) -> Vec<u8> {
        let at = |y: isize, x: isize| {
            if y < 0 || x < 0 { 0 } else { rows[y as usize * row_bytes + x as usize] }
        };
        let mut out = Vec::new();
        for (y, &kind) in filters.iter().enumerate() {
            out.push(kind);
            for x in 0..row_bytes {
                let (y, x, step) = (y as isize, x as isize, step as isize);
                let (left, above, corner) = (at(y, x - step), at(y - 1, x), at(y - 1, x - step));
                let predicted = match kind {
                    0 => 0,
                    1 => left,
                    2 => above,
                    3 => ((u16::from(left) + u16::from(above)) / 2) as u8,
                    _ => {
                        let p = i32::from(left) + i32::from(above) - i32::from(corner);
                        *[left, above, corner]
                            .iter()
                            .min_by_key(|&&v| (p - i32::from(v)).abs())
                            .unwrap()
                    }
                };
                out.push(at(y, x).wrapping_sub(predicted));
            }
        }
        out
    }

    #[test]
    fn every_filter_and_step_is_undone() {
        for step in [1, 2, 3, 4, 6, 8] {
            let row_bytes = step * 93;
            let filters = [4, 3, 2, 1, 0, 4, 1, 3, 2, 4];
            let mut rows: Vec<u8> =
                (0..row_bytes * filters.len()).map(|i| (i * i * 31 + i / 7) as u8).collect();
            // Repeated rows and flat stretches take short cuts.
            rows.copy_within(4 * row_bytes..5 * row_bytes, 5 * row_bytes);
            rows[6 * row_bytes + step..].fill(77);
            rows[8 * row_bytes + 40 * step..].fill(200);
            for first in 0..5 {
                let mut filters = filters;
                filters[0] = first;
                let mut filtered = filter(&rows, row_bytes, step, &filters);
                let mut looked = Vec::new();
                let found =
                    unfilter(&mut filtered, row_bytes, step, |row| looked.extend_from_slice(row))
                        .unwrap();
                assert_eq!(found, rows, "step {step}, first filter {first}");
                assert_eq!(looked, rows, "step {step}, first filter {first}");
            }
        }
    }

    #[test]
    fn unknown_filters_are_refused() {
        assert_eq!(unfilter(&mut [5, 1, 2, 3], 3, 1, |_| ()), None);
    }
}
