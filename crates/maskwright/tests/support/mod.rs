//! What the end-to-end tests share: small data sets of real files, and the command.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// Runs the command.
pub(crate) fn maskwright(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_maskwright")).args(args).output().expect("it starts")
}

/// Runs the command and expects it to work.
pub(crate) fn works(args: &[&str]) -> Output {
    let output = maskwright(args);
    assert!(
        output.status.success(),
        "maskwright {args:?}\nstdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs the command and expects this exit status, no panic, and every one of `words` in one
/// line on standard error.
pub(crate) fn refused(args: &[&str], status: i32, words: &[&str]) -> String {
    let output = maskwright(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "maskwright {args:?}\nstderr: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let line = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| {
        panic!("maskwright {args:?} has no error line\nstderr: {stderr}");
    });
    for word in words {
        assert!(line.contains(word), "expected {word:?} in: {line}");
    }
    line.to_owned()
}
