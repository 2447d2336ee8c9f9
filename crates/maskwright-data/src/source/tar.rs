//! Tar files, read in place: where each member's bytes lie. Nothing is ever unpacked.
//!
//! Of a member nothing is read but its headers. A name in a header of its own may claim any length; what is read for a
//! member's headers is bounded, so that no file costs more memory than that.

use std::cell::Cell;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use super::bytes::{open_file, path_from_bytes};
use crate::error::{Error, Result};

/// What files begin with that are compressed.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ", "xz")];

/// Bytes of a member's headers: its own, and those for long names, links and PAX records.
const LARGEST_HEADERS: u64 = 1 << 20;

/// Bytes of a member's name: no system has longer paths.
const LONGEST_NAME: usize = 1 << 16;

/// A regular file inside a tar file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// Its name with the folders inside the tar file, without a leading `./`.
    pub(crate) name: &'a [u8],
    /// Its first byte.
    pub(crate) at: u64,
    /// Its length.
    pub(crate) len: u64,
}

/// Calls `each` with every regular member of a tar file, in order.
///
/// # Errors
///
/// A file that cannot be read, is compressed or no tar file; one that is cut short; a member whose name
/// is absolute or leads out of the tar file by `..`, or whose headers are longer than any have to be.
pub(crate) fn members(path: &Path, each: impl FnMut(Member<'_>) -> Result<()>) -> Result<()> {
    let unreadable = |source| Error::Read { file: path.into(), source };
    let file = open_file(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    members_of(file, length, path, each)
}

/// As [`members`], of a reader over `length` bytes; `path` is named in errors.
pub(crate) fn members_of(
    mut file: impl Read + Seek,
    length: u64,
    path: &Path,
    mut each: impl FnMut(Member<'_>) -> Result<()>,
) -> Result<()> {
    let unreadable = |source| Error::Read { file: path.into(), source };
    let bad = |expected: &str, found: String| Error::Tar {
        file: path.into(),
        expected: expected.into(),
        found,
    };
    let mut head = [0; 6];
    let start = &mut head[..length.min(6) as usize];
    file.read_exact(start).and_then(|()| file.rewind()).map_err(unreadable)?;
    if let Some((_, format)) = COMPRESSED.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(bad(
            "a tar file that is not compressed, to be read in place",
            (*format).into(),
        ));
    }
    if length < 512 {
        return Err(bad("a tar file", format!("{length} bytes")));
    }
    let watch = Watch::default();
    let mut archive = tar::Archive::new(Watched { reader: file, watch: &watch });
    let broken = |error: std::io::Error| match watch.too_long.get() {
        Some(at) => bad(
            &format!("at most {LARGEST_HEADERS} bytes of headers for a member"),
            format!("more of them from byte {at} on"),
        ),
        None => bad("a sound tar header", error.to_string()),
    };
    for entry in archive.entries_with_seek().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        watch.read.set(0);
        let name = entry.path_bytes();
        if name.len() > LONGEST_NAME {
            let expected = format!("names of at most {LONGEST_NAME} bytes");
            let found = format!("one of {} before byte {}", name.len(), entry.raw_file_position());
            return Err(bad(&expected, found));
        }
        let shown = || String::from_utf8_lossy(&name).into_owned();
        let inside = path_from_bytes(&name)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            let expected = "members that lie inside the tar file";
            return Err(bad(expected, format!("a member named {}", shown())));
        }
        let (at, len) = (entry.raw_file_position(), entry.size());
        if at.saturating_add(len) > length {
            let expected = format!("{len} bytes of {} at byte {at}", shown());
            return Err(bad(&expected, format!("the end of the file at byte {length}")));
        }
        if entry.header().entry_type().is_file() {
            let name = name.strip_prefix(b"./").unwrap_or(&name);
            each(Member { name, at, len })?;
        }
    }
    Ok(())
}

/// What is read of a tar file since the last member.
#[derive(Default)]
struct Watch {
    /// How many bytes.
    read: Cell<u64>,
    /// Where they begin.
    from: Cell<u64>,
    /// Where headers begin that are too long.
    too_long: Cell<Option<u64>>,
}

/// A reader that stops where more is read than headers take.
struct Watched<'a, R> {
    reader: R,
    watch: &'a Watch,
}

impl<R: Read + Seek> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Watch { read, from, too_long } = self.watch;
        if read.get() == 0 {
            from.set(self.reader.stream_position()?);
        }
        if read.get() > LARGEST_HEADERS {
            too_long.set(Some(from.get()));
            return Err(std::io::Error::other("headers that are too long"));
        }
        let count = self.reader.read(buffer)?;
        read.set(read.get() + count as u64);
        Ok(count)
    }
}

impl<R: Seek> Seek for Watched<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.reader.seek(to)
    }
}

