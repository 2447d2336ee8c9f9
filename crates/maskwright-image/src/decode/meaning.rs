//! What the numbers of a mask look like: levels of grey, classes, or objects.
//!
//! A mask of levels has 255 (65535) where its object is. Numbers of classes or objects begin at 1 and end long before.
//! Read as levels they would train as nothing, or where they reach 129, objects from there on would train as one. What
//! is unmistakably no level is refused by name; everything else is read as it is.

use crate::error::{Error, Result};

/// Largest value that still looks like the number of a class.
pub(super) const LARGEST_ID: u16 = 31;
/// The same in files of 16 bits, which have no levels so small.
pub(super) const LARGEST_WIDE_ID: u16 = 255;
/// From here on a level of 16 bits is white.
const WIDE_WHITE: u16 = 0xFF00;
/// Bands of fewer pixels are lines.
const THIN: u64 = 3;
/// Numbers that an error lists.
const SHOWN: usize = 8;

/// Which groups of levels occur in a mask of 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Levels {
    /// 1 to 31.
    small: bool,
    /// 32 to 254.
    middle: bool,
    /// 255.
    white: bool,
}

impl Levels {
    /// Looks until it is certain that the mask is one of levels: in the grey edge or the corner of most masks.
    fn of(data: &[u8]) -> Levels {
        let mut all = Levels::default();
        for piece in data.chunks(1 << 12) {
            // Each by itself, which processors do for many pixels at a time.
            let any = |seen: u8| seen > 0;
            all.small |= any(piece
                .iter()
                .fold(0, |seen, &value| seen | u8::from(value.wrapping_sub(1) < LARGEST_ID as u8)));
            all.middle |= any(piece.iter().fold(0, |seen, &value| {
                let middle = value.wrapping_sub(LARGEST_ID as u8 + 1) < 254 - LARGEST_ID as u8;
                seen | u8::from(middle)
            }));
            all.white |= any(piece.iter().fold(0, |seen, &value| seen | u8::from(value == 255)));
            if all.middle && all.white {
                break;
            }
        }
        all
    }
}

