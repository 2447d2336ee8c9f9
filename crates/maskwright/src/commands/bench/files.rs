//! `maskwright bench files`: the pictures that speed is measured on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use maskwright_data::random::{Keyed, Purpose};
use maskwright_demo::{DemoConfig, Split};
use maskwright_files::write_atomically;
use maskwright_image::RgbImage;
use maskwright_image::encode::{Chroma, jpeg_rgb_with, png_grey};

use crate::exit::Usage;
use crate::output;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;

/// Widths in equal numbers, in pixels: thumbnails, web pictures, photographs.
const WIDTHS: [usize; 4] = [400, 1024, 2048, 3500];

/// JPEG quality of the images; chroma is halved both ways, as cameras do.
const QUALITY: u8 = 90;

/// Make a seeded set of images and masks to measure on.
///
/// Equal numbers of 400, 1024, 2048 and 3500 pixels as the longest side, or of others: JPEG of quality 90,
/// 4:2:0, and 8-bit grey PNG masks of the same names, in DIR/images and DIR/masks.
#[derive(Args)]
pub(crate) struct FilesFlags {
    /// Folder to write into; made if it is not there
    #[arg(long, value_name = "DIR")]
    output: PathBuf,

    /// Pairs to make
    #[arg(long, value_name = "N", default_value_t = 40)]
    count: usize,

    /// Longest sides of the pictures in pixels, in equal numbers
    #[arg(long, value_name = "PIXELS,...", value_delimiter = ',', default_values_t = WIDTHS)]
    longest: Vec<usize>,

    /// Seed of the pictures
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Replace files that are there
    #[arg(long)]
    force: bool,

    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(flags: &FilesFlags) -> anyhow::Result<()> {
    if !(1..=100_000).contains(&flags.count) {
        return Err(Usage("expected --count of 1 to 100000".into()).into());
    }
    if flags.longest.is_empty() || !flags.longest.iter().all(|side| (64..=16_384).contains(side)) {
        return Err(Usage("expected --longest of 64 to 16384 pixels".into()).into());
    }
    let (images, masks) = (flags.output.join("images"), flags.output.join("masks"));
    let names: Vec<[PathBuf; 2]> = (0..flags.count)
        .map(|index| format!("{index:05}-{}", flags.longest[index % flags.longest.len()]))
        .map(|stem| [images.join(format!("{stem}.jpg")), masks.join(format!("{stem}.png"))])
        .collect();
    let formats = [Format::Jpeg, Format::Png];
    let targets: Vec<Target<'_>> = names
        .iter()
        .flat_map(|files| files.iter().zip(formats))
        .map(|(path, format)| Target { flag: "--output", path, format })
        .collect();
    targets::check(&targets, &Inputs::default(), Existing::with(flags.force))?;
    for folder in [&images, &masks] {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let (mut pixels, mut image_bytes, mut mask_bytes) = (0, 0, 0);
    for (index, [image_file, mask_file]) in names.iter().enumerate() {
        let longest = flags.longest[index % flags.longest.len()];
        let config = DemoConfig {
            seed: flags.seed,
            min_side: longest * 7 / 10,
            max_side: longest,
            ..DemoConfig::default()
        };
        let mut picture = config.picture(Split::Train, index)?;
        add_grain(&mut picture.image, flags.seed, index as u64);
        let image = jpeg_rgb_with(&picture.image, QUALITY, Chroma::Halved)?;
        let mask = png_grey(&picture.mask)?;
        pixels += picture.image.size.width * picture.image.size.height;
        image_bytes += image.len();
        mask_bytes += mask.len();
        write(image_file, &image)?;
        write(mask_file, &mask)?;
    }
    let megapixels = pixels as f64 / 1e6 / flags.count as f64;
    let bits = 8.0 * image_bytes as f64 / pixels as f64;
    if flags.json {
        let document = serde_json::json!({
            "images": images.to_string_lossy(),
            "masks": masks.to_string_lossy(),
            "count": flags.count,
            "mean_megapixels": megapixels,
            "image_bits_per_pixel": bits,
            "mask_bits_per_pixel": 8.0 * mask_bytes as f64 / pixels as f64,
        });
        return output::json(&document, &Warnings::default());
    }
    output::line(format_args!(
        "{}: {} pairs, {megapixels:.1} megapixels and {bits:.1} bits per pixel on average",
        flags.output.display(),
        flags.count
    ))
}

/// Grain as of a camera's sensor, without which large generated pictures are smoother than
/// photographs and take fewer bits: the sum of three uniform numbers, the same for all channels.
fn add_grain(image: &mut RgbImage, seed: u64, index: u64) {
    let mut draw = Keyed::new(seed, 0, index, Purpose::Synthesis);
    for pixel in image.data.as_chunks_mut::<3>().0 {
        let bits = draw.next_u32();
        let sum: u32 = [0, 8, 16].into_iter().map(|shift| (bits >> shift) & 7).sum();
        let grain = sum as i16 - 10;
        *pixel = pixel.map(|value| (i16::from(value) + grain).clamp(0, 255) as u8);
    }
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}
