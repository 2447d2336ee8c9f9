//! The numbers stored in a picture, and their meaning as grey, colours and alpha.

use super::header::Colour;
use super::value_range::ValueRange;
use crate::error::{Error, Result};
use crate::image::RgbImage;
use crate::size::Size;

/// A decoded picture before interpretation.
#[derive(Debug)]
pub(crate) struct Raw {
    size: Size,
    /// Grey, colours or a palette; inks are multiplied out before.
    colour: Colour,
    numbers: Numbers,
    table: Table,
}

/// Pixel by pixel, channel by channel.
#[derive(Debug)]
pub(crate) enum Numbers {
    /// One byte per number, whatever its bits (1, 2 and 4 bits are unpacked, not scaled), up to `full`, which is white.
    Bytes { data: Vec<u8>, full: u8 },
    /// Two bytes each, big endian, up to `full`.
    Wide { data: Vec<u8>, full: u16 },
    /// Floats, and integers that are signed or have more than 16 bits; the range from 0 to 1 is theirs where they are
    /// fractions (`unit`), none is otherwise.
    Floats { data: Vec<f32>, unit: bool },
}

impl Numbers {
    /// Numbers up to `full`, which is white: bytes where they are enough.
    pub(crate) fn up_to(full: u16, numbers: impl IntoIterator<Item = u16>) -> Self {
        let numbers = numbers.into_iter();
        match u8::try_from(full) {
            Ok(full) => Self::Bytes { data: numbers.map(|number| number as u8).collect(), full },
            Err(_) => Self::Wide { data: numbers.flat_map(u16::to_be_bytes).collect(), full },
        }
    }
}

/// Colours of a palette, and what is transparent.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// RGBA per index; indices past the end are opaque black, as browsers show them.
    pub(crate) palette: Vec<[u8; 4]>,
    /// The one transparent grey or colour, in stored numbers.
    pub(crate) key: Option<[u16; 3]>,
}

impl Table {
    fn colour(&self, index: u8) -> [u8; 4] {
        self.palette.get(usize::from(index)).copied().unwrap_or([0, 0, 0, 255])
    }
}

impl Raw {
    /// Takes the numbers of a picture, as many as its size and channels ask for.
    pub(crate) fn new(size: Size, colour: Colour, numbers: Numbers, table: Table) -> Self {
        let samples = size.area() * colour.channels();
        debug_assert_eq!(
            samples,
            match &numbers {
                Numbers::Bytes { data, .. } => data.len(),
                Numbers::Wide { data, .. } => data.len() / 2,
                Numbers::Floats { data, .. } => data.len(),
            }
        );
        Self { size, colour, numbers, table }
    }

    /// A picture in colours of 8 bits, for formats that store nothing else.
    pub(crate) fn of_rgb(image: RgbImage) -> Self {
        let numbers = Numbers::Bytes { data: image.data, full: 255 };
        Self::new(image.size, Colour::Rgb, numbers, Table::default())
    }

