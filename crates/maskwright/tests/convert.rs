//! `maskwright convert`: from layout to layout and back, decoders, and what is refused.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{
    Place, printed, refusal, refused, without_width, works, write_pairs, write_tiny_model,
};

/// A small model with an HQ head, as a run writes it: the whole, and what was tuned.
fn trained(place: &Place) -> (String, String, String) {
    let (images, masks) = write_pairs(place.path(), 2);
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let (sam, hq) = (place.text("sam"), place.text("hq"));
    let run = |more: &[&str]| {
        let mut args = vec!["train", "--images", &images, "--masks", &masks, "--hold-out", "0"];
        args.extend(["--input-size", "64", "--max-epoch-num", "1", "--batch-size-train", "2"]);
        args.extend(more);
        works(&args);
    };
    run(&["--model-config", &model, "--train", "all", "--output", &sam]);
    let whole = format!("{sam}/sam_hq_epoch_0.safetensors");
    run(&["--checkpoint", &whole, "--output", &hq]);
    let tuned = |name: &str| format!("{hq}/{name}.safetensors");
    (whole, tuned("sam_hq_epoch_0"), tuned("epoch_0"))
}

fn tensors(file: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(file).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut tensors: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    tensors.sort();
    tensors
}

/// SAM's own part of a decoder that has an HQ head.
fn write_own_decoder(decoder: &str, output: &str) {
    let hq =
        ["hf_token", "hf_mlp", "compress_vit_feat", "embedding_encoder", "embedding_maskfeature"];
    let bytes = std::fs::read(decoder).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let own =
        file.tensors().into_iter().filter(|(name, _)| !hq.iter().any(|hq| name.starts_with(hq)));
    safetensors::serialize_to_file(own, None, Path::new(output)).expect("written");
}

