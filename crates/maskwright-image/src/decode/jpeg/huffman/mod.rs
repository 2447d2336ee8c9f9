//! Baseline Huffman decoding (ITU-T T.81, annex F.2), faster than libjpeg's and equal to it.
//!
//! Two thirds of the time that libjpeg takes for a JPEG go into its entropy-coded data. [`Scan`] takes the scans that nearly
//! all files have, one and sequential, off its hands, one MCU after the other, and gives them back for good where
//! anything is unusual: near the data's end or a marker, and at a code that is none. libjpeg then goes on from the
//! very state in which its own decoder would be. So pixels, warnings and errors are its own for every file.
//!
//! What makes it fast:
//! - Bytes are freed of their stuffing beforehand, part by part ([`window`]), so that bits are fetched by one load.
//! - One look at a table tells up to two coefficients and the end of the block ([`table`]), values included where they
//!   are short; what comes next can be looked up after a single shift.
//! - Nothing is checked within an MCU but for the end of a block: an MCU is only begun where the window holds more than the
//!   longest one can take.
//!
//! C calls this through [`ffi`], out of `entropy.c`, which stands between libjpeg and this.

mod ffi;
mod table;
mod window;

use table::{AcTable, DcTable, MAX_FOUND, Pair};
use window::{Bits, Window};

/// One 8 x 8 block of coefficients in natural order.
type Block = [i16; 64];

/// Most blocks in an MCU (T.81, B.2.3).
const MAX_BLOCKS: usize = 10;

/// Most components in a scan, and slots for tables of a kind.
const SLOTS: usize = 4;

/// Bytes that one block can take: 64 coefficients, each a code of 16 bits and 15 more.
const MAX_BLOCK_BYTES: usize = 64 * 31 / 8;

/// libjpeg has two ways of decoding an MCU, which give the same but read ahead differently. It takes the fast one, whose
/// reading [`Scan::place`] follows, where there are this many bytes for each block.
const LIBJPEG_FAST: usize = 512;

/// What [`Bits`] may have read ahead, in bytes of the file.
const AHEAD: usize = 16;

