//! What a page of a stranger, a name that leads here, a hostile path or a flood can do: nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Server, files};
use crate::support::{Place, write_pairs};

fn server(place: &Place) -> Server {
    write_pairs(place.path(), 2);
    Server::start(place, &[&place.text("images")], &[])
}

fn with_host(server: &Server, host: &str, more: &str) -> u16 {
    let head = format!("GET /api/state HTTP/1.1\r\n{host}Connection: close\r\n{more}\r\n");
    server.raw(head.as_bytes()).status
}

#[test]
fn a_name_that_was_made_to_lead_here_is_refused() {
    let place = Place::new();
    let server = server(&place);
    let port = server.port;
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]
    {
        assert_eq!(with_host(&server, &format!("Host: {host}\r\n"), ""), 200, "{host}");
    }
    for host in [
        format!("rebound.example:{port}"),
        "127.0.0.1".into(),
        format!("127.0.0.1.rebound.example:{port}"),
        format!("localhost.:{port}"),
        format!("127.0.0.1:{port}@rebound.example"),
        format!("192.168.0.1:{port}"),
    ] {
        assert_eq!(with_host(&server, &format!("Host: {host}\r\n"), ""), 421, "{host}");
    }
    assert_eq!(with_host(&server, "", ""), 421);
    let twice = format!("Host: 127.0.0.1:{port}\r\nHost: rebound.example\r\n");
    assert_eq!(with_host(&server, &twice, ""), 421);
}

#[test]
fn a_page_of_another_site_cannot_write_or_ask() {
    let place = Place::new();
    let server = server(&place);
    let port = server.port;
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"] {
        assert_eq!(with_host(&server, &host, &format!("Origin: {origin}\r\n")), 403, "{origin}");
    }
    assert_eq!(with_host(&server, &host, &format!("Origin: http://127.0.0.1:{port}\r\n")), 200);
    assert_eq!(with_host(&server, &host, "Sec-Fetch-Site: cross-site\r\n"), 403);
    // What a form or a script can send without asking first.
    let body = json!({ "revision": 0, "objects": [] }).to_string();
    let put = |method: &str, headers: &str| {
        let head = format!(
            "{method} /api/records/0/corrections HTTP/1.1\r\n{host}Connection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        server.raw(head.as_bytes()).status
    };
    assert_eq!(put("PUT", "Content-Type: application/json\r\n"), 403);
    assert_eq!(put("PUT", "X-Maskwright: 1\r\nContent-Type: text/plain\r\n"), 415);
    assert_eq!(put("PUT", "X-Maskwright: 0\r\nContent-Type: application/json\r\n"), 403);
    assert_eq!(put("OPTIONS", ""), 403);
    assert_eq!(put("DELETE", "X-Maskwright: 1\r\nContent-Type: application/json\r\n"), 405);
    assert_eq!(server.get("/api/records/0/corrections").good()["revision"], json!(0));
    // Nobody is told that he may ask from elsewhere.
    let asked = server.send("GET", "/api/state", &Value::Null, "");
    assert!(!asked.head.to_lowercase().contains("access-control"), "{}", asked.head);
}

#[test]
fn no_path_leads_out_of_the_studios_own() {
    let place = Place::new();
    std::fs::write(place.join("secret.png"), "secret").expect("written");
    std::fs::create_dir_all(place.join("runs/real")).expect("made");
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.join("secret.png"), place.join("runs/real/linked.png"))
        .expect("linked");
    let server = server(&place);
    for path in [
        "/../secret.png",
        "/..%2fsecret.png",
        "/%2e%2e/secret.png",
        "/api/runs/../files/secret.png",
        "/api/runs/..%2F..%2F/files/secret.png",
        "/api/runs/real/files/..%2f..%2fsecret.png",
        "/api/runs/real/files/linked.png",
        "/api/runs/real/files/.maskwright-lock",
        "/api/runs/%2e%2e",
        "/api/runs/.studio",
        "/api/records/..%2f0/image",
        "/api/records/-1/image",
        "/api/records/18446744073709551616",
        "/app.js%00",
        "//etc/passwd",
    ] {
        let answer = server.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret\""), "{path}");
        assert_ne!(answer.body, b"secret", "{path}");
    }
    // No request names a file to write or a model to read that is not in a list.
    let outside = place.text("secret.png");
    assert_eq!(server.post("/api/model", &json!({ "checkpoint": outside })).status, 404);
    for name in ["../x", "/tmp/x", ".studio", "a/b", ""] {
        let wanted = json!({ "name": name, "data": "corrections", "values": {} });
        assert_eq!(server.post("/api/train", &wanted).status, 400, "{name}");
    }
    let wanted = json!({ "name": "x", "data": "corrections", "values": { "output": "/tmp/x" } });
    assert_eq!(server.post("/api/train", &wanted).status, 400);
    assert!(files(&place.join("runs")).iter().all(|file| file.contains("/real/")));
}

