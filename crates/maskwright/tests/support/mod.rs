//! What the end-to-end tests share: small data sets of real files, and the command.

#![allow(dead_code, reason = "each test binary uses its own part")]

#[path = "../schema/mod.rs"]
pub(crate) mod schema;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use maskwright_image::{GreyImage, RgbImage, Size, encode};

/// A folder that goes with the test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.join(name).display().to_string()
    }
}

/// The names of what lies in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(folder).expect("listed");
    let mut names: Vec<String> =
        listing.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Sends a signal, such as `-INT`.
pub(crate) fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// Waits for something that takes a moment.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed().as_secs() < 120, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes a named pipe, which nobody writes into.
#[cfg(unix)]
pub(crate) fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

/// Writes `count` pairs: a bright ellipse on a dark, structured ground, sizes of all kinds.
pub(crate) fn write_pairs(folder: &Path, count: usize) -> (PathBuf, PathBuf) {
    let (images, masks) = (folder.join("images"), folder.join("masks"));
    std::fs::create_dir_all(&images).expect("created");
    std::fs::create_dir_all(&masks).expect("created");
    for number in 0..count {
        let (width, height) = (90 + 13 * (number % 5), 110 - 11 * (number % 4));
        let (image, mask) = pair(number, width, height);
        let jpeg = encode::jpeg_rgb(&image, 92).expect("encoded");
        let png = encode::png_grey(&mask).expect("encoded");
        std::fs::write(images.join(format!("photo_{number:02}.jpg")), jpeg).expect("written");
        std::fs::write(masks.join(format!("photo_{number:02}.png")), png).expect("written");
    }
    (images, masks)
}

fn pair(number: usize, width: usize, height: usize) -> (RgbImage, GreyImage) {
    let centre = (width as f32 * (0.35 + 0.1 * (number % 4) as f32), height as f32 * 0.5);
    let radii = (width as f32 * 0.28, height as f32 * (0.2 + 0.05 * (number % 3) as f32));
    let mut image = RgbImage::filled(Size::new(height, width), 0);
    let mut mask = GreyImage::filled(Size::new(height, width), 0);
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = ((x as f32 - centre.0) / radii.0, (y as f32 - centre.1) / radii.1);
            let inside = dx * dx + dy * dy < 1.0;
            let wave = ((x * 7 + y * 3 + number * 11) % 23) as u8;
            let colour =
                if inside { [200 + wave, 180, 60 + wave] } else { [40 + wave, 60 + wave, 90] };
            image.data[3 * (y * width + x)..][..3].copy_from_slice(&colour);
            mask.data[y * width + x] = if inside { 255 } else { 0 };
        }
    }
    (image, mask)
}

/// Sizes of a model that trains in seconds.
pub(crate) fn write_tiny_model(path: &Path) {
    let config = maskwright_model::SamConfig::small(64, 16, 32, 2).with_hq(false);
    std::fs::write(path, toml::to_string(&config).expect("plain values")).expect("written");
}

/// The command line that trains a tiny model for two epochs on `count` pairs that it writes, of which this per cent validates, into
/// the folder `run`.
pub(crate) fn small_run(place: &Place, count: usize, held_out: u32) -> Vec<String> {
    let (images, masks) = write_pairs(place.path(), count);
    write_tiny_model(&place.join("model.toml"));
    let flags = [
        ("--images", images.display().to_string()),
        ("--masks", masks.display().to_string()),
        ("--model-config", place.text("model.toml")),
        ("--input-size", "64".into()),
        ("--max-epoch-num", "2".into()),
        ("--batch-size-train", "2".into()),
        ("--hold-out", held_out.to_string()),
        ("--output", place.text("run")),
    ];
    let flags = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
    std::iter::once("train".to_owned()).chain(flags).collect()
}

