//! The log on an MLflow server: what is asked of it, and what happens where it fails. The servers are the test's own, and where
//! the program `mlflow` is there (on the path, or named by `MASKWRIGHT_MLFLOW`), MLflow's.

mod http;
mod program;

use std::path::Path;
use std::time::{Duration, Instant};

use http::{Answer, HttpServer, Request};
use maskwright_data::source::DataFile;
use maskwright_report::mlflow::{Connection, Credentials, Ending, MlflowLog, Patience};
use maskwright_train::TrainConfig;
use maskwright_train::loss::LossValues;
use maskwright_train::run_log::{EpochEntry, StepEntry};
use program::MlflowProgram;
use serde_json::{Value, json};

fn config(folder: &Path) -> TrainConfig {
    TrainConfig::new(DataFile::from_folders("photos", "masks"), folder.join("tuned"))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tuned")).expect("made");
    folder
}

fn step(global_step: usize) -> StepEntry {
    StepEntry {
        epoch: 0,
        step: global_step,
        global_step,
        loss: LossValues { total: 1.5, terms: [("bce".to_owned(), 0.5)].into() },
        learning_rate: 1e-3,
        images_per_second: 3.0,
    }
}

fn epoch() -> EpochEntry {
    EpochEntry {
        epoch: 0,
        global_step: 40,
        loss: LossValues::default(),
        learning_rate: 1e-3,
        seconds: 7.5,
        validation: Vec::new(),
        average_validation: Vec::new(),
        clicks: Vec::new(),
        average_clicks: Vec::new(),
    }
}

/// Short times, so that a test of a server that does not answer is over soon.
fn hasty(server: &HttpServer) -> Connection {
    let patience = Patience {
        answer: Duration::from_millis(300),
        pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(50),
        farewell: Duration::from_millis(900),
        waiting: 100,
    };
    Connection { patience, ..Connection::new(server.address().parse().expect("an address")) }
}