    pub(crate) fn width(&self) -> usize {
        self.size.width
    }

    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// Whether the numbers have 16 bits.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self.numbers, Numbers::Wide { .. })
    }

    /// The numbers, where they are floats.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        match &self.numbers {
            Numbers::Floats { data, .. } => Some(data),
            Numbers::Bytes { .. } | Numbers::Wide { .. } => None,
        }
    }

    /// Whether floats stand for fractions from 0 to 1.
    pub(crate) fn is_unit(&self) -> bool {
        matches!(self.numbers, Numbers::Floats { unit: true, .. })
    }

    /// The same picture with other numbers in place of floats.
    pub(crate) fn with_numbers(self, numbers: Numbers) -> Self {
        Self::new(self.size, self.colour, numbers, self.table)
    }

    /// The stored numbers of one channel: indices for a palette. Of floats none: masks are read from integers, which
    /// [`with_numbers`](Self::with_numbers) puts in their place.
    pub(crate) fn stored(&self, channel: usize) -> impl Iterator<Item = u16> {
        let channels = self.colour.channels();
        let (bytes, wide): (&[u8], &[u8]) = match &self.numbers {
            Numbers::Bytes { data, .. } => (data, &[]),
            Numbers::Wide { data, .. } => (&[], data),
            Numbers::Floats { .. } => (&[], &[]),
        };
        let bytes = bytes.chunks_exact(channels).map(move |pixel| u16::from(pixel[channel]));
        let wide = wide
            .chunks_exact(2 * channels)
            .map(move |pixel| u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]]));
        bytes.chain(wide)
    }

    /// The numbers of all channels but alpha, where they have more than 8 bits.
    pub(crate) fn deep(&self) -> Option<Vec<f32>> {
        let channels = self.colour.channels();
        let colours = channels - usize::from(self.has_alpha_channel());
        match &self.numbers {
            Numbers::Bytes { .. } => None,
            Numbers::Wide { data, .. } => Some(
                data.as_chunks::<2>()
                    .0
                    .chunks_exact(channels)
                    .flat_map(|pixel| &pixel[..colours])
                    .map(|&pair| f32::from(u16::from_be_bytes(pair)))
                    .collect(),
            ),
            Numbers::Floats { data, .. } => Some(
                data.chunks_exact(channels).flat_map(|pixel| &pixel[..colours]).copied().collect(),
            ),
        }
    }

    /// Grey or colour in 8 bits; stored numbers of less than 8 bits are scaled to 0..255, others are seen in `range`,
    /// or in the whole range of their bits.
    ///
    /// # Errors
    /// [`Error::NoRange`] for floats beyond 0 to 1 and other numbers that have no range of their own, without one.
    pub(crate) fn into_rgb(self, range: Option<ValueRange>) -> Result<RgbImage> {
        let size = self.size;
        let channels = self.colour.channels();
        let data = match (self.colour, self.numbers) {
            (Colour::Rgb, Numbers::Bytes { data, full: 255 }) => data,
            (Colour::Palette, Numbers::Bytes { data, .. }) => {
                let table: Vec<[u8; 4]> = (0..=255).map(|index| self.table.colour(index)).collect();
                data.iter()
                    .flat_map(|&index| table[usize::from(index)].into_iter().take(3))
                    .collect()
            }
            (Colour::Rgba, Numbers::Bytes { data: samples, full: 255 }) => {
                let mut data = Vec::with_capacity(3 * size.area());
                let pixels = samples.as_chunks::<4>().0.iter();
                pixels.for_each(|pixel| data.extend_from_slice(&pixel[..3]));
                data
            }
            (_, Numbers::Bytes { data, full }) => {
                let level = |value: &u8| scaled(u32::from(*value), u32::from(full));
                colours(&data, channels, level)
            }
            (_, Numbers::Wide { data, full }) => {
                let number = |pair: &[u8; 2]| u16::from_be_bytes(*pair);
                let pairs = data.as_chunks::<2>().0;
                match range {
                    None if full == u16::MAX => {
                        colours(pairs, channels, |pair| narrow(number(pair)))
                    }
                    None => colours(pairs, channels, |pair| {
                        scaled(u32::from(number(pair)), u32::from(full))
                    }),
                    Some(range) => {
                        let levels: Vec<u8> =
                            (0..=u16::MAX).map(|value| range.level(f64::from(value))).collect();
                        colours(pairs, channels, |pair| levels[usize::from(number(pair))])
                    }
                }
            }
            (_, Numbers::Floats { data, unit }) => {
                let range = match range {
                    Some(range) => range,
                    None => own_range(&data, unit)?,
                };
                colours(&data, channels, |value| range.level(f64::from(*value)))
            }
        };
        Ok(RgbImage { size, data })
    }

    /// One channel of a picture without palette, in 8 bits. Floats count as fractions.
    pub(crate) fn channel(&self, channel: usize) -> Vec<u8> {
        match &self.numbers {
            Numbers::Bytes { data, full: 255 } => match self.colour.channels() {
                1 => data.clone(),
                // The usual number of several, known to the compiler, is read many pixels at a time.
                4 => data.as_chunks::<4>().0.iter().map(|pixel| pixel[channel]).collect(),
                channels => data.chunks_exact(channels).map(|pixel| pixel[channel]).collect(),
            },
            Numbers::Bytes { full, .. } => {
                let full = u32::from(*full);
                self.stored(channel).map(|value| scaled(u32::from(value), full)).collect()
            }
            Numbers::Wide { full: u16::MAX, .. } => self.stored(channel).map(narrow).collect(),
            Numbers::Wide { full, .. } => {
                let full = u32::from(*full);
                self.stored(channel).map(|value| scaled(u32::from(value), full)).collect()
            }
            Numbers::Floats { data, .. } => {
                let pixels = data.chunks_exact(self.colour.channels());
                pixels.map(|pixel| fraction(pixel[channel])).collect()
            }
        }
    }

    /// The only channel of an 8-bit grey picture without a copy.
    pub(crate) fn into_grey8(self) -> Result<Vec<u8>, Self> {
        match self.numbers {
            Numbers::Bytes { data, full: 255 } if self.colour == Colour::Grey => Ok(data),
            _ => Err(self),
        }
    }

    fn has_alpha_channel(&self) -> bool {
        matches!(self.colour, Colour::GreyAlpha | Colour::Rgba)
    }

    /// Whether a pixel is not opaque.
    pub(crate) fn is_transparent(&self) -> bool {
        self.alpha().is_some_and(|alpha| alpha.iter().any(|&value| value != 255))
    }

    /// Alpha in 8 bits where the file has any: a channel, palette entries, or a transparent colour.
    pub(crate) fn alpha(&self) -> Option<Vec<u8>> {
        match self.colour {
            Colour::GreyAlpha => Some(self.channel(1)),
            Colour::Rgba => Some(self.channel(3)),
            Colour::Palette if self.table.palette.iter().any(|entry| entry[3] != 255) => {
                Some(self.stored(0).map(|index| self.table.colour(index as u8)[3]).collect())
            }
            Colour::Grey => {
                let [key, ..] = self.table.key?;
                Some(self.stored(0).map(|value| if value == key { 0 } else { 255 }).collect())
            }
            Colour::Rgb => {
                let [red, green, blue] = self.table.key?;
                let pixels = self.stored(0).zip(self.stored(1)).zip(self.stored(2));
                Some(
                    pixels
                        .map(|((r, g), b)| if (r, g, b) == (red, green, blue) { 0 } else { 255 })
                        .collect(),
                )
            }
            Colour::Palette | Colour::Cmyk => None,
        }
    }
}

