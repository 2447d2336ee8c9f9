//! Clicks become masks, masks are saved whole or not at all, and training reads them.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Server, files, object, place_with_model, square};
use crate::support::{Place, maskwright, text, works, write_pairs};

fn click(x: f32, y: f32) -> Value {
    json!({ "points": [{ "x": x, "y": y, "positive": true }], "box": null, "previous": null, "proposals": false })
}

fn save(server: &Server, index: usize, revision: u32, objects: &[Value]) -> (u16, Value) {
    let body = json!({ "revision": revision, "objects": objects });
    let answer = server.put(&format!("/api/records/{index}/corrections"), &body);
    (answer.status, answer.json())
}

#[test]
fn a_click_becomes_a_mask_that_is_the_commands_own() {
    let (place, checkpoint) = place_with_model();
    let photos = place.text("images");
    let server = Server::start(&place, &[&photos], &["--checkpoint", &checkpoint]).with_model();
    let state = server.get("/api/state").good();
    assert_eq!(state["model"]["input_size"], json!(64));

    let first = server.post("/api/records/0/predict", &click(35.5, 55.5)).good();
    assert_eq!(first["embedding"], json!("made"));
    let again = server.post("/api/records/0/predict", &click(35.5, 55.5)).good();
    assert_eq!(again["embedding"], json!("ready"));
    assert_eq!(first["proposals"], again["proposals"]);
    // A pixel's centre is at .5 here, and its index in the command.
    let png = place.text("mask.png");
    let photo = place.text("images/photo_00.jpg");
    let common = ["predict", "--checkpoint", &checkpoint, "--image", &photo, "--output", &png];
    works(&[&common[..], &["--box", "10,20,59,89"]].concat());
    let boxed =
        json!({ "points": [], "box": [10, 20, 60, 90], "previous": null, "proposals": false });
    let answer = server.post("/api/records/0/predict", &boxed).good();
    let expected = pixels(&png);
    let area = expected.iter().filter(|&&value| value > 128).count();
    assert_eq!(answer["proposals"][0]["area"], json!(area));

    let mut three = click(35.5, 55.5);
    three["proposals"] = json!(true);
    let proposals = server.post("/api/records/0/predict", &three).good();
    let proposals = proposals["proposals"].as_array().expect("three").clone();
    assert_eq!(proposals.len(), 3);
    let mut corrected = click(35.5, 55.5);
    corrected["previous"] = proposals[0]["mask"].clone();
    server.post("/api/records/0/predict", &corrected).good();
    assert_eq!(server.post("/api/records/0/predict", &click(5000.0, 5.0)).status, 422);
    let none = json!({ "points": [], "box": null, "previous": null, "proposals": false });
    assert_eq!(server.post("/api/records/0/predict", &none).status, 422);

    assert_eq!(server.post("/api/records/1/embedding", &json!({})).status, 202);
    server.post("/api/records/0/everything", &json!({})).good();
    // What was embedded is there after a restart.
    drop(server);
    let server = Server::start(&place, &[&photos], &["--checkpoint", &checkpoint]).with_model();
    let kept = server.post("/api/records/0/predict", &click(35.5, 55.5)).good();
    assert_eq!((&kept["embedding"], &kept["proposals"]), (&json!("ready"), &first["proposals"]));
}

/// The grey values of a PNG.
fn pixels(png: &str) -> Vec<u8> {
    let bytes = std::fs::read(png).expect("there");
    maskwright_predict::predictor::decode_mask(&bytes).expect("a mask").data
}

