//! Folders of images and masks, as people have them.

mod common;

use std::path::Path;

use common::{anywhere, pairs_with, write};
use insta::assert_snapshot;
use maskwright_data::Error;
use maskwright_data::source::{
    Extensions, ImageBuffer, ImageForm, MaskBuffer, MaskForm, PairsSource, Pick, SetSpec, Source,
    Unmatched,
};

fn names(set: &PairsSource) -> Vec<String> {
    (0..set.len()).map(|n| set.record(n).unwrap().name).collect()
}

fn touch(folder: &Path, files: &[&str]) {
    files.iter().for_each(|file| write(folder.join(file), file));
}

/// A set with the given image and mask files, in folders `images` and `masks`.
fn spec(root: &Path, images: &[&str], masks: &[&str]) -> SetSpec {
    std::fs::create_dir_all(root.join("images")).unwrap();
    std::fs::create_dir_all(root.join("masks")).unwrap();
    touch(&root.join("images"), images);
    touch(&root.join("masks"), masks);
    SetSpec::pairs("set", root.join("images"), root.join("masks"))
}

#[test]
fn files_pair_by_stem_in_a_fixed_order() {
    let root = tempfile::tempdir().unwrap();
    let images = ["b.JPG", "a.jpeg", "c.png", "a.b.jpg", ".hidden.jpg", "notes.txt"];
    let spec = spec(root.path(), &images, &["c.PNG", "b.png", "a.jpg", "a.b.png", "Thumbs.db"]);
    std::fs::create_dir(root.path().join("images/folder.jpg")).unwrap();
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["a", "a.b", "b", "c"]);
    let record = set.record(2).unwrap();
    assert_eq!(record.to_string(), "set/b");
    assert!(record.image.ends_with("images/b.JPG") && record.mask.ends_with("masks/b.png"));
    let mut image = ImageBuffer::new();
    image.file = b"old".to_vec();
    set.image(&2.into(), &mut image).unwrap();
    assert_eq!((image.form, image.file.as_slice()), (ImageForm::File, b"b.JPG".as_slice()));
    let mut mask = MaskBuffer::new();
    set.mask(&2.into(), Pick::Nth(0), &mut mask).unwrap();
    assert_eq!((mask.form, mask.file.as_slice()), (MaskForm::File, b"b.png".as_slice()));
    assert!(matches!(set.record(4), Err(Error::NoSuchRecord { index: 4, len: 4, .. })));
}

#[test]
fn images_and_masks_may_share_a_folder() {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), &["x.jpg", "x.png", "y.jpg", "y.png"]);
    let spec = SetSpec::pairs("side by side", root.path(), root.path());
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["x", "y"]);
    assert!(set.record(0).unwrap().mask.ends_with("x.png"));

    let both = pairs_with(spec, |keys| keys.image_ext = Some(["jpg", "png"].into_iter().collect()));
    let error = PairsSource::open(&both).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"image_ext and mask_ext of set side by side: expected different endings, or a mask_suffix, because images and masks share a folder, found both have png");
}

#[test]
fn a_suffix_tells_masks_from_images() {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), &["x.png", "x_mask.png", "y.jpg", "y_mask.png"]);
    let spec = pairs_with(SetSpec::pairs("s", root.path(), root.path()), |keys| {
        keys.mask_suffix = "_mask".into()
    });
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["x", "y"]);
    assert!(set.record(1).unwrap().mask.ends_with("y_mask.png"));

    let apart = tempfile::tempdir().unwrap();
    let spec = self::spec(apart.path(), &["x.png"], &["x.mask.png", "x.png"]);
    let set =
        PairsSource::open(&pairs_with(spec, |keys| keys.mask_suffix = ".mask".into())).unwrap();
    assert!(set.record(0).unwrap().mask.ends_with("x.mask.png"));
}

#[test]
fn missing_and_empty_folders_are_named() {
    let root = tempfile::tempdir().unwrap();
    let gone = SetSpec::pairs("leaves", root.path().join("nowhere"), root.path());
    let error = PairsSource::open(&gone).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"set leaves: the folder of its images does not exist: [DIR]/nowhere");

    let spec = spec(root.path(), &["a.heic", "b.heic", "c"], &["a.png"]);
    let error = PairsSource::open(&spec).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"set set: no images in [DIR]/images: expected files that end in .jpg, .jpeg, .png, .tif, .tiff, .webp, .avif, .jxl, .bmp, .gif, .qoi, .ppm, .pgm, .pbm, .pnm, .pam, found 2 .heic, 1 without ending (HEIC is not read; convert the files, for instance with heif-convert)");

    let file = root.path().join("file");
    write(&file, "");
    let error = PairsSource::open(&SetSpec::pairs("s", &file, &file)).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

