//! The images that prompts may name: those of a folder, or of a list of files.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use maskwright_data::source::IMAGE_ENDINGS;

use crate::error::{Error, Result};
use crate::files::read_at_most;

/// The longest list of files that is read.
const MAX_BYTES: u64 = 1 << 30;

/// An image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name within the folder, with `/` between folders; of a list, within the deepest folder that all its files share.
    pub name: String,
}

/// Images by their names.
#[derive(Debug)]
pub struct Pictures {
    files: Vec<PictureFile>,
    /// What they may be called, once one is looked for.
    names: OnceLock<Names>,
}

/// Numbers of images by path, name, stem and number, the surest first. A name that several have is no one's.
type Names = [HashMap<String, Option<usize>>; 4];

impl PictureFile {
    /// What the names of its results begin with: its own without the ending.
    pub fn key(&self) -> String {
        Path::new(&self.name).with_extension("").to_string_lossy().into_owned()
    }

    /// As [`key`](Self::key), of bytes that may be no text.
    pub fn place(&self) -> PathBuf {
        match self.path.file_stem() {
            Some(stem) => Path::new(&self.name).with_file_name(stem),
            None => PathBuf::from(self.key()),
        }
    }
}

impl Pictures {
    /// The images of a folder and of those in it, in the order of their names; those that a text file names line by line, relative to
    /// where it lies; or one image file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Content`] where there is no image.
    pub fn open(input: &Path) -> Result<Pictures> {
        let mut paths = if input.is_dir() {
            of_folder(input)?
        } else if is_image(input) {
            std::fs::metadata(input).map_err(Error::io(input, "read"))?;
            vec![input.to_path_buf()]
        } else {
            of_list(input)?
        };
        if paths.is_empty() {
            return Err(Error::Content {
                file: input.to_path_buf(),
                expected: "images (.jpg, .png, .tif, .webp, ...)".into(),
                found: "none".into(),
            });
        }
        let folder = if input.is_dir() {
            input.to_path_buf()
        } else {
            // A list may have a name twice; a folder has not.
            let mut seen = HashSet::new();
            paths.retain(|path| seen.insert(path.clone()));
            shared_folder(&paths)
        };
        let file = |path: PathBuf| PictureFile { name: name_within(&folder, &path), path };
        let files = paths.into_iter().map(file).collect();
        Ok(Pictures { files, names: OnceLock::new() })
    }

    fn names(&self) -> Names {
        let mut names = Names::default();
        for (number, file) in self.files.iter().enumerate() {
            let mut add = |rank: usize, name: String| {
                let unlike = |place: &mut Option<usize>| *place = place.filter(|&at| at == number);
                names[rank].entry(name).and_modify(unlike).or_insert(Some(number));
            };
            let stem = lossy(file.path.file_stem());
            add(0, file.path.to_string_lossy().into_owned());
            add(0, absolute(&file.path));
            add(0, file.name.clone());
            add(1, lossy(file.path.file_name()));
            if let Some(number) = number_of(&stem) {
                add(3, number.to_owned());
            }
            add(2, stem);
        }
        names
    }

    /// All of them.
    pub fn files(&self) -> &[PictureFile] {
        &self.files
    }

    /// The image that a list in `folder` calls so: by its path, absolute or from that folder or the working directory; its name within
    /// the folder of images; its own name, that without its ending, or its number.
    ///
    /// # Errors
    /// Says whether there is none or more than one.
    pub fn find(
        &self,
        name: &str,
        folder: &Path,
    ) -> std::result::Result<&PictureFile, &'static str> {
        // As Windows writes it, and from where one is.
        let plain = name.replace('\\', "/");
        let plain = plain.strip_prefix("./").unwrap_or(&plain);
        let asked = [
            (0, Some(name.to_owned())),
            (0, Some(plain.to_owned())),
            (0, Some(absolute(&folder.join(plain)))),
            (0, Some(absolute(Path::new(plain)))),
            (1, Some(name.to_owned())),
            (2, Some(name.to_owned())),
            (3, digits(name).map(str::to_owned)),
        ];
        let names = self.names.get_or_init(|| self.names());
        let mut found =
            asked.into_iter().filter_map(|(rank, name)| names[rank].get(&name?).copied());
        match found.next() {
            Some(Some(place)) => Ok(&self.files[place]),
            Some(None) => Err("several of this name in its folders"),
            None => Err("none of this name"),
        }
    }
}