/// Place in a block of the k-th coefficient in zigzag order (T.81, figure A.6). Those past the last, which only damaged data
/// have, are taken for it, as in libjpeg.
const NATURAL: [u8; 128] = {
    let mut natural = [63; 128];
    let (mut k, mut diagonal) = (0, 0);
    while diagonal < 15 {
        let mut step = 0;
        while step <= diagonal {
            // Even diagonals run upwards, odd ones downwards.
            let other = diagonal - step;
            let (row, column) = if diagonal % 2 == 0 { (other, step) } else { (step, other) };
            if row < 8 && column < 8 {
                natural[k] = 8 * row as u8 + column as u8;
                k += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    natural
};

/// Which predictor and which tables a block of an MCU uses.
#[derive(Debug, Clone, Copy, Default)]
struct BlockKind {
    component: usize,
    dc_table: usize,
    ac_table: usize,
}

/// Where libjpeg's own decoder would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Bytes of the scan that it has read.
    read: usize,
    /// Those of their bits that it has not used, the lowest `count`.
    buffer: u64,
    count: u32,
    /// The last DC coefficient of each component.
    predictors: [i32; SLOTS],
}

/// A scan being decoded, and the memory for the next one.
#[derive(Debug, Default)]
pub(super) struct Scan {
    dc_tables: [Option<DcTable>; SLOTS],
    ac_tables: [Option<AcTable>; SLOTS],
    kinds: [BlockKind; MAX_BLOCKS],
    /// Blocks of an MCU.
    blocks: usize,
    window: Window,
    /// Byte of the window before which an MCU has to begin to be decoded here.
    starts_before: usize,
    bits: Bits,
    predictors: [i32; SLOTS],
    /// Bits of the scan before the last code, or its value if it has one: where libjpeg last looked whether it has bits
    /// enough.
    checked: usize,
}

impl Scan {
    /// Starts a scan, whose tables are set; `kinds` are the blocks of its MCUs.
    fn start(&mut self, kinds: &[BlockKind]) {
        self.blocks = kinds.len().min(MAX_BLOCKS);
        self.kinds[..self.blocks].copy_from_slice(&kinds[..self.blocks]);
        self.window.restart();
        self.starts_before = 0;
        self.bits = Bits::default();
        self.predictors = [0; SLOTS];
        self.checked = 0;
    }

    /// Decodes the next MCU into `blocks`, which are zero, or passes over it. `data` is the file from the scan's first byte
    /// on. False where libjpeg has to go on from [`Self::place`]; then `blocks` hold anything.
    fn mcu(&mut self, data: &[u8], blocks: Option<&mut [Block]>) -> bool {
        if self.bits.position() / 8 >= self.starts_before && !self.advance(data) {
            return false;
        }
        match blocks {
            Some(blocks) => self.decode(|n, k, value| {
                if let Some(block) = blocks.get_mut(n) {
                    block[usize::from(NATURAL[k & 127] & 63)] = value;
                }
            }),
            None => self.decode(|_, _, _| ()),
        }
    }

    /// Moves the window on. False where no MCU may begin in it.
    fn advance(&mut self, data: &[u8]) -> bool {
        let used = self.bits.position() / 8;
        self.window.advance(used, data);
        self.bits.move_back(used);
        let filled = self.window.filled();
        let after = data.len() - self.window.raw_end();
        let needed = self.blocks * MAX_BLOCK_BYTES + AHEAD;
        let needed_by_libjpeg = self.blocks * LIBJPEG_FAST + AHEAD;
        self.starts_before =
            filled.saturating_sub(needed).min((filled + after).saturating_sub(needed_by_libjpeg));
        self.bits.position() / 8 < self.starts_before
    }

    /// Calls `store(block, k, value)` for all coefficients that are not zero, and some that are; k is in zigzag order.
    #[inline(always)]
    fn decode(&mut self, mut store: impl FnMut(usize, usize, i16)) -> bool {
        let (mut bits, mut predictors, mut unchecked) = (self.bits, self.predictors, 0);
        for (n, kind) in self.kinds[..self.blocks].iter().enumerate() {
            let (Some(Some(dc)), Some(Some(ac)), Some(predictor)) = (
                self.dc_tables.get(kind.dc_table),
                self.ac_tables.get(kind.ac_table),
                predictors.get_mut(kind.component),
            ) else {
                return false;
            };
            bits.fill(&self.window);
            let Some(code) = dc.code(bits.buffer) else { return false };
            *predictor = predictor.wrapping_add(code.value(bits.buffer));
            bits.take(code.length());
            store(n, 0, *predictor as i16);
            match ac_coefficients(ac, &self.window, &mut bits, |k, value| store(n, k, value)) {
                Some(last) => unchecked = last,
                None => return false,
            }
        }
        self.checked = 8 * self.window.before() + bits.position() - unchecked as usize;
        (self.bits, self.predictors) = (bits, predictors);
        true
    }

    /// Where libjpeg's decoder would be before the next MCU.
    ///
    /// Before every code and every value it reads six bytes if it has 16 bits or fewer. So what it has read follows from
    /// where it last did that.
    fn place(&self) -> Place {
        let predictors = self.predictors;
        let position = 8 * self.window.before() + self.bits.position();
        if position == 0 {
            return Place { read: 0, buffer: 0, count: 0, predictors };
        }
        let read = 6 * (self.checked + 17).div_ceil(48);
        let at = read - self.window.before();
        Place {
            read: self.window.raw(at),
            buffer: self.window.word_before(at),
            count: (8 * read - position) as u32,
            predictors,
        }
    }
}

/// Decodes the AC coefficients of a block, with `store(k, value)`. Returns how many bits were taken since before the last
/// code, or its value if it has one; none where a code is none.
#[inline(always)]
fn ac_coefficients(
    table: &AcTable,
    window: &Window,
    bits: &mut Bits,
    mut store: impl FnMut(usize, i16),
) -> Option<u32> {
    let mut k = 0;
    loop {
        bits.fill(window);
        // What two looks find fits into the 56 bits.
        const { assert!(2 * MAX_FOUND <= 56) };
        for _ in 0..2 {
            let before = (*bits, k);
            let pair = table.pair(bits.buffer);
            let (place, value) = pair.first();
            store(k + place, value);
            let (place, value) = pair.second(bits.buffer);
            store(k + place, value);
            bits.take(pair.length());
            k += pair.advance();
            if k < 63 {
                continue;
            }
            if (Pair::END..Pair::END + 63).contains(&k) {
                return Some(table.end_length());
            }
            if k == 63 && value != 0 {
                return Some(16 - value.unsigned_abs().leading_zeros());
            }
            // A long code; or the block's last coefficient, and with it something of the next block; or zeros up to
            // the last.
            (*bits, k) = before;
            bits.fill(window);
            let code = table.code(bits.buffer)?;
            let value = code.value(bits.buffer) as i16;
            bits.take(code.length());
            if code.ends_block() {
                return Some(code.length());
            }
            k += code.advance();
            store(k, value);
            if k >= 63 {
                return Some(if code.size() == 0 { code.length() } else { code.size() });
            }
            break;
        }
    }
}

#[cfg(test)]
mod tests;
