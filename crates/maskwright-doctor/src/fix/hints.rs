//! What the hints of a set's issues add up to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ENTRIES;
use crate::differ::Differ;
use crate::issue::Hint;

/// Names that are written into an `exclude` line; a longer list belongs into a script.
const NAMES: usize = 12;

/// What the hints of a check's issues add up to, over a set.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    pub(super) values: BTreeSet<u16>,
    /// The largest number of different values in one mask.
    pub(super) most_values: usize,
    pub(super) colours: HashMap<[u8; 3], u64>,
    pub(super) many_colours: bool,
    pub(super) alpha: u64,
    /// The largest scale up to 1 that an object needs.
    pub(super) scale: f64,
    /// Objects that need more than scale 1.
    pub(super) beyond: u64,
    /// The largest area of an object that is too small, in pixels of its image.
    pub(super) area: usize,
    pub(super) upright: u64,
    pub(super) stored: u64,
    pub(super) exif_auto: u64,
    /// The largest number of all pictures of 16 bits that use few of them.
    pub(super) largest: u16,
    /// By how sizes of images and masks differ: records.
    pub(super) sizes: BTreeMap<Differ, u64>,
    pub(super) names: Vec<String>,
    pub(super) unnamed: bool,
}

impl Hints {
    /// Takes an issue's hint.
    pub(crate) fn add(&mut self, hint: &Hint) {
        match hint {
            Hint::None => {}
            Hint::Values(values) => {
                self.most_values = self.most_values.max(values.len());
                self.values.extend(values);
            }
            Hint::Colours(colours) => {
                self.many_colours |= colours.len() >= ENTRIES;
                for (colour, pixels) in colours {
                    *self.colours.entry(*colour).or_default() += pixels;
                }
            }
            Hint::Alpha => self.alpha += 1,
            Hint::Scale { need, area } => {
                self.area = self.area.max(*area);
                if *need > 1.0 {
                    self.beyond += 1;
                } else {
                    self.scale = self.scale.max(*need);
                }
            }
            Hint::Turn(sides) => match sides.verdict() {
                Some(true) => self.upright += 1,
                Some(false) => self.stored += 1,
                None => {}
            },
            Hint::Largest(value) => self.largest = self.largest.max(*value),
            Hint::ExifAuto => self.exif_auto += 1,
            Hint::Sizes(how) => *self.sizes.entry(*how).or_default() += 1,
        }
    }

    /// Takes the name of a record that could be left out.
    pub(crate) fn name(&mut self, name: &str) {
        if self.names.last().is_some_and(|last| last == name) {
            return;
        }
        if self.names.len() < NAMES && !name.contains(char::REPLACEMENT_CHARACTER) {
            self.names.push(name.to_owned());
        } else {
            self.unnamed = true;
        }
    }
}
