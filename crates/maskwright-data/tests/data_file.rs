//! Data files: what they say, and what they are told when they say something wrong.

mod common;

use std::path::Path;

use maskwright_data::Error;
use maskwright_data::plan::{PlanConfig, Transform};
use maskwright_data::prompt::{MaskValues, PromptKind};
use maskwright_data::source::{DataFile, ExifRule, Mix, OpenContext, SetKind};
use maskwright_image::decode::MaskChannel;

const FULL: &str = r#"
[[train]]
name = "leaves"
kind = "pairs"
images = "photos"
masks = "masks"
image_ext = "JPG"
mask_ext = [".png", "jpg"]
mask_suffix = "_mask"
unmatched = "skip"
include = ["a*"]
exclude = ["*b"]
part = "90%"
mask_channel = "green"
mask_values = { 1 = 255, 2 = 0 }
mask_colours = { '#FF8000' = 200 }
invert = true
exif = "ignore"

[[valid]]
name = "rest"
images = "/data/photos"
masks = "masks"
part = "rest of 90%"

[plan]
flip_probability = 0.25
scale_min = 0.5
scale_max = 1.5
max_redraws = 3
pad = 0

[prompts]
kinds = { box = 2, points = 1, noise_mask = 0 }
points = 5
negative_points = 2
point_choice = "centre"
box_jitter = 0.1
also_probability = 0.2
mask_values = "logits"
"#;