/// Key and lower-case ending of a member: WebDataset's rule, the name up to the first dot of its last
/// part, and what follows that dot. None for hidden files and names without a dot.
pub(crate) fn key_and_ending(name: &[u8]) -> Option<(&[u8], String)> {
    let base = name.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let dot = base + name[base..].iter().position(|byte| *byte == b'.')?;
    let ending = String::from_utf8_lossy(&name[dot + 1..]).to_lowercase();
    (dot > base).then(|| (&name[..dot], ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: u64, kind: tar::EntryType) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        // Written by hand, since the library refuses names that lead outside.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(size);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    fn tar_file(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let header = header(name, bytes.len() as u64, tar::EntryType::Regular);
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn list(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, bytes).unwrap();
        let mut found = Vec::new();
        members(&path, |member| {
            let content = bytes[member.at as usize..][..member.len as usize].to_vec();
            found.push((String::from_utf8_lossy(member.name).into_owned(), content));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn members_are_found_where_they_lie() {
        let long = format!("folder/{}.jpg", "x".repeat(150));
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content).unwrap();
        };
        add("./a.jpg", b"image");
        add(&long, &[7; 1000]);
        add("empty.png", b"");
        let link = header("link.jpg", 0, tar::EntryType::Symlink);
        builder.append(&link, std::io::empty()).unwrap();
        let found = list(&builder.into_inner().unwrap()).unwrap();
        assert_eq!(found[0], ("a.jpg".into(), b"image".to_vec()));
        assert_eq!(found[1], (long, vec![7; 1000]));
        assert_eq!(found[2], ("empty.png".into(), vec![]));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn unsound_files_are_named() {
        let error = |bytes: &[u8]| list(bytes).unwrap_err().to_string();
        let whole = tar_file(&[("a.jpg", &[1; 3000]), ("b.jpg", &[2; 3000])]);
        for cut in [2000, 5000] {
            let text = error(&whole[..cut]);
            assert!(text.contains("a.tar") && text.contains("end of the file"), "{text}");
        }
        let text = error(&whole[..3700]);
        assert!(text.contains("sound tar header"), "{text}");
        let mut damaged = whole.clone();
        damaged[3584 + 5] ^= 0x55;
        assert!(error(&damaged).contains("sound tar header"), "{}", error(&damaged));
        for name in ["../a.jpg", "a/../../b.jpg", "/etc/a.jpg"] {
            let text = error(&tar_file(&[(name, b"x")]));
            assert!(text.contains("lie inside") && text.contains(name), "{text}");
        }
        assert!(error(b"\x1f\x8b\x08 and so on").contains("gzip"));
        assert!(error(b"").contains("0 bytes"));
        assert!(error(&[b'x'; 600]).contains("sound tar header"));
    }

    /// Headers that claim gigabytes, in files that are as long without taking room on the disk: refused by name, without
    /// reading more than headers may have.
    #[test]
    fn headers_of_gigabytes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.tar");
        let first = tar_file(&[("a.jpg", &[1; 700])]);
        // Two blocks for the member and its header, without the blocks that end the file.
        let first = &first[..512 + 1024];
        for kind in [
            tar::EntryType::GNULongName,
            tar::EntryType::GNULongLink,
            tar::EntryType::XHeader,
            tar::EntryType::XGlobalHeader,
        ] {
            let long = header("././@LongLink", 4 << 30, kind);
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, &[first, long.as_bytes()].concat()).unwrap();
            file.set_len((4 << 30) + 4096).unwrap();
            let mut names = Vec::new();
            let result = members(&path, |member| {
                names.push(member.name.to_vec());
                Ok(())
            });
            if kind == tar::EntryType::XGlobalHeader {
                // Says nothing about a member, and is passed over like a member of another kind.
                assert!(result.is_ok(), "{result:?}");
                continue;
            }
            assert_eq!(names, [b"a.jpg"], "{kind:?}");
            let text = result.unwrap_err().to_string().replace(&path.display().to_string(), "LONG");
            let expected = "LONG: expected at most 1048576 bytes of headers for a member, \
                            found more of them from byte 1536 on";
            assert_eq!(text, expected, "{kind:?}");
        }
    }

    #[test]
    fn long_names_have_a_limit() {
        let of = |length: usize| {
            let name = format!("{}.jpg", "x".repeat(length - 4));
            let mut builder = tar::Builder::new(Vec::new());
            let long = header("././@LongLink", length as u64, tar::EntryType::GNULongName);
            builder.append(&long, name.as_bytes()).unwrap();
            builder.append(&header("cut", 1, tar::EntryType::Regular), &b"x"[..]).unwrap();
            list(&builder.into_inner().unwrap())
        };
        assert_eq!(of(LONGEST_NAME).unwrap()[0].0.len(), LONGEST_NAME);
        let text = of(LONGEST_NAME + 1).unwrap_err().to_string();
        assert!(text.contains("names of at most 65536 bytes, found one of 65537 before"), "{text}");
    }

    #[test]
    fn keys_end_at_the_first_dot() {
        let of = |name: &str| {
            key_and_ending(name.as_bytes())
                .map(|(key, ending)| (String::from_utf8_lossy(key).into_owned(), ending))
        };
        assert_eq!(of("a.v2/x.mask.PNG"), Some(("a.v2/x".into(), "mask.png".into())));
        assert_eq!(of("sa_1.jpg"), Some(("sa_1".into(), "jpg".into())));
        assert_eq!(of("folder/.hidden"), None);
        assert_eq!(of("README"), None);
    }
}