/// Red, green and blue of every pixel, grey three times.
fn colours<T>(numbers: &[T], channels: usize, level: impl Fn(&T) -> u8) -> Vec<u8> {
    let pixels = numbers.chunks_exact(channels);
    if channels < 3 {
        pixels.flat_map(|pixel| [level(&pixel[0]); 3]).collect()
    } else {
        pixels.flat_map(|pixel| [level(&pixel[0]), level(&pixel[1]), level(&pixel[2])]).collect()
    }
}

/// A float between 0 and 1 in 8 bits: what floats are where nothing else is said.
pub(super) fn fraction(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

/// The range from 0 to 1, where the numbers are fractions.
fn own_range(numbers: &[f32], unit: bool) -> Result<ValueRange> {
    let finite = numbers.iter().copied().filter(|value| value.is_finite());
    let (smallest, largest) = finite
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let within = smallest > largest || (0.0..=1.0).contains(&smallest) && largest <= 1.0;
    ValueRange::new(0.0, 1.0).filter(|_| unit && within).ok_or_else(|| Error::NoRange {
        smallest: smallest.to_string(),
        largest: largest.to_string(),
    })
}

/// A number up to `full` to 8 bits, rounded.
fn scaled(value: u32, full: u32) -> u8 {
    ((value.min(full) * 255 + full / 2) / full) as u8
}

/// 16 bits to 8: `v / 257` rounded, so that 0 and 65535 become 0 and 255.
fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) + 128) / 257) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded() {
        for wide in 0..=u16::MAX {
            assert_eq!(narrow(wide), (f64::from(wide) / 257.0).round() as u8);
            assert_eq!(scaled(u32::from(wide), 65_535), narrow(wide));
        }
    }

    #[test]
    fn few_bits_are_scaled_exactly() {
        for full in [1, 3, 15, 255] {
            for value in 0..=full {
                assert_eq!(u32::from(scaled(value, full)), value * (255 / full));
            }
        }
    }

    fn grey(numbers: Numbers) -> Raw {
        Raw::new(Size::new(1, 3), Colour::Grey, numbers, Table::default())
    }

    #[test]
    fn deep_numbers_are_seen_in_their_range() {
        let twelve = || {
            let data = [0u16, 2048, 4095].iter().flat_map(|value| value.to_be_bytes()).collect();
            grey(Numbers::Wide { data, full: u16::MAX })
        };
        let levels = |raw: Raw, range| -> Vec<u8> {
            raw.into_rgb(range).unwrap().data.chunks_exact(3).map(|pixel| pixel[0]).collect()
        };
        assert_eq!(levels(twelve(), None), [0, 8, 16]);
        assert_eq!(levels(twelve(), ValueRange::new(0.0, 4095.0)), [0, 128, 255]);
        assert_eq!(twelve().deep(), Some(vec![0.0, 2048.0, 4095.0]));
        let floats = |data: [f32; 3], unit| grey(Numbers::Floats { data: data.to_vec(), unit });
        assert_eq!(levels(floats([0.0, 0.5, 1.0], true), None), [0, 128, 255]);
        assert_eq!(
            levels(floats([f32::NAN, -5.0, 5.0], true), ValueRange::new(-5.0, 5.0)),
            [0, 0, 255]
        );
        for (numbers, unit) in
            [([0.0, 0.5, 1.5], true), ([-0.1, 0.0, 1.0], true), ([0.0, 1.0, 1.0], false)]
        {
            assert!(matches!(floats(numbers, unit).into_rgb(None), Err(Error::NoRange { .. })));
        }
    }
}
