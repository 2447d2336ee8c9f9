//! Output that cannot be written: a reader that is gone, a full disk. Words about the work cost nothing, and a
//! result that is lost is an error.

#![cfg(target_os = "linux")]

mod support;

use std::fs::{File, OpenOptions};
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use support::{Place, refusal, text, trained, works, write_pairs};

/// A pipe that nobody reads any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// A disk without space.
fn full_disk() -> Stdio {
    let full: File = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    full.into()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
    command.args(args);
    command
}

/// Runs the command with this standard output.
fn into(stdout: Stdio, args: &[&str]) -> Output {
    let mut command = command(args);
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().expect("it starts");
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_run_goes_on_when_nobody_hears_it() {
    let place = Place::new();
    for (number, lost) in [closed_pipe(), full_disk()].into_iter().enumerate() {
        let output = place.text(&format!("run{number}"));
        let args = trained(&place, &output);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let status = command(&args).stderr(lost).status().expect("it starts");
        assert!(status.success(), "{status}");
        for name in ["sam_hq_epoch_0.safetensors", "report.html"] {
            assert!(place.join(&format!("run{number}")).join(name).is_file(), "{name}");
        }
    }
    // An error that nobody hears is one all the same.
    let status = command(&["report", &place.text("nowhere")]).stderr(closed_pipe()).status();
    assert_eq!(status.expect("it starts").code(), Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    let run = place.text("run");
    let args = trained(&place, &run);
    works(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let (images, masks) = (place.text("images"), place.text("masks"));
    let checkpoint = format!("{run}/sam_hq_epoch_0.safetensors");
    let data = ["--images", &images, "--masks", &masks];
    let eval = [&["eval", "--checkpoint", &checkpoint][..], &data].concat();
    let doctor = [&["doctor"][..], &data].concat();
    let system = ["doctor", "--system"];
    for args in [&system[..], &doctor, &eval] {
        for args in [args.to_vec(), [args, &["--json"]].concat()] {
            let output = into(closed_pipe(), &args);
            assert_eq!(output.status.code(), Some(0), "{args:?}");
            let said = text(&output.stderr);
            assert!(!said.contains("error") && !said.contains("panicked"), "{args:?}: {said}");
        }
    }
    // What was to be written into files is, and the status is that of the work.
    let everything = place.text("everything");
    let mut args = vec!["masks", "--checkpoint", &checkpoint, "--input", &images];
    args.extend(["--output", &everything, "--points-per-side", "2"]);
    assert_eq!(into(closed_pipe(), &args).status.code(), Some(0));
    // One of each image, and the results of all.
    let names = std::fs::read_dir(&everything).expect("a folder").flatten();
    let files = names.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(files, std::fs::read_dir(&images).expect("a folder").count() + 1);
    std::fs::write(place.join("images/photo_00.jpg"), "no picture").expect("written");
    assert_eq!(into(closed_pipe(), &doctor).status.code(), Some(1));
}

#[test]
fn a_result_that_is_lost_is_an_error() {
    let lost = |args: &[&str]| refusal(&into(full_disk(), args), 1);
    assert_snapshot!(lost(&["doctor", "--system"]), @"error: standard output: cannot write: No space left on device (os error 28)");
    assert_snapshot!(lost(&["doctor", "--system", "--json"]), @r#"{"schema":1,"error":{"code":"file","message":"standard output: cannot write: No space left on device (os error 28)","file":null,"expected":null,"found":null,"status":1}}"#);
    let place = Place::new();
    write_pairs(place.path(), 2);
    let (images, masks) = (place.text("images"), place.text("masks"));
    let output = into(full_disk(), &["doctor", "--images", &images, "--masks", &masks, "--json"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn memory_that_cannot_be_had_is_a_line_and_a_status() {
    // A ViT-B has 375 MB of weights.
    let bench = format!(
        "ulimit -v 300000; exec '{}' bench model --model-type vit_b --part encoder",
        env!("CARGO_BIN_EXE_maskwright")
    );
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &bench]).env("RUST_BACKTRACE", "0").output().expect("a shell");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = text(&output.stderr);
    let told = |line: &str| line.starts_with("memory allocation of ") && line.ends_with(" failed");
    assert!(stderr.lines().any(told), "{stderr}");
}
