//! Sets whose mask files show several objects: what they hold, that they behave as annotated sets, and what changes.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{pairs_with, picture, write};
use insta::assert_snapshot;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{
    MaskContents, MemoryMask, MemorySource, Mix, Objects, OpenContext, PairsKeys, SetSpec, Source,
};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_grey16, png_rgb};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, Size};

const SIZE: Size = Size { height: 60, width: 80 };

/// Squares of 10 pixels at these places of a grid of 5 x 4, each with its number.
fn numbers(squares: &[(usize, u16)]) -> Vec<u16> {
    let of = |at: usize| {
        let (y, x) = (at / SIZE.width, at % SIZE.width);
        let inside = y % 15 < 10 && x % 16 < 10;
        let square = squares.iter().find(|(place, _)| inside && y / 15 * 5 + x / 16 == *place);
        square.map_or(0, |(_, number)| *number)
    };
    (0..SIZE.area()).map(of).collect()
}

/// The objects of the images a, b and c; the last has none.
fn scenes() -> [Vec<(usize, u16)>; 3] {
    [vec![(0, 7), (6, 2), (12, 300), (18, 65_535)], vec![(3, 1), (9, 2)], Vec::new()]
}

fn spec(root: &Path, contents: MaskContents, objects: Objects) -> SetSpec {
    pairs_with(SetSpec::pairs("cells", root.join("images"), root.join("masks")), |keys| {
        keys.mask_files.mask_kind = contents;
        keys.taken.objects = objects;
    })
}

fn with(spec: SetSpec, change: impl FnOnce(&mut PairsKeys)) -> SetSpec {
    pairs_with(spec, change)
}

fn instances(root: &Path) {
    for (name, squares) in ["a", "b", "c"].into_iter().zip(scenes()) {
        write(root.join(format!("images/{name}.png")), png_rgb(&picture(80, 60)).unwrap());
        let mask = png_grey16(SIZE, &numbers(&squares)).unwrap();
        write(root.join(format!("masks/{name}.png")), mask);
    }
}

fn open(spec: &SetSpec) -> Arc<dyn Source> {
    spec.open(&OpenContext::default()).unwrap()
}

fn names(set: &dyn Source) -> Vec<String> {
    (0..set.len()).map(|index| set.record(index).unwrap().name).collect()
}

/// The same images with the masks of their objects, in the order of their numbers, in memory.
fn in_memory(objects: Objects) -> MemorySource {
    let mut set = MemorySource::new("cells").with_objects(objects);
    for (name, mut squares) in ["a", "b"].into_iter().zip(scenes()) {
        squares.sort_by_key(|(_, number)| *number);
        let masks = squares.iter().map(|(_, number)| {
            let all = numbers(&squares);
            Bitmap::from_fn(SIZE, |y, x| all[y * 80 + x] == *number).into()
        });
        set.push(name, picture(80, 60), masks.collect::<Vec<MemoryMask>>()).unwrap();
    }
    set
}

#[test]
fn records_draws_and_samples_are_those_of_annotated_images() {
    let root = tempfile::tempdir().unwrap();
    instances(root.path());
    for (objects, records) in [(Objects::One, 2), (Objects::All, 6), (Objects::UpTo(3), 5)] {
        let files = open(&spec(root.path(), MaskContents::Instances, objects));
        let memory: Arc<dyn Source> = Arc::new(in_memory(objects));
        assert_eq!((files.len(), names(&*files)), (records, names(&*memory)), "{objects:?}");
        let left: Vec<String> = files.left_out().iter().map(ToString::to_string).collect();
        assert_eq!(left, ["1 images without a number to take (first: c)"]);
        let config = SampleConfig { objects_per_image: 3, ..SampleConfig::for_size(64) };
        let mut maker = SampleMaker::new(config).unwrap();
        let mixes = [&files, &memory].map(|set| Mix::new(vec![Arc::clone(set)]).unwrap());
        let mut ids = std::collections::BTreeSet::new();
        for epoch in 0..12 {
            for record in 0..records as u64 {
                let key = SampleKey::in_epoch(5, epoch, record);
                let mut views = mixes.each_ref().map(|mix| maker.view(mix, key).unwrap());
                // Pixels in memory have no numbers.
                for object in &mut views[0].objects {
                    ids.insert(object.info.id.unwrap());
                    object.info.id = None;
                }
                views[1].objects.iter_mut().for_each(|object| object.info.id = None);
                assert_eq!(views[0], views[1], "{objects:?}, epoch {epoch}, record {record}");
            }
        }
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), [1, 2, 7, 300, 65_535]);
        for record in 0..records {
            let of = |set: &dyn Source, maker: &mut SampleMaker| {
                let sample = maker.eval(set, record, Preset::Squash).unwrap();
                (sample.image, sample.truth, sample.label, sample.name)
            };
            assert_eq!(of(&*files, &mut maker), of(&*memory, &mut maker));
        }
    }
}

