//! Sets with annotated objects: the same samples from every layout.

mod common;

use std::path::Path;

use common::annotated::{
    coco, coco_with, id, names, objects, open, rle, sa1b_folder, sa1b_json, sa1b_members, scene,
    scoring, taking, tar, web, web_members,
};
use common::{anywhere, write};
use insta::assert_snapshot;
use maskwright_data::Error;
use maskwright_data::loader::{Loader, LoaderConfig};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker, View};
use maskwright_data::source::{
    CocoKeys, DataFile, ImageBuffer, MaskBuffer, MaskForm, Mix, Objects, OpenContext, Pick,
    SetKind, SetSpec, Source, Unmatched,
};
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::mask::Bitmap;
use serde_json::json;

#[test]
fn coco_objects_are_the_files_own() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 4);
    let spec = SetSpec::coco("coco", &annotations, &images);
    let set = open(&spec);
    // In the order of the file, which lists the last image first.
    assert_eq!(names(&*set), ["scene_3", "scene_2", "scene_1", "scene_0"]);
    for record in 0..4 {
        let n = 3 - record;
        let (_, masks) = scene(n);
        let kept = masks.len() - 1;
        // Objects of category 1 come first in the file, crowds are left out.
        let order = (0..kept).step_by(2).chain((1..kept).step_by(2));
        let expected: Vec<_> = order.map(|k| (Some(id(n, k)), rle(&masks[k]))).collect();
        assert_eq!(objects(&*set, record), expected);
    }
    let left: Vec<String> = set.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(left.len(), 1);
    assert!(left[0].starts_with("4 annotations of crowds (first: id "), "{left:?}");

    let crowds = open(&coco_with(spec.clone(), |keys| keys.crowds = true));
    assert_eq!(crowds.objects(&0.into()).unwrap(), scene(3).1.len());
    assert!(crowds.left_out().is_empty());

    let plates = open(&coco_with(spec.clone(), |keys| keys.categories = vec!["plate".into()]));
    // Only images with three objects or more have a plate that is no crowd.
    assert_eq!(names(&*plates), ["scene_2", "scene_1"]);
    let error = coco_with(spec.clone(), |keys| keys.categories = vec!["plat".into()])
        .open(&OpenContext::default())
        .err()
        .unwrap();
    assert_snapshot!(anywhere(error, root.path()), @r#"categories of [DIR]/instances.json: expected names among the file's 2 categories, found "plat" (did you mean "plate"?)"#);

    let all = open(&taking(spec.clone(), |keys| keys.objects = Objects::All));
    assert_eq!(
        names(&*all),
        ["scene_3#0", "scene_2#0", "scene_2#1", "scene_2#2", "scene_1#0", "scene_1#1", "scene_0#0"]
    );
    assert_eq!(objects(&*all, 2), [objects(&*set, 1)[1].clone()]);
    let two = open(&taking(spec, |keys| keys.objects = Objects::UpTo(2)));
    assert_eq!(two.len(), 1 + 2 + 2 + 1);
}

/// The same pictures and objects give the same samples, whatever the layout.
#[test]
fn layouts_agree_with_each_other_and_with_mask_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = sa1b_folder(root.path(), 3);
    tar(&root.path().join("t/sa_000.tar"), &sa1b_members(0..2));
    tar(&root.path().join("t/sa_001.tar"), &sa1b_members(2..3));
    let tars = SetSpec::sa1b("sa", root.path().join("t/sa_{000..001}.tar"));
    let web = web("sa", root.path().join("t/sa_{000..001}.tar"));
    for n in 0..3 {
        let (image, masks) = scene(n);
        let name = format!("sa_{n}");
        write(root.path().join("i").join(name.clone() + ".jpg"), jpeg_rgb(&image, 95).unwrap());
        write(root.path().join("m").join(name + ".png"), png_grey(&masks[0]).unwrap());
    }
    let pairs = SetSpec::pairs("sa", root.path().join("i"), root.path().join("m"));

    let sample = |spec: &SetSpec, key: SampleKey| -> View {
        let mut maker = SampleMaker::new(SampleConfig::for_size(48)).unwrap();
        maker.view(&Mix::new(vec![open(spec)]).unwrap(), key).unwrap()
    };
    let mut first_objects = 0;
    for epoch in 0..8 {
        for record in 0..3 {
            let key = SampleKey::in_epoch(4, epoch, record);
            let expected = sample(&folder, key);
            assert_eq!(sample(&tars, key), expected);
            assert_eq!(sample(&web, key), expected);
            let object = expected.objects[0].info.id.unwrap();
            assert!((100 * (record + 1)..100 * (record + 1) + 4).contains(&object));
            if object == id(record as usize, 0) {
                let mut file = sample(&pairs, key);
                file.objects[0].info.id = expected.objects[0].info.id;
                assert_eq!(file, expected);
                first_objects += 1;
            }
        }
    }
    assert!(first_objects > 2, "{first_objects}");

    let eval = |spec: &SetSpec| {
        let mut maker = SampleMaker::new(SampleConfig::for_size(48)).unwrap();
        maker.eval(&*open(spec), 1, Preset::Squash).unwrap()
    };
    let found = eval(&folder);
    let nth = (found.object.unwrap() - id(1, 0)) as usize;
    assert_eq!(found.truth, Bitmap::from_grey(&scene(1).1[nth]));
    assert_eq!(eval(&tars), found);
}

