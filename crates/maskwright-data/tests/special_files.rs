//! What is no file where one should be: refused by name before it is opened, since a pipe is waited for and a device never
//! ends. And names that a terminal would obey.
#![cfg(unix)]

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{disc, picture, write};
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{
    DataFile, OpenContext, PairsSource, SetSpec, Source, read_file, read_settings, read_stated,
    recognise,
};
use maskwright_image::encode::{jpeg_rgb, png_grey};

/// A pipe, a socket, a device and links to them, with what each is called.
fn special(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut found = vec![(PathBuf::from("/dev/zero"), "a device")];
    let socket = folder.join("socket");
    // A socket's name may be long.
    if std::os::unix::net::UnixListener::bind(&socket).is_ok() {
        found.push((socket, "a socket"));
    }
    let pipe = folder.join("pipe");
    match std::process::Command::new("mkfifo").arg(&pipe).status() {
        Ok(status) if status.success() => found.push((pipe, "a named pipe")),
        _ => eprintln!("left out: there is no program mkfifo here"),
    }
    for (at, (target, what)) in found.clone().into_iter().enumerate() {
        let link = folder.join(format!("link-{at}"));
        symlink(target, &link).unwrap();
        found.push((link, what));
    }
    found
}

#[test]
fn every_reader_refuses_them() {
    let root = tempfile::tempdir().unwrap();
    for (path, what) in special(root.path()) {
        let shown = path.display();
        let expected = format!("cannot read {shown}: expected a file, found {what}");
        let refused = |result: maskwright_data::Result<()>| {
            assert_eq!(result.unwrap_err().to_string(), expected);
        };
        refused(read_file(&path, &mut Vec::new()));
        refused(read_stated(&path, |_| {}));
        refused(DataFile::read(&path).map(drop));
        refused(recognise(&path).map(drop));
        assert_eq!(
            read_settings(&path).unwrap_err().to_string(),
            expected.split_once(": ").unwrap().1
        );
        let toml = |keys: &str| {
            let text = format!("[[train]]\nname = \"a\"\n{keys}\n");
            let data = DataFile::parse(&text, Path::new("data.toml")).unwrap();
            data.open_train(&OpenContext::default()).map(drop)
        };
        let folder = root.path().display();
        refused(toml(&format!(
            "kind = \"coco\"\nannotations = \"{shown}\"\nimages = \"{folder}\""
        )));
        refused(toml(&format!("kind = \"webdataset\"\nshards = \"{shown}\"")));
        refused(toml(&format!("list = \"{shown}\"")));
    }
}

#[test]
fn images_and_masks_that_are_none_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = (root.path().join("images"), root.path().join("masks"));
    write(images.join("a.jpg"), jpeg_rgb(&picture(60, 40), 90).unwrap());
    write(masks.join("b.png"), png_grey(&disc(60, 40)).unwrap());
    symlink("/dev/zero", images.join("b.jpg")).unwrap();
    symlink("/dev/zero", masks.join("a.png")).unwrap();
    let set = PairsSource::open(&SetSpec::pairs("s", &images, &masks)).unwrap();
    assert_eq!(set.len(), 2);
    let mut maker = SampleMaker::new(SampleConfig::for_size(32)).unwrap();
    for file in [masks.join("a.png"), images.join("b.jpg")] {
        let record = usize::from(file.ends_with("b.jpg"));
        let error = maker.eval(&set, record, Preset::Squash).unwrap_err();
        let expected = format!("cannot read {}: expected a file, found a device", file.display());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_data_file_has_a_length() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data.toml");
    std::fs::File::create(&path).unwrap().set_len((16 << 20) + 1).unwrap();
    let text = DataFile::read(&path).unwrap_err().to_string();
    let expected = format!("cannot read {}: it is longer than 16777216 bytes", path.display());
    assert_eq!(text, expected);
}

#[test]
fn names_are_shown_without_what_terminals_obey() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = (root.path().join("images"), root.path().join("masks"));
    write(images.join("\u{1b}[31mred\n.jpg"), b"no image");
    write(masks.join("\u{1b}[31mred\n.png"), png_grey(&disc(60, 40)).unwrap());
    let set = PairsSource::open(&SetSpec::pairs("s", &images, &masks)).unwrap();
    let mut maker = SampleMaker::new(SampleConfig::for_size(32)).unwrap();
    let error = maker.eval(&set, 0, Preset::Squash).unwrap_err().to_string();
    let expected = format!(
        r"record s/\u{{1b}}[31mred\n: {}/\u{{1b}}[31mred\n.jpg: not an image of a known format",
        images.display()
    );
    assert_eq!(error, expected);
    // The name itself stays as it is.
    assert_eq!(set.record(0).unwrap().name, "\u{1b}[31mred\n");
    std::fs::remove_file(masks.join("\u{1b}[31mred\n.png")).unwrap();
    write(masks.join("\u{9b}2J.png"), b"");
    let error = PairsSource::open(&SetSpec::pairs("s", &images, &masks)).unwrap_err().to_string();
    assert!(error.contains(r"\u{1b}[31mred\n.jpg, \u{9b}2J.png"), "{error}");
    assert!(!error.chars().any(char::is_control), "{error}");
}