#[test]
fn checkpoints_go_round_and_decoders_go_in() {
    let place = Place::new();
    let (sam, hq, epoch) = trained(&place);
    let at = |name: &str| place.text(name);

    // Round all layouts, bit for bit.
    works(&["convert", &hq, &at("a.pth")]);
    works(&["convert", &at("a.pth"), &at("folder")]);
    works(&["convert", &at("folder"), &at("b.safetensors")]);
    assert_eq!(tensors(&hq), tensors(&at("b.safetensors")));
    assert!(Path::new(&at("folder/config.json")).is_file());

    // The decoder alone is what the run wrote, and merged into the SAM it makes the whole.
    works(&["convert", &at("folder"), &at("d.safetensors"), "--to", "hq-decoder"]);
    assert_eq!(tensors(&epoch), tensors(&at("d.safetensors")));
    works(&["convert", &epoch, &at("d.pth")]);
    let done = works(&["convert", "--merge", &at("d.pth"), &sam, &at("m.safetensors"), "--json"]);
    assert_eq!(tensors(&hq), tensors(&at("m.safetensors")));
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done["merged"]["added"], 25);
    assert_eq!(done["hq"], true);
    assert_eq!(done["output_layout"], "safetensors");

    // Half the bytes.
    assert_snapshot!(without_width(&printed(&["convert", &hq, &at("half.pth"), "--dtype", "bf16"])), @"
        what  value
        --
        read  [DIR]/hq/sam_hq_epoch_0.safetensors
        layout  safetensors
        model  a custom model (width 32, 2 blocks, patch 16), with HQ head
        written  [DIR]/half.pth
        layout  pth
        tensors  199 (199 bf16)
        bytes of values  620,240
        ");
    let size = |name: &str| std::fs::metadata(place.join(name)).expect("there").len();
    assert!(size("half.pth") < size("a.pth") * 6 / 10);

    // What is read is used: the folder and the .pth predict the same.
    let mask = |checkpoint: &str, name: &str| {
        let image = at("images/photo_00.jpg");
        let output = at(name);
        works(&[
            "predict",
            "--checkpoint",
            checkpoint,
            "--image",
            &image,
            "--box",
            "10,10,60,70",
            "--output",
            &output,
        ]);
        std::fs::read(output).expect("a mask")
    };
    assert_eq!(mask(&at("a.pth"), "1.png"), mask(&at("folder"), "2.png"));

    // What is there stays, unless it is to go.
    let before = std::fs::read(at("half.pth")).expect("read");
    assert_snapshot!(refused(&["convert", &hq, &at("half.pth")], 2), @"error: [DIR]/half.pth: expected a path where nothing is, or --force, found a file or folder that is there");
    assert_snapshot!(refused(&["convert", &hq, &at("folder")], 2), @"error: [DIR]/folder: expected a path where nothing is, or --force, found a file or folder that is there");
    assert_eq!(std::fs::read(at("half.pth")).expect("read"), before);
    works(&["convert", &hq, &at("half.pth"), "--force"]);
    assert_eq!(size("half.pth"), size("a.pth"));
    assert_snapshot!(refused(&["convert", &at("half.pth"), &at("half.pth"), "--force"], 2), @"error: the output: expected another file than those that are read, found [DIR]/half.pth");
    works(&["convert", &sam, &at("folder"), "--force"]);
    works(&["convert", &at("folder"), &at("sam.safetensors")]);
    assert_eq!(tensors(&sam), tensors(&at("sam.safetensors")));

    // Mistakes on the command line.
    assert_snapshot!(refused(&["convert", &hq, &at("x.gguf")], 2), @"error: the output: expected a name that ends in .pth, .safetensors or .onnx, or a folder's name, or --to, found [DIR]/x.gguf");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--to", "safetensors"], 2), @"error: the output: expected a name that ends in .safetensors (--to safetensors), found [DIR]/x.pth");
    assert_snapshot!(refused(&["convert", &hq, &at("x"), "--to", "hq-decoder"], 2), @"error: the output: expected a name that ends in .pth or .safetensors (--to hq-decoder), found [DIR]/x");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--dtype", "f8"], 2), @"error: --dtype: f8 is no number type here; known: f32, f16 and bf16");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--model-type", "vit_x"], 2), @r#"error: unknown model type "vit_x" (known: vit_b, vit_l, vit_h, vit_tiny)"#);
    // Of SAM's own decoder nobody can tell whose it is.
    let own = at("own.safetensors");
    write_own_decoder(&epoch, &own);
    works(&["convert", &own, &at("own.pth")]);
    assert_snapshot!(refused(&["convert", &own, &at("x.pth"), "--model-type", "vit_b"], 2), @"error: --model-type: [DIR]/own.safetensors: expected a whole model, or a mask decoder with an HQ head, which tells its model; found a mask decoder that is alike in all models");
    // Files that are not what is asked for.
    assert_snapshot!(refused(&["convert", &epoch, &at("x.pth"), "--model-type", "vit_b"], 1), @"error: [DIR]/hq/epoch_0.safetensors: expected the mask decoder of a vit_b, for a feature of 768 channels (--model-type), found one for 32 channels");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--model-type", "vit_b"], 1), @"error: [DIR]/hq/sam_hq_epoch_0.safetensors: expected a vit_b checkpoint (--model-type), found a custom model (width 32, 2 blocks, patch 16)");
    assert_snapshot!(refused(&["convert", &sam, &at("x.pth"), "--to", "hq-decoder"], 1), @"error: [DIR]/sam/sam_hq_epoch_0.safetensors: expected a model with an HQ head (--to), found none (no mask_decoder.hf_token.weight)");
    assert_snapshot!(refused(&["convert", &epoch, &at("x")], 1), @"error: [DIR]/hq/epoch_0.safetensors: cannot tell the model from the checkpoint: expected a whole SAM, found a mask decoder alone (145 tensors), which goes over a SAM: as --restore-model beside --checkpoint, or merged with it into one checkpoint");
    assert_snapshot!(refused(&["convert", "--merge", &hq, &sam, &at("x.pth")], 1), @"error: [DIR]/hq/sam_hq_epoch_0.safetensors: cannot tell the model from the checkpoint: expected a mask decoder alone, found a whole model or something else");
    assert_snapshot!(refused(&["convert", "--merge", &epoch, &epoch, &at("x.pth")], 1), @"error: [DIR]/hq/epoch_0.safetensors: cannot tell the model from the checkpoint: expected a whole SAM, found a mask decoder alone (145 tensors), which goes over a SAM: as --restore-model beside --checkpoint, or merged with it into one checkpoint");
    assert_snapshot!(refused(&["convert", &at("nowhere.pth"), &at("x.pth")], 1), @"error: [DIR]/nowhere.pth: No such file or directory (os error 2)");
    assert_snapshot!(refused(&["convert", &hq, &at("nowhere/x.pth")], 1), @"error: [DIR]/nowhere/x.pth: No such file or directory (os error 2)");
    assert!(!place.join("x").exists() && !place.join("x.pth").exists());
}

