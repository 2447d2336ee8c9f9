//! The fuzz targets' bodies as plain tests: their seeds, and seeded changes of them, a fixed number of times.
//!
//! The crates' tests include this file; libFuzzer runs the same bodies for as long as one likes.

use std::path::Path;

/// SplitMix64 (Steele et al., 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// The committed seeds of a target, and some that need no file.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut seeds = vec![Vec::new(), (0..=255).collect(), vec![255; 600]];
    if let Ok(entries) = std::fs::read_dir(folder) {
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        seeds.extend(files.iter().map(|file| std::fs::read(file).unwrap()));
    }
    seeds
}

fn change(input: &mut Vec<u8>, other: &[u8], draw: &mut Draw) {
    for _ in 0..1 + draw.below(6) {
        let at = draw.below(input.len());
        match draw.below(7) {
            0 if !input.is_empty() => input[at] ^= 1 << draw.below(8),
            1 if !input.is_empty() => input[at] = draw.next() as u8,
            2 => input.insert(at, [0, 1, 127, 128, 255][draw.below(5)]),
            3 if !input.is_empty() => drop(input.remove(at)),
            4 => input.truncate(at),
            5 if !other.is_empty() => {
                let from = draw.below(other.len());
                let piece = &other[from..(from + draw.below(40)).min(other.len())];
                input.splice(at..at, piece.iter().copied());
            }
            _ => input.extend((0..draw.below(30)).map(|k| (k as u8).wrapping_mul(37))),
        }
    }
    input.truncate(4096);
}

/// Runs a target on its seeds and on so many changes of them.
pub(crate) fn run(target: &str, changes: usize, body: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| body(seed));
    let mut draw = Draw(target.len() as u64);
    for _ in 0..changes {
        let mut input = seeds[draw.below(seeds.len())].clone();
        let other = draw.below(seeds.len());
        change(&mut input, &seeds[other], &mut draw);
        let kept = input.clone();
        if let Err(panic) = std::panic::catch_unwind(|| body(&input)) {
            eprintln!("{target} fails for {kept:?}");
            std::panic::resume_unwind(panic);
        }
    }
}
