//! The training that is disturbed: its data, its flags, and what an undisturbed run leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::results::Results;

/// A model that trains a step in some milliseconds.
const MODEL: &str = r#"
image_size = 64
patch_size = 16
prompt_dim = 64
hq = true

[encoder]
kind = "vit"
embed_dim = 32
depth = 2
heads = 1
mlp_dim = 128
global_blocks = [0, 1]
window_size = 8

[decoder]
depth = 2
mlp_dim = 256
heads = 4
iou_head_depth = 3
iou_head_hidden = 64
multimask = 3
mask_prompt_dim = 16
"#;

pub(super) struct Training {
    program: PathBuf,
    /// Beside those of every run.
    flags: Vec<String>,
    pub(super) place: PathBuf,
    /// How long an undisturbed run takes.
    pub(super) seconds: f64,
    /// What it leaves: names, and of some files the content.
    expected: BTreeMap<String, Option<Vec<u8>>>,
}

impl Training {
    /// Makes the data and runs once undisturbed.
    pub(super) fn prepare(program: &Path, place: &Path, flags: &[String]) -> Result<Self, String> {
        std::fs::write(place.join("model.toml"), MODEL).map_err(|error| error.to_string())?;
        let files = ["bench", "files", "--output", "data", "--count", "10", "--longest", "90"];
        let mut training = Self {
            program: program.to_path_buf(),
            flags: flags.to_vec(),
            place: place.to_path_buf(),
            seconds: 0.0,
            expected: BTreeMap::new(),
        };
        training.expect_success(&files.map(str::to_owned))?;
        let begun = Instant::now();
        training.expect_success(&training.arguments(Path::new("undisturbed")))?;
        training.seconds = begun.elapsed().as_secs_f64();
        training.expected = left(&place.join("undisturbed"))?;
        Ok(training)
    }

    /// The command line of a new run.
    pub(super) fn arguments(&self, output: &Path) -> Vec<String> {
        let flags = "train --images data/images --masks data/masks --model-config model.toml --input-size 64 \
                     --train decoder --batch-size-train 2 --max-epoch-num 2 --hold-out 20 --save-every 2 \
                     --log-every 2 --seed 5 --output";
        let mut arguments: Vec<String> = flags.split(' ').map(str::to_owned).collect();
        arguments.push(output.display().to_string());
        arguments.extend_from_slice(&self.flags);
        arguments
    }

    /// The command, ready to be started with these arguments.
    pub(super) fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.place).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("MASKWRIGHT_CACHE", self.place.join("cache"));
        command.env("RAYON_NUM_THREADS", "2");
        command
    }

    /// The program, for those who start it in another way.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs the command, which has to succeed.
    pub(super) fn run(&self, arguments: &[String]) -> Result<(), String> {
        self.expect_success(arguments)
    }

    fn expect_success(&self, arguments: &[String]) -> Result<(), String> {
        let output = self.command(arguments).output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(said(arguments, &output)),
        }
    }

    /// The arguments that go on with whatever lies in `output`: a new run where nothing was begun or saved.
    pub(super) fn go_on(&self, output: &Path) -> (Vec<String>, bool) {
        let anew = newest_state(output).is_none() && final_checkpoint(output).is_none();
        let mut arguments = self.arguments(output);
        if anew {
            arguments.push("--overwrite".into());
        } else {
            arguments = ["train", "--resume", "--output"].map(str::to_owned).to_vec();
            arguments.push(output.display().to_string());
        }
        (arguments, anew)
    }

    /// Goes on undisturbed to the end of the run.
    pub(super) fn finish(&self, output: &Path, results: &mut Results) -> Result<(), String> {
        let (arguments, anew) = self.go_on(output);
        results.processes += 1;
        results.begun_anew += u32::from(anew);
        self.expect_success(&arguments)
    }

    /// Whether a finished run left what the undisturbed one did.
    pub(super) fn compare(&self, output: &Path) -> Result<(), String> {
        let found = left(output)?;
        if let Some(name) = self.expected.keys().find(|name| !found.contains_key(*name)) {
            return Err(format!("{name} is not there"));
        }
        for (name, content) in &found {
            match self.expected.get(name) {
                None => return Err(format!("{name} is left over")),
                Some(expected) if expected != content => return Err(format!("{name} differs")),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// What is in a run's folder. Of files that hold no times the content counts.
fn left(folder: &Path) -> Result<BTreeMap<String, Option<Vec<u8>>>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = match name.as_str() {
            "metrics.jsonl" => Some(course(&std::fs::read_to_string(&path).map_err(failed)?)),
            "validation.json" | "inputs.json" => Some(std::fs::read(&path).map_err(failed)?),
            _ if name.ends_with(".safetensors") => Some(std::fs::read(&path).map_err(failed)?),
            _ => None,
        };
        // A run that is stopped twice at one step numbers its states.
        let name = match name.strip_prefix("resume-").and_then(|rest| rest.split_once('-')) {
            Some((step, _)) => format!("resume-{step}"),
            None => name,
        };
        found.insert(name, content);
    }
    Ok(found)
}

/// The lines of a log without what depends on the clock or on how often a run was stopped.
fn course(log: &str) -> Vec<u8> {
    let steady = |line: &str| {
        let fields = line.trim_matches(['{', '}']).split(',');
        let of_the_clock = ["\"time\":", "seconds", "per_second"];
        let steady = fields.filter(|field| !of_the_clock.iter().any(|word| field.contains(word)));
        steady.collect::<Vec<_>>().join(",")
    };
    let of_the_clock = [r#""kind":"loader""#, r#""kind":"times""#];
    let of_training =
        log.lines().filter(|line| !of_the_clock.iter().any(|kind| line.contains(kind)));
    of_training.map(steady).collect::<Vec<_>>().join("\n").into_bytes()
}

/// The step and number of the newest state in a run's folder.
pub(super) fn newest_state(output: &Path) -> Option<(u64, u64)> {
    let number = |name: String| {
        let rest = name.strip_prefix("resume-")?;
        let (step, number) = rest.split_once('-').unwrap_or((rest, "0"));
        Some((step.parse().ok()?, number.parse().ok()?))
    };
    let names = std::fs::read_dir(output).ok()?.flatten();
    names.filter_map(|entry| number(entry.file_name().to_string_lossy().into_owned())).max()
}

fn final_checkpoint(output: &Path) -> Option<PathBuf> {
    Some(output.join("sam_hq_epoch_1.safetensors")).filter(|path| path.exists())
}

fn said(arguments: &[String], output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("`maskwright {}`: {}: {}", arguments.join(" "), output.status, said.trim())
}
