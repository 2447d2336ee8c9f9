//! Errors as JSON: the last line of standard error, where `--json` is among the arguments.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::{Place, maskwright, refusal, refused, schema, text, write_pairs};

/// The error of a command that fails, as one document, formatted.
fn error(args: &[&str], status: i32) -> String {
    let output = maskwright(args);
    let said = refusal(&output, status);
    let line = said.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {said}"));
    assert_eq!(document["error"]["status"], status);
    schema::check("error", &document);
    serde_json::to_string_pretty(&document).expect("plain")
}

#[test]
fn a_wrong_command_line_is_a_line_of_json() {
    assert_snapshot!(error(&["runs", "--jsom", "--json"], 2), @r#"
        {
          "error": {
            "code": "usage",
            "expected": null,
            "file": null,
            "found": null,
            "message": "unexpected argument '--jsom' found",
            "status": 2
          },
          "schema": 1
        }
        "#);
    assert_snapshot!(error(&["predict", "--json", "--checkpoint", "a.pth"], 2), @r#"
        {
          "error": {
            "code": "usage",
            "expected": null,
            "file": null,
            "found": null,
            "message": "the following required arguments were not provided: --image <FILE>",
            "status": 2
          },
          "schema": 1
        }
        "#);
    let tile = ["preview", "--images", "a", "--masks", "b", "--output", "c.png", "--tile", "3"];
    assert_snapshot!(error(&[&tile[..], &["--json"]].concat(), 2), @r#"
        {
          "error": {
            "code": "usage",
            "expected": null,
            "file": null,
            "found": null,
            "message": "expected --tile of 32 to 4096 pixels, and --columns and --count of 1 or more",
            "status": 2
          },
          "schema": 1
        }
        "#);
    // Help is no error.
    let help = maskwright(&["runs", "--help", "--json"]);
    assert!(help.status.success() && text(&help.stdout).starts_with("All runs under"));
    // Behind -- there are no flags.
    assert!(refused(&["runs", "--", "--json", "b"], 2).starts_with("error: unexpected argument"));
}

#[test]
fn files_are_named_with_what_was_expected_and_found() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 2);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let missing = place.text("none.pth");
    let eval = ["eval", "--images", &images, "--masks", &masks, "--json", "--checkpoint"];
    assert_snapshot!(error(&[&eval[..], &[&missing]].concat(), 1), @r#"
        {
          "error": {
            "code": "file_missing",
            "expected": null,
            "file": "[DIR]/none.pth",
            "found": null,
            "message": "[DIR]/none.pth: No such file or directory (os error 2)",
            "status": 1
          },
          "schema": 1
        }
        "#);
    let empty = place.text("empty.safetensors");
    std::fs::write(&empty, "").expect("written");
    assert_snapshot!(error(&[&eval[..], &[&empty]].concat(), 1), @r#"
        {
          "error": {
            "code": "model",
            "expected": null,
            "file": "[DIR]/empty.safetensors",
            "found": null,
            "message": "[DIR]/empty.safetensors: not a readable checkpoint (expected a .pth or safetensors file): it is empty",
            "status": 1
          },
          "schema": 1
        }
        "#);
    let nothing = place.text("nothing");
    assert_snapshot!(error(&["report", &nothing, "--json"], 2), @r#"
        {
          "error": {
            "code": "run",
            "expected": "config.toml, the settings of a run",
            "file": "[DIR]/nothing",
            "found": "no such folder",
            "message": "[DIR]/nothing: expected config.toml, the settings of a run, found no such folder",
            "status": 2
          },
          "schema": 1
        }
        "#);
    std::fs::write(place.join("images/photo_01.jpg"), "no picture").expect("written");
    let preview = ["preview", "--images", &images, "--masks", &masks, "--json", "--output"];
    let output = place.text("out.png");
    assert_snapshot!(error(&[&preview[..], &[&output]].concat(), 1), @r#"
        {
          "error": {
            "code": "data",
            "expected": null,
            "file": "[DIR]/images/photo_01.jpg",
            "found": null,
            "message": "record images/photo_01: [DIR]/images/photo_01.jpg: not an image of a known format",
            "status": 1
          },
          "schema": 1
        }
        "#);
}

#[test]
fn a_document_of_another_kind_is_refused() {
    let asked = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"], "minimum": 2}, "b": {"items": {"enum": [1]}}}
    });
    for (fine, document) in [
        ("", serde_json::json!({"a": 2, "b": [1, 1]})),
        ("", serde_json::json!({"a": 3})),
        (": expected type \"object\", found []", serde_json::json!([])),
        (": [\"a\"] are missing", serde_json::json!({})),
        ("/a: expected minimum 2, found 1", serde_json::json!({"a": 1})),
        ("/b/1: expected enum [1], found 2", serde_json::json!({"a": 2, "b": [1, 2]})),
        (": [\"c\"] are in no schema", serde_json::json!({"a": 2, "c": 0})),
    ] {
        let found = schema::wrong(&asked, &document);
        assert!(found.contains(fine) && found.is_empty() == fine.is_empty(), "{document}: {found}");
    }
}