/// What the graphs compute is tested where they are made.
#[test]
fn a_model_becomes_two_graphs() {
    let place = Place::new();
    let (sam, hq, epoch) = trained(&place);
    let at = |name: &str| place.text(name);
    let there = |names: &[&str]| {
        let mut found: Vec<_> = std::fs::read_dir(place.path())
            .expect("read")
            .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("onnx"))
            .collect();
        found.sort();
        assert_eq!(found, names);
    };

    assert_snapshot!(without_width(&printed(&["convert", &hq, &at("m.onnx")])), @"
        what  value
        --
        read  [DIR]/hq/sam_hq_epoch_0.safetensors
        layout  safetensors
        model  a custom model (width 32, 2 blocks, patch 16), with HQ head
        written  [DIR]/m.encoder.onnx
        written  [DIR]/m.decoder.onnx
        layout  ONNX
        masks  SAM + HQ
        tensors  181 (181 f32)
        bytes of values  1,134,400
        ");
    there(&["m.decoder.onnx", "m.encoder.onnx"]);
    let read = |name: &str| std::fs::read(place.join(name)).expect("read");
    let before = (read("m.encoder.onnx"), read("m.decoder.onnx"));

    // Neither of the two is replaced unasked, and the same model gives the same bytes; so does its
    // tuned decoder with the SAM that it was tuned on.
    assert_snapshot!(refused(&["convert", &hq, &at("m.onnx")], 2), @"error: [DIR]/m.encoder.onnx: expected a path where nothing is, or --force, found a file or folder that is there");
    std::fs::remove_file(place.join("m.encoder.onnx")).expect("removed");
    assert_snapshot!(refused(&["convert", &hq, &at("m.onnx")], 2), @"error: [DIR]/m.decoder.onnx: expected a path where nothing is, or --force, found a file or folder that is there");
    works(&["convert", "--merge", &epoch, &sam, &at("m.onnx"), "--force"]);
    assert!(before == (read("m.encoder.onnx"), read("m.decoder.onnx")));

    let json = |args: &[&str]| -> serde_json::Value {
        let mut all = vec!["convert", &hq, "--json", "--force", "--to", "onnx"];
        all.extend(args);
        serde_json::from_slice(&works(&all).stdout).expect("JSON")
    };
    let half = json(&[&at("h.onnx"), "--dtype", "bf16"]);
    assert_eq!(half["files"][1], at("h.decoder.onnx"));
    assert_eq!((&half["output_layout"], &half["kind"]), (&"onnx".into(), &"sam_hq".into()));
    assert_eq!(half["dtypes"].as_object().expect("types").len(), 1);
    assert!(read("h.encoder.onnx").len() < before.0.len() * 7 / 10);
    let plain = json(&[&at("h.onnx"), "--kind", "sam", "--multimask", "--input-size", "96"]);
    assert_eq!((&plain["hq"], &plain["kind"]), (&false.into(), &"sam".into()));
    // A SAM without an HQ head gives what it has.
    assert_snapshot!(without_width(&printed(&["convert", &sam, &at("s.ONNX")])), @"
        what  value
        --
        read  [DIR]/sam/sam_hq_epoch_0.safetensors
        layout  safetensors
        model  a custom model (width 32, 2 blocks, patch 16), without HQ head
        written  [DIR]/s.encoder.onnx
        written  [DIR]/s.decoder.onnx
        layout  ONNX
        masks  SAM
        tensors  156 (156 f32)
        bytes of values  1,028,928
        ");
    for name in ["s.encoder.onnx", "s.decoder.onnx", "h.encoder.onnx", "h.decoder.onnx"] {
        std::fs::remove_file(place.join(name)).expect("removed");
    }

    // Mistakes on the command line.
    let x = at("x.onnx");
    assert_snapshot!(refused(&["convert", &hq, &x, "--to", "pth"], 2), @"error: the output: expected a name that ends in .pth, .pt or .bin (--to pth), found [DIR]/x.onnx");
    assert_snapshot!(refused(&["convert", &hq, &x, "--to", "hq-decoder"], 2), @"error: the output: expected a name that ends in .pth or .safetensors (--to hq-decoder), found [DIR]/x.onnx");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--to", "onnx"], 2), @"error: the output: expected a name that ends in .onnx (--to onnx), found [DIR]/x.pth");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--kind", "sam"], 2), @"error: --kind: expected an output that ends in .onnx, found [DIR]/x.pth");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--multimask"], 2), @"error: --multimask: expected an output that ends in .onnx, found [DIR]/x.pth");
    assert_snapshot!(refused(&["convert", &hq, &at("x.pth"), "--input-size", "64"], 2), @"error: --input-size: expected an output that ends in .onnx, found [DIR]/x.pth");
    assert_snapshot!(refused(&["convert", &hq, &x, "--input-size", "100"], 2), @"error: --input-size: expected a multiple of 16, such as 96 or 112, found 100");
    assert_snapshot!(refused(&["convert", &hq, &x, "--dtype", "f64"], 2), @"error: --dtype: f64 is no number type here; known: f32, f16 and bf16");
    assert_snapshot!(refused(&["convert", &hq, &x, "--kind", "best"], 2), @r#"
        error: invalid value 'best' for '--kind <KIND>': expected sam, hq or sam_hq, found "best"

        For more information, try '--help'.
        "#);
    assert_snapshot!(refused(&["convert", &sam, &x, "--kind", "hq"], 2), @"error: --kind: expected sam, the only masks of a model without an HQ head, found hq");
    // Files that are not what is asked for.
    assert_snapshot!(refused(&["convert", &epoch, &x], 1), @"error: [DIR]/hq/epoch_0.safetensors: cannot tell the model from the checkpoint: expected a whole SAM, found a mask decoder alone (145 tensors), which goes over a SAM: as --restore-model beside --checkpoint, or merged with it into one checkpoint");
    assert_snapshot!(refused(&["convert", &hq, &x, "--model-type", "vit_b"], 1), @"error: [DIR]/hq/sam_hq_epoch_0.safetensors: expected a vit_b checkpoint (--model-type), found a custom model (width 32, 2 blocks, patch 16)");
    assert_snapshot!(refused(&["convert", &at("m.decoder.onnx"), &at("x.pth")], 1), @"error: [DIR]/m.decoder.onnx: not a readable checkpoint (expected a .pth or safetensors file): its first bytes are of neither");
    assert_snapshot!(refused(&["convert", &hq, &at("nowhere/x.onnx")], 1), @"error: [DIR]/nowhere/x.encoder.onnx: No such file or directory (os error 2)");
    there(&["m.decoder.onnx", "m.encoder.onnx"]);
}

