//! The page as a whole: it is well formed, complete, escaped and the same every time.

use maskwright_image::Size;

use super::*;

/// A report with something in every part, and text that would break a careless page.
fn full() -> Report {
    let hostile = "<script>alert(\"1\" & '2')</script>";
    let tile = |value| Tile {
        caption: hostile.into(),
        image: RgbImage::filled(Size::new(4, 6), value),
        other: None,
    };
    Report {
        title: hostile.into(),
        command: format!("maskwright train --output {hostile}"),
        created: hostile.into(),
        verdict: vec![hostile.into()],
        summary: vec![(hostile.into(), hostile.into()), ("mIoU".into(), "0.861".into())],
        curves: vec![
            CurvePlot {
                title: hostile.into(),
                x_label: hostile.into(),
                y_label: hostile.into(),
                series: vec![
                    Series {
                        name: hostile.into(),
                        points: (0..300).map(|i| (f64::from(i), 1.0 / f64::from(i + 1))).collect(),
                    },
                    Series { name: "few".into(), points: vec![(0.0, 0.25), (100.0, f64::NAN)] },
                ],
                log_y: true,
                marks: vec![(50.0, hostile.into())],
            },
            CurvePlot::default(),
        ],
        tables: vec![Table {
            title: hostile.into(),
            caption: hostile.into(),
            header: vec![hostile.into(), "b".into()],
            rows: vec![vec![hostile.into(), "0.5".into()], vec!["x".into()]],
            best: vec![],
        }],
        galleries: vec![Gallery {
            title: hostile.into(),
            caption: hostile.into(),
            rows: vec![GalleryRow {
                label: hostile.into(),
                facets: vec![("set".into(), hostile.into())],
                tiles: vec![
                    tile(9),
                    Tile { other: Some(RgbImage::filled(Size::new(4, 6), 20)), ..tile(200) },
                    Tile::default(),
                ],
            }],
        }],
        bars: vec![BarPlot {
            title: hostile.into(),
            hint: hostile.into(),
            bins: vec![Bin { label: hostile.into(), range: hostile.into(), count: 3 }],
        }],
        reproduce: vec![(hostile.into(), hostile.into())],
        notes: vec![hostile.into(), "line\u{0}\u{7}".into()],
    }
}

/// The page without its script, which is the same on every page.
fn without_script(page: &str) -> String {
    let (before, script) = page.split_once("<script>").expect("a script");
    let (script, after) = script.split_once("</script>\n").expect("its end");
    assert_eq!(script, include_str!("page.js"));
    format!("{before}{after}")
}

/// Checks that tags nest, attributes are quoted and references are escaped; gives
/// the names of the elements in order.
fn check(page: &str) -> Vec<String> {
    const VOID: [&str; 5] = ["meta", "link", "img", "br", "input"];
    let page = without_script(page);
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        let is_style = open.last().is_some_and(|tag| tag == "style");
        assert!(is_style || !text.contains(['>', '"', '\'']), "unescaped text {text:?}");
        for part in text.split('&').skip(1).filter(|_| !is_style) {
            let name = part.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "reference &{name};");
        }
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "wrong end before {rest:.60}");
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name = tag.split([' ', '\n']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of {tag:?}");
        for (i, piece) in tag.split('"').enumerate() {
            // Outside quotes stand only names and equal signs.
            assert!(i % 2 == 1 || !piece.contains(['<', '\'']), "{tag:?}");
        }
        seen.push(name.to_string());
        if !closed && !VOID.contains(&name) {
            open.push(name.to_string());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    seen
}

/// What a page shows, without the data of its pictures.
pub(crate) fn body(page: &str) -> String {
    let page = without_script(page);
    let (_, body) = page.split_once("<body>\n").expect("a body");
    let mut parts = body.split("base64,");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('"').expect("an attribute that ends");
        text.push_str("base64,[DATA]\"");
        text.push_str(rest);
    }
    text
}

#[test]
fn the_page_is_well_formed_and_complete() {
    for report in [full(), Report::default()] {
        check(&report.to_html());
    }
    let seen = check(&full().to_html());
    let count = |name: &str| seen.iter().filter(|tag| *tag == name).count();
    assert_eq!(count("img"), 3);
    assert_eq!(count("input"), 1, "a handle for the two pictures of one tile");
    assert_eq!(count("script"), 0);
    assert_eq!(count("table"), 1);
    assert_eq!(count("rect"), 1);
    assert_eq!(count("h1"), 1);
    assert_eq!(count("dt"), 3);
}

