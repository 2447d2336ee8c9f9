//! The inputs of a target: its seeds, what libFuzzer found, and the part of that which is committed.
//!
//! `fuzz/seeds/NAME` is made by hand. `fuzz/corpus/NAME` is libFuzzer's: thousands of files, which git ignores. From them
//! `fuzz/corpora/NAME.tar.gz` is packed: the smallest files that together cover every edge. A new checkout begins with it.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// What libFuzzer found.
const CORPUS: &str = "fuzz/corpus";
const SEEDS: &str = "fuzz/seeds";
/// What is committed.
pub(super) const PACKED: &str = "fuzz/corpora";
/// Inputs that made a target fail.
const ARTIFACTS: &str = "fuzz/artifacts";
/// The most that one packed corpus may have, in bytes: all of them are part of every clone.
const MOST: usize = 200 << 10;

/// What every run of a target is given. Inputs beyond 4 KiB take longer and reach nothing new. libFuzzer's own limit of time
/// runs by the wall's clock and so ends targets that only waited for a busy machine: it is far beyond what an
/// input may take, and inputs that took more than a minute are kept as `slow-unit-*`.
const LIMITS: [&str; 4] =
    ["-max_len=4096", "-timeout=900", "-report_slow_units=60", "-rss_limit_mb=3072"];

/// A folder in memory, on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// The inputs of one target, and its program, which knows what they cover.
pub(super) struct Corpus {
    name: String,
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) seeds: PathBuf,
    /// Where a target writes its files, if there is a place in memory for them: a disk would be waited for.
    in_memory: Option<TempDir>,
}

impl Corpus {
    /// Unpacks what is committed to what is there.
    pub(super) fn open(name: &str, program: PathBuf) -> Result<Self, String> {
        let corpus = Self {
            name: name.to_owned(),
            program,
            folder: Path::new(CORPUS).join(name),
            seeds: Path::new(SEEDS).join(name),
            in_memory: tempfile::Builder::new().prefix("fuzz-").tempdir_in(IN_MEMORY).ok(),
        };
        for folder in [&corpus.folder, &corpus.seeds] {
            std::fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
        }
        let packed = corpus.packed();
        if packed.exists() {
            let file = File::open(&packed).map_err(|error| told(&packed, error))?;
            tar::Archive::new(GzDecoder::new(BufReader::new(file)))
                .unpack(&corpus.folder)
                .map_err(|error| told(&packed, error))?;
        }
        Ok(corpus)
    }

    /// What libFuzzer says.
    pub(super) fn log(&self) -> PathBuf {
        Path::new(CORPUS).join(format!("{}.log", self.name))
    }

    /// Where inputs are put that make the target fail.
    pub(super) fn artifacts(&self) -> PathBuf {
        Path::new(ARTIFACTS).join(&self.name)
    }

    fn packed(&self) -> PathBuf {
        Path::new(PACKED).join(format!("{}.tar.gz", self.name))
    }