#[test]
fn the_queue_measures_images_without_masks() {
    let (place, checkpoint) = place_with_model();
    let photos = place.text("images");
    let server = Server::start(&place, &[&photos], &["--checkpoint", &checkpoint]).with_model();
    let before = server.get("/api/queue?order=name").good();
    assert_eq!((&before["measured"], &before["total"]), (&json!(0), &json!(4)));
    server.post("/api/queue", &json!({ "enabled": true })).good();
    let queue = server.until("/api/queue", |queue| queue["measured"] == json!(4));
    let entries = queue["entries"].as_array().expect("entries");
    let scores: Vec<f64> = entries.iter().filter_map(|entry| entry["score"].as_f64()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(entries[0]["why"].as_str().is_some_and(|why| why.starts_with("predicted IoU")));
    // What has masks is no part of it.
    let first = entries[0]["index"].as_u64().expect("a number") as usize;
    assert_eq!(save(&server, first, 0, &[object("leaf", &square(3, 3, 9))]).0, 200);
    assert_eq!(server.get("/api/queue").good()["total"], json!(3));
}

#[test]
fn objects_are_saved_with_revisions_and_read_as_a_set() {
    let place = Place::new();
    write_pairs(place.path(), 3);
    let photos = place.text("images");
    let before = files(&place.join("images"));
    let server = Server::start(&place, &[&photos], &[]);
    let objects = [object("leaf", &square(3, 4, 20)), object("stem", &square(10, 10, 30))];
    let (status, saved) = save(&server, 0, 0, &objects);
    assert_eq!((status, &saved["revision"]), (200, &json!(1)), "{saved}");
    let found = server.get("/api/records/0/corrections").good();
    assert_eq!(found, json!({ "revision": 1, "objects": objects }));
    // Another window began with what was there before.
    let (status, problem) = save(&server, 0, 0, &[]);
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")));
    assert_eq!(problem["current"], found);
    // What makes no sense is refused, and what was saved stays.
    for wrong in [
        object("", &square(3, 4, 20)),
        object("leaf", &square(80, 4, 20)),
        object("leaf", &json!({ "x": 0, "y": 0, "width": 2, "height": 2, "runs": [1, 2] })),
    ] {
        assert_eq!(save(&server, 0, 1, &[wrong]).0, 400);
    }
    assert_eq!(server.get("/api/records/0/corrections").good(), found);
    assert_eq!(save(&server, 2, 0, &[object("leaf", &square(30, 30, 12))]).0, 200);
    let state = server.get("/api/state").good();
    assert_eq!(
        (&state["corrections"]["images"], &state["corrections"]["objects"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(server.get("/api/records?mask=with").good()["total"], json!(2));
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));

    // The doctor and the trainer read them, several objects of an image with their names.
    let data = place.text("corrections/data.toml");
    let printed = text(&works(&["doctor", &data, "--json"]).stdout);
    let diagnosis: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(
        (&diagnosis["errors"], &diagnosis["sets"][0]["objects"]),
        (&json!(0), &json!(3)),
        "{printed}"
    );
    let coco = files(&place.join("corrections"))
        .into_iter()
        .find(|file| file.ends_with(".json") && !file.contains("objects/"));
    let coco: Value =
        serde_json::from_str(&std::fs::read_to_string(coco.expect("COCO")).expect("text"))
            .expect("JSON");
    assert_eq!(
        coco["categories"],
        json!([{ "id": 1, "name": "leaf" }, { "id": 2, "name": "stem" }])
    );
    assert_eq!(coco["annotations"][1]["area"], json!(900));
    assert_eq!(files(&place.join("images")), before);
}

/// What the doctor says of the corrections: errors, records and objects.
fn examined(place: &Place) -> [Value; 3] {
    let printed = text(&works(&["doctor", &place.text("corrections/data.toml"), "--json"]).stdout);
    let diagnosis: Value = serde_json::from_str(&printed).expect("JSON");
    let set = &diagnosis["sets"][0];
    [&diagnosis["errors"], &set["records"], &set["objects"]].map(Clone::clone)
}

#[test]
fn corrections_are_written_as_pictures_where_these_are_asked_for() {
    let place = Place::new();
    write_pairs(place.path(), 3);
    let photos = place.text("images");
    let form = |form: &'static str| ["--corrections-format", form];
    let server = Server::start(&place, &[&photos], &form("masks"));
    let objects = [object("leaf", &square(3, 4, 20)), object("dot", &square(5, 6, 4))];
    let (status, saved) = save(&server, 0, 0, &objects);
    assert_eq!((status, &saved["not_held"]), (200, &Value::Null), "{saved}");
    assert_eq!(save(&server, 2, 0, &[object("leaf", &square(30, 30, 12))]).0, 200);
    assert_eq!(server.get("/api/state").good()["corrections"]["format"], json!("masks"));
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    assert_eq!(examined(&place), [json!(0), json!(3), json!(3)]);
    let masks = |place: &Place| {
        let pictures = files(&place.join("corrections/masks"));
        pictures.into_iter().filter(|file| file.ends_with(".png")).collect::<Vec<_>>()
    };
    let areas = |file: &String| pixels(file).iter().filter(|&&value| value == 255).count();
    let mut found: Vec<usize> = masks(&place).iter().map(areas).collect();
    found.sort_unstable();
    assert_eq!(found, [16, 144, 400]);

    // The same folder in another form: what was drawn is the same, and what overlaps is said.
    let server = Server::start(&place, &[&photos], &form("instances"));
    let state = server.until("/api/state", |state| state["corrections"]["left_out"] != json!([]));
    let said = "1 objects that lost the pixels that a smaller one has, too (first: photo_00)";
    assert_eq!(state["corrections"]["left_out"], json!([said]));
    let (status, saved) = save(&server, 0, 1, &objects);
    let expected = "objects overlap by 16 pixels: in the set of numbered masks each of these pixels is the \
                    smallest one's";
    assert_eq!((status, &saved["not_held"]), (200, &json!(expected)), "{saved}");
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    assert_eq!(examined(&place), [json!(0), json!(2), json!(3)]);
    assert_eq!(masks(&place), [""; 0]);
    let numbered = files(&place.join("corrections/instances"));
    assert!(numbered.iter().any(|file| file.contains("/photo_00-")), "{numbered:?}");
    // And back: nothing was lost of what was drawn.
    let server = Server::start(&place, &[&photos], &form("coco"));
    assert_eq!(server.get("/api/records/0/corrections").good()["objects"], json!(objects));
    server.signal("TERM");
    server.end();
    assert_eq!(examined(&place), [json!(0), json!(2), json!(3)]);
    assert!(!place.join("corrections/instances").exists());
    let refused = maskwright(&["studio", &photos, "--corrections-format", "yolo"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
}

#[test]
fn a_server_that_is_killed_while_it_saves_leaves_whole_files() {
    let place = Place::new();
    write_pairs(place.path(), 2);
    let photos = place.text("images");
    let mut revision = 0;
    for round in 0..6_u64 {
        let form = ["masks", "coco", "instances"][round as usize % 3];
        let server = Server::start(&place, &[&photos], &["--corrections-format", form]);
        let found = server.get("/api/records/0/corrections").good();
        let now = found["revision"].as_u64().expect("a number") as u32;
        // All that was answered is there; what was under way may be.
        assert!(now == revision || now == revision + 1, "{now} after {revision}");
        revision = now;
        let port = server.port;
        let objects: Vec<Value> =
            (0..400).map(|number| object("leaf", &square(number % 40, number % 30, 40))).collect();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150 + 70 * round));
            server.signal("KILL");
            drop(server);
        });
        loop {
            let body = json!({ "revision": revision, "objects": objects }).to_string();
            let head = format!(
                "PUT /api/records/0/corrections HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
                 X-Maskwright: 1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = std::panic::catch_unwind(|| crate::client::raw(port, head.as_bytes()));
            match answer {
                Ok(answer) if answer.status == 200 => revision += 1,
                _ => break,
            }
        }
        killer.join().expect("killed");
        // In whatever form, and whichever came before: what the data file names is whole.
        if place.join("corrections/data.toml").exists() {
            assert_eq!(examined(&place)[0], json!(0), "{form}");
        }
    }
    assert!(revision > 0, "nothing was saved");
    // Nothing half is left, and the set is made anew.
    let server = Server::start(&place, &[&photos], &[]);
    let found = server.get("/api/records/0/corrections").good();
    assert_eq!(found["objects"].as_array().map(Vec::len), Some(400));
    server.signal("INT");
    server.end();
    let left = files(&place.join("corrections"));
    assert!(left.iter().all(|file| !file.ends_with(".part")), "{left:?}");
    works(&["doctor", &place.text("corrections/data.toml"), "--json"]);
}

/// A limit of the largest file stands for a disk that is full: both fail in the middle of a write.
#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_what_was_saved_stays() {
    let place = Place::new();
    write_pairs(place.path(), 2);
    let args = Server::args(&place, &[&place.text("images")], &[]);
    let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{}' {}",
        env!("CARGO_BIN_EXE_maskwright"),
        quoted.join(" ")
    );
    let server = Server::of(Command::new("bash").args(["-c", &script]), &place);
    let small = [object("leaf", &square(3, 3, 20))];
    assert_eq!(save(&server, 0, 0, &small).0, 200);
    let before = server.get("/api/records/0/corrections").good();
    let many: Vec<Value> = (0..2000).map(|_| object("leaf", &square(3, 3, 20))).collect();
    let (status, problem) = save(&server, 0, 1, &many);
    assert_eq!((status, &problem["code"]), (507, &json!("disk_full")), "{problem}");
    assert!(problem["file"].as_str().is_some_and(|file| file.contains("corrections")), "{problem}");
    assert_eq!(server.get("/api/records/0/corrections").good(), before);
    assert_eq!(save(&server, 0, 1, &small).0, 200);
    server.signal("INT");
    server.end();
    assert!(files(&place.join("corrections")).iter().all(|file| !file.ends_with(".part")));
}