/// Refuses a mask of 8 bits, row by row, whose values are unmistakably no levels. `exact` says that the values are those
/// that were drawn, as they are not in a JPEG.
pub(super) fn refuse_numbers(data: &[u8], width: usize, exact: bool) -> Result<()> {
    match Levels::of(data) {
        Levels { middle: false, white: false, small } => {
            if small {
                refuse_small(data, width)
            } else {
                Ok(())
            }
        }
        Levels { middle: false, white: true, small: true } if exact && is_void(data, width) => {
            let mut values: Vec<u16> =
                values(data).filter(|value| (1..255).contains(value)).collect();
            let more = shorten(&mut values);
            Err(Error::MaskBesideVoid { values, more })
        }
        Levels { middle: true, white: false, .. } if exact => {
            let numbers = Numbers::of(data, width);
            if numbers.are_objects() { Err(numbers.refused()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Whether 255 marks what shall not count in a mask of 0, numbers up to 31 and 255. It does beside several numbers of
/// more than a few pixels; and beside a single one that covers more than it does, where it fills areas or broad bands. Thin lines of 255 are
/// drawn objects, and the number marks something else: CrackForest has cracks of 255, and 3 in what they enclose.
fn is_void(data: &[u8], width: usize) -> bool {
    let mut pixels = [0u64; 256];
    // The sides of pixels at which 255 ends.
    let mut sides = 0;
    let mut above: &[u8] = &[];
    for row in data.chunks(width.max(1)) {
        let ends =
            |pair: (&u8, &u8)| u64::from(pair.0 != pair.1 && (*pair.0 == 255 || *pair.1 == 255));
        row.iter().for_each(|&value| pixels[usize::from(value)] += 1);
        sides += row.iter().zip(&row[1..]).map(ends).sum::<u64>();
        sides += above.iter().zip(row).map(ends).sum::<u64>();
        above = row;
    }
    let small = &pixels[1..=usize::from(LARGEST_ID)];
    let several = small.iter().filter(|&&count| count > 0).count() > 1;
    // A band has two sides for each pixel of its length.
    let broad = 2 * pixels[255] >= THIN * sides;
    let small: u64 = small.iter().sum();
    // A few stray pixels are no classes.
    several && 2 * small > pixels[255] || small > pixels[255] && broad
}

/// Refuses numbers of 8 bits that are nowhere above 31.
fn refuse_small(data: &[u8], width: usize) -> Result<()> {
    let numbers = Numbers::of(data, width);
    if numbers.are_objects() {
        Err(numbers.refused())
    } else {
        refuse_ids(values(data), LARGEST_ID)
    }
}

/// Refuses a grey mask of 16 bits, row by row, whose values are unmistakably no levels.
pub(super) fn refuse_wide_numbers(data: &[u16], width: usize) -> Result<()> {
    let largest = data.iter().copied().max().unwrap_or(0);
    if largest >= WIDE_WHITE {
        return Ok(());
    }
    let numbers = Numbers::of(data, width);
    if numbers.are_objects() {
        return Err(numbers.refused());
    }
    // Of what is rounded to 31 or less nothing could ever be meant as a level.
    if largest < 257 * (LARGEST_ID + 1) - 128 {
        return refuse_ids(numbers.occurring(), largest);
    }
    Ok(())
}

/// Refuses numbers that are left of a mask beside those to be ignored, where several are left and none is a level.
pub(super) fn refuse_several(numbers: &[u16], width: usize, wide: bool) -> Result<()> {
    let counted = Numbers::of(numbers, width);
    let largest = if wide { LARGEST_WIDE_ID } else { LARGEST_ID };
    match counted.occurring().last() {
        Some(last) if last <= largest => {}
        _ => return Ok(()),
    }
    if counted.are_objects() {
        Err(counted.refused())
    } else {
        refuse_ids(counted.occurring(), largest)
    }
}

/// How the numbers of a mask lie in it.
struct Numbers {
    /// For every number up to the largest, its pixels and its runs in rows.
    counts: Vec<(u64, u64)>,
    /// Neighbours, in rows and columns, of different numbers that are both not 0.
    touching: u64,
    /// Of these, such as differ by 1.
    steps: u64,
}

impl Numbers {
    fn of<T: Copy + Into<u16> + Eq>(data: &[T], width: usize) -> Numbers {
        let largest = data.iter().map(|&number| number.into()).max().unwrap_or(0);
        let mut numbers =
            Numbers { counts: vec![(0, 0); usize::from(largest) + 1], touching: 0, steps: 0 };
        let mut above: &[T] = &[];
        for row in data.chunks(width.max(1)) {
            let mut left = 0;
            for run in row.chunk_by(|a, b| a == b) {
                let number = run[0].into();
                let (pixels, runs) = &mut numbers.counts[usize::from(number)];
                *pixels += run.len() as u64;
                *runs += 1;
                numbers.meet(left, number);
                left = number;
            }
            for (&upper, &lower) in above.iter().zip(row) {
                if upper != lower {
                    numbers.meet(upper.into(), lower.into());
                }
            }
            above = row;
        }
        numbers
    }

    fn meet(&mut self, a: u16, b: u16) {
        if a != b && a != 0 && b != 0 {
            self.touching += 1;
            self.steps += u64::from(a.abs_diff(b) == 1);
        }
    }

    /// The numbers that occur, ascending.
    fn occurring(&self) -> impl Iterator<Item = u16> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| count.0 > 0)
            .map(|(number, _)| number as u16)
    }

    /// Whether these are numbers of objects on a background: at least three, most of them up to the largest, in flat
    /// pieces. Levels of grey lie scattered along edges, or in bands each a step above the last; of two numbers either
    /// may be a class.
    fn are_objects(&self) -> bool {
        let count = self.occurring().filter(|&number| number > 0).count();
        let largest = self.counts.len() - 1;
        let flat =
            self.counts[1..].iter().filter(|(pixels, runs)| *pixels > 0 && *pixels >= 2 * runs);
        let in_bands = largest > usize::from(LARGEST_ID) && 10 * self.steps > 9 * self.touching;
        // Beyond 8 bits numbers may be made of a class and an object of it, such as 26003.
        let dense = 10 * count >= 7 * largest || largest > 8 * usize::from(LARGEST_WIDE_ID + 1);
        let background = self.counts[0].0 > 0;
        let many = background && count > 2 && 2 * flat.count() >= count;
        many && dense && !in_bands && !self.levels_in_disguise()
    }

    /// Whether all are levels of 8 bits that were made 16 bits, by either way.
    fn levels_in_disguise(&self) -> bool {
        let all = |step: u16| self.occurring().all(|number| number.is_multiple_of(step));
        all(257) || all(256)
    }

    fn refused(&self) -> Error {
        let mut numbers = self.occurring().filter(|&number| number > 0);
        let smallest = numbers.next().unwrap_or(0);
        let count = 1 + numbers.count();
        Error::MaskObjectNumbers { count, smallest, largest: (self.counts.len() - 1) as u16 }
    }
}

/// The values that occur, ascending.
fn values(data: &[u8]) -> impl Iterator<Item = u16> {
    let mut seen = [false; 256];
    data.iter().for_each(|&value| seen[usize::from(value)] = true);
    (0..256u16).filter(move |&value| seen[usize::from(value)])
}

/// Refuses values that are not all zero and nowhere above `largest_id`.
fn refuse_ids(values: impl Iterator<Item = u16>, largest_id: u16) -> Result<()> {
    let mut values: Vec<u16> = values.collect();
    match values.last() {
        None | Some(0) => Ok(()),
        Some(1) => Err(Error::MaskZeroOne),
        Some(&last) if last <= largest_id => {
            let more = shorten(&mut values);
            Err(Error::MaskClassIds { values, more })
        }
        Some(_) => Ok(()),
    }
}

/// Keeps as many as an error lists, and says whether there were more.
fn shorten(values: &mut Vec<u16>) -> bool {
    let more = values.len() > SHOWN;
    values.truncate(SHOWN);
    more
}