/// The command line that trains a tiny model for a moment, on pairs that it writes into the folder: `images` and
/// `masks`, none held out.
pub(crate) fn trained(place: &Place, output: &str) -> Vec<String> {
    let (images, masks) = write_pairs(place.path(), 4);
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let [images, masks] = [images, masks].map(|folder| folder.display().to_string());
    let mut args = vec!["train", "--images", &images, "--masks", &masks, "--hold-out", "0"];
    args.extend(["--model-config", &model, "--input-size", "64", "--train", "all"]);
    args.extend(["--max-epoch-num", "1", "--batch-size-train", "4", "--output", output]);
    args.into_iter().map(str::to_owned).collect()
}

/// Runs the command. Help is broken at 100 columns, whatever terminal the test runs in.
pub(crate) fn maskwright(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
    command.args(args).env("COLUMNS", "100").output().expect("it starts")
}

/// Runs the command and expects it to work, and that what it prints with `--json` is as `docs/schemas` says.
pub(crate) fn works(args: &[&str]) -> Output {
    let output = maskwright(args);
    assert!(
        output.status.success(),
        "maskwright {args:?}\nstdout: {}\nstderr: {}",
        text(&output.stdout),
        text(&output.stderr)
    );
    if args.contains(&"--json") {
        let document = serde_json::from_slice(&output.stdout).expect("a JSON document");
        schema::check(args[0], &document);
    }
    output
}

/// Runs the command, expects it to work, and gives what it prints; the tests' folder is `[DIR]`.
pub(crate) fn printed(args: &[&str]) -> String {
    text(&works(args).stdout)
}

/// The names of the subcommands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = list.take_while(|line| line.starts_with("  ")).filter_map(|line| {
        let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        name.split_whitespace().next()
    });
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every help from this command on, in order: its words and the text.
pub(crate) fn helps(words: &[String]) -> Vec<(Vec<String>, String)> {
    let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
    args.push("--help");
    let text = printed(&args);
    let below = subcommands(&text).into_iter().flat_map(|name| helps(&[words, &[name]].concat()));
    let below: Vec<_> = below.collect();
    [vec![(words.to_vec(), text)], below].concat()
}

/// Runs the command and expects this exit status and nothing on standard output; gives standard error, the
/// tests' folder as `[DIR]`.
pub(crate) fn refused(args: &[&str], status: i32) -> String {
    refusal(&maskwright(args), status)
}

/// What [`refused`] gives, of a command that ended.
pub(crate) fn refusal(output: &Output, status: i32) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "stderr: {stderr}");
    assert_eq!(text(&output.stdout), "", "stderr: {stderr}");
    stderr
}

/// What a command printed, with `[DIR]` in place of a [`Place`].
pub(crate) fn text(printed: &[u8]) -> String {
    let printed = String::from_utf8(printed.to_vec()).expect("UTF-8");
    let place = std::env::temp_dir().join(".tmp").display().to_string();
    let mut parts = printed.split(&place);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("[DIR]");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    text
}

/// A table whose width is that of a path in it, two spaces between its columns.
pub(crate) fn without_width(table: &str) -> String {
    let line = |line: &str| {
        let cells: Vec<&str> =
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        match line.trim_start_matches('-') {
            "" => "--".to_owned(),
            _ => cells.join("  "),
        }
    };
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A text with `0.0` in place of every number with a point, as times and rates have; right-aligned columns stay
/// right-aligned.
pub(crate) fn without_times(text: &str) -> String {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let whole = digits(rest);
        let fraction = rest[whole..].strip_prefix('.').map_or(0, digits);
        if fraction == 0 {
            out.push_str(&rest[..whole]);
            rest = &rest[whole..];
            continue;
        }
        let length = whole + 1 + fraction;
        let before = out.trim_end_matches(' ').len();
        let spaces = out.len() - before;
        if spaces > 1 {
            out.truncate(before);
            out.push_str(&format!("{:>width$}", "0.0", width = spaces + length));
        } else {
            out.push_str("0.0");
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}
