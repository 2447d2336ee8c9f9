//! `cargo xtask soak studio`: a day of work in the studio, after which it has to be as large as it was before noon.
//!
//! A studio with a small model shows made-up pictures, of the largest of which tiles are asked for, too. Actions are sent to it as a person's
//! page sends them ([`person`]), as many as in eight hours, one every three seconds; only faster. Meanwhile memory, open files, threads and
//! the files that it keeps are measured ([`measured`]). After the first quarter, in which caches fill and pools come up, nothing may grow.

mod client;
mod measured;
mod person;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::Client;
use measured::{Sample, grown};
use person::Person;

use super::training::Training;

/// Actions of eight hours, one every three seconds.
pub(super) const DAY: u32 = 9600;
/// How often it is measured over all actions.
const SAMPLES: u32 = 160;

/// What is asked for.
pub(super) struct Settings {
    pub(super) actions: u32,
    /// How long they are to take; as long as they do where that is more.
    pub(super) minutes: f64,
    pub(super) seed: u64,
}

/// The studio, which ends with this.
struct Studio(Child);

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Works in a studio for as long as that takes, and says whether it grew.
pub(super) fn day(program: &Path, settings: &Settings) -> Result<(), String> {
    let program = program
        .canonicalize()
        .map_err(|error| format!("{}: expected the command, found {error}", program.display()))?;
    let place = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    let training = Training::prepare(&program, place.path(), &[])?;
    let large = ["bench", "files", "--output", "large", "--count", "1", "--longest", "4096"];
    training.run(&large.map(str::to_owned))?;
    std::fs::write(place.path().join("data.toml"), DATA).map_err(|error| error.to_string())?;
    let mut command = Command::new(&program);
    command.args(["studio", "data.toml", "--no-open", "--port", "0"]);
    command.args(["--checkpoint", "undisturbed/sam_hq_epoch_1.safetensors"]);
    command.args(["--corrections-format", "masks"]).current_dir(place.path());
    command.env("XDG_CACHE_HOME", place.path().join("user"));
    command.env("MASKWRIGHT_CACHE", place.path().join("cache"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut studio = Studio(command.spawn().map_err(|error| error.to_string())?);
    let mut line = String::new();
    let out = studio.0.stdout.take().ok_or("the studio has no output")?;
    BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
    let port =
        line.trim().rsplit(':').next().and_then(|rest| rest.trim_end_matches('/').parse().ok());
    let port = port.ok_or_else(|| format!("expected the studio's address, found {line:?}"))?;
    let client = Client::new(port);
    let mut person = Person::new(client, settings.seed)?;

    let begun = Instant::now();
    let pace =
        Duration::from_secs_f64(settings.minutes * 60.0 / f64::from(settings.actions.max(1)));
    let every = (settings.actions / SAMPLES).max(1);
    let mut samples = Vec::new();
    for action in 0..settings.actions {
        person.act(action).map_err(|error| format!("action {action}: {error}"))?;
        if (action + 1) % every == 0 {
            samples.push(Sample::of(studio.0.id(), place.path())?);
        }
        if (action + 1) % (every * 40) == 0
            && let Some(sample) = samples.last()
        {
            println!("{} actions in {:.0} s: {sample}", action + 1, begun.elapsed().as_secs_f64());
        }
        std::thread::sleep((pace * (action + 1)).saturating_sub(begun.elapsed()));
    }
    println!(
        "{} actions in {:.0} s: {}",
        settings.actions,
        begun.elapsed().as_secs_f64(),
        person.line()
    );
    grown(&samples)
}

/// The pictures of the trainings here, with masks, and a large one.
const DATA: &str = "\
[[train]]
name = \"pictures\"
images = \"data/images\"
masks = \"data/masks\"

[[train]]
name = \"large\"
images = \"large/images\"
masks = \"large/masks\"
";
