//! Scans against what was written into them, and against what libjpeg would have read of them.

use super::*;

struct Hash(u64);

impl Hash {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

/// Codes of 2 to 15 bits for all symbols that baseline files have; the same for DC.
fn tables() -> ([u8; 17], Vec<u8>) {
    let mut symbols = vec![0x01, 0x02, 0x00, 0x03, 0x11, 0x04, 0x21, 0x05, 0x12, 0xF0];
    for symbol in (0..16).flat_map(|run| (1..=10).map(move |size| run << 4 | size)) {
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    let mut counts = [0; 17];
    (counts[2], counts[3], counts[4], counts[5], counts[6]) = (2, 2, 2, 2, 2);
    (counts[11], counts[13]) = (10, 30);
    counts[15] = (symbols.len() - 50) as u8;
    (counts, symbols)
}

/// Writes a scan, and follows what libjpeg's fast decoder reads of it: six bytes before every code and every value
/// where 16 bits or fewer are left.
struct Writer {
    codes: Vec<(u8, u32, u32)>,
    bits: Vec<bool>,
    left: usize,
    read: usize,
}

impl Writer {
    fn put(&mut self, number: u32, length: u32) {
        if self.left <= 16 {
            self.left += 48;
            self.read += 6;
        }
        self.left -= length as usize;
        self.bits.extend((0..length).rev().map(|bit| number >> bit & 1 == 1));
    }

    fn symbol(&mut self, symbol: u8, value: i32) {
        let &(_, code, length) = self.codes.iter().find(|(known, _, _)| *known == symbol).unwrap();
        self.put(code, length);
        let size = u32::from(symbol & 15);
        if size > 0 {
            self.put((value + if value < 0 { (1 << size) - 1 } else { 0 }) as u32, size);
        }
    }

    /// A block of random coefficients: few or many, small or large.
    fn block(&mut self, hash: &mut Hash, predictor: &mut i32) -> Block {
        let mut block = [0; 64];
        let value = |hash: &mut Hash, most: usize| {
            let size = hash.below(most + 1);
            let value = (1 << size >> 1) + hash.below((1 << size >> 1).max(1));
            let sign = if hash.below(2) == 0 { 1 } else { -1 };
            (size as u8, if size == 0 { 0 } else { value as i32 * sign })
        };
        let (size, difference) = value(hash, 10);
        self.symbol(size, difference);
        *predictor += difference;
        block[0] = *predictor as i16;
        let (dense, most) = (hash.below(8), 1 + hash.below(10));
        let end = if dense == 7 { 64 } else { 1 + hash.below(64) };
        let (mut k, mut run) = (1, 0);
        while k < end {
            let (size, value) = value(hash, most);
            let zero = size == 0 || (dense < 7 && hash.below(2 + dense) == 0);
            if zero && k < 63 {
                run += 1;
            } else {
                let (size, value) = if size == 0 { (1, 1) } else { (size, value) };
                while run > 15 {
                    self.symbol(0xF0, 0);
                    run -= 16;
                }
                self.symbol((run as u8) << 4 | size, value);
                block[usize::from(NATURAL[k])] = value as i16;
                run = 0;
            }
            k += 1;
        }
        if end < 64 || run > 0 {
            self.symbol(0x00, 0);
        }
        block
    }

    /// The bits as bytes, with stuffing.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for eight in self.bits.chunks(8) {
            let bit = |n: usize| u8::from(*eight.get(n).unwrap_or(&true));
            let byte = (0..8).fold(0, |byte, n| byte << 1 | bit(n));
            bytes.push(byte);
            if byte == 0xFF {
                bytes.push(0);
            }
        }
        bytes
    }
}

