//! Run lengths of a BMP's indices (RLE4 and RLE8).

use crate::size::Size;

/// The indices from the top; what no run covers is 0. None where the data end before the end mark.
pub(super) fn indices(data: &[u8], size: Size, bits: usize, top_down: bool) -> Option<Vec<u8>> {
    let mut out = vec![0; size.area()];
    let mut bytes = data.iter().copied();
    // Rows are counted in the order of the file.
    let (mut x, mut y) = (0usize, 0usize);
    let mut put = |x: usize, y: usize, index: u8| {
        if x < size.width && y < size.height {
            let row = if top_down { y } else { size.height - 1 - y };
            out[row * size.width + x] = index;
        }
    };
    let index = |byte: u8, at: usize| match (bits, at % 2) {
        (8, _) => byte,
        (_, 0) => byte >> 4,
        _ => byte & 15,
    };
    while y < size.height {
        let (count, value) = (bytes.next()?, bytes.next()?);
        match (count, value) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => break,
            (0, 2) => {
                x = x.saturating_add(usize::from(bytes.next()?));
                y = y.saturating_add(usize::from(bytes.next()?));
            }
            (0, count) => {
                let count = usize::from(count);
                let stored = (count * bits).div_ceil(8);
                let mut byte = 0;
                for at in 0..count {
                    if bits == 8 || at % 2 == 0 {
                        byte = bytes.next()?;
                    }
                    put(x + at, y, index(byte, at));
                }
                x += count;
                // Filled up to pairs of bytes.
                if stored % 2 == 1 {
                    bytes.next()?;
                }
            }
            (count, value) => {
                (0..usize::from(count)).for_each(|at| put(x + at, y, index(value, at)));
                x += usize::from(count);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_followed() {
        // Two of 7, then 1 2 3 as they are and a byte that fills up, end of line, three to the right, one of 9, the end.
        let data = [2, 7, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 3, 0, 1, 9, 0, 1];
        let size = Size::new(2, 5);
        assert_eq!(indices(&data, size, 8, true), Some(vec![7, 7, 1, 2, 3, 0, 0, 0, 9, 0]));
        assert_eq!(indices(&data, size, 8, false), Some(vec![0, 0, 0, 9, 0, 7, 7, 1, 2, 3]));
        assert_eq!(indices(&data[..9], size, 8, true), None);
        // Nibbles: five of 1 2 1 2 1; then 3 4 5 as they are.
        let data = [5, 0x12, 0, 0, 0, 3, 0x34, 0x50, 0, 1];
        assert_eq!(indices(&data, size, 4, true), Some(vec![1, 2, 1, 2, 1, 3, 4, 5, 0, 0]));
    }
}
