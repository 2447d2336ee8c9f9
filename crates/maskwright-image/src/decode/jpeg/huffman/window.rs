//! The bytes of a scan without their stuffing, a part at a time, and the bits of them.

/// Bytes that a window holds.
const SIZE: usize = 1 << 14;

/// Bytes that may be read past the ones that count.
const SLACK: usize = 8;

/// A part of a scan's data, up to a marker or the data's end at most.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Box<[u8; SIZE + SLACK]>,
    filled: usize,
    /// Bytes of the scan before the window, without stuffing.
    before: usize,
    /// Bytes of the scan up to the window's end, with stuffing.
    raw_end: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { bytes: Box::new([0; SIZE + SLACK]), filled: 0, before: 0, raw_end: 0 }
    }
}

impl Window {
    /// Goes to the start of another scan.
    pub(super) fn restart(&mut self) {
        (self.filled, self.before, self.raw_end) = (0, 0, 0);
    }

    /// How many bytes it holds.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Bytes of the scan before the window, without stuffing.
    pub(super) fn before(&self) -> usize {
        self.before
    }

    /// Bytes of the scan up to the window's end, with stuffing.
    pub(super) fn raw_end(&self) -> usize {
        self.raw_end
    }

    /// Drops the first `used` bytes and takes in others from `data`, the whole of the scan.
    pub(super) fn advance(&mut self, used: usize, data: &[u8]) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        self.bytes.copy_within(used..self.filled, 0);
        self.before += used;
        let (mut to, mut from) = (self.filled - used, self.raw_end);
        while to < SIZE
            && let Some(next) = data.get(from..).and_then(|rest| rest.first_chunk::<8>())
        {
            self.bytes[to..to + 8].copy_from_slice(next);
            let word = u64::from_le_bytes(*next);
            // The lowest bit that is set is the highest one of the first byte of 0xFF.
            let full = (!word).wrapping_sub(ONES) & word & (ONES << 7);
            if full == 0 {
                (to, from) = (to + 8, from + 8);
                continue;
            }
            let sound = full.trailing_zeros() as usize / 8;
            (to, from) = (to + sound, from + sound);
            if data.get(from + 1) != Some(&0) {
                // A marker, or fill bytes.
                break;
            }
            (to, from) = (to + 1, from + 2);
        }
        (self.filled, self.raw_end) = (to, from);
    }

    /// Bytes of the scan, with stuffing, up to byte `at` of the window.
    pub(super) fn raw(&self, at: usize) -> usize {
        let after = &self.bytes[at..self.filled];
        self.raw_end - after.len() - after.iter().filter(|&&byte| byte == 0xFF).count()
    }

    /// The eight bytes before byte `at`, or fewer at the window's start, as a number.
    pub(super) fn word_before(&self, at: usize) -> u64 {
        let bytes = &self.bytes[at.saturating_sub(8)..at];
        bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
    }
}

/// Bits from the left of a word, and where in the window the next ones are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bits {
    /// The next bit is the highest one.
    pub(super) buffer: u64,
    /// How many of them count.
    count: u32,
    /// The next byte of the window.
    at: usize,
}

impl Bits {
    /// Makes 56 bits or more of the buffer count, where the window has them.
    #[inline(always)]
    pub(super) fn fill(&mut self, window: &Window) {
        if let Some(next) = window.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            // The whole bytes that fit are taken; what the buffer then has of one more is read again next time.
            self.buffer |= u64::from_be_bytes(*next) >> self.count;
            self.at += ((63 - self.count) >> 3) as usize;
            self.count |= 56;
        }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) {
        self.buffer <<= count;
        self.count = self.count.wrapping_sub(count);
    }

    /// Bits of the window that were taken.
    pub(super) fn position(&self) -> usize {
        (8 * self.at).wrapping_sub(self.count as usize)
    }

    /// Follows the window, from which `bytes` were dropped.
    pub(super) fn move_back(&mut self, bytes: usize) {
        self.at -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: one byte after the other.
    fn unstuffed(data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut at = 0;
        while at < data.len() {
            bytes.push(data[at]);
            at += match (data[at], data.get(at + 1)) {
                (0xFF, Some(0)) => 2,
                (0xFF, _) => {
                    bytes.pop();
                    return bytes;
                }
                _ => 1,
            };
        }
        bytes
    }

    /// Data with stuffing in it everywhere, dense and sparse, and a marker at its end or none.
    fn data(length: usize, marker: bool, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut data = Vec::new();
        while data.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let byte = (state >> 56) as u8;
            let often = (data.len() / 1000) % 3 == 0;
            match byte {
                0xFF => data.extend([0xFF, 0]),
                0..60 if often => data.extend([0xFF, 0]),
                byte => data.push(byte),
            }
        }
        if marker {
            data.extend([0xFF, 0xD9]);
        }
        data.extend([7; 20]);
        data
    }

    #[test]
    fn windows_hold_the_data_without_stuffing() {
        for (length, marker, step) in [(50_000, true, 13_000), (40_000, false, 1), (10, true, 3)] {
            let data = data(length, marker, length as u64);
            let expected = unstuffed(&data);
            let mut window = Window::default();
            window.advance(0, &data);
            while window.filled() > 0 {
                let (from, n) = (window.before(), window.filled());
                assert_eq!(window.bytes[..n], expected[from..from + n]);
                for at in [0, n / 2, n] {
                    let raw = window.raw(at);
                    assert_eq!(unstuffed(&data[..raw]), expected[..from + at]);
                    let eight: Vec<u8> = expected[from..from + at].to_vec();
                    let word = eight.iter().fold(0, |word: u64, &byte| word << 8 | u64::from(byte));
                    assert_eq!(window.word_before(at), word);
                }
                let used = step.min(n);
                window.advance(used, &data);
                if n < SIZE && step == 1 {
                    break;
                }
            }
            // The last bytes before the data's end may be left.
            assert!(window.before() + window.filled() + 8 >= expected.len());
        }
    }

    #[test]
    fn bits_come_in_order() {
        let data = data(3000, false, 5);
        let expected = unstuffed(&data);
        let mut window = Window::default();
        window.advance(0, &data);
        let mut bits = Bits::default();
        for count in (1..=28).cycle().take(700) {
            let at = bits.position();
            bits.fill(&window);
            for k in 0..2 {
                let found = bits.buffer >> (64 - count);
                let expected = (0..count as usize).fold(0, |number, n| {
                    let bit = at + k * count as usize + n;
                    number << 1 | u64::from(expected[bit / 8] >> (7 - bit % 8) & 1)
                });
                assert_eq!(found, expected);
                bits.take(count);
            }
        }
    }
}