#[test]
fn every_text_is_escaped() {
    let page = without_script(&full().to_html());
    assert!(!page.contains("<script"));
    assert!(!page.contains("alert(\""));
    assert!(!page.contains(['\u{0}', '\u{7}']));
    // Each of the places that takes text shows it.
    assert!(page.matches("&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)").count() >= 18);
    assert_eq!(escape::escape("a < b & \"c\" 'd'\n"), "a &lt; b &amp; &quot;c&quot; &#39;d&#39;\n");
    assert_eq!(escape::escape("größer ✓"), "größer ✓");
}

#[test]
fn nothing_is_requested_from_elsewhere() {
    // The script's one address is the name of SVG, which nothing is requested from.
    assert_eq!(include_str!("page.js").matches("://").count(), 1);
    let page = without_script(&full().to_html());
    for forbidden in ["http:", "https:", "//", "@import", "url("] {
        let outside: Vec<&str> = page
            .split("base64,")
            // Picture data may hold anything up to its closing quote.
            .enumerate()
            .map(|(i, part)| if i == 0 { part } else { part.split_once('"').unwrap().1 })
            .filter(|part| part.contains(forbidden))
            .collect();
        assert!(outside.is_empty(), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

/// The sum in the policy is that of the bytes between the tags, so the browser runs them, and nothing else.
#[test]
fn the_policy_names_the_script() {
    use base64::Engine;
    use sha2::Digest;
    let page = Report::default().to_html();
    let (_, script) = page.split_once("<script>").expect("a script");
    let (script, _) = script.split_once("</script>").expect("its end");
    let sum = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(page.contains(&format!("script-src 'sha256-{sum}'\"")), "{sum}");
}

#[test]
fn the_same_report_gives_the_same_page() {
    assert_eq!(full().to_html(), full().to_html());
}

#[test]
fn pictures_come_back_from_the_page() {
    use base64::Engine;
    let page = full().to_html();
    let data = page.split("data:image/png;base64,").nth(1).unwrap().split('"').next().unwrap();
    let png = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    let limits = maskwright_image::decode::Limits::default();
    let decoded = maskwright_image::decode::decode_rgb(&png, &limits).unwrap().pixels;
    assert_eq!(decoded, RgbImage::filled(Size::new(4, 6), 9));
}

#[test]
fn pictures_that_cannot_be_are_replaced() {
    let wrong = RgbImage { size: Size::square(9), data: vec![0; 5] };
    let report = Report {
        galleries: vec![Gallery {
            rows: vec![GalleryRow {
                label: String::new(),
                tiles: vec![Tile { caption: "c".into(), image: wrong, other: None }],
                ..GalleryRow::default()
            }],
            ..Gallery::default()
        }],
        ..Report::default()
    };
    let page = report.to_html();
    insta::assert_snapshot!(body(&page), @r#"
        <main>
        <header>
        <h1></h1>
        </header>
        <section>
        <h2>Pictures</h2>
        <section class="block">
        <h3></h3>
        <div class="scroll"><div class="gallery" style="--columns:1">
        <div class="row">
        <div class="tiles">
        <figure class="tile"><p class="empty">No picture.</p><figcaption>c</figcaption></figure>
        </div>
        </div>
        </div></div>
        </section>
        </section>
        </main>
        </body>
        </html>
        "#);
}

#[test]
fn ticks_and_values_are_in_the_chart() {
    let plot = CurvePlot {
        title: "IoU".into(),
        x_label: "epoch".into(),
        y_label: "mIoU".into(),
        series: vec![Series {
            name: "hq".into(),
            points: vec![(0.0, 0.42), (5.0, 0.78), (10.0, 0.861)],
        }],
        log_y: false,
        ..CurvePlot::default()
    };
    let page = Report { curves: vec![plot], ..Report::default() }.to_html();
    // Ticks, hover values, the last value in the legend, and a description for readers who do not see it.
    insta::assert_snapshot!("chart", body(&page));
}
