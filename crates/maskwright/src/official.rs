//! Checkpoints that others published, by name: where they come from, and the download of those that lie on no hub.
//!
//! Sizes and SHA-256 are those of the published files. What is downloaded is held to them; of files on the Hugging Face hub the hub
//! states the sum.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hf_hub::api::Progress;
use maskwright_train::run_files::{BEST, CONFIG};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::exit::Usage;
use crate::failure::Missing;
use crate::hub::{self, Bar};
use crate::tell;

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Official {
    /// Its name here.
    pub(crate) name: &'static str,
    /// The model.
    pub(crate) model: &'static str,
    /// The file's name.
    pub(crate) file: &'static str,
    /// Where it lies.
    pub(crate) address: &'static str,
    /// Its size in megabytes.
    pub(crate) megabytes: u32,
    /// Its SHA-256; none where the hub states it.
    pub(crate) sha256: Option<&'static str>,
    /// The licence of the weights.
    pub(crate) licence: &'static str,
}

/// All that are known by name: SAM (Kirillov et al., 2023), HQ-SAM (Ke et al., 2023) and MobileSAM (Zhang et al., 2023), each from its
/// authors.
pub(crate) const OFFICIAL: [Official; 8] = [
    sam(
        "sam-vit-b",
        "SAM ViT-B",
        "sam_vit_b_01ec64.pth",
        SAM_B,
        375,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    sam(
        "sam-vit-l",
        "SAM ViT-L",
        "sam_vit_l_0b3195.pth",
        SAM_L,
        1250,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    sam(
        "sam-vit-h",
        "SAM ViT-H",
        "sam_vit_h_4b8939.pth",
        SAM_H,
        2565,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    on_hub(
        "sam-hq-vit-tiny",
        "HQ-SAM ViT-Tiny",
        "sam_hq_vit_tiny.pth",
        "hf://lkeab/hq-sam/sam_hq_vit_tiny.pth",
        43,
    ),
    on_hub(
        "sam-hq-vit-b",
        "HQ-SAM ViT-B",
        "sam_hq_vit_b.pth",
        "hf://lkeab/hq-sam/sam_hq_vit_b.pth",
        379,
    ),
    on_hub(
        "sam-hq-vit-l",
        "HQ-SAM ViT-L",
        "sam_hq_vit_l.pth",
        "hf://lkeab/hq-sam/sam_hq_vit_l.pth",
        1250,
    ),
    on_hub(
        "sam-hq-vit-h",
        "HQ-SAM ViT-H",
        "sam_hq_vit_h.pth",
        "hf://lkeab/hq-sam/sam_hq_vit_h.pth",
        2570,
    ),
    sam(
        "mobile-sam",
        "MobileSAM (TinyViT)",
        "mobile_sam.pt",
        MOBILE,
        41,
        "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
    ),
];

const SAM_B: &str = "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth";
const SAM_L: &str = "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_l_0b3195.pth";
const SAM_H: &str = "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth";
const MOBILE: &str = "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/mobile_sam.pt";

const fn sam(
    name: &'static str,
    model: &'static str,
    file: &'static str,
    address: &'static str,
    megabytes: u32,
    sha256: &'static str,
) -> Official {
    Official { name, model, file, address, megabytes, sha256: Some(sha256), licence: "Apache-2.0" }
}

const fn on_hub(
    name: &'static str,
    model: &'static str,
    file: &'static str,
    address: &'static str,
    megabytes: u32,
) -> Official {
    Official { name, model, file, address, megabytes, sha256: None, licence: "Apache-2.0" }
}

/// As [`local`], and says which file of a run's folder is taken.
pub(crate) fn opened(checkpoint: &Path) -> anyhow::Result<PathBuf> {
    let local = local(checkpoint)?;
    if let Some(best) = best_of_run(checkpoint) {
        let folder = checkpoint.display();
        tell::say(format_args!(
            "{folder} is the folder of a run: its best model, {}",
            best.display()
        ));
    }
    Ok(local)
}

/// The local file or folder of a checkpoint: a path, the best model where that is the folder of a run, an address on the hub, or the name
/// of a published one, which is downloaded where it is not at hand.
pub(crate) fn local(checkpoint: &Path) -> anyhow::Result<PathBuf> {
    if checkpoint.exists() {
        return Ok(best_of_run(checkpoint).unwrap_or_else(|| checkpoint.to_path_buf()));
    }
    match OFFICIAL.iter().find(|known| checkpoint == Path::new(known.name)) {
        Some(known) => known.fetch(),
        None if is_name(checkpoint) => {
            let names: Vec<&str> = OFFICIAL.iter().map(|known| known.name).collect();
            let (found, names) = (checkpoint.display(), names.join(", "));
            Err(Usage(format!(
                "the checkpoint: expected a file, a folder, hf://OWNER/REPO/FILE or one of {names}, found {found}, \
                 which is not there"
            ))
            .into())
        }
        None => match fetched_by(checkpoint) {
            Some(advice) => {
                let text = format!("No such file or directory; {advice}");
                Err(Missing { file: checkpoint.to_path_buf(), text }.into())
            }
            None => hub::local(checkpoint),
        },
    }
}

/// The best model in the folder of a run, if it is one and has one.
pub(crate) fn best_of_run(folder: &Path) -> Option<PathBuf> {
    let best = folder.join(BEST);
    (folder.join(CONFIG).is_file() && best.is_file()).then_some(best)
}

/// What is said of a missing file whose name is like that of a published checkpoint.
fn fetched_by(missing: &Path) -> Option<String> {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    // An address is looked up by itself.
    let path = missing.to_str().filter(|text| !text.contains("://"))?;
    let found = plain(Path::new(path).file_stem()?.to_str()?);
    let like = |known: &&Official| {
        let stem = Path::new(known.file).file_stem().unwrap_or_default().to_string_lossy();
        found == known.name || found == plain(&stem)
    };
    let known = OFFICIAL.iter().find(like)?;
    Some(format!(
        "the name {} in its place, as in `--checkpoint {}`, fetches {} from its authors ({} MB)",
        known.name, known.name, known.model, known.megabytes
    ))
}

/// Whether it looks like the name of a published checkpoint rather than a file: a word without a folder and an ending.
fn is_name(checkpoint: &Path) -> bool {
    let words = checkpoint.components().count() == 1 && checkpoint.extension().is_none();
    words && checkpoint.to_str().is_some_and(|text| text.contains("sam") && !text.contains("://"))
}

impl Official {
    /// Where it lies once it was fetched; for those of the hub, its cache knows.
    pub(crate) fn kept(&self) -> Option<PathBuf> {
        match self.sha256 {
            Some(_) => folder().map(|folder| folder.join(self.file)).filter(|file| file.is_file()),
            None => hub::at_hand(self.address),
        }
    }

    /// Who serves it.
    pub(crate) fn origin(&self) -> &'static str {
        let server = self.address.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        let repository = || self.address.rsplit_once('/').map_or(self.address, |(place, _)| place);
        server.unwrap_or_else(repository)
    }

    /// The line that fetches it by hand.
    pub(crate) fn by_hand(&self) -> String {
        let address = match self.address.strip_prefix("hf://") {
            Some(path) => {
                let (repo, file) = path.rsplit_once('/').unwrap_or((path, ""));
                format!("https://huggingface.co/{repo}/resolve/main/{file}")
            }
            None => self.address.to_owned(),
        };
        format!("curl -L -o {} {address}", self.file)
    }

    fn fetch(&self) -> anyhow::Result<PathBuf> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let by_hand = || {
            format!(
                "{}: could not be fetched; `{}` does it by hand, and --checkpoint {} takes the file",
                self.name,
                self.by_hand(),
                self.file
            )
        };
        let Some(sha256) = self.sha256 else {
            return hub::local(Path::new(self.address)).with_context(by_hand);
        };
        let folder = folder().context("there is no folder for caches (XDG_CACHE_HOME, HOME)")?;
        download(self.address, &folder, self.file, sha256).with_context(by_hand)
    }
}

/// Where downloaded checkpoints are kept.
fn folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join("maskwright").join("models"))
}

