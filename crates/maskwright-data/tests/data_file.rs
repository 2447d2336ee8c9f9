//! Data files: what they say, and what they are told when they say something wrong.

mod common;

use std::path::Path;

use insta::assert_snapshot;
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
    assert_snapshot!(text, @r#"
        valid = []

        [[train]]
        name = "a"
        kind = "pairs"
        images = "i"
        masks = "m"
        mask_channel = "auto"
        invert = false
        unmatched = "error"
        exif = "auto"

        [mix]
        temperature = 1.0

        [plan]
        flip_probability = 0.5
        scale_min = 0.1
        scale_max = 2.0
        max_redraws = 10
        pad = 128
        decode = "exact"
        strict = false

        [prompts]
        also_probability = 0.0
        points = 10
        negative_points = 0
        point_choice = "uniform"
        box_jitter = 0.0
        mask_values = "0_255"

        [prompts.kinds]
        box = 1.0
        points = 1.0
        noise_mask = 1.0
        "#);
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

    let gone = DataFile::read(&root.path().join("none.toml")).unwrap_err();
    assert!(gone.file().unwrap().ends_with("none.toml"), "{gone}");
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
    let words = [
        format!("{set}mask-ext = 'png'\n"),
        format!("{set}image_exts = ['png']\n"),
        format!("{set}\n[plan]\nscale = 1\n"),
        format!("{set}\n[prompts]\nkinds = {{ boxes = 1 }}\n"),
        format!("[[trian]]\nname = 'a'\n{set}"),
        format!("{set}colour = 'red'\n"),
    ]
    .map(|text| error(&text));
    assert_snapshot!(words.join("\n"), @"
        data.toml, line 5: unknown key `mask-ext` in [[train]] (did you mean `mask_ext`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range
        data.toml, line 5: unknown key `image_exts` in [[train]] (did you mean `image_ext`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range
        data.toml, line 7: unknown key `scale` in [plan] (did you mean `scale_min`?); known are flip_probability, scale_min, scale_max, transforms, max_redraws, pad, decode, strict
        data.toml, line 7: unknown key `boxes` in [kinds] (did you mean `box`?); known are box, points, noise_mask
        data.toml, line 1: unknown key `trian` in a data file (did you mean `train`?); known are train, valid, other, mix, plan, prompts
        data.toml, line 5: unknown key `colour` in [[train]]; known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range
        ");
}

#[test]
fn wrong_values_say_what_was_expected() {
    let set =
        |more: &str| error(&format!("[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n{more}\n"));
    let pair = "[[train]]\nname='a'\nimages='i'\nmasks='m'\n";
    let words = [
        set("kind = 'pair'"),
        set("invert = 1"),
        set("part = '90'"),
        set("image_ext = 3"),
        set("mask_values = { a = 255 }"),
        set("mask_values = { 1 = 256 }"),
        set("mask_colours = { red = 255 }"),
        set("mask_colours = { \"#+f0000\" = 255 }"),
        set("mask_channel = 'purple'"),
        set("[plan]\nscale_min = 3"),
        set("[prompts]\nkinds = { box = 0, points = 0, noise_mask = 0 }"),
        set("[prompts]\nkinds = {}"),
        error("[[train]]\nimages = 'i'\nmasks = 'm'\n"),
        error("[[train]\n"),
        error(""),
        error("train = 3"),
        error(&pair.repeat(2)),
    ];
    assert_snapshot!(words.join("\n"), @r##"
        data.toml, line 5: kind of set a: unknown variant `pair`, expected one of `pairs`, `coco`, `lvis`, `sa1b`, `webdataset`, `labelme`, `yolo`, `supervisely`, `cvat`, `labelstudio`
        data.toml, line 5: invert of set a: invalid type: integer `1`, expected a boolean
        data.toml, line 5: part of set a: part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "90"
        data.toml, line 5: image_ext of set a: expected a file ending like "png" or a list of them
        data.toml, mask_values of set a: expected whole numbers from 0 to 65535, found a
        data.toml, line 5: mask_values of set a: invalid value: integer `256`, expected u8
        data.toml, mask_colours of set a: expected colours like "#ff0000", found red
        data.toml, mask_colours of set a: expected colours like "#ff0000", found #+f0000
        data.toml, line 5: mask_channel of set a: unknown variant `purple`, expected one of `auto`, `red`, `green`, `blue`, `alpha`, `rgb`
        data.toml, plan.scale_min, scale_max: expected 0 < scale_min <= scale_max <= 16, found 3 and 2
        data.toml, prompts.kinds: expected weights of 0 or more, one of them above 0, found [0.0, 0.0, 0.0]
        data.toml, prompts.kinds: expected weights of 0 or more, one of them above 0, found [0.0, 0.0, 0.0]
        data.toml, line 1: missing field `name`
        data.toml: TOML parse error at line 1, column 9
          |
        1 | [[train]
          |         ^
        unclosed array table, expected `]`
        data.toml, data: expected at least one [[train]] or [[valid]] set, found none
        data.toml: TOML parse error at line 1, column 9
          |
        1 | train = 3
          |         ^
        invalid type: integer `3`, expected a sequence
        data.toml, name of [[train]] set 2: expected a name that no other set of the list has, found "a"
        "##);
}

/// A list that is given is the whole list.
#[test]
fn kinds_that_are_not_named_are_not_drawn() {
    let weights = |table: &str| {
        let set = "[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n";
        let kinds = parse(&format!("{set}[prompts]\n{table}\n")).unwrap().prompts.kinds;
        PromptKind::ALL.map(|kind| kinds.weight(kind))
    };
    assert_eq!(weights("points = 10"), [1.0, 1.0, 1.0]);
    assert_eq!(weights("kinds = { box = 1 }"), [1.0, 0.0, 0.0]);
    assert_eq!(weights("kinds = { noise_mask = 0.5, box = 2 }"), [2.0, 0.0, 0.5]);
}

/// A wrong value is the file's mistake, not that of whoever gave the file's name.
#[test]
fn wrong_values_name_the_file() {
    let set = "[[train]]\nname = 'a'\nimages = 'i'\nmasks = 'm'\n";
    let Error::SettingInFile { file, key, expected, found } =
        parse(&format!("{set}[plan]\nscale_min = 3")).unwrap_err()
    else {
        panic!("not a setting of a file")
    };
    assert_eq!(file, Path::new("data.toml"));
    assert_eq!(
        [key.as_str(), &expected, &found],
        ["plan.scale_min, scale_max", "0 < scale_min <= scale_max <= 16", "3 and 2"]
    );
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
    assert_snapshot!(data.sample_config(256, 64).validate().unwrap_err(), @"plan.transforms: expected a list whose last size is the model's input, 256 x 256, found 512 x 512");

    for kind in ["'squash'", "'longest_side'", "'large_scale_jitter'", "'resize'", "'random_crop'"]
    {
        let text =
            format!("[[train]]\nname='a'\nimages='i'\nmasks='m'\n[[plan.transforms]]\nkind={kind}");
        assert!(read(&text).unwrap().sample_config(64, 16).validate().is_ok(), "{kind}");
    }
    let words = [
        text.replace("probability", "probabilty"),
        text.replace("random_crop", "random_crob"),
        text.replace("size = 512", "min = 0.5"),
        text.replace("0.25", "2.5"),
    ]
    .map(|text| read(&text).unwrap_err().to_string());
    assert_snapshot!(words.join("\n"), @"
        d.toml, line 8: unknown key `probabilty` in [[transforms]] (did you mean `probability`?); known are kind, probability, min, max, size
        d.toml: TOML parse error at line 15, column 8
           |
        15 | kind = 'random_crob'
           |        ^^^^^^^^^^^^^
        unknown variant `random_crob`, expected one of `random_hflip`, `large_scale_jitter`, `random_crop`, `resize`, `squash`, `longest_side`
        d.toml: TOML parse error at line 6, column 1
          |
        6 | [[plan.transforms]]
          | ^^^^^^^^^^^^^^^^^^^
        unknown field `min`, expected `size`
        d.toml, plan.transforms, number 1, probability: expected a number from 0 to 1, found 2.5
        ");
}
