//! Tables against the definition, one code and one bit at a time.

use super::*;

struct Hash(u64);

impl Hash {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 ^ self.0 >> 29
    }
}

/// Random codes, from all of one length to one of each.
fn random_table(hash: &mut Hash) -> ([u8; 17], [u8; 256]) {
    let mut counts = [0; 17];
    let mut free = 1u32;
    let mut total = 0;
    for (length, count) in counts.iter_mut().enumerate().skip(1) {
        free *= 2;
        // One code is left over, since the one of all ones is not used.
        let most = (free - 1).min(256 - total).min(if length < 4 { 1 } else { 40 });
        let some = !hash.next().is_multiple_of(3);
        *count = if some { (hash.next() % u64::from(most + 1)) as u8 } else { 0 };
        free -= u32::from(*count);
        total += u32::from(*count);
    }
    let mut symbols = [0u8; 256];
    for (k, symbol) in symbols.iter_mut().enumerate() {
        *symbol = k as u8;
    }
    for k in (1..256).rev() {
        symbols.swap(k, hash.next() as usize % (k + 1));
    }
    // Short codes for what real files have most: the end of the block, and small values.
    for (k, common) in [0x01, 0x00, 0x02, 0x11].into_iter().enumerate() {
        let at = symbols.iter().position(|&symbol| symbol == common).unwrap();
        symbols.swap(k, at);
    }
    (counts, symbols)
}

/// The definition: T.81, figure F.16, bit by bit.
fn decode(counts: &[u8; 17], symbols: &[u8; 256], buffer: u64) -> Option<Code> {
    let (mut first, mut at) = (0u32, 0);
    for length in 1..=16 {
        let code = (buffer >> (64 - length)) as u32;
        let count = u32::from(counts[length as usize]);
        if code < first + count {
            return Some(Code::new(length, symbols[(at + code - first) as usize]));
        }
        first = (first + count) * 2;
        at += count;
    }
    None
}

#[test]
fn codes_are_those_of_the_definition() {
    let mut hash = Hash(1);
    for _ in 0..200 {
        let (counts, symbols) = random_table(&mut hash);
        let table = Table::new(&counts, &symbols).unwrap();
        for _ in 0..500 {
            let buffer = hash.next() << 32 | hash.next() >> 32;
            assert_eq!(table.code(buffer), decode(&counts, &symbols, buffer));
        }
    }
}

/// Coefficients by pairs are those by codes, one at a time.
#[test]
fn pairs_are_codes_in_a_row() {
    let mut hash = Hash(2);
    let mut found = [0; 4];
    for _ in 0..100 {
        let (counts, symbols) = random_table(&mut hash);
        let mut slot = None;
        assert!(AcTable::put(&mut slot, &counts, &symbols));
        let table = slot.unwrap();
        for bits in 0..1u64 << LOOK {
            let buffer = bits << (64 - LOOK) | hash.next() >> (LOOK + 8);
            let pair = table.pair(buffer);
            let first = decode(&counts, &symbols, buffer);
            if pair == Pair::NONE {
                let unusual = |code: Code| code.length() - code.size() > LOOK || code.ends_block();
                assert!(first.is_none_or(unusual));
                found[0] += 1;
                continue;
            }
            let (mut rest, mut k, mut used) = (buffer, 0, 0);
            let mut expected = [0i16; 40];
            let mut ended = false;
            while used < pair.length() {
                let code = decode(&counts, &symbols, rest).unwrap();
                if code.ends_block() {
                    ended = true;
                } else {
                    k += code.advance();
                    expected[k] = code.value(rest) as i16;
                }
                used += code.length();
                rest <<= code.length();
            }
            assert_eq!(used, pair.length());
            assert!(used <= MAX_FOUND);
            let mut stored = [0i16; 40];
            let (place, value) = pair.first();
            stored[place] = value;
            let (place, value) = pair.second(buffer);
            stored[place] = value;
            assert_eq!(stored, expected);
            assert_eq!(pair.advance() >= Pair::END, ended);
            if k > 0 {
                assert_eq!(pair.advance() % Pair::END, k);
            }
            found[1 + usize::from(ended) + usize::from(pair.first().0 != place)] += 1;
        }
    }
    assert!(found.iter().all(|&times| times > 1000), "{found:?}");
}

#[test]
fn values_have_their_sign() {
    for (bits, size, expected) in
        [(0, 0, 0), (0, 1, -1), (1, 1, 1), (0, 3, -7), (3, 3, -4), (4, 3, 4), (7, 3, 7)]
    {
        let buffer = if size == 0 { u64::MAX } else { bits << (64 - size) | 0xFFFF };
        assert_eq!(value(buffer, size), expected);
    }
    assert_eq!(value(u64::MAX, 15), 32767);
    assert_eq!(value(0, 15), -32767);
}

#[test]
fn what_is_no_table_is_refused() {
    let symbols = [0; 256];
    let mut counts = [0; 17];
    counts[1] = 3;
    assert!(Table::new(&counts, &symbols).is_none());
    counts = [0; 17];
    (counts[8], counts[9]) = (255, 2);
    assert!(Table::new(&counts, &symbols).is_none());
}