/// Downloads a file into a folder: under a temporary name, until its sum is the expected one.
fn download(address: &str, folder: &Path, file: &str, sha256: &str) -> anyhow::Result<PathBuf> {
    let target = folder.join(file);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot make", folder.display()))?;
    let response = ureq::get(address).call().with_context(|| address.to_owned())?;
    let bytes = response.headers().get("content-length");
    let bytes = bytes.and_then(|text| text.to_str().ok()?.parse().ok());
    let mut bar = Bar::default();
    bar.init(bytes.unwrap_or_default(), file);
    let mut body = response.into_body().into_reader();
    let unwritten = |error: std::io::Error| {
        anyhow::Error::new(error).context(format!("{}: cannot write", target.display()))
    };
    maskwright_files::remove_abandoned(folder);
    maskwright_files::write_with(&target, unwritten, |out| {
        let (mut sum, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            let read = body.read(&mut buffer).with_context(|| address.to_owned())?;
            if read == 0 {
                break;
            }
            sum.update(&buffer[..read]);
            out.write_all(&buffer[..read]).map_err(unwritten)?;
            bar.update(read);
        }
        bar.finish();
        let found: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != sha256 {
            bail!(
                "{address}: expected SHA-256 {sha256}, found {found}: the download is damaged, and was removed"
            );
        }
        Ok(())
    })?;
    tell::say(format_args!("kept as {}", target.display()));
    Ok(target)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Serves these bytes once.
    fn served(bytes: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/model.pth", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).expect("read");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            stream.write_all(head.as_bytes()).expect("written");
            stream.write_all(bytes).expect("written");
        });
        address
    }

    /// SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn missing_files_with_published_names_are_told_and_addresses_are_not() {
        let told = |path: &str| fetched_by(Path::new(path)).is_some();
        assert!(told("sam_vit_b.pth") && told("models/sam_vit_b_01ec64.pth"));
        assert!(!told("hf://lkeab/hq-sam/sam_hq_vit_b.pth") && !told("mine.pth"));
    }

    #[test]
    fn a_download_is_held_to_its_sum() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = download(&served(b"abc"), folder.path(), "a.pth", ABC).expect("fetched");
        assert_eq!(std::fs::read(file).expect("read"), b"abc");
        let error = download(&served(b"abd"), folder.path(), "b.pth", ABC).expect_err("damaged");
        assert!(format!("{error:#}").contains("the download is damaged"), "{error:#}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("listed").flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn names_differ_and_lines_lead_to_the_files() {
        let mut names: Vec<&str> = OFFICIAL.iter().map(|known| known.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OFFICIAL.len());
        for known in &OFFICIAL {
            assert!(known.address.ends_with(known.file), "{}", known.name);
            assert!(known.sha256.is_none_or(|sum| sum.len() == 64), "{}", known.name);
        }
        insta::assert_snapshot!(OFFICIAL[4].by_hand(), @"curl -L -o sam_hq_vit_b.pth https://huggingface.co/lkeab/hq-sam/resolve/main/sam_hq_vit_b.pth");
    }
}