#[test]
fn files_without_a_counterpart_are_counted_and_named() {
    let root = tempfile::tempdir().unwrap();
    let images = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"];
    let spec = spec(root.path(), &images, &["a.png", "x.png"]);
    let error = PairsSource::open(&spec).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @r#"set set: 4 images of [DIR]/images have no mask in [DIR]/masks and 1 masks of [DIR]/masks have no image in [DIR]/images: b.jpg, c.jpg, d.jpg, x.png and 1 more; add the missing files or set unmatched = "skip""#);

    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec };
    let set = PairsSource::open(&skip).unwrap();
    assert_eq!(names(&set), ["a"]);
    assert_eq!(set.unmatched().len(), 5);
    // Where nothing pairs at all, skipping everything is no answer.
    let other = tempfile::tempdir().unwrap();
    let nothing = self::spec(other.path(), &["a.jpg"], &["a_mask.png"]);
    let error = PairsSource::open(&SetSpec { unmatched: Unmatched::Skip, ..nothing }).unwrap_err();
    assert!(matches!(error, Error::Unpaired { .. }), "{error}");
}

#[test]
fn two_files_of_one_name_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let spec = spec(root.path(), &["a.jpg", "a.png", "b.jpg"], &["a.png", "b.png"]);
    let error = PairsSource::open(&spec).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"set set: two images of one name in [DIR]/images: a.jpg and a.png (1 such names); keep one of them or name the ending to use (image_ext, mask_ext)");
    let jpg_only = pairs_with(spec, |keys| keys.image_ext = Some(Extensions::from_iter([".JPG"])));
    assert_eq!(names(&PairsSource::open(&jpg_only).unwrap()), ["a", "b"]);
}

#[test]
fn patterns_and_parts_select() {
    let root = tempfile::tempdir().unwrap();
    let stems: Vec<String> =
        (0..20).map(|n| format!("cat_{n:02}")).chain((0..10).map(|n| format!("dog_{n}"))).collect();
    for stem in &stems {
        write(root.path().join(format!("images/{stem}.jpg")), "");
        write(root.path().join(format!("masks/{stem}.png")), "");
    }
    let base = spec(root.path(), &[], &[]);

    let cats =
        SetSpec { include: vec!["cat_*".into()], exclude: vec!["*_1?".into()], ..base.clone() };
    assert_eq!(PairsSource::open(&cats).unwrap().len(), 10);

    let part = |text: &str| {
        let spec = SetSpec {
            part: Some(text.parse().unwrap()),
            include: vec!["cat_*".into()],
            ..base.clone()
        };
        names(&PairsSource::open(&spec).unwrap())
    };
    let (most, rest) = (part("90%"), part("rest of 90%"));
    assert_eq!((most.len(), rest.len()), (18, 2));
    assert!(most.iter().all(|name| !rest.contains(name)));
    assert!(most.is_sorted());

    let none = SetSpec { include: vec!["cow_*".into()], ..base };
    let error = PairsSource::open(&none).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @r#"set set: none of its 30 records is left by include = ["cow_*"]"#);
}

/// An image that patterns leave out does not need a mask.
#[test]
fn excluded_files_need_no_counterpart() {
    let root = tempfile::tempdir().unwrap();
    let spec = spec(root.path(), &["a.jpg", "draft_b.jpg"], &["a.png", "draft_c.png"]);
    let set = PairsSource::open(&SetSpec { exclude: vec!["draft_*".into()], ..spec }).unwrap();
    assert_eq!(names(&set), ["a"]);
}

#[test]
fn absurdly_large_files_are_not_read() {
    let root = tempfile::tempdir().unwrap();
    let spec = spec(root.path(), &["a.jpg"], &["a.png"]);
    // Sparse: takes no space.
    let file = std::fs::File::create(root.path().join("images/a.jpg")).unwrap();
    file.set_len(5 << 30).unwrap();
    let error =
        PairsSource::open(&spec).unwrap().image(&0.into(), &mut ImageBuffer::new()).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"cannot read [DIR]/images/a.jpg: 5368709120 bytes are more than the limit of 2147483648 bytes");
}

#[test]
fn folders_in_folders_are_searched_where_asked() {
    let root = tempfile::tempdir().unwrap();
    let images = ["a.jpg", "cats/a.jpg", "cats/old/b.JPG", ".hidden/c.jpg"];
    for file in images {
        write(root.path().join("images").join(file), file);
    }
    for file in ["a.png", "cats/a.png", "cats/old/b.png"] {
        write(root.path().join("masks").join(file), file);
    }
    let flat = spec(root.path(), &[], &[]);
    assert_eq!(names(&PairsSource::open(&flat).unwrap()), ["a"]);
    let deep = pairs_with(flat, |keys| keys.recursive = true);
    let set = PairsSource::open(&deep).unwrap();
    assert_eq!(names(&set), ["a", "cats/a", "cats/old/b"]);
    assert!(set.record(2).unwrap().image.ends_with("images/cats/old/b.JPG"));
    let mut image = ImageBuffer::new();
    set.image(&1.into(), &mut image).unwrap();
    assert_eq!(image.file, b"cats/a.jpg");
    let cats = SetSpec { include: vec!["cats/*".into()], ..deep.clone() };
    assert_eq!(names(&PairsSource::open(&cats).unwrap()), ["cats/a", "cats/old/b"]);
    let error =
        PairsSource::open(&pairs_with(deep, |keys| keys.masks = root.path().join("masks/cats")));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("cats/old/b.JPG") || error.contains("cats/a.jpg"), "{error}");
}

