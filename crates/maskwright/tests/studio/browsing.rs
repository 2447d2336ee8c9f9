//! Records, filters, pictures, the doctor; ports, broken images, no model.

use std::time::Duration;

use maskwright_image::decode::read_header;
use serde_json::{Value, json};

use crate::client::{Server, place_with_model, raw};
use crate::support::{Place, maskwright, text, write_pairs};

/// Photographs with masks, and the flags that name them.
fn pairs(place: &Place, count: usize) -> [String; 4] {
    let (images, masks) = write_pairs(place.path(), count);
    ["--images".into(), images.display().to_string(), "--masks".into(), masks.display().to_string()]
}

fn names(records: &Value) -> Vec<&str> {
    let rows = records["rows"].as_array().expect("rows");
    rows.iter().map(|row| row["id"].as_str().expect("a name")).collect()
}

#[test]
fn records_are_paged_and_filtered_and_shown() {
    let place = Place::new();
    let data = pairs(&place, 7);
    let server = Server::start(&place, &data.each_ref().map(String::as_str), &[]);
    let state = server.get("/api/state").good();
    assert_eq!((&state["set"]["images"], &state["model"]), (&json!(7), &Value::Null));
    assert!(state["model_missing"].as_str().is_some_and(|how| how.contains("--checkpoint")));

    let page = server.get("/api/records?offset=2&limit=3").good();
    assert_eq!(
        (&page["total"], names(&page)),
        (&json!(7), vec!["photo_02", "photo_03", "photo_04"])
    );
    let row = &page["rows"][0];
    assert_eq!(row["size"], json!({ "height": 88, "width": 116 }));
    assert_eq!(
        (&row["objects"], &row["corrected"], &row["refused"]),
        (&json!(1), &json!(0), &Value::Null)
    );
    assert_eq!(names(&server.get("/api/records?text=O_05").good()), ["photo_05"]);
    assert_eq!(server.get("/api/records?mask=without").good()["total"], json!(0));
    // A filter that needs every record's header is answered in full once all were looked at.
    let large = server.until("/api/records?min_side=130", |page| page["total"] == json!(1));
    assert_eq!(names(&large), ["photo_04"]);
    assert_eq!(server.get("/api/records?limit=501").status, 400);
    for wrong in ["mask=perhaps", "set=another", "side=64"] {
        assert_eq!(server.get(&format!("/api/records?{wrong}")).status, 400, "{wrong}");
    }

    let small = server.get("/api/records/2/thumbnail?side=64");
    assert_eq!(small.header("Content-Type"), Some("image/jpeg"));
    let size = read_header(&small.body).expect("JPEG").size;
    assert_eq!((size.width, size.height), (64, 49));
    let tag = small.header("ETag").expect("a tag");
    let known = server.send(
        "GET",
        "/api/records/2/thumbnail?side=64",
        &Value::Null,
        &format!("If-None-Match: {tag}\r\n"),
    );
    assert_eq!((known.status, known.body.len()), (304, 0));
    // The whole image of a plain JPEG is the file itself.
    let whole = server.get("/api/records/2/image");
    assert_eq!(whole.body, std::fs::read(place.join("images/photo_02.jpg")).expect("there"));
    let half = read_header(&server.get("/api/records/2/image?width=58").body).expect("JPEG").size;
    assert_eq!((half.width, half.height), (58, 44));
    let tile = read_header(&server.get("/api/records/2/tile/1/0/0").body).expect("JPEG").size;
    assert_eq!((tile.width, tile.height), (58, 44));
    assert_eq!(server.get("/api/records/2/tile/0/1/0").status, 404);
    assert_eq!(server.get("/api/records/7").status, 404);

    let masks = server.get("/api/records/2/masks").good();
    let mask = &masks[0]["mask"];
    let runs = mask["runs"].as_array().expect("runs");
    let sum: u64 = runs.iter().filter_map(Value::as_u64).sum();
    let side = |key: &str| mask[key].as_u64().expect("a number");
    assert_eq!(sum, side("width") * side("height"));
    let view =
        server.get("/api/records/2/view?epoch=3&view=2&scale_min=0.8&scale_max=1.2&kind=box");
    assert_eq!(view.status, 200, "{}", String::from_utf8_lossy(&view.body));
    assert!(read_header(&view.body).expect("JPEG").size.width > 600);
}

