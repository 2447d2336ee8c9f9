//! How large the studio is, and whether it grew.

use std::fmt;
use std::path::Path;

/// What is allowed to a figure beyond its share: the images of two windows that are open at this moment, an allocator's arena, windows that listen.
const ROOM: [u64; 5] = [64 << 20, 6, 6, 1 << 20, 24];
/// And its share: a tenth.
const SHARE: f64 = 0.1;

/// The studio at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Bytes in memory, open files, threads, bytes and files on the disk.
    values: [u64; 5],
}

impl Sample {
    /// Measures a process, and what it keeps below a folder: its caches and the corrections.
    pub(super) fn of(process: u32, place: &Path) -> Result<Self, String> {
        let proc = Path::new("/proc").join(process.to_string());
        let failed = |error: std::io::Error| format!("the studio has ended: {error}");
        let status = std::fs::read_to_string(proc.join("status")).map_err(failed)?;
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            number.ok_or_else(|| format!("expected {key} in the status of a process, found none"))
        };
        let open = std::fs::read_dir(proc.join("fd")).map_err(failed)?.count() as u64;
        let (mut bytes, mut files) = (0, 0);
        for folder in ["user", "corrections"] {
            below(&place.join(folder), &mut bytes, &mut files);
        }
        Ok(Self { values: [value("VmRSS:")? << 10, open, value("Threads:")?, bytes, files] })
    }
}

fn below(folder: &Path, bytes: &mut u64, files: &mut u64) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(data) if data.is_dir() => below(&entry.path(), bytes, files),
            Ok(data) => (*bytes, *files) = (*bytes + data.len(), *files + 1),
            Err(_) => {}
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [memory, open, threads, bytes, files] = self.values;
        write!(
            f,
            "{:.1} MiB of memory, {open} open files, {threads} threads, {:.1} MiB in {files} files kept",
            memory as f64 / 1048576.0,
            bytes as f64 / 1048576.0
        )
    }
}

/// The median of each figure.
fn median(samples: &[Sample]) -> Sample {
    let middle = |at: usize| {
        let mut values: Vec<u64> = samples.iter().map(|sample| sample.values[at]).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    Sample { values: std::array::from_fn(middle) }
}

/// Compares the last quarter with the second one, figure by figure.
pub(super) fn grown(samples: &[Sample]) -> Result<(), String> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return Err(format!("expected at least 4 measurements, found {}", samples.len()));
    }
    let before = median(&samples[quarter..2 * quarter]);
    let after = median(&samples[samples.len() - quarter..]);
    println!("second quarter: {before}");
    println!("last quarter:   {after}");
    let names = ["memory", "open files", "threads", "bytes kept", "files kept"];
    let mut found = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let (from, to) = (before.values[at], after.values[at]);
        let most = from + ROOM[at] + (from as f64 * SHARE) as u64;
        if to > most {
            found.push(format!("{name} grew from {from} to {to}, expected at most {most}"));
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(found.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_growing_is_found_and_a_cache_that_fills_is_not() {
        let samples = |memory: fn(u64) -> u64| -> Vec<Sample> {
            (0..40).map(|at| Sample { values: [memory(at), 20, 12, 5000, 50] }).collect()
        };
        assert!(grown(&samples(|at| (100 << 20) + (at.min(9) << 24))).is_ok());
        let error = grown(&samples(|at| (100 << 20) + (at << 24))).expect_err("it grows");
        assert!(error.starts_with("memory grew from "), "{error}");
        assert!(grown(&samples(|_| 1)[..3]).is_err());
    }
}