    /// The target's program with what every run of it is given, and where it says what it does.
    pub(super) fn command(&self, log: File) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(LIMITS)
            .arg(format!("-artifact_prefix={}/", self.artifacts().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(folder) = &self.in_memory {
            command.env("TMPDIR", folder.path());
        }
        command
    }

    /// How many inputs libFuzzer's folder has.
    pub(super) fn inputs(&self) -> Result<u64, String> {
        Ok(files(&self.folder)?.len() as u64)
    }

    /// Leaves only inputs that do something no smaller one does.
    pub(super) fn minimise(&self) -> Result<(), String> {
        let merged = self.merged("minimised", &[])?;
        let former = self.folder.with_extension("former");
        std::fs::rename(&self.folder, &former)
            .and_then(|()| std::fs::rename(&merged, &self.folder))
            .and_then(|()| std::fs::remove_dir_all(&former))
            .map_err(|error| told(&self.folder, error))
    }

    /// Packs the smallest inputs that cover every edge, as many as there is room for.
    pub(super) fn pack(&self) -> Result<(), String> {
        // Without counters an edge is the same however often it is passed.
        let edges = self.merged("edges", &["-use_counters=0"])?;
        let packed = self.packed();
        let (archive, left_out) = archive(&edges, MOST)?;
        if left_out > 0 {
            println!("{}: {left_out} of the largest inputs do not fit", packed.display());
        }
        let part = packed.with_extension("part");
        std::fs::create_dir_all(PACKED)
            .and_then(|()| std::fs::write(&part, archive))
            .and_then(|()| std::fs::rename(&part, &packed))
            .and_then(|()| std::fs::remove_dir_all(&edges))
            .map_err(|error| told(&packed, error))
    }

    /// Has libFuzzer choose among all inputs, the smallest first, into a new folder.
    fn merged(&self, ending: &str, flags: &[&str]) -> Result<PathBuf, String> {
        let chosen = self.folder.with_extension(ending);
        if chosen.exists() {
            std::fs::remove_dir_all(&chosen).map_err(|error| told(&chosen, error))?;
        }
        std::fs::create_dir_all(&chosen).map_err(|error| told(&chosen, error))?;
        let log = self.log().with_extension(format!("{ending}.log"));
        let file = File::create(&log).map_err(|error| told(&log, error))?;
        let status = self
            .command(file)
            .arg("-merge=1")
            .args(flags)
            .args([&chosen, &self.folder, &self.seeds])
            .status()
            .map_err(|error| told(&self.program, error))?;
        if status.success() && !files(&chosen)?.is_empty() {
            Ok(chosen)
        } else {
            Err(format!("{}: minimising failed: {status}; see {}", self.name, log.display()))
        }
    }
}

/// The files of a folder as a compressed tar file of at most so many bytes, the smallest first, and how many did not fit. The
/// same files give the same bytes.
fn archive(folder: &Path, most: usize) -> Result<(Vec<u8>, usize), String> {
    let mut inputs = Vec::new();
    for path in files(folder)? {
        let content = std::fs::read(&path).map_err(|error| told(&path, error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        inputs.push((content.len(), name, content));
    }
    inputs.sort();
    let packed = |inputs: &[(usize, String, Vec<u8>)]| -> std::io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
        for (_, name, content) in inputs {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            tar.append_data(&mut header, name, content.as_slice())?;
        }
        let mut file = tar.into_inner()?.finish()?;
        file.flush()?;
        Ok(file)
    };
    let packed = |count: usize| packed(&inputs[..count]).map_err(|error| told(folder, error));
    let all = packed(inputs.len())?;
    if all.len() <= most {
        return Ok((all, 0));
    }
    // More inputs never make a smaller file, but for some bytes.
    let (mut fit, mut beyond) = (0, inputs.len());
    while beyond - fit > 1 {
        let middle = fit.midpoint(beyond);
        *(if packed(middle)?.len() <= most { &mut fit } else { &mut beyond }) = middle;
    }
    Ok((packed(fit)?, inputs.len() - fit))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| told(folder, error))?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(|error| told(folder, error)))
        .collect()
}

fn told(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_corpus_has_the_smallest_inputs_that_fit() {
        let place = tempfile::tempdir().expect("a folder");
        let mut random = fastrand::Rng::with_seed(1);
        for length in [3000, 10, 500] {
            // What does not get smaller by compression.
            let content: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            std::fs::write(place.path().join(length.to_string()), content).expect("written");
        }
        let lengths = |most: usize| {
            let (packed, left_out) = archive(place.path(), most).expect("packed");
            assert!(packed.len() <= most);
            let mut tar = tar::Archive::new(GzDecoder::new(packed.as_slice()));
            let entries = tar.entries().expect("a tar file");
            let lengths: Vec<u64> = entries.map(|entry| entry.expect("whole").size()).collect();
            (lengths, left_out)
        };
        assert_eq!(lengths(1 << 20), (vec![10, 500, 3000], 0));
        assert_eq!(lengths(2500), (vec![10, 500], 1));
        assert_eq!(archive(place.path(), 2500), archive(place.path(), 2500));
    }
}
