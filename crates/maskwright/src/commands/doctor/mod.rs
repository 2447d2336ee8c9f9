//! `maskwright doctor`.

mod flags;
mod print;
mod system;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use maskwright_data::source::OpenContext;
use maskwright_doctor::{Diagnosis, Settings, Severity, Subject, examine, recognise};
use maskwright_report::doctor_page;
use serde::Serialize;

use crate::command_line::words;
use crate::exit::{Interrupted, Unfit, Usage};
use crate::flags::data::DataFlags;
use crate::flags::folder;
use crate::flags::input_size::InputSizeFlags;
use crate::indexing::Indexing;
use crate::progress::Progress;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::{interrupt, output, tell};

/// Check data sets before a run is spent on them, or say what this build uses on this machine.
///
/// Every image and mask is decoded in full. What is wrong or odd is listed with the line of the data file
/// that fixes it: missing partners, sizes that differ, damaged files, masks of 0 and 1, of class ids, of
/// colours, inverted, empty, stored as JPEG; tiny objects, EXIF orientations, duplicates inside a set and across
/// training and validation. docs/doctor.md lists all findings. Nothing is changed.
///
/// DATA is a data file (.toml), a folder of images and masks (images/ and masks/, im/ and gt/, side by
/// side, or train/ and valid/ with those), a folder of COCO, Labelme or YOLO, COCO's .json, or SA-1B's folder or .tar.
/// Of a folder of images alone, or --images alone, the images are examined.
#[derive(Args)]
#[command(after_help = "\
Exit status: 0 if nothing is found that training would refuse (warnings and notes may be), 1 if
something is, 2 for a wrong command line, 130 if Ctrl-C stopped it (what was found so far is printed).

Examples:
  maskwright doctor photos/ --checkpoint sam_vit_b.pth
  maskwright doctor data.toml --report doctor.html
  maskwright doctor --images photos --masks masks --json
  maskwright doctor --system")]
pub(crate) struct DoctorFlags {
    /// Data files, folders, annotation files
    #[arg(value_name = "DATA")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    data: Option<DataFlags>,

    /// Say what this build uses on this machine: JPEG decoder, instruction set, threads, backend, GPU.
    /// The default where no data is given
    #[arg(long, conflicts_with_all = ["paths", "DataFlags", "report"])]
    system: bool,

    /// Threads; as many as the machine runs at once if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    workers: usize,

    /// Bytes that decoding images and masks may take at a time, over all threads; a quarter of the machine's
    /// memory if not given
    #[arg(long, value_name = "BYTES")]
    decode_memory: Option<u64>,

    #[command(flatten)]
    input: InputSizeFlags,

    /// List at most so many records of each finding; all are counted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    list: usize,

    /// Also write a page with pictures of every finding
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// The document of `--json`; docs/doctor.md describes it.
#[derive(Serialize)]
struct Document<'a> {
    /// The side of the model's input, on which depends which objects are tiny.
    input_size: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

pub(crate) fn run(flags: &DoctorFlags) -> anyhow::Result<()> {
    if flags.paths.is_empty() && flags.data.is_none() {
        return system::run(flags.json);
    }
    if !flags.paths.is_empty() && flags.data.as_ref().is_some_and(DataFlags::says_where) {
        return Err(Usage(
            "expected DATA or flags that say where the data are (--images and --masks, --data, \
             ...), found both"
                .into(),
        )
        .into());
    }
    let (subjects, mut settings) = subjects(flags, &Indexing::new(flags.json).context())?;
    settings.workers = flags.workers;
    settings.listed = flags.list;
    settings.decode_memory = flags.decode_memory.unwrap_or(settings.decode_memory);

    if let Some(page) = &flags.report {
        let target = Target { flag: "--report", path: page, format: Format::Html };
        let given = Inputs::files(flags.paths.iter().map(PathBuf::as_path));
        targets::check(&[target], &given, Existing::Untouched)?;
    }
    settings.plan.size = flags.input.resolve()?;
    let interrupt = interrupt::on_ctrl_c();
    let mut bar = Progress::new(flags.json, interrupt.clone());
    let start = Instant::now();
    let mut diagnosis = examine(&subjects, &settings, &mut |progress| {
        let rate = progress.done as f64 / start.elapsed().as_secs_f64().max(1e-3);
        bar.count("examining", progress.done, progress.total, format!("{rate:.1} images/s"));
        !interrupt.is_asked()
    })?;
    bar.finish();
    // What was found is still to be told.
    interrupt.may_end(false);
    let in_file = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    let has_settings = flags.data.as_ref().is_some_and(DataFlags::has_settings);
    // What a data file says is changed there.
    if !has_settings && !flags.paths.iter().any(in_file) {
        flags::add(&mut diagnosis);
    }

    if let Some(page) = &flags.report {
        let words = words(std::env::args_os()).map(|word| word.to_string_lossy().into_owned());
        let command: Vec<String> = std::iter::once("maskwright".to_owned()).chain(words).collect();
        doctor_page::write(&subjects, &diagnosis, &command.join(" "), page)?;
    }
    let count = |severity| diagnosis.count(severity);
    let (errors, warnings, notes) =
        (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    if flags.json {
        let input_size = settings.plan.size;
        let document = Document { input_size, errors, warnings, notes, diagnosis: &diagnosis };
        output::json_whole(&document)?;
    } else {
        print::diagnosis(&diagnosis, start.elapsed())?;
    }
    if !diagnosis.complete {
        return Err(Interrupted("stopped: what was found so far is above".into()).into());
    }
    if errors > 0 { Err(Unfit.into()) } else { Ok(()) }
}

fn subjects(
    flags: &DoctorFlags,
    context: &OpenContext<'_>,
) -> anyhow::Result<(Vec<Subject>, Settings)> {
    if let Some(data) = &flags.data {
        if let (Some(folder), []) = (data.images_alone(), &flags.paths[..]) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            return Ok((vec![Subject::images_alone(name, folder)?], Settings::default()));
        }
        let data = match &flags.paths[..] {
            [] => data.resolve(0.0)?,
            [folder] if folder.is_dir() => {
                data.of_sets(folder::sets_of(folder, ("doctor", "looking at it"))?)?
            }
            _ => {
                let expected = "one folder beside flags that say how data are read";
                let found = flags.paths.iter().map(|path| path.display().to_string());
                let found = found.collect::<Vec<_>>().join(" ");
                return Err(Usage(format!("expected {expected}, found {found}")).into());
            }
        };
        return Ok((Subject::of_data(&data, context), Settings::of(&data)));
    }
    let mut subjects = Vec::new();
    let mut settings = None;
    for path in &flags.paths {
        let found = recognise(path, context).map_err(with_way_out)?;
        if let Some(what) = found.what {
            tell::say(format_args!("{} looks like {what}; looking at it", path.display()));
        }
        subjects.extend(found.subjects);
        // Of several data files the first says how samples are cut out.
        settings.get_or_insert(found.settings);
    }
    Ok((subjects, settings.unwrap_or_default()))
}

/// What is wrong with a path; images that were not found beside an annotation file can be named.
fn with_way_out(error: maskwright_doctor::Error) -> anyhow::Error {
    match &error {
        maskwright_doctor::Error::ImagesNotFound { annotations } => {
            let annotations = annotations.display();
            Usage(format!("{error}; name the folder: --coco {annotations} --images DIR")).into()
        }
        maskwright_doctor::Error::Unclear { path, found, likely } => {
            Usage(folder::unclear("doctor", path, found, likely)).into()
        }
        _ => error.into(),
    }
}
