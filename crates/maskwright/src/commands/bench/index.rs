//! `maskwright bench index`: what it costs to open annotated sets.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use maskwright_data::random::Order;
use maskwright_data::source::{OpenContext, SetSpec, Source, synthetic_index};
use serde::de::IgnoredAny;

use crate::output;
use crate::process_memory as memory;
use crate::warnings::Warnings;

/// Measure opening annotated sets: from the annotation file, and from the cached index.
///
/// Makes an index of as many images as SA-1B has, opens it, and reads records of it at random;
/// then makes a COCO file of the given size in a folder that is deleted afterwards, and opens it
/// beside the time that serde_json takes to scan the file.
#[derive(Args)]
pub(crate) struct IndexFlags {
    /// Images of the index
    #[arg(long, value_name = "N", default_value_t = 11_000_000)]
    images: u64,

    /// Megabytes of the COCO file
    #[arg(long, value_name = "N", default_value_t = 500)]
    coco_megabytes: u64,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Figures in the order of the table.
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
}

pub(crate) fn run(flags: &IndexFlags) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut add = |what: &str, value: f64, unit: &'static str| {
        rows.push(Row { what: what.to_owned(), value, unit });
    };
    many_images(flags.images, &mut add)?;
    coco(flags.coco_megabytes, &mut add)?;
    if flags.json {
        let values = rows
            .iter()
            .map(|row| serde_json::json!({"what": row.what, "value": row.value, "unit": row.unit}));
        let document = serde_json::json!({ "rows": values.collect::<Vec<_>>() });
        return output::json(&document, &Warnings::default());
    }
    let cells = |row: &Row| {
        let decimals = if row.value >= 1000.0 { 0 } else { 3 };
        vec![row.what.clone(), format!("{:.decimals$}", row.value), row.unit.to_owned()]
    };
    output::table(&["what", "value", "unit"], &rows.iter().map(cells).collect::<Vec<_>>())
}

fn many_images(images: u64, add: &mut impl FnMut(&str, f64, &'static str)) -> anyhow::Result<()> {
    let before = resident_megabytes();
    let start = Instant::now();
    // Made here unless an earlier run did.
    drop(synthetic_index(images)?);
    let first = start.elapsed();
    let (set, cached) = timed(|| synthetic_index(images))?;
    let order = Order::new(1, 0, set.len() as u64);
    let reads = 100_000.min(set.len() as u64);
    let ((), read) = timed(|| {
        (0..reads).try_for_each(|place| set.record(order.record(place) as usize).map(drop))
    })?;
    add("images in the index", images as f64, "");
    add("opened, made first where no run did yet", first.as_secs_f64(), "s");
    add("opened from the cache", cached.as_secs_f64(), "s");
    add("a record at random", 1e6 * read.as_secs_f64() / reads as f64, "us");
    add("resident memory that all this added", (resident_megabytes() - before).max(0.0), "MB");
    Ok(())
}

fn coco(megabytes: u64, add: &mut impl FnMut(&str, f64, &'static str)) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("maskwright-bench-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("images"))
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let result = coco_in(&folder, megabytes, add);
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove {}", folder.display()))?;
    result
}

fn coco_in(
    folder: &Path,
    megabytes: u64,
    add: &mut impl FnMut(&str, f64, &'static str),
) -> anyhow::Result<()> {
    let file = folder.join("instances.json");
    let objects = write_coco(&file, folder, megabytes << 20)
        .with_context(|| format!("cannot write {}", file.display()))?;
    // In turns, twice: the first round finds the file in no cache.
    let mut scans = Vec::new();
    let mut indexed = Vec::new();
    for round in 0..3 {
        let (length, scan) = timed(|| {
            let bytes = std::fs::read(&file)?;
            serde_json::from_slice::<IgnoredAny>(&bytes)?;
            anyhow::Ok(bytes.len())
        })?;
        scans.push(scan);
        let before = resident_megabytes();
        let spec = SetSpec::coco(
            format!("bench {} {round}", std::process::id()),
            &file,
            folder.join("images"),
        );
        let (set, took) = timed(|| spec.open(&OpenContext::default()))?;
        indexed.push(took);
        let (_, cached) = timed(|| spec.open(&OpenContext::default()))?;
        if round == 2 {
            let least = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
            let (scan, index) = (least(&scans).as_secs_f64(), least(&indexed).as_secs_f64());
            add("COCO file", length as f64 / 1e6, "MB");
            add("its objects", objects as f64, "");
            add("its images with objects", set.len() as f64, "");
            add("read and scanned by serde_json", scan, "s");
            add("indexed", index, "s");
            add("indexed / scanned", index / scan, "x");
            add("opened from the cache", cached.as_secs_f64(), "s");
            add("resident memory that indexing added", resident_megabytes() - before, "MB");
        }
    }
    Ok(())
}

/// An instances file of polygons as people draw them, seven objects an image; its images are empty files.
/// Returns the number of objects.
fn write_coco(file: &PathBuf, folder: &Path, bytes: u64) -> std::io::Result<u64> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    out.write_all(br#"{"info": {"year": 2026}, "annotations": ["#)?;
    let (mut written, mut objects) = (0, 0u64);
    while written < bytes {
        let comma = if objects > 0 { ", " } else { "" };
        let points: Vec<String> = (0..40 + objects % 90)
            .map(|k| format!("{}.{:02}", (objects * 7 + k * 13) % 640, (objects + k * 31) % 100))
            .collect();
        let points = points[..points.len() / 2 * 2].join(", ");
        let text = format!(
            "{comma}{{\"segmentation\": [[{points}]], \"area\": {}.5, \"iscrowd\": 0, \"image_id\": {}, \
             \"bbox\": [1.0, 2.0, 30.5, 40.25], \"category_id\": {}, \"id\": {objects}}}",
            objects % 5000,
            objects / 7,
            objects % 80 + 1
        );
        out.write_all(text.as_bytes())?;
        written += text.len() as u64;
        objects += 1;
    }
    out.write_all(b"], \"images\": [")?;
    for image in 0..objects.div_ceil(7) {
        let comma = if image > 0 { ", " } else { "" };
        std::fs::write(folder.join(format!("images/{image}.jpg")), [])?;
        write!(
            out,
            "{comma}{{\"id\": {image}, \"file_name\": \"{image}.jpg\", \"width\": 640, \"height\": 480}}"
        )?;
    }
    out.write_all(b"], \"categories\": []}")?;
    out.flush()?;
    Ok(objects)
}

fn timed<T, E>(job: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    let done = job()?;
    Ok((done, start.elapsed()))
}

/// Resident memory of this process in millions of bytes; 0 where the system does not tell.
fn resident_megabytes() -> f64 {
    memory::resident_mib().unwrap_or_default() * f64::from(1 << 20) / 1e6
}
