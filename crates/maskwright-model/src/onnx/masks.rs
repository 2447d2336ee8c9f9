//! Which masks a decoder's graph gives.

/// Which masks the decoder gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masks {
    /// SAM's own, from a decoder without the HQ token.
    Sam,
    /// The HQ mask alone.
    Hq,
    /// The sum of both, as HQ-SAM's predictor.
    SamHq,
}

impl Masks {
    pub(super) fn hq(self) -> bool {
        self != Self::Sam
    }
}
