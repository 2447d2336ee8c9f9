//! What pixels have in common: grey in every pixel, or one value everywhere.

/// Whether the three channels of every pixel are the same. Bytes are compared with those beside them, many at a time.
pub(super) fn is_grey(pixels: &[[u8; 3]]) -> bool {
    /// Bytes of 16 pixels.
    const PIECE: usize = 48;
    /// Red is compared with green and green with blue, but not blue with the next pixel's red.
    const COMPARED: [u8; PIECE] = {
        let mut compared = [255; PIECE];
        let mut blue = 2;
        while blue < PIECE {
            compared[blue] = 0;
            blue += 3;
        }
        compared
    };
    let (pieces, rest) = pixels.as_flattened().as_chunks::<PIECE>();
    let grey = |piece: &[u8; PIECE]| {
        let mut differ = 0;
        for at in 0..PIECE - 1 {
            differ |= (piece[at] ^ piece[at + 1]) & COMPARED[at];
        }
        differ == 0
    };
    pieces.iter().all(grey) && rest.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2])
}

/// Whether all bytes are the same.
pub(super) fn constant(data: &[u8]) -> bool {
    data.first().is_none_or(|first| data.iter().all(|value| value == first))
}

#[cfg(test)]
mod tests {
    use super::is_grey;

    #[test]
    fn one_channel_of_one_pixel_is_a_colour() {
        for count in [0, 1, 15, 16, 17, 40] {
            let grey: Vec<[u8; 3]> = (0..count).map(|at| [at as u8 * 5; 3]).collect();
            assert!(is_grey(&grey), "{count}");
            for at in 0..count {
                for channel in 0..3 {
                    let mut coloured = grey.clone();
                    coloured[at][channel] ^= 1;
                    assert!(!is_grey(&coloured), "{at} of {count}, {channel}");
                }
            }
        }
    }
}
