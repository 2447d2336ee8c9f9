//! Masks by the names of classes: numbers and colours, Pascal VOC's and CVAT's folders, ADE20K's.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{pairs_with, picture, write};
use insta::assert_snapshot;
use maskwright_data::source::{
    DataFile, MaskBuffer, MaskContents, Objects, OpenContext, Pick, Recognised, SetSpec, recognise,
};
use maskwright_image::decode::{LabelDecoder, Limits, Orientation};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
use maskwright_image::{GreyImage, RgbImage, Size};

const SIZE: Size = Size { height: 6, width: 8 };

/// Numbers of classes: 1 in two pieces, 2 that touches one of them, 3, and 255 around it.
const ROWS: [&str; 6] = ["11......", "1122..11", "..22..11", ".....vvv", ".....v3v", ".....vvv"];

fn classes() -> GreyImage {
    let number = |letter: u8| match letter {
        b'.' => 0,
        b'v' => 255,
        digit => digit - b'0',
    };
    let data = ROWS.iter().flat_map(|row| row.bytes().map(number)).collect();
    GreyImage::new(SIZE, data).unwrap()
}

/// The same in colours; 255 has none.
fn colours() -> RgbImage {
    let colour = |number: &u8| match number {
        1 => [128, 0, 0],
        2 => [0, 128, 0],
        3 => [250, 50, 83],
        _ => [0; 3],
    };
    RgbImage { size: SIZE, data: classes().data.iter().flat_map(colour).collect() }
}

fn folder(masks: &str, file: &[u8]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let picture = jpeg_rgb(&picture(SIZE.width, SIZE.height), 90).unwrap();
    write(root.path().join("JPEGImages/a.jpg"), picture);
    write(root.path().join(masks).join("a.png"), file);
    root
}

/// Number, area and box (x, y, width, height) of every object of a set, each a record of its own.
fn objects(spec: &SetSpec) -> Vec<(String, u64, u64, [u32; 4])> {
    let mut spec = spec.clone();
    if let Some(taken) = spec.kind.taken_mut() {
        taken.objects = Objects::All;
    }
    let set = spec.open(&OpenContext::default()).unwrap();
    let (mut mask, mut labels) = (MaskBuffer::new(), LabelDecoder::default());
    let of = |record: usize| {
        set.mask(&record.into(), Pick::Nth(0), &mut mask).unwrap();
        let turn = Orientation::default();
        mask.read_object(set.mask_rule(), &Limits::default(), &mut labels, turn).unwrap();
        let name = set.record(record).unwrap().name;
        (name, mask.object.unwrap(), mask.rle.area(), mask.rle.box_xywh())
    };
    (0..set.len()).map(of).collect()
}

fn facts(spec: &SetSpec) -> Vec<(u64, u64, [u32; 4])> {
    objects(spec).into_iter().map(|(_, number, area, box_xywh)| (number, area, box_xywh)).collect()
}

/// The set of a data file's lines.
fn set(root: &Path, lines: &str) -> SetSpec {
    let text =
        format!("[[train]]\nname = \"a\"\nimages = \"JPEGImages\"\nmasks = \"masks\"\n{lines}\n");
    write(root.join("data.toml"), text);
    let data = DataFile::read(&root.join("data.toml")).unwrap();
    // What is written is read again.
    let again = DataFile::parse(&data.to_toml().unwrap(), "a.toml".as_ref()).unwrap();
    assert_eq!(again, data);
    data.train.into_iter().next().unwrap()
}

#[test]
fn classes_are_objects_by_number_and_by_colour() {
    // Counted in the rows above.
    let (one, two) = ([0, 0, 8, 3], [2, 1, 2, 2]);
    let by_number = folder("masks", &png_grey(&classes()).unwrap());
    let number = "classes = { leaf = 1, stem = 2 }\nmask_kind";
    let spec = set(by_number.path(), &format!("{number} = \"instances\""));
    assert_eq!(facts(&spec), [(1, 8, one), (2, 4, two)]);
    // Pieces of two classes that touch are two.
    let pieces = [(1, 4, [0, 0, 2, 2]), (2, 4, [6, 1, 2, 2]), (3, 4, two)];
    let spec = set(by_number.path(), &format!("{number} = \"components\""));
    let mut found = facts(&spec);
    found.sort_by_key(|(_, _, [x, y, ..])| (x.eq(&2), *y, *x));
    let shapes = |list: &[(u64, u64, [u32; 4])]| -> Vec<_> {
        list.iter().map(|&(_, area, box_xywh)| (area, box_xywh)).collect()
    };
    assert_eq!(shapes(&found), shapes(&pieces));
    let by_colour = folder("masks", &png_rgb(&colours()).unwrap());
    let colour = "classes = { leaf = \"#800000\", stem = \"#008000\" }\nmask_kind";
    let spec = set(by_colour.path(), &format!("{colour} = \"instances\""));
    // Red + 256 green + 65536 blue.
    assert_eq!(facts(&spec), [(128, 8, one), (128 << 8, 4, two)]);
    let spec = set(by_colour.path(), &format!("{colour} = \"components\""));
    assert_eq!(facts(&spec).len(), 3);
    // Every colour is an object where none is named.
    let spec = set(by_colour.path(), "mask_kind = \"instances\"\nmask_channel = \"rgb\"");
    let all = [(128, 8, one), (128 << 8, 4, two), (250 + (50 << 8) + (83 << 16), 1, [6, 4, 1, 1])];
    assert_eq!(facts(&spec), all);
}

