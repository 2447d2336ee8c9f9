//! The page: files that are a part of the program.

use crate::http::{Response, answer};
use crate::key::key_of;

/// The files by name, as the build found them in `page/`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file of the page; none for what it does not have.
pub(crate) fn file(name: &str) -> Option<Response> {
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == name)?;
    let kind = match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    };
    Some(answer::tagged(answer::bytes(kind, *bytes), &key_of(&[bytes])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_nothing_inline() {
        assert!(file("index.html").is_some() && file("../Cargo.toml").is_none());
        for (name, bytes) in FILES.iter().filter(|(name, _)| name.ends_with(".html")) {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("<style") && !text.contains("style=\""), "{name}");
            for script in text.split("<script").skip(1) {
                let (head, rest) = script.split_once('>').unwrap_or_default();
                assert!(head.contains("src=") && rest.starts_with("</script>"), "{name}");
            }
        }
    }
}
