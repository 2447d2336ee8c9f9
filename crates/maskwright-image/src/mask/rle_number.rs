//! A number of COCO's compressed string, both ways.

use crate::error::{Error, Result};

/// The byte that stands for zero; the alphabet is the 64 bytes from here on.
pub(super) const ZERO: u8 = b'0';
/// Set in every byte of a number but its last.
pub(super) const MORE: u8 = 0x20;
/// Groups of five bits in the longest number: the difference of two runs has 33 bits, with its sign.
const LONGEST: usize = 7;

/// The number that starts at `position`, and how many bytes it has.
pub(super) fn read(text: &[u8], position: usize) -> Result<(i64, usize)> {
    let mut number = 0;
    for (k, &byte) in text[position..].iter().enumerate() {
        let group = byte.wrapping_sub(ZERO);
        if group >= 64 {
            return Err(Error::RleByte { position: position + k, byte });
        }
        if k == LONGEST {
            return Err(Error::RleRun { position, run: None });
        }
        number |= i64::from(group & 31) << (5 * k);
        if group & MORE == 0 {
            // The last group's highest bit is the sign: move it to the top and back.
            let unused = 64 - 5 * (k + 1);
            return Ok((number << unused >> unused, k + 1));
        }
    }
    Err(Error::RleEnd { position, length: text.len() })
}

/// Appends a number.
pub(super) fn write(mut number: i64, text: &mut String) {
    loop {
        let group = (number & 31) as u8;
        number >>= 5;
        // What is left must be what the sign bit of the last group will be filled up with.
        let last = number == if group & 16 == 0 { 0 } else { -1 };
        text.push(char::from(ZERO + group + if last { 0 } else { MORE }));
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        let edges = [0i64, 15, 16, 511, 512, 1 << 14, 1 << 31, i64::from(u32::MAX)];
        for number in edges.into_iter().flat_map(|n| [n, n + 1, n - 1, -n, -n - 1, 1 - n]) {
            let mut text = String::new();
            write(number, &mut text);
            assert_eq!(read(text.as_bytes(), 0), Ok((number, text.len())));
        }
    }
}
