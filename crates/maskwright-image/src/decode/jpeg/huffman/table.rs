//! Huffman tables made for decoding: what the next bits of a scan say, at one look.
//!
//! [`Table`] tells one code at a time; it is the definition. [`AcTable`] also finds two coefficients and the end of a
//! block at once, which is what most bits say.

/// Bits that one look takes in.
pub(super) const LOOK: u32 = 11;

/// Bits that what one look finds can take: those looked at, and the value behind the last code.
pub(super) const MAX_FOUND: u32 = LOOK + 15;

/// A code: from the lowest bit, its length together with that of the value that follows it (8 bits), the length of that
/// value alone (8), and how many coefficients it moves on by (8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// Longer than [`LOOK`] bits, or none.
    const LONG: Self = Self(0);

    fn new(length: u32, symbol: u8) -> Self {
        let size = u32::from(symbol & 15);
        Self((length + size) | size << 8 | (u32::from(symbol >> 4) + 1) << 16)
    }

    /// Bits of the code and of its value.
    pub(super) fn length(self) -> u32 {
        self.0 & 63
    }

    /// Bits of the value.
    pub(super) fn size(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// In an AC table: coefficients to move on by, the last of which has the value.
    pub(super) fn advance(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// In an AC table: nothing but zeros follow in this block. As in libjpeg, codes that baseline files do not have mean
    /// the same.
    pub(super) fn ends_block(self) -> bool {
        self.size() == 0 && self.advance() != 16
    }

    /// The value that follows the code, both at the start of `buffer` (T.81, figure F.12).
    #[inline(always)]
    pub(super) fn value(self, buffer: u64) -> i32 {
        value(buffer << (self.length() - self.size()), self.size())
    }
}

/// The number of `size` bits, 0 to 15, at the start of `buffer`; a first bit of 0 stands for a negative one.
#[inline(always)]
fn value(buffer: u64, size: u32) -> i32 {
    let negative = !(buffer as i64 >> 63) as i32;
    ((buffer >> 32 >> (32 - size)) as i32) + (negative & (1 - (1 << size)))
}

/// One or two AC coefficients, perhaps with the end of the block: from the lowest bit
///
/// | bits | |
/// |---|---|
/// | 0..8 | bits that all this takes |
/// | 8..12 | bits of the second coefficient's value where it is not known from the bits looked at |
/// | 12..17 | where the first coefficient lies, from the one before |
/// | 17..23 | where the second one lies; there too where there is only one, which is then the second |
/// | 23..32 | how far to move on, with [`Pair::END`] or [`Pair::LONG`] |
/// | 32..48, 48..64 | values of the second and the first |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair(u64);

impl Pair {
    /// Added to [`Self::advance`] where the block ends.
    pub(super) const END: usize = 128;
    /// Added to [`Self::advance`] where the first code is longer than [`LOOK`] bits, or unusual, or none.
    pub(super) const LONG: usize = 256;

    /// Nothing was found. A zero is stored where one is, as for an end of block that comes first.
    const NONE: Self = Self(1 << 12 | 1 << 17 | (Self::LONG as u64) << 23);

    fn new(length: u32, size: u32, places: [usize; 2], values: [i32; 2], flag: usize) -> Self {
        let places = (places[0] << 12 | places[1] << 17 | (places[1] + flag) << 23) as u64;
        let values = u64::from(values[0] as u16) << 48 | u64::from(values[1] as u16) << 32;
        Self(u64::from(length | size << 8) | places | values)
    }

    pub(super) fn length(self) -> u32 {
        (self.0 & 63) as u32
    }

    pub(super) fn first(self) -> (usize, i16) {
        ((self.0 >> 12 & 31) as usize, (self.0 >> 48) as i16)
    }

    /// The second coefficient; `buffer` starts with the bits that were looked at.
    #[inline(always)]
    pub(super) fn second(self, buffer: u64) -> (usize, i16) {
        let size = (self.0 >> 8 & 15) as u32;
        let rest = value(buffer << (self.length() - size), size);
        ((self.0 >> 17 & 63) as usize, ((self.0 >> 32) as i16).wrapping_add(rest as i16))
    }

    pub(super) fn advance(self) -> usize {
        (self.0 >> 23 & 511) as usize
    }
}

/// A Huffman table as the file has it, and what its codes are.
#[derive(Debug)]
pub(super) struct Table {
    /// `counts[1..]` are the numbers of codes of 1 to 16 bits.
    counts: [u8; 17],
    symbols: [u8; 256],
    /// The code that any [`LOOK`] bits start with.
    codes: Box<[Code; 1 << LOOK]>,
    /// Of the codes of each length.
    lengths: [Length; 17],
}

#[derive(Debug, Clone, Copy, Default)]
struct Length {
    /// The first code past them, as 16 bits from the left.
    end: u32,
    /// What is added to a code to find its symbol.
    offset: i32,
}

impl Table {
    /// None where it is no Huffman table.
    fn new(counts: &[u8; 17], symbols: &[u8; 256]) -> Option<Self> {
        let mut codes = Box::new([Code::LONG; 1 << LOOK]);
        let mut lengths = [Length::default(); 17];
        let (mut code, mut at) = (0u32, 0usize);
        for length in 1..=16u32 {
            let offset = at as i32 - code as i32;
            for _ in 0..counts[length as usize] {
                let &symbol = symbols.get(at)?;
                if code >> length != 0 {
                    return None;
                }
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    codes[first..first + (1 << (LOOK - length))].fill(Code::new(length, symbol));
                }
                code += 1;
                at += 1;
            }
            lengths[length as usize] = Length { end: code << (16 - length), offset };
            code <<= 1;
        }
        Some(Self { counts: *counts, symbols: *symbols, codes, lengths })
    }

    /// The first code of `buffer`; none where there is no such code.
    #[inline(always)]
    fn code(&self, buffer: u64) -> Option<Code> {
        let code = self.codes[(buffer >> (64 - LOOK)) as usize];
        if code == Code::LONG { self.long_code(buffer) } else { Some(code) }
    }

    #[cold]
    #[inline(never)]
    fn long_code(&self, buffer: u64) -> Option<Code> {
        let next = (buffer >> 48) as u32;
        let length = (LOOK + 1..=16).find(|&length| next < self.lengths[length as usize].end)?;
        let index = (next >> (16 - length)) as i32 + self.lengths[length as usize].offset;
        let symbol = *self.symbols.get(usize::try_from(index).ok()?)?;
        Some(Code::new(length, symbol))
    }

    /// How long the code of a symbol is; 0 where it has none.
    fn length_of(&self, symbol: u8) -> u32 {
        let mut symbols = self.symbols.iter();
        (1..=16u32)
            .find(|&length| {
                let count = usize::from(self.counts[length as usize]);
                symbols.by_ref().take(count).any(|&other| other == symbol)
            })
            .unwrap_or(0)
    }
}