#[test]
fn filters_choose_objects_and_images() {
    let root = tempfile::tempdir().unwrap();
    let spec = sa1b_folder(root.path(), 5);
    let ids = |spec: &SetSpec| -> Vec<Vec<u64>> {
        let set = open(spec);
        (0..set.len())
            .map(|record| objects(&*set, record).iter().map(|(id, _)| id.unwrap()).collect())
            .collect()
    };
    let all: Vec<Vec<u64>> = (0..5).map(|n| (0..2 + n % 3).map(|k| id(n, k)).collect()).collect();
    assert_eq!(ids(&spec), all);
    let sure = scoring(spec.clone(), |keys| keys.min_predicted_iou = Some(0.915));
    let without_first: Vec<Vec<u64>> = all.iter().map(|ids| ids[1..].to_vec()).collect();
    assert_eq!(ids(&sure), without_first);
    let stable = scoring(spec.clone(), |keys| keys.min_stability_score = Some(0.98));
    assert_eq!(ids(&stable), all.iter().map(|ids| ids[..1].to_vec()).collect::<Vec<_>>());
    let many = taking(spec.clone(), |keys| keys.min_objects = Some(3));
    assert_eq!(
        open(&many).left_out()[0].to_string(),
        "2 images without an object to take (first: sa_0.jpg)"
    );
    assert_eq!(ids(&many).len(), 3);
    assert_eq!(ids(&taking(spec.clone(), |keys| keys.max_objects = Some(2))).len(), 2);
    let large = taking(spec.clone(), |keys| keys.min_area = Some(1e6))
        .open(&OpenContext::default())
        .err()
        .unwrap();
    assert_snapshot!(anywhere(large, root.path()), @"set sa: expected at least one record, found none: 5 images without an object to take (first: sa_0.jpg)");

    let part =
        |part: &str| names(&*open(&SetSpec { part: Some(part.parse().unwrap()), ..spec.clone() }));
    let (most, rest) = (part("60%"), part("rest of 60%"));
    assert_eq!((most.len(), rest.len()), (3, 2));
    assert!(most.iter().all(|name| !rest.contains(name)));
    // A part is of names, not of places: the same in tar files.
    tar(&root.path().join("all.tar"), &sa1b_members(0..5));
    let tars = SetSpec {
        part: Some("60%".parse().unwrap()),
        ..SetSpec::sa1b("sa", root.path().join("all.tar"))
    };
    assert_eq!(names(&*open(&tars)), most);
    let some = SetSpec { exclude: vec!["sa_[12]".into()], ..tars };
    assert!(names(&*open(&some)).iter().all(|name| name != "sa_1" && name != "sa_2"));
}

#[test]
fn web_datasets_hold_mask_files() {
    let root = tempfile::tempdir().unwrap();
    tar(&root.path().join("web.tar"), &web_members(0..3));
    let spec = web("web", root.path().join("*.tar"));
    let set = open(&spec);
    assert_eq!(names(&*set), ["0000", "0001", "0002"]);
    let record = set.record(1).unwrap();
    assert!(
        record.image.ends_with("web.tar/0001.jpg") && record.mask.ends_with("web.tar/0001.png")
    );
    let mut mask = MaskBuffer::new();
    set.mask(&1.into(), Pick::Nth(0), &mut mask).unwrap();
    assert_eq!((mask.form, mask.object), (MaskForm::File, None));
    assert_eq!(mask.file, png_grey(&scene(1).1[0]).unwrap());
    let mut image = ImageBuffer::new();
    set.image(&2.into(), &mut image).unwrap();
    assert_eq!(image.file, jpeg_rgb(&scene(2).0, 95).unwrap());
    assert!(matches!(set.record(3), Err(Error::NoSuchRecord { index: 3, len: 3, .. })));
}