#[test]
fn a_list_names_pairs_wherever_they_lie() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("x/photo 1.jpg"), "photo");
    write(root.path().join("y/m,1.png"), "mask");
    let list = root.path().join("lists/pairs.csv");
    write(
        &list,
        "\u{feff}Mask, image ,split\r\n\"../y/m,1.png\",../x/photo 1.jpg,train\r\n../y/n.png,../x/b.c.png,valid\r\n",
    );
    let spec = pairs_with(SetSpec::pairs("listed", "", ""), |keys| keys.list = list.clone());
    spec.validate().unwrap();
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["../x/photo 1", "../x/b.c"]);
    let mut mask = MaskBuffer::new();
    set.mask(&0.into(), Pick::Nth(0), &mut mask).unwrap();
    assert_eq!(mask.file, b"mask");
    let error = set.image(&1.into(), &mut ImageBuffer::new()).unwrap_err();
    assert!(error.file().unwrap().ends_with("x/b.c.png"), "{error}");

    // Relative to the set's folders where it has some, and named by a column.
    write(&list, "image,mask,name\nphoto 1.jpg,\"m,1.png\",one\n");
    let (x, y) = (root.path().join("x"), root.path().join("y"));
    let spec = pairs_with(spec, |keys| (keys.images, keys.masks) = (x, y));
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["one"]);
    set.image(&0.into(), &mut ImageBuffer::new()).unwrap();

    let refused = |text: &str| {
        write(&list, text);
        anywhere(PairsSource::open(&spec).unwrap_err(), root.path())
    };
    assert_eq!(
        refused(""),
        "[DIR]/lists/pairs.csv, line 1: expected the columns image and mask, found "
    );
    let words = [
        "img,mask\na,b\n",
        "image,mask\n",
        "image,mask\na.jpg\n",
        "image,mask\na.jpg,a.png\nb.jpg,\n",
        "image,mask\na.jpg,a.png\na.png,b.png\n",
        // Lines that end as Windows ends them, one of them empty.
        "image,mask\r\na.jpg,a.png\r\n\r\nb.jpg\r\n",
        "image,mask\r\na.jpg,a.png\r\na.png,b.png\r\n",
    ]
    .map(refused);
    assert_snapshot!(words.join("\n"), @"
        [DIR]/lists/pairs.csv, line 1: expected the columns image and mask, found img, mask
        [DIR]/lists/pairs.csv, line 1: expected rows below the names of the columns, found none
        [DIR]/lists/pairs.csv, line 2: expected 2 columns, found 1
        [DIR]/lists/pairs.csv, line 3: expected an image and a mask, found no mask
        [DIR]/lists/pairs.csv, line 3: expected a name of its own, found a of line 2 again
        [DIR]/lists/pairs.csv, line 4: expected 2 columns, found 1
        [DIR]/lists/pairs.csv, line 3: expected a name of its own, found a of line 2 again
        ");
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    let root = tempfile::tempdir().unwrap();
    let spec = spec(root.path(), &[], &["a.png"]);
    write(root.path().join("elsewhere"), "image");
    std::os::unix::fs::symlink(root.path().join("elsewhere"), root.path().join("images/a.jpg"))
        .unwrap();
    let mut image = ImageBuffer::new();
    PairsSource::open(&spec).unwrap().image(&0.into(), &mut image).unwrap();
    assert_eq!(image.file, b"image");
}

#[cfg(unix)]
#[test]
fn names_need_not_be_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let root = tempfile::tempdir().unwrap();
    let file = |bytes: &[u8]| root.path().join(OsStr::from_bytes(bytes));
    write(file(b"caf\xe9.jpg"), "image");
    write(file(b"caf\xe9_m.png"), "mask");
    write(file(b"caf\xea.jpg"), "image 2");
    write(file(b"caf\xea_m.png"), "mask 2");
    let spec = pairs_with(SetSpec::pairs("s", root.path(), root.path()), |keys| {
        keys.mask_suffix = "_m".into()
    });
    let set = PairsSource::open(&spec).unwrap();
    assert_eq!(names(&set), ["caf\u{fffd}", "caf\u{fffd}"]);
    let mut mask = MaskBuffer::new();
    set.mask(&1.into(), Pick::Nth(0), &mut mask).unwrap();
    assert_eq!(mask.file, b"mask 2");
}