#[test]
fn the_page_comes_with_its_headers() {
    let place = Place::new();
    let data = pairs(&place, 2);
    let server = Server::start(&place, &data.each_ref().map(String::as_str), &[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    for header in [
        "Content-Type: text/html; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control: no-cache",
        "ETag: ",
    ] {
        let (name, value) = header.split_once(": ").expect("a header");
        let found = page.header(name).unwrap_or_default();
        assert!(found.contains(value), "{header}\n{}", page.head);
    }
    assert_eq!(server.get("/app.js").status, 200);
    assert_eq!(server.get("/nothing.js").status, 404);
}

#[test]
fn photographs_alone_are_browsed_and_a_broken_one_says_so() {
    let place = Place::new();
    write_pairs(place.path(), 3);
    std::fs::write(place.join("images/photo_01.jpg"), "no picture").expect("written");
    let server = Server::start(&place, &[&place.text("images")], &[]);
    let page = server.get("/api/records").good();
    assert_eq!(page["total"], json!(3));
    let refused = page["rows"][1]["refused"].as_str().expect("a reason");
    assert!(refused.contains("photo_01.jpg"), "{refused}");
    assert_eq!(page["rows"][0]["objects"], json!(0));
    let problem = server.get("/api/records/1/thumbnail");
    assert!(problem.head.contains("application/problem+json"), "{}", problem.head);
    assert_eq!(problem.status, 422);
    assert!(problem.json()["detail"].as_str().is_some_and(|text| text.contains("photo_01.jpg")));
    // No model: clicks are refused with the way to get one.
    let prompt = json!({ "points": [{ "x": 5, "y": 5, "positive": true }], "box": null, "previous": null, "proposals": true });
    let refused = server.post("/api/records/0/predict", &prompt);
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("no_model")));
    assert_eq!(server.post("/api/doctor", &json!({})).status, 400);
}

#[test]
fn a_port_in_use_is_said_and_the_next_one_taken() {
    let place = Place::new();
    let data = pairs(&place, 2);
    let data = data.each_ref().map(String::as_str);
    let first = Server::start(&place, &data, &[]);
    let other = Place::new();
    let port = first.port.to_string();
    let mut second = Server::start(&other, &data, &["--port", &port]);
    assert_ne!(second.port, first.port);
    second.signal("INT");
    let said = second.said();
    assert!(
        said.contains(&format!("note: port {port} is in use; listening on {}", second.port)),
        "{said}"
    );
    // The same corrections belong to one studio at a time.
    let args = Server::args(&place, &data, &[]);
    let refused = maskwright(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("corrections"), "{}", text(&refused.stderr));
}

#[test]
fn ctrl_c_ends_within_two_seconds_with_windows_open() {
    let (place, checkpoint) = place_with_model();
    let (images, masks) = (place.text("images"), place.text("masks"));
    let server = Server::start(
        &place,
        &["--images", &images, "--masks", &masks],
        &["--checkpoint", &checkpoint],
    )
    .with_model();
    let port = server.port;
    let window = std::thread::spawn(move || {
        let head = format!("GET /api/events?client=a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        raw(port, head.as_bytes())
    });
    server.until("/api/state", |state| !state["model"].is_null());
    std::thread::sleep(Duration::from_millis(200));
    server.signal("INT");
    let (status, took) = server.end();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let heard = window.join().expect("a stream");
    assert!(heard.head.contains("text/event-stream"), "{}", heard.head);
}

#[test]
fn the_doctors_fix_is_shown_and_written_into_the_data_file() {
    let place = Place::new();
    let (images, _) = write_pairs(place.path(), 3);
    // Numbers of objects instead of bright ones: the doctor knows the line.
    for number in 0..3 {
        let size = read_header(
            &std::fs::read(images.join(format!("photo_0{number}.jpg"))).expect("there"),
        );
        let size = size.expect("JPEG").size;
        let data = (0..size.area()).map(|at| u8::from(at % size.width > 40)).collect();
        let mask = maskwright_image::GreyImage::new(size, data).expect("fits");
        let png = maskwright_image::encode::png_grey(&mask).expect("encoded");
        std::fs::write(place.join(&format!("masks/photo_0{number}.png")), png).expect("written");
    }
    let file = place.join("data.toml");
    let text = "# mine\n[[train]]\nname = \"leaves\"\nimages = \"images\"\nmasks = \"masks\"\n";
    std::fs::write(&file, text).expect("written");
    let server = Server::start(&place, &[&file.display().to_string()], &[]);
    assert_eq!(server.post("/api/doctor", &json!({})).status, 202);
    let state = server.until("/api/doctor", |state| state["state"] != json!("running"));
    let findings = state["findings"].as_array().expect("findings");
    let finding =
        findings.iter().find(|one| !one["fix"].is_null()).unwrap_or_else(|| panic!("{state}"));
    assert_eq!(finding["records"], json!([0, 1, 2]));
    let fix = &finding["fix"];
    let line = fix["text"].as_str().expect("a line");
    assert!(
        fix["diff"].as_str().is_some_and(|diff| diff.contains(&format!("\n+{line}\n"))),
        "{fix}"
    );
    assert_eq!(server.post("/api/doctor/fix", &json!({ "id": "none" })).status, 404);
    server.post("/api/doctor/fix", &json!({ "id": fix["id"] })).good();
    let now = std::fs::read_to_string(&file).expect("there");
    assert_eq!(now, format!("{text}{line}\n"));
    assert_eq!(server.get("/api/records").good()["total"], json!(3));
}