/// Endings as they are spelt, in records, patterns and messages.
#[test]
fn members_of_tar_files_are_called_by_their_names() {
    let root = tempfile::tempdir().unwrap();
    let image = |n: usize| jpeg_rgb(&scene(n).0, 95).unwrap();
    let mask = |n: usize| png_grey(&scene(n).1[0]).unwrap();
    let members = |extra: &[(&str, Vec<u8>)]| {
        let own = [
            ("f.v1/a.jpeg", image(0)),
            ("f.v1/a.mask.png", mask(0)),
            ("b.JPG", image(1)),
            ("b.Json", sa1b_json(1).to_string().into_bytes()),
        ];
        let all = own.iter().chain(extra);
        all.map(|(name, bytes)| (name.to_string(), bytes.clone())).collect::<Vec<_>>()
    };
    let file = root.path().join("web.tar");
    let spec = web("web", &file);
    tar(&file, &members(&[]));
    let set = open(&spec);
    assert_eq!(names(&*set), ["f.v1/a", "b"]);
    let files = |index| set.record(index).map(|record| (record.image, record.mask)).unwrap();
    assert_eq!(files(0), (file.join("f.v1/a.jpeg"), file.join("f.v1/a.mask.png")));
    assert_eq!(files(1), (file.join("b.JPG"), file.join("b.Json")));
    let mut buffer = MaskBuffer::new();
    set.mask(&0.into(), Pick::Nth(0), &mut buffer).unwrap();
    assert_eq!((buffer.form, &buffer.file), (MaskForm::File, &mask(0)));
    set.mask(&1.into(), Pick::Nth(1), &mut buffer).unwrap();
    assert_eq!((buffer.form, &buffer.rle), (MaskForm::Rle, &rle(&scene(1).1[1])));
    let jpeg = SetSpec { include: vec!["*.jpeg".into()], ..spec.clone() };
    assert_eq!(names(&*open(&jpeg)), ["f.v1/a"]);

    let words = [
        vec![("c.jpeg", image(2))],
        vec![("c.seg.png", mask(2))],
        vec![("f.v1/a.JPG", image(2))],
        vec![("b.png", Vec::new())],
        vec![("d.jpg", image(2)), ("d.JSON", b"{".to_vec())],
    ]
    .map(|extra| {
        tar(&file, &members(&extra));
        anywhere(spec.open(&OpenContext::default()).err().unwrap(), root.path())
    });
    assert_snapshot!(words.join("\n"), @r#"
        set web: [DIR]/web.tar: 1 images without a mask or annotation file, the first [DIR]/web.tar/c.jpeg; correct the files or set unmatched = "skip"
        set web: [DIR]/web.tar: 1 mask or annotation files without an image, the first [DIR]/web.tar/c.seg.png; correct the files or set unmatched = "skip"
        [DIR]/web.tar: expected one image, mask and annotation file of a name, found a second one: f.v1/a.JPG
        [DIR]/web.tar: expected members of 1 byte to 4 GiB, found b.png of 0 bytes
        [DIR]/web.tar/d.JSON, byte 1: no valid JSON: EOF while parsing an object
        "#);
}

#[test]
fn an_index_is_kept_and_made_anew_when_its_source_changes() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 2);
    let spec = SetSpec::coco("kept", &annotations, &images);
    let first = open(&spec);
    assert_eq!(first.len(), 2);
    // Read from the cache: without the folder's pictures a new index would be refused.
    let again = open(&spec);
    assert_eq!(objects(&*again, 1), objects(&*first, 1));
    let text = common::annotated::coco_json(3).to_string();
    write(images.join("scene_2.jpg"), jpeg_rgb(&scene(2).0, 95).unwrap());
    write(&annotations, text);
    assert_eq!(open(&spec).len(), 3);
    // The sets that were open still say what they were opened on, and notice the change.
    let mut mask = MaskBuffer::new();
    assert!(first.mask(&0.into(), Pick::Nth(0), &mut mask).is_err());
}

