//! Masks with grey and alpha: which of the two is the mask.
//!
//! A cut-out is a photograph whose alpha is the mask, on white or on nothing; an ordinary mask may have been saved with an
//! alpha that means nothing. Grey is taken for a mask only where it looks like one.

use crate::error::{Error, Result};

/// Share of pixels, in percent, that may be neither nearly black nor nearly white in a grey that is a mask: its soft edges.
const SOFT: usize = 5;

/// What alpha is beside the grey of a mask.
pub(super) enum Alpha {
    /// The mask.
    Mask,
    /// Nothing: it is the same everywhere, or nowhere or everywhere above 128, or says what the grey says.
    Idle,
}

/// Decides between the grey levels of a file and its alpha.
///
/// # Errors
/// [`Error::MaskReadings`] where both look like a mask, and differ.
pub(super) fn decide(grey: &[u8], alpha: &[u8]) -> Result<Alpha> {
    let count = |levels: &[u8]| levels.iter().filter(|&&level| level > 128).count();
    let pixels = grey.len();
    let (of_grey, of_alpha) = (count(grey), count(alpha));
    if of_alpha == 0 || of_alpha == pixels {
        return Ok(Alpha::Idle);
    }
    let same = |(&grey, &alpha): (&u8, &u8)| (grey > 128) == (alpha > 128);
    if grey.iter().zip(alpha).all(same) {
        return Ok(Alpha::Idle);
    }
    if !is_mask(grey) {
        return Ok(Alpha::Mask);
    }
    Err(Error::MaskReadings { pixels, colour: of_grey, alpha: of_alpha })
}

/// Whether grey levels look like a mask: two values, small numbers, or black and white with soft edges.
fn is_mask(grey: &[u8]) -> bool {
    let mut seen = [false; 256];
    grey.iter().for_each(|&level| seen[usize::from(level)] = true);
    if seen.iter().filter(|&&seen| seen).count() == 2 || !seen[32..].contains(&true) {
        return true;
    }
    let between = grey.iter().filter(|&&level| (64..192).contains(&level)).count();
    let black_and_white = seen[..64].contains(&true) && seen[192..].contains(&true);
    black_and_white && between * 100 <= SOFT * grey.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHA: [u8; 6] = [0, 0, 255, 255, 200, 0];

    fn is_alpha(grey: &[u8]) -> Result<bool> {
        decide(grey, &ALPHA).map(|decided| matches!(decided, Alpha::Mask))
    }

    #[test]
    fn a_photograph_has_its_mask_in_alpha() {
        assert_eq!(is_alpha(&[255, 255, 130, 140, 180, 255]), Ok(true));
        assert_eq!(is_alpha(&[255, 255, 220, 240, 200, 255]), Ok(true));
        // One level everywhere.
        assert_eq!(is_alpha(&[255; 6]), Ok(true));
    }

    #[test]
    fn alpha_that_says_nothing_is_idle() {
        assert_eq!(is_alpha(&[0, 0, 255, 255, 255, 0]), Ok(false));
        let idle = |alpha: &[u8]| matches!(decide(&[0, 255, 7], alpha), Ok(Alpha::Idle));
        assert!(idle(&[255, 255, 250]) && idle(&[0, 0, 9]));
    }

    #[test]
    fn two_masks_are_a_question() {
        let error = is_alpha(&[0, 255, 0, 255, 0, 0]).unwrap_err();
        assert_eq!(error, Error::MaskReadings { pixels: 6, colour: 2, alpha: 3 });
        insta::assert_snapshot!(error, @r#"the mask may be its colour (33.3% of the pixels are foreground) or its alpha (50.0%); choose with mask_channel = "red" or mask_channel = "alpha""#);
        assert!(is_alpha(&[0, 1, 2, 3, 0, 0]).is_err());
    }
}
