//! `maskwright export`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_data::export::{Exported, Shape, export};
use maskwright_data::source::LeftOut;
use maskwright_train::evaluator::RecordWarning;
use serde::Serialize;

use crate::exit::{Interrupted, Usage};
use crate::flags::data::{DataFlags, WAYS};
use crate::flags::data_at::data_at;
use crate::flags::named::named;
use crate::indexing::Indexing;
use crate::progress::Progress;
use crate::targets::is_stdout;
use crate::warnings::Warnings;
use crate::{interrupt, output, tell};

/// Write a data set in another shape: COCO, images with masks, SA-1B, YOLO, WebDataset.
///
/// Every image is copied byte by byte, with all of its objects. What was written is read back
/// and compared before OUT gets its name, so OUT is whole or not there. The same data give the
/// same bytes. What a shape cannot hold exactly (holes in YOLO's polygons, objects that overlap in one
/// mask) is counted. OUT/data.toml describes the result to `maskwright train --data`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  # A folder whose layout tells what it is, as COCO
  maskwright export photos photos-coco --as coco

  # Several sets of a data file, training and validation, for YOLO
  maskwright export data.toml leaves-yolo --as yolo

  # A mask in which every number is an object, from an instances file
  maskwright export --coco instances.json --images photos photos-masks --as instances")]
pub(crate) struct ExportFlags {
    /// DATA OUT, or OUT where flags say where the data are. DATA is a data file (.toml), COCO's
    /// .json, a .tar of SA-1B, or a folder whose layout tells what it is
    #[arg(value_name = "PATH", required = true, num_args = 1..=2)]
    paths: Vec<PathBuf>,

    /// What to write: coco (instances file), masks (a mask for each object, and a list), instances
    /// (a mask for each image, every number an object), sa1b (a JSON file beside each image), yolo
    /// (polygons), or webdataset (tar files)
    #[arg(long = "as", value_name = "SHAPE", value_parser = named::<Shape>())]
    shape: Shape,

    #[command(flatten)]
    data: DataFlags,

    /// Print what was written as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    output: &'a Path,
    shape: Shape,
    #[serde(flatten)]
    exported: &'a Exported,
}

pub(crate) fn run(flags: &ExportFlags, given: &[String]) -> anyhow::Result<()> {
    let by_flag = given.iter().any(|flag| WAYS.contains(&flag.as_str()));
    let (data, out) = match &flags.paths[..] {
        [data, out] if !by_flag => (data_at(&flags.data, data, ("export", "writing it"))?, out),
        [out] if by_flag => (flags.data.resolve(0.0)?, out),
        _ => {
            let expected = "expected DATA and OUT, or flags that say where the data are and OUT";
            return Err(Usage(format!("{expected}, found {}", found(flags, by_flag))).into());
        }
    };
    if is_stdout(out) {
        return Err(Usage("OUT: expected a folder, found -".into()).into());
    }
    let interrupt = interrupt::on_ctrl_c();
    // A folder of a temporary name would be left behind.
    interrupt.may_end(false);
    let mut bar = Progress::new(flags.json, interrupt.clone());
    let indexing = Indexing::new(flags.json);
    let done = export(&data, out, flags.shape, &indexing.context(), &mut |progress| {
        bar.count(progress.stage.into(), progress.done, progress.total, String::new());
        !interrupt.is_asked()
    });
    bar.finish();
    let Some(done) = done.map_err(maskwright_train::Error::from)? else {
        return Err(Interrupted("stopped: nothing was written".into()).into());
    };
    let mut warnings = Warnings::default();
    let damaged = done.damaged.iter().map(|one| RecordWarning {
        record: format!("{}/{}", one.set, one.name),
        text: one.message.clone(),
    });
    warnings.add_records(&damaged.collect::<Vec<_>>());
    if flags.json {
        let shape = flags.shape;
        let document = Document { output: out, shape, exported: &done };
        return output::json(&document, &warnings);
    }
    print(&done, out, flags.shape)
}

/// Where the words of a command line that fits no way lead.
fn found(flags: &ExportFlags, by_flag: bool) -> String {
    let paths: Vec<String> = flags.paths.iter().map(|path| path.display().to_string()).collect();
    let beside = if by_flag { " beside such flags" } else { " alone" };
    format!("{}{beside}", paths.join(" "))
}

fn print(done: &Exported, out: &Path, shape: Shape) -> anyhow::Result<()> {
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let shape: &str = shape.into();
    let mut rows = vec![row("written", format!("{} as {shape}", out.display()))];
    for part in &done.parts {
        rows.push(row(part.role, format!("{} images, {} objects", part.images, part.objects)));
    }
    if done.classes != ["object"] {
        rows.push(row("classes", done.classes.join(", ")));
    }
    let notes = |what: &str, list: &[LeftOut]| -> Vec<Vec<String>> {
        list.iter().map(|left| row(what, left.to_string())).collect()
    };
    rows.extend(notes("left out", &done.left_out));
    rows.extend(notes("not exact", &done.inexact));
    output::table(&["what", "value"], &rows)?;
    tell::say(format_args!(
        "train on it: maskwright train --data {}",
        out.join("data.toml").display()
    ));
    Ok(())
}