#[test]
fn another_window_hears_of_a_save() {
    use std::io::{BufRead, BufReader, Write};

    let place = Place::new();
    write_pairs(place.path(), 2);
    let server = Server::start(&place, &[&place.text("images")], &[]);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    let head =
        format!("GET /api/events?client=b HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", server.port);
    stream.write_all(head.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut lines = BufReader::new(stream).lines();
    // The greeting says that the window is heard of.
    while !lines.next().expect("a line").expect("text").starts_with(": maskwright") {}
    let body = json!({ "revision": 0, "objects": [] });
    server.send("PUT", "/api/records/1/corrections", &body, "X-Maskwright-Client: a\r\n").good();
    server.post("/api/records/1/open", &json!({ "client": "a" })).good();
    let until = Instant::now() + Duration::from_secs(20);
    let mut heard = Vec::new();
    while heard.len() < 2 && Instant::now() < until {
        let line = lines.next().expect("a line").expect("text");
        if let Some(event) = line.strip_prefix("data: ") {
            heard.push(serde_json::from_str::<Value>(event).expect("JSON"));
        }
    }
    let expected = [
        json!({ "type": "saved", "index": 1, "revision": 1, "client": "a" }),
        json!({ "type": "opened", "index": 1, "client": "a" }),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn what_is_no_data_is_refused_as_a_usage_error() {
    let place = Place::new();
    let empty = place.join("empty");
    std::fs::create_dir(&empty).expect("made");
    for args in [vec!["studio"], vec!["studio", empty.to_str().expect("text")]] {
        let refused = maskwright(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?} {}", text(&refused.stderr));
    }
}
