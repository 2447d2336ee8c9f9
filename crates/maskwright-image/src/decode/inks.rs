//! Printing inks to RGB, of JPEG and TIFF; the pure Rust JPEG decoder does this itself.

/// One pixel of inverted inks (255 is no ink, as Adobe and with it everyone stores them) to RGB.
pub(crate) fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let multiply = |ink: u8| {
        // Exact rounding of ink * k / 255.
        let product = u32::from(ink) * u32::from(k) + 128;
        ((product + (product >> 8)) >> 8) as u8
    };
    [multiply(c), multiply(m), multiply(y)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_multiply_out_with_exact_rounding() {
        for ink in 0..=255u8 {
            for k in 0..=255u8 {
                let expected = (f64::from(ink) * f64::from(k) / 255.0).round() as u8;
                assert_eq!(cmyk_to_rgb([ink, 0, 255, k]), [expected, 0, k]);
            }
        }
    }
}
