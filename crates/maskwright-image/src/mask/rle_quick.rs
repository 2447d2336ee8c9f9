//! The compressed string read quickly: all numbers of 64 bytes are found at once, and those of one or two bytes, which nearly
//! all are, looked up. What a string means, and what is wrong with one, [`Rle::parse`](super::Rle::parse) says in plain code.

use super::rle_number::{MORE, ZERO, read};

/// Eight bytes with what `ZERO` is.
const ZEROS: u64 = 0x0101_0101_0101_0101 * ZERO as u64;
/// Eight bytes with what `MORE` is.
const MORES: u64 = 0x0101_0101_0101_0101 * MORE as u64;
/// Set in a byte of eight that stands for no group of five bits: 64 or more.
const NO_GROUP: u64 = 0x0101_0101_0101_0101 * 0xC0;
/// Moves the lowest bits of eight bytes into the highest byte, the first byte's to its lowest bit.
const GATHER: u64 = 0x0102_0408_1020_4080;
/// The number that two bytes begin with, if it has no more; the second one's group lies above the six bits of the first.
static SHORT: [i16; 1 << 12] = short_numbers();

const fn short_numbers() -> [i16; 1 << 12] {
    let mut numbers = [0; 1 << 12];
    let mut at = 0;
    while at < numbers.len() {
        let (first, second) = (at as i16 & 31, (at >> 6) as i16 & 31);
        // The highest bit of the last group is the sign.
        numbers[at] =
            if at as u8 & MORE == 0 { first << 11 >> 11 } else { (first | second << 5) << 6 >> 6 };
        at += 1;
    }
    numbers
}

/// Appends the runs of a compressed string that sum to `pixels`. Where that is `None`, what was appended means nothing, and the
/// string is none, or one that is seldom written.
pub(super) fn push_quickly(text: &[u8], pixels: u32, counts: &mut Vec<u32>) -> Option<()> {
    let first = counts.len();
    counts.resize(first + numbers_in(text), 0);
    let (mut begin, mut end) = (0, first);
    let mut found = 0;
    let (chunks, tail) = text.as_chunks::<64>();
    // Behind the last number are bytes of one that never ends.
    let mut last = [ZERO + MORE; 64];
    last[..tail.len()].copy_from_slice(tail);
    for (k, chunk) in chunks.iter().chain([&last]).enumerate() {
        let ends = ends_of_numbers(chunk, &mut found);
        let next = end + ends.count_ones() as usize;
        begin = read_numbers(text, begin, 64 * k, ends, counts.get_mut(end..next)?)?;
        end = next;
    }
    if begin < text.len() || found & NO_GROUP != 0 {
        return None;
    }
    (sum_up(&mut counts[first..])? == u64::from(pixels)).then_some(())
}

/// How many bytes end a number.
fn numbers_in(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    let ends = |word: u64| (!word.wrapping_sub(ZEROS) & MORES) / u64::from(MORE);
    let of_words = words.iter().map(|word| {
        // A one in each byte that ends a number: the highest byte of the product is their sum.
        (ends(u64::from_le_bytes(*word)).wrapping_mul(u64::MAX / 0xFF) >> 56) as usize
    });
    of_words.sum::<usize>()
        + tail.iter().filter(|&byte| byte.wrapping_sub(ZERO) & MORE == 0).count()
}

/// A bit for each byte that ends a number. `found` gets all bits that bytes have above `ZERO`.
fn ends_of_numbers(chunk: &[u8; 64], found: &mut u64) -> u64 {
    let words = chunk.as_chunks::<8>().0;
    words.iter().enumerate().fold(0, |ends, (k, word)| {
        // A byte below `ZERO` borrows from the next one, and is found out all the same: it has the highest bit.
        let word = u64::from_le_bytes(*word).wrapping_sub(ZEROS);
        *found |= word;
        let bits = (!word & MORES) / u64::from(MORE);
        ends | (bits.wrapping_mul(GATHER) >> 56) << (8 * k)
    })
}

/// Reads a number for each of `ends`, bits of the bytes from `from` on, and returns where the next one begins. Those that do not
/// fit into 32 bits are left to others.
// As a function of its own it has registers for all that it needs.
#[inline(never)]
fn read_numbers(
    text: &[u8],
    mut begin: usize,
    from: usize,
    mut ends: u64,
    numbers: &mut [u32],
) -> Option<usize> {
    for number in numbers {
        let end = from + ends.trailing_zeros() as usize;
        ends &= ends.wrapping_sub(1);
        let read = match text.get(begin..begin + 2) {
            Some(&[first, second]) if end - begin < 2 => {
                let (first, second) = (first.wrapping_sub(ZERO), second.wrapping_sub(ZERO));
                SHORT[usize::from(first & 63) | usize::from(second & 63) << 6].into()
            }
            _ => i32::try_from(read(text, begin).ok()?.0).ok()?,
        };
        *number = read as u32;
        begin = end + 1;
    }
    Some(begin)
}

/// Makes runs of the numbers: from the fourth on each is the difference to the run two before. Returns what they sum to, if all
/// are runs.
fn sum_up(numbers: &mut [u32]) -> Option<u64> {
    // The first run is no other's base.
    let (first, others) = numbers.split_first_mut()?;
    let mut beyond = *first as i32 as u64;
    let mut sum = beyond;
    let mut before = [0u32; 2];
    for number in others {
        let run = i64::from(before[0]) + i64::from(*number as i32);
        *number = run as u32;
        before = [before[1], *number];
        // Less than 0, or more than 32 bits.
        beyond |= run as u64;
        sum = sum.wrapping_add(u64::from(*number));
    }
    (beyond >> 32 == 0).then_some(sum)
}