/// The deepest folder that all of these lie in.
fn shared_folder(paths: &[PathBuf]) -> PathBuf {
    let parts = |path: &PathBuf| -> Vec<OsString> {
        let folder = path.parent().unwrap_or(Path::new(""));
        folder.components().map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut shared = paths.first().map(parts).unwrap_or_default();
    for path in paths {
        let others = parts(path);
        let same = shared.iter().zip(&others).take_while(|(one, other)| one == other).count();
        shared.truncate(same);
    }
    shared.iter().collect()
}

/// A file's name within a folder, or its own where the way there leads out of it.
fn name_within(folder: &Path, path: &Path) -> String {
    let within = path.strip_prefix(folder).unwrap_or(path);
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    // Almost all are files of the folder itself.
    let mut components = within.components();
    if let (Some(Component::Normal(name)), None) = (components.next(), components.next()) {
        return lossy(Some(name));
    }
    let parts: Option<Vec<String>> = within.components().map(part).collect();
    parts.map_or_else(|| lossy(path.file_name()), |parts| parts.join("/"))
}

/// A path from the root on in one spelling, links as they are.
fn absolute(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain.to_string_lossy().into_owned()
}

/// The number that COCO's names of files are made of: "000000000042", or "COCO_val2014_000000000042".
fn number_of(stem: &str) -> Option<&str> {
    let last = stem.rsplit('_').next().filter(|last| last.len() == 12);
    digits(stem).or_else(|| digits(last?))
}

/// A number without the zeros before it, as COCO's names have: "000000000042" is 42.
fn digits(name: &str) -> Option<&str> {
    let all = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| {
        let short = name.trim_start_matches('0');
        if short.is_empty() { "0" } else { short }
    })
}

fn lossy(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    IMAGE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let at = error.path().unwrap_or(folder).to_path_buf();
            Error::io(&at, "read")(error.into())
        })?;
        if !entry.file_type().is_dir() && is_image(entry.path()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn of_list(list: &Path) -> Result<Vec<PathBuf>> {
    let bytes = read_at_most(list, MAX_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Content {
        file: list.to_path_buf(),
        expected: "a folder, an image, or a text file with the name of an image in each line"
            .into(),
        found: "bytes that are no UTF-8".into(),
    })?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(|line| folder.join(line)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_what_lists_call_them() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        std::fs::create_dir_all(root.join("sub")).expect("made");
        for name in [
            "000000000042.jpg",
            "COCO_val2014_000000000007.jpg",
            "a.jpg",
            "sub/a.png",
            "sub/b.PNG",
            "note.txt",
        ] {
            std::fs::write(root.join(name), "").expect("written");
        }
        let pictures = Pictures::open(root).expect("images");
        let names: Vec<_> = pictures.files().iter().map(|file| &*file.name).collect();
        let expected = [
            "000000000042.jpg",
            "COCO_val2014_000000000007.jpg",
            "a.jpg",
            "sub/a.png",
            "sub/b.PNG",
        ];
        assert_eq!(names, expected);
        let find = |name: &str| match pictures.find(name, &root.join("lists")) {
            Ok(file) => file.name.clone(),
            Err(found) => format!("{name}: {found}"),
        };
        let whole = root.join("sub/b.PNG").display().to_string();
        let names =
            ["42", "000000000042", "7", "a.jpg", "./a.jpg", "a.png", "sub/a.png", "sub\\a.png"];
        let found = names.map(find).join("\n");
        let more = ["b", &whole, "../sub/b.PNG", "a", "c", "8"].map(find).join("\n");
        insta::assert_snapshot!(format!("{found}\n{more}"), @"
            000000000042.jpg
            000000000042.jpg
            COCO_val2014_000000000007.jpg
            a.jpg
            a.jpg
            sub/a.png
            sub/a.png
            sub/a.png
            sub/b.PNG
            sub/b.PNG
            sub/b.PNG
            a: several of this name in its folders
            c: none of this name
            8: none of this name
            ");
    }

    #[test]
    fn files_of_a_list_are_called_by_what_tells_them_apart() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        let open = |text: &str| {
            std::fs::write(root.join("list.txt"), text).expect("written");
            Pictures::open(&root.join("list.txt"))
        };
        let names = |text: &str| -> Vec<String> {
            open(text).expect("images").files().iter().map(|file| file.name.clone()).collect()
        };
        assert_eq!(names("a.jpg\r\n\r\n sub/b.PNG\na.jpg\n"), ["a.jpg", "sub/b.PNG"]);
        assert_eq!(names("x/1/a.jpg\nx/2/a.jpg\n"), ["1/a.jpg", "2/a.jpg"]);
        assert_eq!(names("/data/x/a.jpg\n/data/x/b.jpg\n"), ["a.jpg", "b.jpg"]);
        assert_eq!(names("a.jpg\n../b.jpg\n"), ["a.jpg", "b.jpg"]);
        let pictures = open("a.jpg\nsub/b.PNG\n").expect("images");
        assert_eq!(pictures.find("b", root).expect("found").path, root.join("sub/b.PNG"));
        assert!(open("").is_err());
    }
}
