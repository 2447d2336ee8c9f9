//! Scripts that complete in shells, and manual pages: made of the flags, whole, and taken by the programs that read them.

mod support;

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use support::{Place, helps, printed, refused, works};

#[test]
fn every_shell_has_a_script_that_knows_commands_and_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for word in ["predict", "model-type", "bench", "loader"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_snapshot!(refused(&["completions", "cmd"], 2), @"
        error: invalid value 'cmd' for '<SHELL>'
          [possible values: bash, elvish, fish, powershell, zsh]

        For more information, try '--help'.
        ");
}

/// The words that bash offers for the last of these.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let ask = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_maskwright maskwright \"${{COMP_WORDS[COMP_CWORD]}}\" \
         \"${{COMP_WORDS[COMP_CWORD-1]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1
    );
    let answer =
        Command::new("bash").args(["--norc", "-c", &ask]).stderr(Stdio::inherit()).output();
    let answer = answer.expect("a bash");
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8(answer.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn bash_completes() {
    let script = printed(&["completions", "bash"]);
    assert_eq!(completed(&script, &["maskwright", "pre"]), ["predict", "preview", "prep"]);
    assert_eq!(
        completed(&script, &["maskwright", "predict", "--ov"]),
        ["--overlay"],
        "flags of a command"
    );
    assert_eq!(completed(&script, &["maskwright", "bench", "lo"]), ["loader"]);
}

#[test]
fn every_command_has_a_page() {
    let place = Place::new();
    let folder = place.text("man/man1");
    let told = printed(&["man", &folder]);
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|page| page.expect("a page").file_name().into_string().expect("UTF-8"))
        .collect();
    pages.sort();
    let page_of =
        |words: Vec<String>| [vec!["maskwright".to_owned()], words].concat().join("-") + ".1";
    let mut expected: Vec<String> =
        helps(&[]).into_iter().map(|(words, _)| page_of(words)).collect();
    expected.sort();
    assert_eq!(pages, expected);
    assert_eq!(told, format!("[DIR]/man/man1: {} pages\n", pages.len()));
    // Once more: those that are there are replaced.
    works(&["man", &folder]);
    let page = std::fs::read_to_string(place.join("man/man1/maskwright.1")).expect("read");
    assert!(page.contains("SH NAME") && page.contains("Exit status"), "{page}");
    for name in ["maskwright", "maskwright-train", "maskwright-bench-loader"] {
        formatted(&place.text(&format!("man/man1/{name}.1")));
    }
    assert_snapshot!(refused(&["man", "-"], 2), @"error: DIR: expected a folder, found -");
}

/// Has groff set a page, where there is one.
#[allow(clippy::disallowed_macros, reason = "a test says what it leaves out")]
fn formatted(page: &str) {
    let set = Command::new("groff").args(["-man", "-Tutf8", "-ww", page]).output();
    let Ok(set) = set else {
        eprintln!("left out: {page} set by groff, which is not here");
        return;
    };
    assert!(set.status.success() && set.stderr.is_empty(), "{set:?}");
}