fn parse(text: &str) -> Result<DataFile, Error> {
    DataFile::parse(text, Path::new("data.toml"))
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn every_setting_is_read() {
    let data = parse(FULL).unwrap();
    let set = &data.train[0];
    let SetKind::Pairs(keys) = &set.kind else { panic!("{set:?}") };
    assert_eq!(keys.image_ext.as_ref().unwrap().iter().collect::<Vec<_>>(), ["jpg"]);
    assert_eq!(keys.mask_ext.as_ref().unwrap().iter().collect::<Vec<_>>(), ["png", "jpg"]);
    assert_eq!(set.exif, ExifRule::Ignore);
    assert_eq!(set.mask_rule().unwrap().values.get(&1), Some(&255));
    assert_eq!(set.mask_rule().unwrap().colours.get(&[255, 128, 0]), Some(&200));
    assert_eq!(set.mask_rule().unwrap().channel, MaskChannel::Green);
    assert!(set.mask_rule().unwrap().invert);
    assert_eq!(data.valid[0].part.unwrap().to_string(), "rest of 90%");
    assert_eq!((data.plan.scale_min, data.plan.max_redraws, data.plan.pad), (0.5, 3, 0));
    assert_eq!(data.plan.size, PlanConfig::default().size);
    assert_eq!(data.prompts.kinds.weight(PromptKind::Box), 2.0);
    assert_eq!(data.prompts.mask_values, MaskValues::Logits);
    assert_eq!(data.prompts.points, 5);
}

#[test]
fn what_is_written_reads_the_same() {
    let data = parse(FULL).unwrap();
    assert_eq!(parse(&data.to_toml().unwrap()).unwrap(), data);
    let small = parse("[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n").unwrap();
    let text = small.to_toml().unwrap();
    assert!(text.contains("scale_max = 2.0") && text.contains("unmatched = \"error\""), "{text}");
    assert_eq!(parse(&text).unwrap(), small);
}

#[test]
fn folders_are_relative_to_the_file() {
    let root = tempfile::tempdir().unwrap();
    common::pairs(&root.path().join("sets"), 3);
    let file = root.path().join("sets/data.toml");
    common::write(&file, "[[train]]\nname = 'discs'\nimages = 'images'\nmasks = 'masks'\n");
    let data = DataFile::read(&file).unwrap();
    let SetKind::Pairs(keys) = &data.train[0].kind else { panic!("{data:?}") };
    assert_eq!(keys.images, root.path().join("sets/images"));
    assert_eq!(Mix::new(data.open_train(&OpenContext::default()).unwrap()).unwrap().len(), 3);
    assert!(data.open_valid(&OpenContext::default()).unwrap().is_empty());

    let gone = DataFile::read(&root.path().join("none.toml")).unwrap_err().to_string();
    assert!(gone.contains("none.toml"), "{gone}");
}

#[test]
fn two_folders_are_enough() {
    let data = DataFile::from_folders("some/photos", "some/masks");
    data.validate().unwrap();
    assert_eq!((data.train.len(), data.train[0].name.as_str()), (1, "some"));
    assert_eq!(DataFile::from_folders("a/photos", "b/masks").train[0].name, "photos");
    assert_eq!(DataFile::from_folders("photos", "masks").train[0].name, "photos");
    let samples = data.sample_config(512, 128);
    assert_eq!((samples.plan.size, samples.prompts.mask_size, samples.plan.pad), (512, 128, 128));
}

#[test]
fn misspelt_keys_name_the_one_that_was_meant() {
    let set = "[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n";
    for (wrong, line, meant) in [
        (
            format!("{set}mask-ext = 'png'\n"),
            5,
            "`mask-ext` in [[train]] (did you mean `mask_ext`?)",
        ),
        (
            format!("{set}image_exts = ['png']\n"),
            5,
            "`image_exts` in [[train]] (did you mean `image_ext`?)",
        ),
        (format!("{set}\n[plan]\nscale = 1\n"), 7, "`scale` in [plan] (did you mean `scale_m"),
        (
            format!("{set}\n[prompts]\nkinds = {{ boxes = 1 }}\n"),
            7,
            "`boxes` in [kinds] (did you mean `box`?)",
        ),
        (
            format!("[[trian]]\nname = 'a'\n{set}"),
            1,
            "`trian` in a data file (did you mean `train`?)",
        ),
        (
            format!("{set}colour = 'red'\n"),
            5,
            "`colour` in [[train]]; known are name, kind, images",
        ),
    ] {
        let error = error(&wrong);
        assert!(error.contains(meant), "{error}");
        assert!(error.contains(&format!("data.toml, line {line}:")), "{error}");
    }
}

#[test]
fn wrong_values_say_what_was_expected() {
    let set =
        |more: &str| error(&format!("[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n{more}\n"));
    for (text, parts) in [
        (set("kind = 'pair'"), ["pair", "pairs"]),
        (set("invert = 1"), ["line 5", "bool"]),
        (set("part = '90'"), ["rest of 90%", "\"90\""]),
        (set("image_ext = 3"), ["line 5", "file ending"]),
        (set("mask_values = { a = 255 }"), ["mask_values of set a", "0 to 65535"]),
        (set("mask_values = { 1 = 256 }"), ["line 5", "256"]),
        (set("mask_colours = { red = 255 }"), ["mask_colours of set a", "found red"]),
        (set("mask_colours = { \"#+f0000\" = 255 }"), ["mask_colours of set a", "found #+f0000"]),
        (set("mask_channel = 'purple'"), ["line 5", "purple"]),
        (set("[plan]\nscale_min = 3"), ["plan.scale_min", "3 and 2"]),
        (
            set("[prompts]\nkinds = { box = 0, points = 0, noise_mask = 0 }"),
            ["prompts.kinds", "above 0"],
        ),
        (error("[[train]]\nimages = 'i'\nmasks = 'm'\n"), ["name", "line 1"]),
        (error("[[train]\n"), ["data.toml", "line 1"]),
        (error(""), ["at least one", "none"]),
        (error("train = 3"), ["train", "sequence"]),
        (
            error(
                "[[train]]\nname='a'\nimages='i'\nmasks='m'\n[[train]]\nname='a'\nimages='i'\nmasks='m'\n",
            ),
            ["[[train]] set 2", "\"a\""],
        ),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn transforms_are_listed() {
    let text = "\
[[train]]
name = 'a'
images = 'i'
masks = 'm'

[[plan.transforms]]
kind = 'random_hflip'
probability = 0.25

[[plan.transforms]]
kind = 'resize'
size = [600, 800]

[[plan.transforms]]
kind = 'random_crop'
size = 512
";
    let read = |text: &str| DataFile::parse(text, Path::new("d.toml"));
    let data = read(text).unwrap();
    assert_eq!(
        data.plan.transforms,
        [
            Transform::RandomHflip { probability: 0.25 },
            Transform::Resize { size: Some([600, 800].into()) },
            Transform::RandomCrop { size: Some(512.into()) },
        ]
    );
    assert_eq!(read(&data.to_toml().unwrap()).unwrap(), data);
    // Whether the last size fits is known with the model.
    assert!(data.sample_config(512, 128).validate().is_ok());
    let error = data.sample_config(256, 64).validate().unwrap_err().to_string();
    assert!(error.contains("256 x 256") && error.contains("512 x 512"), "{error}");

    for kind in ["'squash'", "'longest_side'", "'large_scale_jitter'", "'resize'", "'random_crop'"]
    {
        let text =
            format!("[[train]]\nname='a'\nimages='i'\nmasks='m'\n[[plan.transforms]]\nkind={kind}");
        assert!(read(&text).unwrap().sample_config(64, 16).validate().is_ok(), "{kind}");
    }
    for (change, words) in [
        (text.replace("probability", "probabilty"), ["`probabilty`", "did you mean `probability`"]),
        (text.replace("random_crop", "random_crob"), ["random_crob", "random_crop"]),
        (text.replace("size = 512", "min = 0.5"), ["min", "size"]),
        (text.replace("0.25", "2.5"), ["plan.transforms, number 1", "2.5"]),
    ] {
        let error = read(&change).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}
