//! Trainings as processes of their own: they survive the studio, are found again, stopped, resumed, and clicked with.

use std::time::{Duration, Instant};

use maskwright_train::asked::{self, Asked};
use serde_json::{Value, json};

use crate::client::{Server, object, place_with_model, square};

/// Trains for long enough to be stopped.
fn long(name: &str) -> Value {
    let values = json!({ "train.epochs": "400", "train.batch_size": "1", "compute.workers": "1" });
    json!({ "name": name, "data": "set", "values": values })
}

fn job(server: &Server, name: &str) -> Value {
    let jobs = server.get("/api/jobs").good();
    let found = jobs.as_array().expect("jobs").iter().find(|job| job["id"] == json!(name)).cloned();
    found.unwrap_or_default()
}

fn until(server: &Server, name: &str, what: impl Fn(&Value) -> bool) -> Value {
    let found = server.until("/api/jobs", |jobs| {
        jobs.as_array()
            .is_some_and(|jobs| jobs.iter().any(|job| job["id"] == json!(name) && what(job)))
    });
    let jobs = found.as_array().expect("jobs");
    jobs.iter().find(|job| job["id"] == json!(name)).cloned().expect("the job")
}

#[test]
#[cfg(unix)]
fn a_training_survives_the_studio_and_is_found_again() {
    let (place, checkpoint) = place_with_model();
    let (images, masks) = (place.text("images"), place.text("masks"));
    let data = ["--images", &*images, "--masks", &*masks];
    let server = Server::start(&place, &data, &["--checkpoint", &checkpoint]).with_model();
    let form = server.get("/api/train/form").good();
    let input = form["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .find(|one| one["key"] == json!("model.input_size"));
    assert_eq!(input.expect("a field")["default"], json!("64"));
    // What the command would refuse is refused before.
    let mut wrong = long("odd");
    wrong["values"]["train.epochs"] = json!("many");
    assert_eq!(server.post("/api/train", &wrong).status, 400);
    let started = server.post("/api/train", &long("second")).good();
    assert_eq!(
        (&started["state"], &started["run"]),
        (&json!("running"), &json!("second")),
        "{started}"
    );
    assert_eq!(server.post("/api/train", &long("second")).status, 400);
    let running = until(&server, "second", |job| job["epoch"].as_u64() > Some(1));
    assert_eq!((&running["epochs"], &running["can_resume"]), (&json!(400), &json!(false)));
    server.signal("KILL");
    drop(server);

    let server = Server::start(&place, &data, &[]);
    let found = until(&server, "second", |job| job["epoch"].as_u64() > running["epoch"].as_u64());
    assert_eq!(found["state"], json!("running"));

    // It stands still, also for a studio that comes later, and goes on.
    let paused = server.post("/api/jobs/second/pause", &json!({})).good();
    assert_eq!(paused["can_resume"], json!(true), "{paused}");
    let paused = until(&server, "second", |job| job["state"] == json!("paused"));
    assert_eq!(server.post("/api/jobs/second/pause", &json!({})).status, 429);
    server.signal("KILL");
    drop(server);
    let server = Server::start(&place, &data, &[]);
    let still = job(&server, "second");
    assert_eq!((&still["epoch"], &still["state"]), (&paused["epoch"], &json!("paused")));
    server.post("/api/jobs/second/resume", &json!({})).good();
    until(&server, "second", |job| job["epoch"].as_u64() > paused["epoch"].as_u64());
    // One that stands still can be stopped.
    server.post("/api/jobs/second/pause", &json!({})).good();

    assert_eq!(server.post("/api/jobs/second/stop", &json!({})).good()["id"], json!("second"));
    let stopped = until(&server, "second", |job| job["state"] == json!("stopped"));
    assert_eq!(stopped["can_resume"], json!(true));
    let rows = server.get("/api/runs").good();
    let row = rows.as_array().expect("runs").iter().find(|row| row["name"] == json!("second"));
    assert_eq!(row.expect("the run")["state"], json!("interrupted"));
    server.post("/api/jobs/second/resume", &json!({})).good();
    let before = stopped["epoch"].as_u64();
    until(&server, "second", |job| {
        job["state"] == json!("running") && job["epoch"].as_u64() > before
    });
    server.post("/api/jobs/second/stop", &json!({})).good();
    let stopped = until(&server, "second", |job| job["state"] != json!("stopping"));
    assert_eq!(stopped["state"], json!("stopped"), "{stopped}");
    assert_eq!(server.post("/api/jobs/none/stop", &json!({})).status, 404);

    let details = server.get("/api/runs/first").good();
    assert_eq!(details["row"]["state"], json!("finished"));
    assert_eq!(details["report"], json!("/api/runs/first/files/report.html"));
    let page = server.get("/api/runs/first/files/report.html");
    let policy = page.header("Content-Security-Policy").unwrap_or_default();
    assert!(policy.starts_with("sandbox allow-scripts;"), "{policy}");
    // A folder that goes is no run any more.
    std::fs::remove_dir_all(place.join("runs/first")).expect("removed");
    assert!(server.get("/api/runs/first").status >= 400);
    assert_eq!(job(&server, "first"), Value::Null);
}

/// As on systems without signals, and by whoever shares the folder: a file asks.
#[test]
fn a_training_does_what_a_file_in_its_folder_asks() {
    let (place, checkpoint) = place_with_model();
    let (images, masks) = (place.text("images"), place.text("masks"));
    let data = ["--images", &*images, "--masks", &*masks];
    let server = Server::start(&place, &data, &["--checkpoint", &checkpoint]).with_model();
    server.post("/api/train", &long("second")).good();
    let running = until(&server, "second", |job| job["epoch"].as_u64() > Some(0));
    let run = place.join("runs/second");
    let epochs = || job(&server, "second")["epoch"].as_u64();
    let steps = || std::fs::metadata(run.join("metrics.jsonl")).expect("a log").len();
    asked::ask(&run, Asked::Pause).expect("asked");
    until(&server, "second", |job| job["state"] == json!("paused"));
    // It ends its step and its way to it; then nothing more is logged.
    let quiet_since = |before: &mut u64| std::mem::replace(before, steps()) == *before;
    let mut before = 0;
    let until_still = Instant::now() + Duration::from_secs(60);
    while !quiet_since(&mut before) {
        assert!(Instant::now() < until_still, "it goes on");
        std::thread::sleep(Duration::from_millis(700));
    }
    let still = epochs();
    assert!(still >= running["epoch"].as_u64());
    // Resumed in the studio, the file is gone, and it goes on.
    server.post("/api/jobs/second/resume", &json!({})).good();
    assert_eq!(asked::asked(&run), None);
    until(&server, "second", |job| {
        job["state"] == json!("running") && job["epoch"].as_u64() > still
    });
    // One that stands still stops where it is.
    asked::ask(&run, Asked::Pause).expect("asked");
    std::thread::sleep(Duration::from_millis(500));
    asked::ask(&run, Asked::Stop).expect("asked");
    let stopped = until(&server, "second", |job| job["state"] != json!("running"));
    let stopped = match stopped["state"] == json!("paused") {
        true => until(&server, "second", |job| job["state"] != json!("paused")),
        false => stopped,
    };
    assert_eq!(
        (&stopped["state"], &stopped["can_resume"]),
        (&json!("stopped"), &json!(true)),
        "{stopped}"
    );
    assert!(!run.join(asked::FILE).exists());
}

#[test]
fn corrections_are_trained_on_and_the_model_is_clicked_with() {
    let (place, checkpoint) = place_with_model();
    let photos = place.text("images");
    let server = Server::start(&place, &[&photos], &["--checkpoint", &checkpoint]).with_model();
    let short = |name: &str, data: &str| {
        let values =
            json!({ "train.epochs": "1", "train.batch_size": "2", "compute.workers": "1" });
        json!({ "name": name, "data": data, "values": values })
    };
    // Photographs have nothing to learn from until something is drawn.
    assert_eq!(server.post("/api/train", &short("mine", "set")).status, 400);
    assert_eq!(server.post("/api/train", &short("mine", "corrections")).status, 400);
    for index in 0..3 {
        let body = json!({ "revision": 0, "objects": [object("leaf", &square(20, 20, 40)), object("dot", &square(2, 2, 15))] });
        server.put(&format!("/api/records/{index}/corrections"), &body).good();
    }
    let forecast = server.post("/api/train/forecast", &short("mine", "corrections")).good();
    assert_eq!(forecast["refusal"], Value::Null, "{forecast}");
    assert!(forecast["seconds"].as_f64() > Some(0.0), "{forecast}");
    server.post("/api/train", &short("mine", "corrections")).good();
    let done = until(&server, "mine", |job| job["state"] != json!("running"));
    assert_eq!(done["state"], json!("finished"), "{done}");
    let rows = server.get("/api/checkpoints").good();
    let names: Vec<&str> =
        rows.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(names.contains(&"mine"), "{names:?}");
    assert_eq!(server.post("/api/model", &json!({ "checkpoint": "mine" })).status, 202);
    let state = server.until("/api/state", |state| {
        state["model"]["checkpoint"].as_str().is_some_and(|path| path.contains("/mine/"))
    });
    assert_eq!(state["model_loading"], json!(false));
    let prompt = json!({ "points": [{ "x": 30, "y": 30, "positive": true }], "box": null, "previous": null, "proposals": false });
    server.post("/api/records/0/predict", &prompt).good();
    let compared =
        json!({ "index": 0, "object": 0, "prompts": prompt, "a": checkpoint, "b": "mine" });
    let both = server.post("/api/compare", &compared).good();
    assert!(
        both["a"]["predicted_iou"].is_number() && both["b"]["mask"]["runs"].is_array(),
        "{both}"
    );
    assert_eq!(server.post("/api/model", &json!({ "checkpoint": "/etc/passwd" })).status, 404);
}