#[test]
fn objects_are_chosen_by_area_and_images_by_their_objects() {
    let root = tempfile::tempdir().unwrap();
    instances(root.path());
    // Object 2 of image a loses half of its pixels.
    let mut all = numbers(&scenes()[0]);
    (0..60 * 80)
        .filter(|at| at / 80 % 15 >= 5 && all[*at] == 2)
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|at| all[at] = 0);
    write(root.path().join("masks/a.png"), png_grey16(SIZE, &all).unwrap());
    let spec = spec(root.path(), MaskContents::Instances, Objects::All);
    let taken = |change: &dyn Fn(&mut PairsKeys)| names(&*open(&with(spec.clone(), change)));
    assert_eq!(taken(&|_| ()), ["a#0", "a#1", "a#2", "a#3", "b#0", "b#1"]);
    assert_eq!(taken(&|keys| keys.taken.min_area = Some(51.0)).len(), 5);
    assert_eq!(taken(&|keys| keys.taken.max_area = Some(50.0)), ["a#0"]);
    assert_eq!(taken(&|keys| keys.taken.min_objects = Some(3)).len(), 4);
    assert_eq!(taken(&|keys| keys.taken.max_objects = Some(2)), ["b#0", "b#1"]);
    assert_eq!(
        taken(&|keys| {
            keys.mask_files.ignore_values = [7, 300, 65_535].into();
        }),
        ["a#0", "b#0", "b#1"]
    );
    let excluded = SetSpec { exclude: vec!["a".into()], ..spec.clone() };
    assert_eq!(names(&*open(&excluded)), ["b#0", "b#1"]);
    let none = with(spec, |keys| keys.taken.min_area = Some(1e6));
    assert_snapshot!(
        none.open(&OpenContext::default()).err().unwrap(),
        @"set cells: expected at least one record, found none: 3 images without a number to take (first: a)"
    );
}

#[test]
fn connected_pieces_are_objects() {
    let root = tempfile::tempdir().unwrap();
    for (name, squares) in ["a", "b"].into_iter().zip(scenes()) {
        write(root.path().join(format!("images/{name}.png")), png_rgb(&picture(80, 60)).unwrap());
        let mut data: Vec<u8> =
            numbers(&squares).iter().map(|&number| 255 * u8::from(number > 0)).collect();
        // A speck of one pixel, and one that joins a square at its corner.
        data[80 * 59 + 79] = 255;
        data[80 * 10 + 10] = 255;
        let mask = png_grey(&GreyImage::new(SIZE, data).unwrap()).unwrap();
        write(root.path().join(format!("masks/{name}.png")), mask);
    }
    let pieces = with(spec(root.path(), MaskContents::Components, Objects::All), |keys| {
        keys.taken.min_area = Some(2.0);
    });
    let set = open(&pieces);
    assert_eq!(names(&*set), ["a#0", "a#1", "a#2", "a#3", "b#0", "b#1"]);
    let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
    let areas: Vec<usize> =
        (0..6).map(|at| maker.eval(&*set, at, Preset::Squash).unwrap().truth.count()).collect();
    assert_eq!(areas, [101, 100, 100, 100, 100, 100]);
}

#[test]
fn a_mask_that_changes_is_indexed_anew() {
    let root = tempfile::tempdir().unwrap();
    instances(root.path());
    let spec = spec(root.path(), MaskContents::Instances, Objects::All);
    let before = open(&spec);
    assert_eq!(before.len(), 6);
    // The folder does not change with it.
    fs::write(root.path().join("masks/b.png"), png_grey16(SIZE, &numbers(&[(3, 1)])).unwrap())
        .unwrap();
    assert_eq!(open(&spec).len(), 5);
    // A set that was opened before finds it out when it reads the file.
    let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
    let error = maker.eval(&*before, 5, Preset::Squash).unwrap_err();
    assert_snapshot!(
        error.to_string().replace(&root.path().display().to_string(), "[DIR]"),
        @"record cells/b#1: [DIR]/masks/b.png: the mask changed since its set was opened: object 2 had 100 pixels then and has 0 now"
    );
}