/// LVIS names images by their address, and its annotations have no `iscrowd`.
#[test]
fn lvis_is_read_as_coco() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 2);
    let mut file = common::annotated::coco_json(2);
    for image in file["images"].as_array_mut().unwrap() {
        let name = image["file_name"].as_str().unwrap().to_owned();
        image.as_object_mut().unwrap().remove("file_name");
        image["coco_url"] = json!(format!("http://example.org/train2017/{name}"));
        image["neg_category_ids"] = json!([3]);
    }
    for annotation in file["annotations"].as_array_mut().unwrap() {
        annotation.as_object_mut().unwrap().remove("iscrowd");
    }
    write(&annotations, file.to_string());
    let spec = SetSpec::new(
        "lvis",
        SetKind::Lvis(CocoKeys {
            annotations: annotations.clone(),
            images: images.clone(),
            ..CocoKeys::default()
        }),
    );
    let set = open(&spec);
    assert_eq!(names(&*set), ["scene_1", "scene_0"]);
    assert_eq!(set.objects(&0.into()).unwrap(), scene(1).1.len());
    // The folder of the address is used where it is there.
    std::fs::create_dir(images.join("train2017")).unwrap();
    for n in 0..2 {
        let name = format!("scene_{n}.jpg");
        std::fs::rename(images.join(&name), images.join("train2017").join(&name)).unwrap();
    }
    assert_eq!(names(&*open(&spec)), ["train2017/scene_1", "train2017/scene_0"]);
}

/// All kinds in one data file, through one loader.
#[test]
fn sets_of_all_kinds_make_one_run() {
    let root = tempfile::tempdir().unwrap();
    coco(root.path(), 3);
    sa1b_folder(root.path(), 3);
    common::pairs(root.path(), 3);
    tar(&root.path().join("shards/sa-0.tar"), &sa1b_members(0..2));
    tar(&root.path().join("shards/sa-1.tar"), &sa1b_members(2..4));
    tar(&root.path().join("web.tar"), &web_members(0..3));
    write(root.path().join("list.csv"), "image,mask\nimages/disc_000.jpg,masks/disc_000.png\n");
    let file = root.path().join("data.toml");
    write(
        &file,
        r#"
            train = [
                { name = "pairs", images = "images", masks = "masks" },
                { name = "listed", list = "list.csv" },
                { name = "coco", kind = "coco", annotations = "instances.json", images = "coco_images", objects = "all" },
                { name = "folder", kind = "sa1b", images = "sa1b", objects = 2 },
                { name = "tars", kind = "sa1b", shards = "shards/sa-{0..1}.tar" },
                { name = "web", kind = "webdataset", shards = ["web.tar"] },
            ]
        "#,
    );
    let data = DataFile::read(&file).unwrap();
    let written = DataFile::parse(&data.to_toml().unwrap(), &file).unwrap();
    assert_eq!(written, data);
    let mix = Mix::new(data.open_train(&OpenContext::default()).unwrap()).unwrap();
    let lengths: Vec<usize> = mix.sets().iter().map(|set| set.len()).collect();
    assert_eq!(lengths, [3, 1, 1 + 2 + 3, 6, 4, 3]);
    let config = LoaderConfig {
        batch_size: 1,
        workers: 3,
        sample: SampleConfig::for_size(32),
        ..LoaderConfig::default()
    };
    let loader = Loader::new(mix, config).unwrap();
    let mut seen: Vec<String> = loader
        .map(|batch| {
            let batch = batch.unwrap();
            let info = &batch.views[0];
            assert!(batch.label(0).iter().any(|&value| value > 128.0));
            format!("{}/{}", info.set, info.name)
        })
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 23);
    assert!(seen.contains(&"coco/scene_2#1".into()) && seen.contains(&"folder/sa_0#1".into()));
}

/// The real annotation files, where this checkout has them.
#[test]
fn real_annotation_files_open() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.is_dir() {
        eprintln!("left out: the optional folder ../shared/data is not here");
        return;
    }
    let mut checked = 0;
    for (annotations, images, records) in [
        ("coco/tiny_coco/annotations/instances_val2017.json", "coco/tiny_coco/images/val2017", 136),
        (
            "coco/tiny_coco/annotations/instances_train2017.json",
            "coco/tiny_coco/images/train2017",
            288,
        ),
        (
            "coco/panopticapi/panoptic_coco_detection_format.json",
            "coco/panopticapi/input_images",
            50,
        ),
    ] {
        let spec = SetSpec::coco("real", data.join(annotations), data.join(images));
        let spec = taking(spec, |keys| keys.objects = Objects::All);
        let spec = coco_with(spec, |keys| keys.crowds = true);
        let set = open(&spec);
        assert_eq!(set.len(), records, "{annotations}");
        for record in 0..set.len() {
            let found = objects(&*set, record);
            assert!(found.len() == 1 && found[0].1.area() > 0, "{}", set.record(record).unwrap());
            checked += 1;
        }
    }
    assert_eq!(checked, 474);
    let spec = SetSpec { unmatched: Unmatched::Skip, ..SetSpec::sa1b("sa", data.join("sa1b")) };
    // The excerpt of SA-1B comes without its image.
    let error = spec.open(&OpenContext::default()).err().unwrap();
    assert!(matches!(error, Error::Setting { .. }), "{error}");
}
