//! Flags of how a model learns: presets, what is refused, and what a run with all of it says and leaves.

mod support;

use insta::assert_snapshot;
use support::{Place, maskwright, printed, refused, small_run, text, works};

fn with<'a>(flags: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    flags.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let place = Place::new();
    let flags = small_run(&place, 10, 20);
    let lines: Vec<String> = [
        &["--accumulate", "5"][..],
        &["--warmup-steps", "8"],
        &["--weight-decay", "0.1"],
        &["--optimizer", "adamw", "--layer-decay", "0.8"],
        &["--clip-norm", "nan"],
        &["--ema", "1"],
        &["--keep", "0"],
        &["--best-by", "clicks"],
        &["--best-by", "veins:iou"],
        &["--loss", "hinge=1"],
        &["--loss", "focal=0"],
        &["--preset", "leaves"],
    ]
    .into_iter()
    .map(|more| refused(&with(&flags, more), 2))
    .collect();
    assert_snapshot!(lines.concat(), @"
        error: --accumulate: expected at most the 4 batches of an epoch, found 5
        error: --warmup-steps: expected fewer than the 8 updates of the run, found 8
        error: --weight-decay: expected 0 with adam, which has no decay (adamw has: --optimizer), found 0.1
        error: --layer-decay: expected 1 where no block of the image encoder learns (--train), found 0.8
        error: --clip-norm: expected a number above 0, found NaN
        error: --ema: expected a decay above 0 and below 1, found 1
        error: --keep: expected 1 or more, found 0
        error: --best-by: expected iou, boundary_iou, noc, SET:iou or SET:boundary_iou or SET:noc, found clicks
        error: --best-by: expected a validation set (images (held out)), found veins
        error: --loss: expected names of bce, dice, focal, boundary, iou, found hinge
        error: --loss: expected a term of the mask with a weight above 0, found none
        error: --preset: expected leaves-300, hqseg44k, sa1b, small-gpu, lora-small-gpu, or a file that ends with .toml, found leaves
        ");
    let without_validation = with(&flags, &["--patience", "2"]);
    let without_validation: Vec<&str> =
        without_validation.iter().map(|word| if *word == "20" { "0" } else { word }).collect();
    assert_snapshot!(refused(&without_validation, 2), @"error: --patience: expected none where nothing is validated, found 2");
    assert!(!place.join("run/config.toml").exists());
}

#[test]
fn a_preset_is_printed_and_flags_go_before_it() {
    let place = Place::new();
    let preset = printed(&["train", "--preset", "leaves-300", "--print-preset"]);
    assert!(preset.contains("epochs = 30") && preset.contains("ema = 0.99"), "{preset}");
    // What was printed is a preset, too.
    std::fs::write(place.join("mine.toml"), preset).expect("written");
    let (flags, mine) = (small_run(&place, 10, 20), place.text("mine.toml"));
    works(&with(&flags, &["--preset", &mine, "--ema", "0.5", "--warmup-steps", "2"]));
    let config = std::fs::read_to_string(place.join("run/config.toml")).expect("read");
    let has = |line: &str| config.lines().any(|found| found == line);
    for line in [
        "ema = 0.5",
        "warmup_steps = 2",
        "input_size = 64",
        "epochs = 2",
        "kind = \"adamw\"",
        "kind = \"cosine\"",
        "learning_rate = 0.001",
        "best_by = \"boundary_iou\"",
        "keep = 2",
    ] {
        assert!(has(line), "{line}: {config}");
    }
    for file in ["sam_hq_epoch_1.safetensors", "sam_hq_epoch_1_ema.safetensors"] {
        assert!(place.join("run").join(file).is_file(), "{file}");
    }
    // The report tells the averaged weights' validation and files.
    let page = std::fs::read_to_string(place.join("run/report.html")).expect("a report");
    assert!(page.contains("sam_hq_epoch_1_ema.safetensors"), "{page}");

    let output = place.text("run");
    let more = ["train", "--resume", "--output", &output, "--ema", "0.9"];
    assert_snapshot!(refused(&more, 2), @"error: --ema: a resumed run keeps this setting; begin another run to change it");
}

