//! Checkpoints from the Hugging Face hub: `hf://OWNER/REPO/FILE[@REVISION]`, or a whole model's folder
//! without FILE.
//!
//! The cache is the one that Hugging Face's own tools use (`HF_HUB_CACHE`, `HF_HOME`), and what is in it
//! is taken without asking the network. What is downloaded is held to the checksum that the hub states.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use maskwright_train::checksums;

use crate::exit::Usage;
use crate::shown::shown;
use crate::tell;

const SCHEME: &str = "hf://";

/// What a folder in Hugging Face's layout has.
const FOLDER: [&str; 2] = ["config.json", "model.safetensors"];

/// The local file or folder of a checkpoint, which is downloaded if it is on the hub and not in the cache.
pub(crate) fn local(checkpoint: &Path) -> anyhow::Result<PathBuf> {
    match checkpoint.to_str().filter(|text| text.starts_with(SCHEME)) {
        Some(text) => text.parse::<Address>()?.fetch().with_context(|| text.to_owned()),
        None => Ok(checkpoint.to_path_buf()),
    }
}

/// Where a file of the hub lies here, if it was fetched already.
pub(crate) fn at_hand(address: &str) -> Option<PathBuf> {
    let address = address.parse::<Address>().ok()?;
    address.cached(&cache(), address.file.as_deref()?)
}

/// The cache that Hugging Face's own tools use.
fn cache() -> Cache {
    match std::env::var_os("HF_HUB_CACHE") {
        Some(path) => Cache::new(path.into()),
        None => Cache::from_env(),
    }
}

/// A place on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    /// `OWNER/REPO`.
    repo: String,
    /// None for the folder.
    file: Option<String>,
    revision: String,
}

impl FromStr for Address {
    type Err = Usage;

    fn from_str(text: &str) -> Result<Self, Usage> {
        let wrong =
            || Usage(format!("expected {SCHEME}OWNER/REPO/FILE[@REVISION], found {text:?}"));
        let path = text.strip_prefix(SCHEME).ok_or_else(wrong)?;
        let (path, revision) = path.rsplit_once('@').unwrap_or((path, "main"));
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        // These become paths in the cache.
        let odd =
            |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\\');
        if parts.len() < 2 || parts.iter().any(|part| odd(part)) || revision.split('/').any(odd) {
            return Err(wrong());
        }
        let file = parts[2..].join("/");
        Ok(Self {
            repo: parts[..2].join("/"),
            file: (!file.is_empty()).then_some(file),
            revision: revision.to_owned(),
        })
    }
}

impl Address {
    fn fetch(&self) -> anyhow::Result<PathBuf> {
        let cache = cache();
        match &self.file {
            Some(file) => self.fetch_file(&cache, file),
            None => {
                let mut folder = PathBuf::new();
                for file in FOLDER {
                    folder = self.fetch_file(&cache, file)?;
                    folder.pop();
                }
                Ok(folder)
            }
        }
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(self.repo.clone(), RepoType::Model, self.revision.clone())
    }

    /// The file in the cache, by a name of the revision or by the revision itself.
    fn cached(&self, cache: &Cache, file: &str) -> Option<PathBuf> {
        let repo = cache.repo(self.repo());
        repo.get(file).or_else(|| {
            Some(repo.pointer_path(&self.revision).join(file)).filter(|path| path.is_file())
        })
    }

    fn fetch_file(&self, cache: &Cache, file: &str) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.cached(cache, file) {
            return Ok(path);
        }
        let missing = || {
            format!(
                "{file} is not in the cache ({}), and could not be fetched",
                cache.path().display()
            )
        };
        let mut builder = ApiBuilder::from_cache(cache.clone());
        if let Ok(endpoint) = std::env::var("HF_ENDPOINT") {
            builder = builder.with_endpoint(endpoint);
        }
        let path = builder
            .build()
            .and_then(|api| api.repo(self.repo()).download_with_progress(file, Bar::default()))
            .map_err(|error| anyhow::anyhow!(reason(&error)))
            .with_context(missing)?;
        verify(&path)?;
        Ok(path)
    }
}

/// What a failed request means to the user.
fn reason(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(inner) => match &**inner {
            status @ ureq::Error::StatusCode(401 | 403) => {
                format!("the hub refuses it ({status}): it may need a token (HF_HOME/token)")
            }
            ureq::Error::StatusCode(404) => "the hub has no such file or revision".to_owned(),
            other => format!("the hub cannot be reached: {other}"),
        },
        other => other.to_string(),
    }
}

/// Holds a downloaded file to its checksum, which is the name of the blob behind it: of large files the
/// SHA-256. A file that fails is taken out of the cache.
fn verify(path: &Path) -> anyhow::Result<()> {
    let blob = path.canonicalize().with_context(|| path.display().to_string())?;
    let expected = blob.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_hash = |name: &String| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let Some(expected) = expected.filter(is_hash) else { return Ok(()) };
    let (found, _) = checksums::of_file(&blob)?;
    if found != expected {
        std::fs::remove_file(path).ok();
        std::fs::remove_file(&blob).ok();
        bail!(
            "expected SHA-256 {expected}, found {found}: the download is damaged, and was removed"
        );
    }
    Ok(())
}

/// The progress of a download on a terminal.
#[derive(Default)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Progress for Bar {
    fn init(&mut self, size: usize, filename: &str) {
        if !std::io::stderr().is_terminal() {
            tell::say(format_args!("fetching {filename} ({size} bytes)"));
            return;
        }
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(Some(size as u64), target);
        let template = "{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(shown(filename).into_owned());
        self.0 = Some(bar);
    }

    fn update(&mut self, size: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(size as u64);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Address, String> {
        text.parse().map_err(|e: Usage| e.to_string())
    }

    #[test]
    fn addresses_are_read() {
        let found = address("hf://lkeab/hq-sam/sam_hq_vit_b.pth").unwrap();
        assert_eq!((found.repo.as_str(), found.revision.as_str()), ("lkeab/hq-sam", "main"));
        assert_eq!(found.file.as_deref(), Some("sam_hq_vit_b.pth"));
        let found = address("hf://a/b/c/d.pth@refs/pr/1").unwrap();
        assert_eq!(found.file.as_deref(), Some("c/d.pth"));
        assert_eq!(found.revision, "refs/pr/1");
        assert_eq!(address("hf://a/b/").unwrap().file, None);
        for wrong in
            ["hf://", "hf://a", "hf://a//c", "hf://a/b/../c", "hf://a/b/c@", "hf://a/b/c@../x"]
        {
            assert!(address(wrong).unwrap_err().contains("OWNER/REPO"), "{wrong}");
        }
    }

    #[test]
    fn a_download_is_held_to_its_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let blob = |bytes: &[u8]| {
            // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
            let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        verify(&blob(b"abc")).unwrap();
        let damaged = blob(b"abd");
        assert!(verify(&damaged).unwrap_err().to_string().contains("damaged"));
        assert!(!damaged.exists());
        let other = folder.path().join("an-etag");
        std::fs::write(&other, b"anything").unwrap();
        verify(&other).unwrap();
    }
}