#[test]
fn files_that_mean_harm_are_refused_in_one_line() {
    let place = Place::new();
    let out = place.text("out.safetensors");
    let convert = |name: &str, bytes: &[u8]| {
        let path = place.text(name);
        std::fs::write(&path, bytes).expect("written");
        refused(&["convert", &path, &out], 1)
    };
    assert_snapshot!(convert("system.pth", b"\x80\x02cposix\nsystem\nU\x02id\x85R."), @"error: [DIR]/system.pth: not a readable checkpoint (PyTorch): its pickle asks for posix.system, which rebuilds no tensor: refused, and nothing was run");
    assert_snapshot!(convert("empty.pth", b""), @"error: [DIR]/empty.pth: not a readable checkpoint (expected a .pth or safetensors file): it is empty");
    assert_snapshot!(convert("text.safetensors", b"not a checkpoint at all"), @r#"error: [DIR]/text.safetensors: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "not a checkpoint at all""#);
    assert_snapshot!(convert("cut.pth", b"PK\x03\x04\x00\x00\x00\x00\x08\x08"), @"error: [DIR]/cut.pth: not a readable checkpoint (PyTorch): its zip is damaged or cut short: invalid Zip archive: Could not find EOCD");
    assert!(!Path::new(&out).exists());
}

#[test]
fn the_hub_is_read_from_its_cache_without_a_network() {
    let place = Place::new();
    let (_, hq, _) = trained(&place);
    works(&["convert", &hq, &place.text("folder")]);
    works(&["convert", &hq, &place.text("a.pth")]);
    // The hub's own layout: a name of the revision, the revision's files.
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repo = place.join("home/hub/models--owner--repo");
    let snapshot = repo.join("snapshots").join(commit);
    std::fs::create_dir_all(&snapshot).expect("created");
    std::fs::create_dir_all(repo.join("refs")).expect("created");
    std::fs::write(repo.join("refs/main"), commit).expect("written");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(place.join("folder").join(name), snapshot.join(name)).expect("copied");
    }
    std::fs::copy(place.join("a.pth"), snapshot.join("a.pth")).expect("copied");
    let command = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_maskwright"));
        // Nobody answers there.
        command.env("HF_ENDPOINT", "http://127.0.0.1:9");
        command.env("HF_HOME", place.join("home")).env_remove("HF_HUB_CACHE");
        command
    };
    let convert = |from: &str, to: &str| {
        command().args(["convert", from, &place.text(to)]).output().expect("it starts")
    };
    for (from, to) in [
        ("hf://owner/repo/a.pth".to_owned(), "1.safetensors"),
        (format!("hf://owner/repo/a.pth@{commit}"), "2.safetensors"),
        ("hf://owner/repo".to_owned(), "3.safetensors"),
    ] {
        let done = convert(&from, to);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(tensors(&hq), tensors(&place.text(to)));
    }
    // Every command that takes a checkpoint takes one of the hub.
    let photo = place.text("photo.jpg");
    let grey = maskwright_image::RgbImage::filled(maskwright_image::Size::new(30, 40), 90);
    let bytes = maskwright_image::encode::jpeg_rgb(&grey, 90).expect("encoded");
    std::fs::write(&photo, bytes).expect("written");
    let mask = place.text("mask.png");
    let mut predict = command();
    predict.args(["predict", "--checkpoint", "hf://owner/repo/a.pth", "--image", &photo]);
    let done = predict.args(["--box", "5,5,30,20", "--output", &mask]).output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(Path::new(&mask).exists());
    let refused = |from: &str, status| refusal(&convert(from, "4.safetensors"), status);
    assert_snapshot!(refused("hf://owner/repo/other.pth", 1), @"error: hf://owner/repo/other.pth: other.pth is not in the cache ([DIR]/home/hub), and could not be fetched: the hub cannot be reached: io: Connection refused (os error 111)");
    assert_snapshot!(refused("hf://owner/repo/a.pth@other", 1), @"error: hf://owner/repo/a.pth@other: a.pth is not in the cache ([DIR]/home/hub), and could not be fetched: the hub cannot be reached: io: Connection refused (os error 111)");
    assert_snapshot!(refused("hf://owner", 2), @r#"error: expected hf://OWNER/REPO/FILE[@REVISION], found "hf://owner""#);
}