#[test]
fn a_run_that_ends_by_itself_says_so() {
    let place = Place::new();
    let flags = small_run(&place, 10, 20);
    let more = ["--learning-rate", "1e-30", "--patience", "1", "--ema", "0.5", "--keep", "1"];
    let flags = with(&flags, &more);
    let flags: Vec<&str> = flags
        .iter()
        .enumerate()
        .map(|(at, word)| if at > 0 && flags[at - 1] == "--max-epoch-num" { "9" } else { word })
        .collect();
    let run = maskwright(&flags);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let said: Vec<String> = text(&run.stderr)
        .lines()
        .filter(|line| line.contains("run") || line.contains("averaged"))
        .filter(|line| !line.starts_with("data"))
        .map(|line| line.split("  SAM").next().unwrap_or(line).to_owned())
        .collect();
    assert_snapshot!(said.join("\n"), @"
          averaged weights: images (held out) (box, 2 images):
          averaged weights: images (held out) (box, 2 images):
        note: the run ends after epoch 2: the last validation was no better than one before it
        note: The run ended after 2 epochs, since validations were no better.
        the best model is [DIR]/run/best.safetensors, the last [DIR]/run/sam_hq_epoch_1.safetensors
        with averaged weights it is [DIR]/run/sam_hq_epoch_1_ema.safetensors
        ");
    let page = std::fs::read_to_string(place.join("run/report.html")).expect("a report");
    assert!(page.contains("ended after 2 epochs"), "{page}");

    // With more patience it goes on; what is kept may change, too.
    let output = place.text("run");
    let more = ["--patience", "9", "--keep", "2", "--max-epoch-num", "3"];
    works(&[&["train", "--resume", "--output", &output][..], &more].concat());
    let kept: Vec<bool> = (0..3)
        .map(|epoch| place.join(&format!("run/sam_hq_epoch_{epoch}.safetensors")).is_file())
        .collect();
    assert_eq!(kept, [true; 3], "the best and the newest two");
}

#[test]
fn adapters_that_cannot_be_are_refused_in_one_line() {
    let place = Place::new();
    let flags = small_run(&place, 10, 20);
    let lines: Vec<String> = [
        &["--train", "lora", "--lora-blocks", "last:13"][..],
        &["--train", "lora", "--lora-rank", "0"],
        &["--train", "lora", "--lora-rank", "1000"],
        &["--train", "lora", "--lora-alpha", "0"],
        &["--train", "lora", "--lora-targets", "qkv,qkv"],
        &["--train", "lora,mask_encoder.*"],
        &["--lora-rank", "8"],
    ]
    .into_iter()
    .map(|more| refused(&with(&flags, more), 2))
    .collect();
    assert_snapshot!(lines.concat(), @"
        error: --lora-blocks: expected all, or last:K with K from 1 to 2, found last:13
        error: --lora-rank: expected 1 or more, found 0
        error: --lora-rank: expected at most 32, the narrowest side of these layers, found 1000
        error: --lora-alpha: expected a number above 0, found 0
        error: --lora-targets: expected each of qkv, proj and mlp at most once, and one of them, found qkv,qkv
        error: model configuration: what learns = mask_encoder.*: no tensor of this model that can learn has such a name
        error: --lora-rank, --lora-alpha, --lora-blocks, --lora-targets: expected --train lora beside it, found hq
        ");
    for more in [
        &["--train", "lora", "--lora-blocks", "last:0"][..],
        &["--train", "lora", "--lora-targets", "q"],
        &["--train", "lora,hq"],
    ] {
        refused(&with(&flags, more), 2);
    }
}

#[test]
fn an_adapter_is_merged_into_its_base_by_the_command() {
    let place = Place::new();
    // A base of which only the checkpoint is known.
    let flags = small_run(&place, 10, 20);
    works(&with(&flags, &["--train", "all"]));
    let base = place.text("base.safetensors");
    std::fs::rename(place.join("run/sam_hq_epoch_1.safetensors"), place.join("base.safetensors"))
        .expect("moved");
    let at = flags.iter().position(|flag| flag == "--model-config").expect("a model");
    let mut flags = flags;
    flags.splice(at..at + 2, ["--checkpoint".to_owned(), base.clone()]);
    let lora = ["--train", "lora", "--lora-targets", "qkv,mlp", "--overwrite", "--lora-rank", "2"];
    works(&with(&flags, &lora));
    let [adapter, whole] =
        ["run/epoch_1.safetensors", "run/sam_hq_epoch_1.safetensors"].map(|name| place.text(name));
    let merged = place.text("merged.safetensors");
    works(&["convert", "--merge", &adapter, &base, &merged]);
    let bytes = |name: &str| {
        let bytes = std::fs::read(name).expect("read");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        let tensors = file.tensors().into_iter();
        tensors
            .map(|(name, view)| (name, view.data().to_vec()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert!(bytes(&merged) == bytes(&whole));
    assert!(bytes(&merged) != bytes(&base));
    let out = place.text("out.safetensors");
    let lines = [
        // The tuned model is not the base.
        refused(&["convert", "--merge", &adapter, &whole, &out], 1),
        refused(&["convert", &adapter, &out], 1),
    ];
    let hash = |line: &str| {
        let words = line.split(' ').map(|word| if word.contains("...") { "HASH" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let lines = lines.map(|line| hash(&line).replace(&place.text(""), "[DIR]"));
    assert_snapshot!(lines.concat(), @"
        error: [DIR]/run/epoch_1.safetensors: expected the base of this low-rank adapter, an image encoder with the hash HASH found HASH in [DIR]/run/sam_hq_epoch_1.safetensors
        error: [DIR]/run/epoch_1.safetensors: cannot tell the model from the checkpoint: expected a whole SAM, found a low-rank adapter (37 tensors), which goes over its base: as --restore-model beside --checkpoint, or merged with it into one checkpoint
        ");
}

/// The flags with another value of one.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn said(flags: &[String], flag: &str, value: &str) -> Vec<String> {
    let mut flags = flags.to_vec();
    let at = flags.iter().position(|word| word == flag).expect("it is there");
    flags[at + 1] = value.to_owned();
    flags
}

/// How often a page of memory was new to a training of so many epochs, of two steps each.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn new_pages(flags: &[String], epochs: usize, glibc_decides: bool) -> u64 {
    // The shell's own count has that of the program that it waited for.
    let script = r#""$@" >&2 && cut -d " " -f 11 "/proc/$$/stat""#;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_maskwright")]);
    command.args(said(flags, "--max-epoch-num", &epochs.to_string())).arg("--overwrite");
    // Each thread keeps memory of its own.
    command.env("RAYON_NUM_THREADS", "2");
    if glibc_decides {
        command.env("MALLOC_TRIM_THRESHOLD_", "131072").env("MALLOC_MMAP_THRESHOLD_", "131072");
    }
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().parse().expect("a number")
}

/// After the first steps the tensors of a step lie where those of the last one lay.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn later_steps_take_no_new_large_buffers() {
    let place = Place::new();
    let mut flags = small_run(&place, 4, 0);
    let model = maskwright_model::SamConfig::small(256, 16, 64, 2).with_hq(false);
    let model = toml::to_string(&model).expect("plain values");
    std::fs::write(place.join("model.toml"), model).expect("written");
    flags = said(&flags, "--input-size", "256");
    flags.extend(["--train".into(), "all".into()]);
    let of_a_step = |glibc_decides| {
        let counts = [4, 12].map(|epochs| new_pages(&flags, epochs, glibc_decides));
        counts[1].saturating_sub(counts[0]) / 16
    };
    let (kept, given_back) = (of_a_step(false), of_a_step(true));
    // A step touches megabytes; a page has 4 KiB.
    assert!(given_back > 1_000, "{given_back} pages, so that this test sees nothing");
    assert!(kept < 256 && kept * 10 < given_back, "{kept} of {given_back} pages");
}