#[test]
fn classes_are_one_object_together_where_a_mask_is_one() {
    for (file, lines) in [
        (png_grey(&classes()).unwrap(), "classes = { leaf = 1, stem = 2 }"),
        (png_rgb(&colours()).unwrap(), "classes = { leaf = \"#800000\", stem = \"#008000\" }"),
    ] {
        let root = folder("masks", &file);
        let set = set(root.path(), lines).open(&OpenContext::default()).unwrap();
        let mut label = GreyImage::default();
        let mut decoder = LabelDecoder::default();
        let file = fs::read(root.path().join("masks/a.png")).unwrap();
        decoder.decode(&file, set.mask_rule(), &Limits::default(), &mut label).unwrap();
        let expected: Vec<u8> = classes()
            .data
            .iter()
            .map(|number| if (1..3).contains(number) { 255 } else { 0 })
            .collect();
        assert_eq!(label.data, expected);
    }
}

#[test]
fn classes_that_make_no_sense_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let refused = |lines: &str| {
        let text = format!("[[train]]\nname = \"a\"\nimages = \"x\"\nmasks = \"y\"\n{lines}\n");
        write(root.path().join("data.toml"), text);
        let error = DataFile::read(&root.path().join("data.toml")).unwrap_err().to_string();
        error.replace(&root.path().display().to_string(), "[DIR]")
    };
    assert_snapshot!(refused("classes = { leaf = \"red\" }"), @r##"[DIR]/data.toml, line 5: classes of set a: leaf: expected a number from 0 to 65535 or a colour like "#ff0000", found "red""##);
    assert_snapshot!(refused("classes = { leaf = 70000 }"), @r##"[DIR]/data.toml, line 5: classes of set a: leaf: expected a number from 0 to 65535 or a colour like "#ff0000", found 70000"##);
    assert_snapshot!(refused("classes = { leaf = 1, stem = \"#ff0000\" }"), @"[DIR]/data.toml, classes of set a: expected numbers for all or colours for all, found both");
    assert_snapshot!(refused("classes = { leaf = 1 }\nmask_values = { 1 = 255 }"), @"[DIR]/data.toml, classes of set a: expected either classes or mask_values and mask_colours, found both");
    assert_snapshot!(refused("classes = { leaf = 255 }\nignore_values = [255]"), @"[DIR]/data.toml, classes of set a: expected numbers that ignore_values does not name, found leaf");
    assert_snapshot!(refused("classes = { leaf = 0 }\nmask_kind = \"instances\""), @"[DIR]/data.toml, classes of set a: expected numbers from 1 where a mask shows several objects: 0 is background, found leaf = 0");
    assert_snapshot!(refused("classes = { leaf = 1 }\nmask_kind = \"components\"\ninvert = true"), @"[DIR]/data.toml, classes of set a: expected a set that is not inverted, found invert = true");
    assert_snapshot!(refused("mask_channel = \"rgb\""), @r#"[DIR]/data.toml, mask_channel of set a: expected mask_kind = "instances" beside "rgb", found mask_kind = "object""#);
    assert_snapshot!(refused("list = \"l.csv\"\nnames = \"n.txt\""), @"[DIR]/data.toml, names of set a: expected either a list or folders with a file of names, found both");
}

/// The training set and the validation set of a folder that is recognised, and what it is taken for.
fn taken_for(root: &Path) -> (String, DataFile) {
    match recognise(root).unwrap() {
        Recognised::Set(reading) => (reading.what, reading.data),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pascal_vocs_folders_are_read_with_their_lists() {
    let root = folder("SegmentationObject", &png_grey(&classes()).unwrap());
    let at = |name: &str| root.path().join(name);
    for name in ["b", "unlabelled"] {
        fs::copy(at("JPEGImages/a.jpg"), at(&format!("JPEGImages/{name}.jpg"))).unwrap();
    }
    fs::copy(at("SegmentationObject/a.png"), at("SegmentationObject/b.png")).unwrap();
    write(at("SegmentationClass/a.png"), png_grey(&classes()).unwrap());
    // Without lists, images without a mask are left out.
    let (what, data) = taken_for(root.path());
    assert_eq!((what.as_str(), data.train.len()), ("Pascal VOC's layout: 2 masks of objects", 1));
    // 255 is none.
    assert_eq!(objects(&data.train[0]).len(), 6);
    write(at("ImageSets/Segmentation/train.txt"), "a\r\n");
    write(at("ImageSets/Segmentation/val.txt"), "b\n\n");
    let (_, data) = taken_for(root.path());
    let names = |spec: &SetSpec| -> Vec<String> {
        objects(spec)
            .into_iter()
            .map(|(name, number, area, _)| format!("{name} {number} {area}"))
            .collect()
    };
    assert_eq!(names(&data.train[0]), ["a#0 1 8", "a#1 2 4", "a#2 3 1"]);
    assert_eq!(names(&data.valid[0]), ["b#0 1 8", "b#1 2 4", "b#2 3 1"]);
    write(at("ImageSets/Segmentation/train.txt"), "a\nmissing\n");
    let open = |spec: &SetSpec| spec.open(&OpenContext::default());
    let error = open(&data.train[0]).map(|_| ()).unwrap_err().to_string();
    assert_snapshot!(error.replace(&root.path().display().to_string(), "[DIR]"), @r#"[DIR]/ImageSets/Segmentation/train.txt, line 2: expected the name of an image in [DIR]/JPEGImages, without its ending, found missing; unmatched = "skip" leaves such names out"#);
    let lenient =
        SetSpec { unmatched: maskwright_data::source::Unmatched::Skip, ..data.train[0].clone() };
    let left: Vec<_> = open(&lenient).unwrap().left_out().iter().map(ToString::to_string).collect();
    assert_eq!(left, ["1 names without an image (first: missing)"]);
    // Classes alone: one object for each class of an image.
    fs::remove_dir_all(at("SegmentationObject")).unwrap();
    fs::remove_dir_all(at("ImageSets")).unwrap();
    let (what, data) = taken_for(root.path());
    assert_eq!(what, "Pascal VOC's layout: 1 mask of classes");
    assert_eq!(names(&data.train[0]), ["a#0 1 8", "a#1 2 4", "a#2 3 1"]);
    fs::remove_dir_all(at("JPEGImages")).unwrap();
    assert_snapshot!(format!("{:?}", recognise(root.path()).unwrap()), @r#"NotRead { what: "masks of Pascal VOC's layout without their images", instead: "put the images into a folder JPEGImages beside them (CVAT: export with \"Save images\")" }"#);
}

#[test]
fn cvats_masks_are_read_by_their_label_map() {
    let root = folder("SegmentationClass", &png_rgb(&colours()).unwrap());
    let at = |name: &str| root.path().join(name);
    let map =
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nleaf:128,0,0::\nstem:0,128,0::\n";
    write(at("labelmap.txt"), map);
    write(at("ImageSets/Segmentation/default.txt"), "a\n");
    let (_, data) = taken_for(root.path());
    // The third colour is no label.
    assert_eq!(facts(&data.train[0]), [(128, 8, [0, 0, 8, 3]), (128 << 8, 4, [2, 1, 2, 2])]);
    // Grey masks have the places of the labels.
    write(at("SegmentationClass/a.png"), png_grey(&classes()).unwrap());
    let (_, data) = taken_for(root.path());
    assert_eq!(facts(&data.train[0]), [(1, 8, [0, 0, 8, 3]), (2, 4, [2, 1, 2, 2])]);
    // Masks of objects have a colour for each.
    write(at("SegmentationObject/a.png"), png_rgb(&colours()).unwrap());
    let (what, data) = taken_for(root.path());
    assert_eq!(what, "Pascal VOC's layout: 1 mask of objects");
    assert_eq!(facts(&data.train[0]).len(), 3);
}

#[test]
fn ade20k_has_the_classes_of_an_image_as_objects() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { root.path().join(name) };
    let picture = jpeg_rgb(&picture(SIZE.width, SIZE.height), 90).unwrap();
    for part in ["training", "validation"] {
        write(at(&format!("images/{part}/a.jpg")), &picture);
        write(at(&format!("annotations/{part}/a.png")), png_grey(&classes()).unwrap());
    }
    let (what, data) = taken_for(root.path());
    assert_eq!(what, "images with masks: 2 images, 2 masks");
    write(at("objectInfo150.txt"), "Idx\n");
    let (what, data_of_ade) = taken_for(root.path());
    assert_eq!(what, "ADE20K: 2 images, 2 masks");
    assert_eq!((data.train.len(), data.valid.len()), (1, 1));
    assert_eq!(facts(&data_of_ade.valid[0]).len(), 4);
    let one = pairs_with(data_of_ade.train[0].clone(), |keys| {
        keys.mask_files.mask_kind = MaskContents::Components;
    });
    assert!(one.validate().is_ok());
}
