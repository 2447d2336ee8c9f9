//! What a draw is made for.

/// What a generator is drawn from for.
///
/// Draws of different purposes never share bits, so adding a draw to one of them
/// leaves all others as they were. The numbers are part of the generator's key:
/// they are never reused or renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
#[non_exhaustive]
pub enum Purpose {
    /// The order in which an epoch visits the records.
    Order = 1,
    /// Whether a view is mirrored.
    Flip = 2,
    /// The scale of the jitter.
    Scale = 3,
    /// Where the jitter crops, with its redraws.
    Crop = 4,
    /// Which kind of prompt an object gets.
    PromptKind = 5,
    /// Foreground and background points.
    Points = 6,
    /// The noise in a mask prompt.
    NoiseMask = 7,
    /// The jitter of a box prompt.
    Box = 8,
    /// The record that stands in for a refused one.
    Replacement = 9,
    /// The kind of prompt of an object for which the first kind is impossible.
    OtherKind = 10,
    /// Data made by a generator instead of read from files.
    Synthesis = 11,
    /// The points that the training loss is taken on.
    LossPoints = 12,
    /// The order in which a record's objects are taken; one for all objects of a view.
    Object = 13,
    /// Which records of a set come once more than the others in an epoch.
    Remainder = 14,
    /// How many points a prompt has.
    PointCount = 15,
    /// The click that corrects a prediction.
    Correction = 16,
    /// How far an evaluation's click lies from the middle of an error.
    ClickJitter = 17,
    /// Which images a resampled mean is taken over.
    Bootstrap = 18,
}

/// Which number of a [`SampleKey`](super::SampleKey) a draw depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The number of the view: the draw decides which pixels are seen, and is the same however often the
    /// view is asked about.
    View,
    /// The number of the draw: what is asked about the view.
    Draw,
}

impl Purpose {
    /// Which number of a key draws of this purpose depend on.
    ///
    /// [`Order`](Purpose::Order), [`Synthesis`](Purpose::Synthesis) and [`Bootstrap`](Purpose::Bootstrap) know no sample and take
    /// numbers of their own: the epoch's, the picture's, the resample's.
    pub fn scope(self) -> Scope {
        match self {
            Purpose::Order
            | Purpose::Flip
            | Purpose::Scale
            | Purpose::Crop
            | Purpose::Replacement
            | Purpose::Synthesis
            | Purpose::Remainder
            | Purpose::Bootstrap => Scope::View,
            Purpose::PromptKind
            | Purpose::Points
            | Purpose::NoiseMask
            | Purpose::Box
            | Purpose::OtherKind
            | Purpose::LossPoints
            | Purpose::Object
            | Purpose::PointCount
            | Purpose::Correction
            | Purpose::ClickJitter => Scope::Draw,
        }
    }
}
