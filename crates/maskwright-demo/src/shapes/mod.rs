//! The families of objects: each draws a solid core and thin parts in its own
//! frame, about -100..100 on both axes, y down.
//!
//! Lengths and widths are in that frame, so a width of 4 is 2% of the object. The
//! families follow what thin-object data sets show (DIS5K, Qin et al. 2022;
//! ThinObject5K, Liew et al. 2021): wheels, branches, leaves, lattices, nets,
//! insects, tools and wire.

mod lattice;
mod machine;
mod nature;
mod outline;
mod tool;

use strum::{IntoStaticStr, VariantArray};

use crate::draw::Draw;
use crate::raster::Drawing;

/// The kind of object in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
#[non_exhaustive]
pub enum Family {
    /// A wheel with spokes, hub and tyre.
    Wheel,
    /// A head with two branching antlers.
    Antlers,
    /// A chair with a slatted back.
    Chair,
    /// A leaf with a serrated edge and a stem.
    Leaf,
    /// Two ring-handled blades.
    Scissors,
    /// A strung racket.
    Racket,
    /// An insect with six legs and antennae.
    Insect,
    /// An open umbrella on a hooked stick.
    Umbrella,
    /// A gear with spokes.
    Gear,
    /// A bare tree in a pot.
    Tree,
    /// A bicycle.
    Bicycle,
    /// A whisk: wire loops on a handle.
    Whisk,
    /// A key with a ring and bits.
    Key,
    /// A stem with leaflets on both sides.
    Fern,
    /// A ladder with a platform.
    Ladder,
    /// A closed wire rosette around a disc.
    Rosette,
    /// A garden fork.
    Fork,
}

impl Family {
    /// All families, in the order in which a split cycles through them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The family of a split's record: they take turns, so that a small split
    /// has all of them.
    pub fn of(index: usize) -> Self {
        Self::ALL[index % Self::ALL.len()]
    }

    /// The name that file names carry.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// How far an object of the family may be turned from upright, in degrees.
    pub(super) fn max_turn(self) -> f32 {
        match self {
            Self::Chair | Self::Tree | Self::Bicycle => 14.0,
            Self::Antlers | Self::Ladder => 30.0,
            Self::Umbrella => 60.0,
            _ => 180.0,
        }
    }

    /// Draws one object of the family.
    pub(super) fn draw(self, draw: &mut Draw) -> Drawing {
        match self {
            Self::Wheel => machine::wheel(draw),
            Self::Antlers => nature::antlers(draw),
            Self::Chair => lattice::chair(draw),
            Self::Leaf => nature::leaf(draw),
            Self::Scissors => tool::scissors(draw),
            Self::Racket => lattice::racket(draw),
            Self::Insect => nature::insect(draw),
            Self::Umbrella => tool::umbrella(draw),
            Self::Gear => machine::gear(draw),
            Self::Tree => nature::tree(draw),
            Self::Bicycle => machine::bicycle(draw),
            Self::Whisk => lattice::whisk(draw),
            Self::Key => tool::key(draw),
            Self::Fern => nature::fern(draw),
            Self::Ladder => lattice::ladder(draw),
            Self::Rosette => machine::rosette(draw),
            Self::Fork => tool::fork(draw),
        }
    }
}

/// The width of a thin part: 2% to 3% of the object.
fn thin(draw: &mut Draw) -> f32 {
    draw.range(4.0, 6.0)
}