/// A server that has no experiment and does everything.
fn willing(request: &Request) -> Answer {
    match request.call.as_str() {
        "experiments/get-by-name" => {
            Answer::json(404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no" }))
        }
        "experiments/create" => Answer::json(200, json!({ "experiment_id": "7" })),
        "runs/create" => Answer::json(200, json!({ "run": { "info": { "run_id": "abc" } } })),
        _ => Answer::json(200, json!({})),
    }
}

/// Waits until a server was asked so much.
fn until(server: &HttpServer, asked: impl Fn(&[Request]) -> bool) {
    let begun = Instant::now();
    while !asked(&server.requests()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", server.requests());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The keys and values of all metrics that a server was sent, with their steps.
fn metrics(requests: &[Request]) -> Vec<(String, f64, u64)> {
    let batches = requests.iter().filter(|request| request.call == "runs/log-batch");
    let all = batches.filter_map(|request| request.body["metrics"].as_array().cloned()).flatten();
    all.map(|metric| {
        let key = metric["key"].as_str().unwrap_or_default().to_owned();
        (key, metric["value"].as_f64().unwrap_or(f64::NAN), metric["step"].as_u64().unwrap_or(0))
    })
    .collect()
}

#[test]
fn a_run_is_made_with_its_settings_and_its_numbers_follow() {
    let (folder, server) = (folder(), HttpServer::start(willing));
    let config = config(folder.path());
    let connection = Connection {
        credentials: Some(Credentials::Token("secret".into())),
        experiment: "leaves & more".into(),
        ..hasty(&server)
    };
    let log = MlflowLog::begin(connection, &config, false).expect("begun");
    log.step(&step(20));
    log.step(&step(40));
    log.epoch(&epoch());
    assert_eq!(log.finish(Ending::Finished), [] as [&str; 0]);
    let requests = server.requests();
    let calls: Vec<&str> = requests.iter().map(|request| request.call.as_str()).collect();
    assert_eq!(
        calls[..4],
        ["experiments/get-by-name", "experiments/create", "runs/create", "runs/log-batch"]
    );
    assert_eq!(requests[0].query, "experiment_name=leaves%20%26%20more");
    assert_eq!(requests[1].body, json!({ "name": "leaves & more" }));
    let made = &requests[2].body;
    assert_eq!((&made["experiment_id"], &made["run_name"]), (&json!("7"), &json!("tuned")));
    let parameters = requests[3].body["params"].as_array().expect("a list");
    let epochs = parameters.iter().find(|one| one["key"] == "train.epochs").expect("a setting");
    assert_eq!(epochs["value"], "12");
    assert!(requests.iter().all(|request| request.authorization == "Bearer secret"));
    let expected = [
        ("loss/total", 1.5, 20),
        ("loss/bce", 0.5, 20),
        ("learning_rate", 1e-3, 20),
        ("images_per_second", 3.0, 20),
        ("loss/total", 1.5, 40),
        ("loss/bce", 0.5, 40),
        ("learning_rate", 1e-3, 40),
        ("images_per_second", 3.0, 40),
        ("epoch/seconds", 7.5, 40),
    ];
    assert_eq!(
        metrics(&requests),
        expected.map(|(key, value, step)| (key.to_owned(), value, step))
    );
    let last = requests.last().expect("some");
    assert_eq!((last.call.as_str(), &last.body["status"]), ("runs/update", &json!("FINISHED")));
    let kept = std::fs::read_to_string(config.output.join("mlflow.json")).expect("kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!((&kept["run_id"], &kept["server"]), (&json!("abc"), &json!(server.address())));
}

#[test]
fn a_resumed_run_goes_on_in_the_same_one_and_keeps_its_parameters() {
    let (folder, server) = (
        folder(),
        HttpServer::start(|request| {
            // MLflow refuses a batch with a parameter that has another value now, and that parameter.
            let refused = match request.call.as_str() {
                "runs/log-batch" => request.body["params"].is_array(),
                "runs/log-parameter" => request.body["key"] == "train.epochs",
                _ => false,
            };
            match refused {
                true => Answer::json(
                    400,
                    json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": "changed" }),
                ),
                false => willing(request),
            }
        }),
    );
    let config = config(folder.path());
    let kept = json!({ "server": server.address(), "experiment": "e", "run_id": "before" });
    std::fs::write(config.output.join("mlflow.json"), kept.to_string()).expect("written");
    let log = MlflowLog::begin(hasty(&server), &config, true).expect("begun");
    log.step(&step(60));
    assert_eq!(log.finish(Ending::Stopped), [] as [&str; 0]);
    let requests = server.requests();
    assert_eq!(requests[0].body, json!({ "run_id": "before", "status": "RUNNING" }));
    assert!(requests.iter().all(|request| request.body["run_id"] == "before"));
    assert!(requests.iter().any(|request| request.call == "runs/log-parameter"));
    assert_eq!(metrics(&requests).len(), 4);
    assert_eq!(requests.last().expect("some").body["status"], "KILLED");
}

#[test]
fn a_run_that_is_gone_there_is_begun_anew() {
    let gone = |request: &Request| match request.body["run_id"] == "before" {
        true => {
            Answer::json(404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none" }))
        }
        false => willing(request),
    };
    let (folder, server) = (folder(), HttpServer::start(gone));
    let config = config(folder.path());
    let kept = json!({ "server": server.address(), "experiment": "e", "run_id": "before" });
    std::fs::write(config.output.join("mlflow.json"), kept.to_string()).expect("written");
    let log = MlflowLog::begin(hasty(&server), &config, true).expect("begun");
    log.step(&step(60));
    let notes = log.finish(Ending::Failed);
    let expected = "run before is not there any more; a new one is begun";
    assert_eq!(notes, [format!("MLflow at {}: {expected}", server.address())]);
    assert_eq!(metrics(&server.requests()).len(), 4);
    assert!(server.requests().iter().any(|request| request.body["status"] == "FAILED"));
}

#[test]
fn a_server_that_never_answers_delays_nothing_and_what_it_missed_is_counted() {
    let (folder, server) = (folder(), HttpServer::start(|_| Answer::Never));
    let log = MlflowLog::begin(hasty(&server), &config(folder.path()), false).expect("begun");
    let begun = Instant::now();
    (0..1000).for_each(|at| log.step(&step(at)));
    // A thousand lines into a queue of a hundred, while one request takes 300 ms.
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
    until(&server, |requests| requests.len() > 1);
    let notes = log.take_notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].ends_with("; the run goes on, and what is logged waits"), "{notes:?}");
    let begun = Instant::now();
    let notes = log.finish(Ending::Finished);
    // The farewell, and not the time for an answer on top of it.
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    let lost = "4000 of 4000 values were not sent; metrics.jsonl has them all";
    assert_eq!(notes, [format!("MLflow at {}: {lost}", server.address())]);
}

#[test]
fn a_server_that_is_down_for_a_while_misses_nothing() {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let server = HttpServer::start(move |request| {
        match seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 | 3 => Answer::json(503, json!({ "message": "not\nnow" })),
            // The connection ends without an answer.
            4 => Answer::Nothing,
            _ => willing(request),
        }
    });
    let folder = folder();
    let log = MlflowLog::begin(hasty(&server), &config(folder.path()), false).expect("begun");
    log.step(&step(20));
    until(&server, |requests| metrics(requests).len() == 4);
    let notes = log.finish(Ending::Finished);
    let why = "status 503 Service Unavailable: not now; the run goes on, and what is logged waits";
    assert_eq!(notes, [format!("MLflow at {}: {why}", server.address())]);
}

#[test]
fn what_is_no_mlflow_server_or_refuses_is_said_once() {
    let html = HttpServer::start(|_| Answer::Text(200, "<html></html>"));
    let forbidden = HttpServer::start(|_| Answer::Text(403, "Forbidden"));
    let lossy = HttpServer::start(|request| match request.body["metrics"].is_array() {
        true => {
            Answer::json(400, json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": "odd" }))
        }
        false => willing(request),
    });
    let said = |server: &HttpServer| {
        let folder = folder();
        let log = MlflowLog::begin(hasty(server), &config(folder.path()), false).expect("begun");
        (1..4).for_each(|at| {
            log.step(&step(at));
            std::thread::sleep(Duration::from_millis(30));
        });
        log.finish(Ending::Finished).join("\n").replace(server.address(), "[SERVER]")
    };
    insta::assert_snapshot!([said(&html), said(&forbidden), said(&lossy)].join("\n"), @"
    MLflow at [SERVER]: the answer is no JSON: no MLflow server; nothing is logged there, and the run goes on
    MLflow at [SERVER]: 12 of 12 values were not sent; metrics.jsonl has them all
    MLflow at [SERVER]: status 403 Forbidden; nothing is logged there, and the run goes on
    MLflow at [SERVER]: 12 of 12 values were not sent; metrics.jsonl has them all
    MLflow at [SERVER]: status 400 Bad Request: odd; the run goes on, and what is logged waits
    MLflow at [SERVER]: 12 of 12 values were not sent; metrics.jsonl has them all
    ");
}

#[test]
fn nobody_listening_is_no_reason_to_end() {
    // A port that was free a moment ago.
    let server = HttpServer::start(willing);
    let connection = hasty(&server);
    drop(server);
    let folder = folder();
    let log = MlflowLog::begin(connection, &config(folder.path()), false).expect("begun");
    log.step(&step(1));
    let notes = log.finish(Ending::Finished);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].ends_with("4 of 4 values were not sent; metrics.jsonl has them all"));
}

#[test]
fn mlflows_own_server_holds_what_was_logged() {
    let Some(server) = MlflowProgram::start() else { return };
    let folder = folder();
    let config = config(folder.path());
    let connection = || Connection::new(server.address().parse().expect("an address"));
    let log = MlflowLog::begin(connection(), &config, false).expect("begun");
    log.step(&step(20));
    log.epoch(&epoch());
    assert_eq!(log.finish(Ending::Stopped), [] as [&str; 0]);
    // Another number of epochs: the parameter on the server stays.
    let mut changed = config.clone();
    changed.train.epochs = 30;
    let log = MlflowLog::begin(connection(), &changed, true).expect("begun");
    log.step(&step(40));
    assert_eq!(log.finish(Ending::Finished), [] as [&str; 0]);

    let kept = std::fs::read_to_string(config.output.join("mlflow.json")).expect("kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let id = kept["run_id"].as_str().expect("a number");
    let run = &server.get(&format!("runs/get?run_id={id}"))["run"];
    assert_eq!(
        (&run["info"]["status"], &run["info"]["run_name"]),
        (&json!("FINISHED"), &json!("tuned"))
    );
    let parameters = run["data"]["params"].as_array().expect("a list");
    let value = |key: &str| {
        let found = parameters.iter().find(|one| one["key"] == key);
        found.map(|one| one["value"].clone())
    };
    assert_eq!(
        (value("train.epochs"), value("train.learns")),
        (Some(json!("12")), Some(json!("hq")))
    );
    let history = server.get(&format!("metrics/get-history?run_id={id}&metric_key=loss/total"));
    let steps: Vec<(&Value, &Value)> = history["metrics"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|metric| (&metric["step"], &metric["value"]))
        .collect();
    assert_eq!(steps, [(&json!(20), &json!(1.5)), (&json!(40), &json!(1.5))]);
}
