//! Label Studio's run lengths of brush masks: those of thi.ng/rle-pack, of the bytes of an RGBA picture.
//!
//! | bits | what |
//! |---|---|
//! | 32 | the number of values |
//! | 5 | the bits of a value, less 1 |
//! | 4 x 4 | the bits of a length, less 1, for each of four kinds of lengths |
//! | then, until there are as many values: | |
//! | 1 | whether one value is repeated |
//! | 2 | the kind of the length |
//! | as many | the length, less 1 |
//! | 1 or length times the bits of a value | the values |
//!
//! All numbers have their highest bit first.

use maskwright_image::Size;

/// The alpha of each pixel, row by row.
///
/// # Errors
///
/// What was expected and found: bytes that end too early, or another number of values than four for each pixel of `size`.
pub(crate) fn decode_brush(bytes: &[u8], size: Size) -> Result<Vec<u8>, String> {
    let mut bits = Bits { bytes, at: 0 };
    let values = bits.take(32)? as usize;
    let expected = 4 * size.area();
    if values != expected {
        return Err(format!(
            "rle: expected 4 values for each of {}x{} pixels, {expected} in all, found {values}",
            size.width, size.height
        ));
    }
    // A run of at most 2^16 values takes five bits and more.
    if values as u64 > (8 * bytes.len() as u64).div_ceil(5) << 16 {
        return Err("rle: expected more bytes, found the end".into());
    }
    let value_bits = bits.take(5)? + 1;
    let mut length_bits = [0; 4];
    for bits_of in &mut length_bits {
        *bits_of = bits.take(4)? + 1;
    }
    let mut alpha = vec![0; size.area()];
    let mut at = 0;
    while at < values {
        let repeated = bits.take(1)? == 1;
        let kind = bits.take(2)? as usize;
        let length = bits.take(length_bits[kind])? as usize + 1;
        if length > values - at {
            return Err(format!("rle: expected {values} values, found more"));
        }
        let mut value = 0;
        for place in at..at + length {
            if !repeated || place == at {
                value = bits.take(value_bits)?;
            }
            if place % 4 == 3 {
                alpha[place / 4] = value.min(255) as u8;
            }
        }
        at += length;
    }
    Ok(alpha)
}

/// Bytes, bit by bit.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    /// The number that the next bits are, at most 32.
    fn take(&mut self, count: u32) -> Result<u32, String> {
        let mut number = 0;
        for at in self.at..self.at + count as usize {
            let byte = self.bytes.get(at / 8).ok_or("rle: expected more bytes, found the end")?;
            number = number << 1 | u32::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count as usize;
        Ok(number)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Packs values as Label Studio does: repeated ones, and others one by one.
    pub(crate) fn pack(values: &[u8]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |number: usize, count: usize| {
            bits.extend((0..count).rev().map(|bit| number >> bit & 1 == 1));
        };
        put(values.len(), 32);
        put(7, 5);
        // Lengths of 3, 4, 8 and 16 bits, as its editor has them.
        [2, 3, 7, 15].into_iter().for_each(|less| put(less, 4));
        let mut rest = values;
        while let Some(&first) = rest.first() {
            let same = rest.iter().take(1 << 16).take_while(|value| **value == first).count();
            let (repeated, length) = if same > 1 { (1, same) } else { (0, 1) };
            put(repeated, 1);
            let kind = [3usize, 4, 8, 16].iter().position(|bits| length <= 1 << bits).unwrap();
            put(kind, 2);
            put(length - 1, [3, 4, 8, 16][kind]);
            put(first.into(), 8);
            rest = &rest[length..];
        }
        bits.chunks(8)
            .map(|eight| {
                eight
                    .iter()
                    .enumerate()
                    .fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
            })
            .collect()
    }

    #[test]
    fn bits_are_read_as_they_are_packed() {
        // 4 values of 8 bits, lengths of 1 bit: a run of two 255, then 7 and 9 one by one.
        // 00000000 00000000 00000000 00000100 | 00111 0000 0000 0000 0000 | 1 00 1 11111111 | 0 00 1 00000111 00001001
        let text = "00000000000000000000000000000100\
                    001110000000000000000\
                    100111111111\
                    00010000011100001001";
        let bits: Vec<u8> = text.bytes().map(|bit| bit - b'0').collect();
        let bytes: Vec<u8> = bits
            .chunks(8)
            .map(|eight| eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at)))
            .collect();
        // The alpha of the only pixel is the last of the four.
        assert_eq!(decode_brush(&bytes, Size::square(1)).unwrap(), [9]);
    }

    #[test]
    fn what_is_packed_comes_back() {
        let size = Size::new(9, 31);
        let alpha: Vec<u8> =
            (0..size.area()).map(|at| if at / 7 % 3 == 0 { 255 } else { 0 }).collect();
        let values: Vec<u8> = alpha.iter().flat_map(|&a| [3, 4, 5, a]).collect();
        assert_eq!(decode_brush(&pack(&values), size).unwrap(), alpha);
        let bytes = pack(&values);
        for cut in [0, 3, 7, 20, bytes.len() - 2] {
            let error = decode_brush(&bytes[..cut], size).unwrap_err();
            assert_eq!(error, "rle: expected more bytes, found the end", "{cut}");
        }
        let error = decode_brush(&bytes, Size::square(9)).unwrap_err();
        assert_eq!(error, "rle: expected 4 values for each of 9x9 pixels, 324 in all, found 1116");
    }
}