/// Blocks come out as they went in, and after every MCU the scan could be handed to libjpeg where that would be.
#[test]
fn scans_are_decoded_and_places_are_libjpegs() {
    let (counts, symbols) = tables();
    let mut all = [0; 256];
    all[..symbols.len()].copy_from_slice(&symbols);
    let (mut codes, mut code, mut next) = (Vec::new(), 0, symbols.iter());
    for length in 1..=16u32 {
        for &symbol in next.by_ref().take(usize::from(counts[length as usize])) {
            codes.push((symbol, code, length));
            code += 1;
        }
        code <<= 1;
    }
    let mut scan = Scan::default();
    assert!(DcTable::put(&mut scan.dc_tables[1], &counts, &all));
    assert!(AcTable::put(&mut scan.ac_tables[2], &counts, &all));
    let kinds = [0, 0, 1].map(|component| BlockKind { component, dc_table: 1, ac_table: 2 });
    let mut hash = Hash(1);
    for _ in 0..4 {
        let mut writer = Writer { codes: codes.clone(), bits: vec![], left: 0, read: 0 };
        let mut predictors = [0; SLOTS];
        let mut expected = Vec::new();
        for _ in 0..600 {
            let blocks = kinds.map(|kind| writer.block(&mut hash, &mut predictors[kind.component]));
            let taken = writer.bits.len();
            expected.push((blocks, predictors, taken, writer.read, writer.left));
        }
        let mut data = writer.bytes();
        let scan_ends = data.len();
        data.extend([0xFF, 0xD9]);
        data.resize(scan_ends + 4000, 0);

        scan.start(&kinds);
        assert_eq!(scan.place(), Place { read: 0, buffer: 0, count: 0, predictors: [0; SLOTS] });
        let mut decoded = 0;
        for (n, (blocks, predictors, taken, read, left)) in expected.iter().enumerate() {
            // Every tenth is passed over.
            let mut found = [[0; 64]; 3];
            let kept = n % 10 != 0;
            if !scan.mcu(&data, kept.then_some(&mut found[..])) {
                break;
            }
            assert!(!kept || found == *blocks, "MCU {n}");
            let place = scan.place();
            assert_eq!((place.predictors, place.count as usize), (*predictors, *left));
            let bits = (0..*left).fold(0u64, |number, at| {
                number << 1 | u64::from(*writer.bits.get(taken + at).unwrap_or(&true))
            });
            let mask = u64::MAX >> (64 - place.count);
            assert_eq!(place.buffer & mask, bits, "MCU {n}");
            let stuffing = |raw: &[u8]| raw.windows(2).filter(|two| *two == [0xFF, 0]).count();
            let raw = &data[..place.read];
            assert_eq!(raw.len() - stuffing(raw), *read, "MCU {n}");
            decoded += 1;
        }
        // Only those near the end are left to libjpeg.
        assert!((500..600).contains(&decoded), "{decoded}");
    }
}

#[test]
fn what_is_unusual_is_left_to_libjpeg() {
    let (counts, symbols) = tables();
    let mut all = [0; 256];
    all[..symbols.len()].copy_from_slice(&symbols);
    let mut scan = Scan::default();
    assert!(DcTable::put(&mut scan.dc_tables[0], &counts, &all));
    assert!(AcTable::put(&mut scan.ac_tables[0], &counts, &all));
    let mut take = |data: &[u8]| {
        scan.start(&[BlockKind::default()]);
        let mut blocks = [[0; 64]];
        (0..20).take_while(|_| scan.mcu(data, Some(&mut blocks))).count()
    };
    // The symbols 2 and 0 are the codes 01 and 100: a block of 01, two bits, 100.
    let mut sound = vec![0b0111_1000; 5000];
    assert_eq!(take(&sound), 20);
    assert_eq!(take(&sound[..520]), 0);
    assert_eq!(take(&[]), 0);
    let mut marker = sound.clone();
    marker[200..202].copy_from_slice(&[0xFF, 0xD9]);
    assert_eq!(take(&marker), 0);
    // A code of ones is none.
    sound[10..13].copy_from_slice(&[0xFF, 0, 0xFE]);
    assert!(take(&sound) <= 10);
}