#[test]
fn masks_that_cannot_be_read_are_refused_when_they_are_asked_for() {
    let root = tempfile::tempdir().unwrap();
    instances(root.path());
    fs::write(root.path().join("masks/a.png"), b"no mask").unwrap();
    let set = open(&spec(root.path(), MaskContents::Instances, Objects::All));
    assert_eq!(names(&*set), ["a#0", "b#0", "b#1"]);
    let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
    let error = maker.eval(&*set, 0, Preset::Squash).unwrap_err();
    assert_snapshot!(
        error.to_string().replace(&root.path().display().to_string(), "[DIR]"),
        @"record cells/a#0: [DIR]/masks/a.png: not an image of a known format"
    );
    // Numbers are not exact in a JPEG.
    let folder = tempfile::tempdir().unwrap();
    instances(folder.path());
    fs::remove_file(folder.path().join("masks/a.png")).unwrap();
    write(folder.path().join("masks/a.jpg"), jpeg_rgb(&picture(80, 60), 90).unwrap());
    let set = open(&spec(folder.path(), MaskContents::Instances, Objects::All));
    let error = maker.eval(&*set, 0, Preset::Squash).unwrap_err();
    assert_snapshot!(
        error.to_string().replace(&folder.path().display().to_string(), "[DIR]"),
        @"record cells/a#0: [DIR]/masks/a.jpg: numbers of objects need a lossless mask (PNG), this one is JPEG"
    );
}

#[test]
fn keys_that_do_not_belong_together_are_refused() {
    let read = |keys: &str| {
        let text = format!("name = \"s\"\nimages = \"i\"\nmasks = \"m\"\n{keys}");
        let spec: Result<SetSpec, _> = toml::from_str(&text);
        match spec {
            Ok(spec) => spec.validate().map_or_else(|error| error.to_string(), |()| "fine".into()),
            Err(error) => error.message().to_owned(),
        }
    };
    let words = [
        "mask_kind = \"instances\"\nobjects = \"all\"\nmin_area = 9",
        "mask_kind = \"components\"\nobjects = 3\nmask_values = { 1 = 255 }\nignore_values = [255, 7]",
        "objects = \"all\"",
        "mask_kind = \"instances\"\ninvert = true",
        "mask_kind = \"instances\"\nmask_values = { 1 = 255 }",
        "mask_kind = \"numbers\"",
        "ignore_values = [1]\nmask_values = { 1 = 255 }",
        "ignore_values = [70000]",
    ];
    assert_snapshot!(words.map(read).join("\n"), @r#"
        fine
        fine
        objects of set s: expected a set of kind "coco" or "lvis" or "sa1b" or "webdataset" or "labelme" or "yolo" or "supervisely" or "cvat" or "labelstudio", or mask_kind = "instances" or "components", found kind "pairs"
        invert of set s: expected none of them where every number is an object, found mask_kind = "instances"
        mask_values and mask_colours of set s: expected none of them where every number is an object, found mask_kind = "instances"
        mask_kind of set s: unknown variant `numbers`, expected one of `object`, `instances`, `components`
        ignore_values of set s: expected numbers that mask_values does not name, found 1
        ignore_values of set s: expected whole numbers from 0 to 65535, found 70000
        "#);
}

/// The sample sets of numbered objects: everything is drawn and evaluated object by object.
#[test]
fn the_sample_sets_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    if !folder.is_dir() {
        return eprintln!("left out: the optional folder ../shared/data is not here");
    }
    let expected: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
    for name in ["instances_8bit", "instances_16bit"] {
        let set = open(&spec(&folder.join(name), MaskContents::Instances, Objects::All));
        let listed = expected[name].as_object().unwrap();
        let count: usize = listed.values().map(|objects| objects.as_object().unwrap().len()).sum();
        assert_eq!(set.len(), count);
        for record in 0..set.len() {
            let sample = maker.eval(&*set, record, Preset::Squash).unwrap();
            let (image, _) = sample.name.split_once('#').unwrap();
            let object = &listed[image][sample.object.unwrap().to_string()];
            assert_eq!(sample.truth.count() as u64, object["area"].as_u64().unwrap());
            let box_xyxy: [u32; 4] =
                serde_json::from_value(object["box_xyxy_inclusive"].clone()).unwrap();
            assert_eq!(sample.truth.box_xyxy(), Some(box_xyxy), "{}", sample.name);
        }
    }
}
