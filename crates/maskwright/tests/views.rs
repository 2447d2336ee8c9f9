//! Views, their cache, and how objects are asked about, through the command: what is refused in one line, what is kept, and
//! the picture of all prompts.

mod support;

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use support::{Place, printed, refused, small_run, works};

fn with<'a>(flags: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    flags.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

/// The only shard of the only cache of a folder.
fn shard(caches: &Path) -> PathBuf {
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .expect("listed")
            .map(|file| file.expect("a file").path())
            .collect()
    };
    let cache = list(caches).pop().expect("a cache");
    let is_shard = |path: &PathBuf| path.extension().is_some_and(|end| end == "safetensors");
    list(&cache).into_iter().find(is_shard).expect("a shard")
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let place = Place::new();
    let flags = small_run(&place, 6, 0);
    let lines: Vec<String> = [
        &["--corrections", "1", "--prompts", "noise_mask"][..],
        &["--min-points", "11"],
        &["--objects-per-image", "0"],
        &["--objects-per-image", "1025"],
        &["--cache-views", "0"],
        &["--cache-views", "2", "--train", "all"],
        &["--cache-views", "2", "--train", "lora"],
        &["--cache-views", "2", "--train", "image_encoder.pos_embed,mask_decoder.*"],
    ]
    .into_iter()
    .map(|more| refused(&with(&flags, more), 2))
    .collect();
    assert_snapshot!(lines.concat(), @"
        error: --corrections: expected 0 where all prompts are noise masks (--prompts): a correction puts the prediction in the place of the mask, found 1
        error: --min-points: expected 1 to prompts.points (10), found 11
        error: --objects-per-image: expected 1 to 1024, found 0
        error: --objects-per-image: expected 1 to 1024, found 1025
        error: --views: expected 1 or more where the features of views are kept (--cache-views), found 0
        error: --cache-views: expected an image encoder of which at least the first block does not learn (--train, --lora-blocks), so that what it computes can be kept, found all
        error: --cache-views: expected an image encoder of which at least the first block does not learn (--train, --lora-blocks), so that what it computes can be kept, found lora with blocks all
        error: --cache-views: expected an image encoder of which at least the first block does not learn (--train, --lora-blocks), so that what it computes can be kept, found image_encoder.pos_embed,mask_decoder.*
        ");
    for more in [
        &["--cache-dtype", "f32"][..],
        &["--cache", "features"],
        &["--cache-views", "2", "--views", "2"],
        &["--cache-views", "2", "--cache-dtype", "f16"],
    ] {
        refused(&with(&flags, more), 2);
    }
    assert!(!place.join("run/config.toml").exists());
}

#[test]
fn a_cache_is_listed_and_what_is_damaged_is_named() {
    let place = Place::new();
    let flags = small_run(&place, 6, 0);
    let caches = place.text("caches");
    let lora =
        ["--train", "lora", "--lora-blocks", "last:1", "--cache-views", "2", "--cache", &caches];
    works(&with(&flags, &lora));
    let listed: serde_json::Value =
        serde_json::from_str(&printed(&["cache", "ls", "--cache", &caches, "--json"]))
            .expect("JSON");
    let listed = &listed["caches"];
    // Of two blocks the patch embedding and the first.
    assert_eq!((&listed[0]["views"], &listed[0]["made_from"]["pieces"]), (&12.into(), &2.into()));

    let again = with(&flags, &[&lora[..], &["--overwrite"]].concat());
    let file = shard(&place.join("caches"));
    let whole = std::fs::read(&file).expect("read");
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let mut lines = Vec::new();
    for damaged in [&flipped[..], &whole[..whole.len() - 9], b"{}"] {
        std::fs::write(&file, damaged).expect("written");
        let name = listed[0]["name"].as_str().expect("a name");
        let line = refused(&again, 1);
        lines.push(line.lines().last().unwrap_or_default().replace(name, "NAME"));
    }
    assert_snapshot!(lines.join("\n"), @"
        error: [DIR]/caches/NAME/00000-00000000.safetensors: expected the bytes whose checksum is in its header, found others: the file is damaged
        error: [DIR]/caches/NAME/00000-00000000.safetensors: expected a whole file of features, found 25639 bytes, which is less than its header says
        error: [DIR]/caches/NAME/00000-00000000.safetensors: expected a file of features, found 2 bytes
        ");
    std::fs::write(&file, whole).expect("written");
    works(&again);
    works(&["cache", "rm", "--all", "--cache", &caches]);
    let listed = printed(&["cache", "ls", "--cache", &caches, "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["caches"], serde_json::json!([]));
}

#[test]
fn a_sample_is_drawn_in_each_way_it_can_be_asked_about() {
    let place = Place::new();
    let flags = small_run(&place, 3, 0);
    let [images, masks] = [&flags[2], &flags[4]];
    let picture = place.text("prompts.png");
    let preview = ["preview", "--images", images, "--masks", masks, "--input-size", "64"];
    let more = ["--tile", "40", "--columns", "4", "--index", "1", "--output", &picture];
    works(&[&preview[..], &more, &["--each-prompt"]].concat());
    let bytes = std::fs::read(place.join("prompts.png")).expect("a picture");
    // Eleven tiles in three rows of four, each with a caption of 14 lines and a gap of 6.
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((number(16), number(20)), (6 + 4 * 46, 6 + 3 * 60));
    let json = [&preview[..], &more, &["--each-prompt", "--json", "--force"]].concat();
    refused(&json, 2);
}
