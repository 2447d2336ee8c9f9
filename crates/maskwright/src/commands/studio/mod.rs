//! `maskwright studio`.

mod form;
mod open;
mod program;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use maskwright_data::source::{Recognised, recognise};
use maskwright_model::Compute;
use maskwright_studio::{CorrectionsForm, Settings, Studio, StudioData};

use crate::flags::data::{DataFlags, WAYS};
use crate::flags::data_at::data_at;
use crate::flags::device::DeviceFlags;
use crate::flags::named::named;
use crate::indexing::Indexing;
use crate::interrupt::Interrupt;
use crate::{interrupt, official, output, tell};

/// The port that is asked for where none is named.
const PORT: u16 = 7860;
/// How often it is looked whether Ctrl-C was heard.
const TICK: Duration = Duration::from_millis(50);

/// Data, masks by clicks, training and results, in the browser.
///
/// Shows any set, or a folder of photographs without masks; a model answers clicks with masks, which are corrected and
/// saved into a folder of their own, a set to train on. Trainings are processes of their own: they go on when the studio
/// ends, and are found again. Nothing is written but that folder, the folder of runs and a cache.
///
/// DATA is a data file (.toml), a folder of images, with or without masks, COCO's .json, or SA-1B's .tar.
#[derive(Args)]
#[command(after_help = "\
The studio listens on this machine alone. With --host it can be reached from others, and asks for
the token that is in the address which it prints. Ctrl-C ends it.

Examples:
  maskwright studio photos --checkpoint sam_vit_b.pth
  maskwright studio data.toml --runs experiments
  maskwright studio --images photos --masks masks --no-open --port 8080")]
pub(crate) struct StudioFlags {
    /// The data: a data file, a folder, an annotation file
    #[arg(value_name = "DATA", conflicts_with_all = WAYS)]
    path: Option<PathBuf>,

    #[command(flatten)]
    data: DataFlags,

    /// The model to click with: a SAM or HQ-SAM checkpoint, or hf://OWNER/REPO/FILE[@REVISION]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Folder of runs: those in it are shown, new ones begin there
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,

    /// Folder of the objects that are drawn
    #[arg(long, value_name = "DIR", default_value = "corrections")]
    corrections: PathBuf,

    /// The form in which training reads them: coco (an instances file, with the names of the objects), masks (a PNG
    /// for each object), or instances (a PNG for each image, every number an object; where objects overlap,
    /// the smaller one's)
    #[arg(long, value_name = "FORM", default_value = "coco", value_parser = named::<CorrectionsForm>())]
    corrections_format: CorrectionsForm,

    /// Address to listen on; one that is not this machine's own asks for a token
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Port to listen on; where it is in use, the next one that is free
    #[arg(long, value_name = "N", default_value_t = PORT)]
    port: u16,

    /// Do not open a browser
    #[arg(long)]
    no_open: bool,

    #[command(flatten)]
    device: DeviceFlags,
}

pub(crate) fn run(flags: &StudioFlags) -> anyhow::Result<()> {
    let checkpoint = flags.checkpoint.as_deref().map(official::opened).transpose()?;
    if let Some(missing) = checkpoint.as_ref().filter(|path| !path.exists()) {
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(anyhow::Error::new(error).context(missing.display().to_string()));
    }
    let what = Serve {
        data: flags.data()?,
        checkpoint,
        runs: flags.runs.clone(),
        corrections: flags.corrections.clone(),
        corrections_form: flags.corrections_format,
        host: flags.host,
        port: flags.port,
        opens: !flags.no_open,
        compute: flags.device.resolve(),
    };
    serve(&what, &interrupt::on_ctrl_c())
}

impl StudioFlags {
    /// The data that the flags say.
    fn data(&self) -> anyhow::Result<StudioData> {
        let photos = |folder: &Path| StudioData::Photos { folder: folder.to_path_buf() };
        if let Some(folder) = self.data.images_alone() {
            return Ok(photos(folder));
        }
        let Some(path) = &self.path else {
            let file = self.data.data_file().map(Path::to_path_buf);
            return Ok(StudioData::Sets { data: Box::new(self.data.resolve(0.0)?), file });
        };
        if path.is_dir() {
            let found = recognise(path).map_err(maskwright_train::Error::from)?;
            if let Recognised::ImagesAlone { images } = found {
                tell::say(format_args!(
                    "{} has {images} images without masks; showing them",
                    path.display()
                ));
                return Ok(photos(path));
            }
        }
        let is_data_file =
            path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        let data = data_at(&self.data, path, ("studio", "showing it"))?;
        let file = is_data_file.then(|| path.clone());
        Ok(StudioData::Sets { data: Box::new(data), file })
    }
}

/// What is served, and where.
pub(crate) struct Serve {
    pub(crate) data: StudioData,
    pub(crate) checkpoint: Option<PathBuf>,
    pub(crate) runs: PathBuf,
    pub(crate) corrections: PathBuf,
    pub(crate) corrections_form: CorrectionsForm,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) opens: bool,
    pub(crate) compute: Compute,
}

impl Serve {
    /// The studio of the demo's pictures and its model.
    pub(crate) fn demo(
        data_file: &Path,
        checkpoint: &Path,
        folder: &Path,
        opens: bool,
    ) -> anyhow::Result<Serve> {
        let data = maskwright_data::source::DataFile::read(data_file)
            .map_err(maskwright_train::Error::from)?;
        Ok(Serve {
            data: StudioData::Sets { data: Box::new(data), file: Some(data_file.to_path_buf()) },
            checkpoint: Some(checkpoint.to_path_buf()),
            runs: folder.to_path_buf(),
            corrections: folder.join("corrections"),
            corrections_form: CorrectionsForm::default(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: PORT,
            opens,
            compute: Compute::default(),
        })
    }
}

/// Serves until Ctrl-C.
pub(crate) fn serve(what: &Serve, interrupt: &Interrupt) -> anyhow::Result<()> {
    interrupt.set_farewell(|| "the studio has ended".into());
    let settings = Settings {
        data: what.data.clone(),
        checkpoint: what.checkpoint.clone(),
        runs: what.runs.clone(),
        corrections: what.corrections.clone(),
        corrections_form: what.corrections_form,
        cache: None,
        host: what.host,
        port: what.port,
        compute: what.compute,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let indexing = Indexing::new(false);
    let studio = Studio::open(&settings, Arc::new(program::ThisProgram), &indexing.context())?;
    if what.port != 0 && studio.port() != what.port {
        tell::note(format_args!("port {} is in use; listening on {}", what.port, studio.port()));
    }
    output::line(format_args!("the studio is at {}", studio.url()))?;
    if what.checkpoint.is_none() {
        tell::note(program::NO_MODEL);
    }
    if what.corrections_form != CorrectionsForm::Coco {
        tell::note(format_args!(
            "corrections as {} hold no names of objects; these stay in {}",
            what.corrections_form.name(),
            what.corrections.join("objects").display()
        ));
    }
    tell::say("Ctrl-C ends it; trainings go on");
    if what.opens {
        open::in_browser(studio.url());
    }
    while !interrupt.is_asked() {
        std::thread::sleep(TICK);
    }
    // It ends by itself within the time that is given.
    interrupt.may_end(false);
    studio.stop();
    tell::say("the studio has ended");
    Ok(())
}
