//! `maskwright demo --studio`, to its end.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::client::Server;
use crate::support::Place;

#[test]
fn the_demo_ends_in_a_studio_with_its_pictures_and_its_model() {
    let place = Place::new();
    let output = place.text("demo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
    command.args(["demo", "--tiny", "--studio", "--no-open", "--output", &output]);
    command.env("MASKWRIGHT_CACHE", place.join("index"));
    let mut server = Server::of(&mut command, &place).with_model();
    let state = server.get("/api/state").good();
    assert_eq!(state["set"]["images"], json!(50), "{state}");
    let checkpoint = state["model"]["checkpoint"].as_str().unwrap_or_default();
    assert!(checkpoint.starts_with(&output), "{state}");
    assert_eq!(state["model"]["input_size"], json!(256));
    let click = json!({ "points": [{ "x": 60.5, "y": 60.5, "positive": true }], "box": null, "previous": null, "proposals": false });
    let answer = server.post("/api/records/0/predict", &click).good();
    assert_eq!(answer["proposals"].as_array().map(Vec::len), Some(1));
    assert!(server.get("/api/records/0/masks").good()[0]["mask"]["runs"].is_array());
    assert_eq!(server.get("/api/records/0/thumbnail?side=64").status, 200);
    // Its own runs are shown, and Ctrl-C is the end of it, and no failure.
    let runs = server.get("/api/runs").good();
    assert!(runs.as_array().is_some_and(|runs| !runs.is_empty()), "{runs}");
    server.signal("INT");
    let said = server.said();
    assert!(said.trim_end().ends_with("the studio has ended"), "{said}");
    let (status, took) = server.end();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
