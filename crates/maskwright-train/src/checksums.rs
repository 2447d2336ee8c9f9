//! SHA-256 sums of files, in the form that `sha256sum` writes and checks.

use std::path::Path;

use maskwright_data::source::{open_file, read_whole};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files;

/// Returns the sum of a file's bytes, as 64 hexadecimal digits, and the number of bytes.
///
/// # Errors
/// [`Error::Io`].
pub fn of_file(path: &Path) -> Result<(String, u64)> {
    let mut file = open_file(path).map_err(Error::io(path, "read"))?;
    let mut sum = Sha256::new();
    let bytes = std::io::copy(&mut file, &mut sum).map_err(Error::io(path, "read"))?;
    Ok((hexadecimal(sum), bytes))
}

/// The sum of some texts, each told from the next.
pub(crate) fn of_texts(texts: impl Iterator<Item = Result<String>>) -> Result<String> {
    let mut sum = Sha256::new();
    for text in texts {
        let text = text?;
        sum.update((text.len() as u64).to_le_bytes());
        sum.update(text);
    }
    Ok(hexadecimal(sum))
}

pub(crate) fn hexadecimal(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the sums of the files `names` of `folder` into its file `list`.
pub(crate) fn write(folder: &Path, names: &[&str], list: &str) -> Result<()> {
    files::write_atomically(&folder.join(list), lines(folder, names)?.as_bytes())
}

/// Compares the files `names` of `folder` with the sums in its file `list`, which holds these and no others.
///
/// # Errors
/// [`Error::RunFile`] names the file that is not what it was.
pub(crate) fn check(folder: &Path, names: &[&str], list: &str) -> Result<()> {
    let path = folder.join(list);
    let stated = read_whole(&path).map_err(Error::io(&path, "read"))?;
    let found = lines(folder, names)?;
    if found.as_bytes() == stated {
        return Ok(());
    }
    let damaged = found.lines().zip(names).find(|(line, _)| {
        !stated.split(|&byte| byte == b'\n').any(|stated| stated == line.as_bytes())
    });
    let (file, expected) = match damaged {
        Some((_, name)) => (folder.join(name), format!("the bytes whose SHA-256 is in {list}")),
        None => (path, format!("a line for each of {}", names.join(", "))),
    };
    Err(Error::RunFile { file, expected, found: "others: the file is damaged".into() })
}

fn lines(folder: &Path, names: &[&str]) -> Result<String> {
    let line = |name: &&str| Ok(format!("{}  {name}\n", of_file(&folder.join(name))?.0));
    names.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums of FIPS 180-4's examples: of nothing, and of "abc".
    #[test]
    fn sums_are_sha_256() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("abc"), "abc").expect("written");
        std::fs::write(folder.path().join("none"), "").expect("written");
        write(folder.path(), &["abc", "none"], "sums").expect("written");
        let text = std::fs::read_to_string(folder.path().join("sums")).expect("read");
        assert_eq!(
            text,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  none\n"
        );
        check(folder.path(), &["abc", "none"], "sums").expect("as they were");
        std::fs::write(folder.path().join("none"), "x").expect("written");
        let error =
            check(folder.path(), &["abc", "none"], "sums").expect_err("changed").to_string();
        let folder = format!("{}/", folder.path().display());
        insta::assert_snapshot!(error.replace(&folder, ""), @"none: expected the bytes whose SHA-256 is in sums, found others: the file is damaged");
    }
}