#[test]
fn what_is_too_large_or_too_many_is_refused() {
    let place = Place::new();
    let server = server(&place);
    let host = format!("Host: 127.0.0.1:{}\r\n", server.port);
    let long = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(20_000));
    assert_eq!(server.raw(long.as_bytes()).status, 431);
    let headers = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "A: b\r\n".repeat(100));
    assert_eq!(server.raw(headers.as_bytes()).status, 431);
    let body = format!("POST /api/queue HTTP/1.1\r\n{host}Content-Length: 99999999999\r\n\r\n");
    assert_eq!(server.raw(body.as_bytes()).status, 413);
    // Without a length, the bytes are counted as they come: 64 MiB and 16 more.
    let writes = "X-Maskwright: 1\r\nContent-Type: application/json\r\n";
    let head =
        format!("POST /api/queue HTTP/1.1\r\n{host}{writes}Transfer-Encoding: chunked\r\n\r\n");
    let chunked = [head.as_bytes(), b"4000010\r\n", &vec![b' '; 0x400_0010], b"\r\n0\r\n\r\n"];
    assert_eq!(server.raw(&chunked.concat()).status, 413);
    let both = head.replace("chunked\r\n", "chunked\r\nContent-Length: 4\r\n");
    let smuggled = format!("{both}0\r\n\r\nGET /api/jobs HTTP/1.1\r\n{host}\r\n");
    assert_eq!(server.raw(smuggled.as_bytes()).status, 400);
    let two = format!("POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(server.raw(two.as_bytes()).status, 400);
    assert_eq!(server.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n").status, 400);
    assert_eq!(server.send("POST", "/api/queue", &json!("deep"), "").status, 400);
    let deep = "[".repeat(100_000);
    let head = format!(
        "POST /api/queue HTTP/1.1\r\n{host}X-Maskwright: 1\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{deep}",
        deep.len()
    );
    assert_eq!(server.raw(head.as_bytes()).status, 400);
    assert_eq!(server.get("/api/records/0/thumbnail?side=99999").status, 400);
    assert_eq!(server.get("/api/records?offset=18446744073709551615").good()["rows"], json!([]));

    // A flood of connections that say nothing: others are told so, and it passes.
    let idle: Vec<TcpStream> =
        (0..160).filter_map(|_| TcpStream::connect(("127.0.0.1", server.port)).ok()).collect();
    let until = Instant::now() + Duration::from_secs(10);
    let refused = idle.iter().filter(|stream| {
        let mut stream: &TcpStream = stream;
        let mut head = [0; 12];
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left.min(Duration::from_millis(50)))).expect("set");
        stream.read(&mut head).is_ok_and(|count| head[..count].starts_with(b"HTTP/1.1 503"))
    });
    assert!(refused.count() >= 30, "connections are not bounded");
    drop(idle);
    let until = Instant::now() + Duration::from_secs(20);
    while std::panic::catch_unwind(|| server.get("/api/state").status).ok() != Some(200) {
        assert!(Instant::now() < until, "the studio answers nobody any more");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_request_that_never_ends_is_given_up_and_pipelined_ones_are_answered() {
    let place = Place::new();
    let server = server(&place);
    let host = format!("Host: 127.0.0.1:{}\r\n", server.port);
    let one = format!("GET /api/jobs HTTP/1.1\r\n{host}\r\n");
    let last = format!("GET /api/jobs HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let both = server.raw(format!("{one}{last}").as_bytes());
    let rest = String::from_utf8_lossy(&both.body).into_owned();
    assert!(rest.starts_with("[]HTTP/1.1 200 OK"), "{rest}");
    let mut slow = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    slow.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    slow.write_all(b"GET /api/state HT").expect("sent");
    let start = Instant::now();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("closed");
    assert_eq!(answer, "", "what is no request yet has no answer");
    assert!(start.elapsed() < Duration::from_secs(40));
}

#[test]
fn beyond_this_machine_the_token_is_asked_for() {
    let place = Place::new();
    write_pairs(place.path(), 2);
    let server = Server::start(&place, &[&place.text("images")], &["--host", "0.0.0.0"]);
    let token = server.url.split("?token=").nth(1).expect("a token").to_owned();
    assert_eq!(token.len(), 32);
    assert_eq!(server.get("/api/state").status, 401);
    assert_eq!(server.get("/").status, 401);
    assert_eq!(server.get("/?token=0123").status, 401);
    assert_eq!(server.get(&format!("/api/state?token={token}")).status, 401);
    let entered = server.get(&format!("/?token={token}"));
    assert_eq!(entered.status, 303);
    let cookie = entered.header("Set-Cookie").expect("a cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let own = format!("Cookie: a=b; {}\r\n", cookie.split(';').next().expect("its value"));
    assert_eq!(server.send("GET", "/api/state", &Value::Null, &own).status, 200);
    assert_eq!(server.send("GET", "/", &Value::Null, &own).status, 200);
    assert_eq!(
        server.send("GET", "/api/state", &Value::Null, "Cookie: maskwright-studio=x\r\n").status,
        401
    );
    let named = format!(
        "GET / HTTP/1.1\r\nHost: rebound.example:{}\r\nConnection: close\r\n{own}\r\n",
        server.port
    );
    assert_eq!(server.raw(named.as_bytes()).status, 421);
}