/// Whether a slot for a table holds this one already.
fn is_same(table: &Table, counts: &[u8; 17], symbols: &[u8; 256]) -> bool {
    table.counts == *counts && table.symbols == *symbols
}

/// A table for DC coefficients.
#[derive(Debug)]
pub(super) struct DcTable(Table);

impl DcTable {
    /// Puts a table into its slot, unless it is there already; false where it is none.
    pub(super) fn put(slot: &mut Option<Self>, counts: &[u8; 17], symbols: &[u8; 256]) -> bool {
        if slot.as_ref().is_some_and(|Self(table)| is_same(table, counts, symbols)) {
            return true;
        }
        *slot = Table::new(counts, symbols).map(Self);
        slot.is_some()
    }

    /// The first code of `buffer`; none where there is no such code.
    #[inline(always)]
    pub(super) fn code(&self, buffer: u64) -> Option<Code> {
        self.0.code(buffer)
    }
}

/// A table for AC coefficients.
#[derive(Debug)]
pub(super) struct AcTable {
    table: Table,
    /// What any [`LOOK`] bits say.
    pairs: Box<[Pair; 1 << LOOK]>,
    end_length: u32,
}

impl AcTable {
    /// As [`DcTable::put`].
    pub(super) fn put(slot: &mut Option<Self>, counts: &[u8; 17], symbols: &[u8; 256]) -> bool {
        if slot.as_ref().is_some_and(|this| is_same(&this.table, counts, symbols)) {
            return true;
        }
        *slot = Table::new(counts, symbols).map(Self::new);
        slot.is_some()
    }

    fn new(table: Table) -> Self {
        let mut pairs = Box::new([Pair::NONE; 1 << LOOK]);
        let end_length = table.length_of(0x00);
        for (bits, pair) in (0..).zip(pairs.iter_mut()) {
            *pair = find_pair(&table, Code::new(end_length, 0), bits);
        }
        Self { table, pairs, end_length }
    }

    /// What the first [`LOOK`] bits of `buffer` say.
    #[inline(always)]
    pub(super) fn pair(&self, buffer: u64) -> Pair {
        self.pairs[(buffer >> (64 - LOOK)) as usize]
    }

    /// The first code of `buffer`; none where there is no such code.
    #[inline(always)]
    pub(super) fn code(&self, buffer: u64) -> Option<Code> {
        self.table.code(buffer)
    }

    /// Bits of the code that ends a block.
    pub(super) fn end_length(&self) -> u32 {
        self.end_length
    }
}

/// What [`LOOK`] bits say in a table whose blocks end with `end`.
fn find_pair(table: &Table, end: Code, bits: u32) -> Pair {
    // The next code, where it is among the bits.
    let next = |used: u32| {
        let code = table.codes[(bits << used & ((1 << LOOK) - 1)) as usize];
        let inside = code != Code::LONG && used + code.length() - code.size() <= LOOK;
        inside.then_some(code)
    };
    let (mut used, mut places, mut values) = (0, [1; 2], [0; 2]);
    for n in 0..3 {
        let Some(code) = next(used) else { break };
        if code == end {
            return Pair::new(used + end.length(), 0, places, values, Pair::END);
        }
        if n == 2 || code.ends_block() {
            break;
        }
        // A coefficient alone is the second one.
        let place = if n == 0 { code.advance() } else { places[1] + code.advance() };
        places = [if n == 0 { place } else { places[1] }, place];
        values = [values[1], 0];
        if used + code.length() > LOOK {
            return Pair::new(used + code.length(), code.size(), places, values, 0);
        }
        values[1] = code.value(u64::from(bits) << (64 - LOOK) << used);
        used += code.length();
    }
    if used == 0 { Pair::NONE } else { Pair::new(used, 0, places, values, 0) }
}

#[cfg(test)]
mod tests;
