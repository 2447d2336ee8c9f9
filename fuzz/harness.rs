//! The fuzz targets' bodies as plain tests: their seeds, what libFuzzer has found, and seeded changes of both, a fixed number of
//! times.
//!
//! The crates' tests include this file; libFuzzer runs the same bodies for as long as one likes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

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

/// A file or folder of `fuzz/`.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// The committed seeds of a target, and some that need no file.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new(), (0..=255).collect(), vec![255; 600]];
    if let Ok(entries) = std::fs::read_dir(place("seeds").join(target)) {
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        seeds.extend(files.iter().map(|file| std::fs::read(file).unwrap()));
    }
    seeds
}

/// The inputs that `cargo xtask soak fuzz` has found and packed; none, if the target never ran.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let packed = place("corpora").join(format!("{target}.tar.gz"));
    if !packed.exists() {
        return Vec::new();
    }
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(packed).unwrap()));
    let inputs = archive.entries().unwrap().map(|input| {
        let mut content = Vec::new();
        input.unwrap().read_to_end(&mut content).unwrap();
        content
    });
    inputs.collect()
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

/// Runs a target on its seeds, on its corpus, and on changes of both: so many of the seeds, half as many of the corpus.
pub(crate) fn run(target: &str, changes: usize, body: fn(&[u8])) {
    let (seeds, corpus) = (seeds(target), corpus(target));
    let mut draw = Draw(target.len() as u64);
    for (inputs, changes) in [(seeds, changes), (corpus, changes / 2)] {
        inputs.iter().for_each(|input| tried(target, body, input));
        for _ in 0..if inputs.is_empty() { 0 } else { changes } {
            let mut input = inputs[draw.below(inputs.len())].clone();
            let other = draw.below(inputs.len());
            change(&mut input, &inputs[other], &mut draw);
            tried(target, body, &input);
        }
    }
}

/// Tells the input for which a target fails.
fn tried(target: &str, body: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| body(input)) {
        eprintln!("{target} fails for {input:?}");
        std::panic::resume_unwind(panic);
    }
}
