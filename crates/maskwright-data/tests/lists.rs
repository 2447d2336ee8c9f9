//! Lists of pairs as spreadsheets and programs write them.

mod common;

use std::path::Path;

use common::annotated::{names, open};
use common::{pairs, pairs_with, write};
use maskwright_data::source::{MaskBuffer, Pick, SetSpec, Source};

fn listed(list: impl AsRef<Path>) -> SetSpec {
    let list = list.as_ref().to_path_buf();
    pairs_with(SetSpec::pairs("listed", "", ""), |keys| keys.list = list)
}

/// The bytes of all masks, in the order of the list.
fn masks(set: &dyn Source) -> Vec<Vec<u8>> {
    let mut mask = MaskBuffer::new();
    (0..set.len())
        .map(|record| {
            set.mask(&record.into(), Pick::Nth(0), &mut mask).unwrap();
            mask.file.clone()
        })
        .collect()
}

#[test]
fn every_spelling_of_a_list_is_the_same_list() {
    let root = tempfile::tempdir().unwrap();
    pairs(root.path(), 2);
    let list = root.path().join("list.csv");
    let plain = "image,mask\nimages/disc_000.jpg,masks/disc_000.png\nimages/disc_001.jpg,masks/disc_001.png\n";
    write(&list, plain);
    let expected = (names(&*open(&listed(&list))), masks(&*open(&listed(&list))));
    assert_eq!(expected.0, ["images/disc_000", "images/disc_001"]);
    let tabs = plain.replace(',', "\t");
    for text in [
        plain.replace(',', ";"),
        tabs.clone(),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace('/', "\\"),
        plain.replace("images/disc_000.jpg", "\"images/disc_000.jpg\""),
        format!(
            "\u{feff}\"image\";\"mask\"\r\n{}",
            &plain.replace(',', ";").replace('\n', "\r\n")[12..]
        ),
        plain["image,mask\n".len()..].to_owned(),
        tabs["image,mask\n".len()..].to_owned(),
        plain["image,mask\n".len()..].replace('/', "\\").replace(',', ";"),
    ] {
        write(&list, &text);
        let set = open(&listed(&list));
        assert_eq!((names(&*set), masks(&*set)), expected, "{text}");
    }
    // A comma in a quoted name is none between columns.
    write(
        root.path().join("images/a;b, c.jpg"),
        std::fs::read(root.path().join("images/disc_000.jpg")).unwrap(),
    );
    write(&list, "image,mask\n\"images/a;b, c.jpg\",masks/disc_000.png\n");
    assert_eq!(names(&*open(&listed(&list))), ["images/a;b, c"]);
    // A file whose name has a backslash is that file, where a file system has such names.
    if cfg!(unix) {
        write(root.path().join("odd\\name.jpg"), b"x");
        write(&list, "image,mask\nodd\\name.jpg,masks/disc_000.png\n");
        assert!(open(&listed(&list)).record(0).unwrap().image.ends_with("odd\\name.jpg"));
    }
}

#[test]
fn ordinary_lists_name_the_same_pairs() {
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary/brush_by_task");
    if !data.is_dir() {
        eprintln!("left out: the optional folder ../shared/data/ordinary is not here");
        return;
    }
    let expected = masks(&*open(&listed(data.join("list.csv"))));
    assert_eq!(expected.len(), 8);
    for list in ["list_back.csv", "list_bom.csv", "list_crlf.csv", "list_semi.csv"] {
        let set = open(&listed(data.join(list)));
        assert_eq!(masks(&*set), expected, "{list}");
        for record in 0..set.len() {
            assert!(set.record(record).unwrap().image.is_file(), "{list}");
        }
    }
}
