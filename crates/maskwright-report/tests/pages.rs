//! Pages in a browser: they load whole, complain about nothing, fit on a phone, and do what they offer.
//!
//! Where there is no Chromium the tests are left out with a line. `MASKWRIGHT_SCREENSHOTS=DIR` keeps pictures of the pages.

mod support;

use std::path::Path;

use maskwright_data::source::{OpenContext, SetSpec};
use maskwright_doctor::{Role, Settings, Subject, examine};
use maskwright_image::{GreyImage, RgbImage, Size, encode};
use maskwright_report::doctor_page;
use maskwright_report::page::{
    BarPlot, Bin, CurvePlot, Gallery, GalleryRow, Report, Series, Table, Tile,
};
use support::Browser;

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn picture(red: u8) -> RgbImage {
    let size = Size::new(60, 80);
    let pixels = (0..size.area()).flat_map(|at| [red, (at % 80) as u8 * 3, (at / 80) as u8 * 4]);
    RgbImage { size, data: pixels.collect() }
}

/// A report with everything that a page can offer.
fn report() -> Report {
    let facets = |set: &str| vec![("set".to_owned(), set.to_owned())];
    Report {
        title: "Evaluation of leaves".into(),
        command: "maskwright eval --checkpoint run/sam_hq_epoch_11.safetensors --data leaves.toml"
            .into(),
        created: "2026-11-28".into(),
        verdict: vec!["Better than before.".into()],
        summary: vec![("mIoU".into(), "0.861".into()), ("verdict".into(), "better".into())],
        tables: vec![Table {
            title: "Scores".into(),
            caption: "Made up.".into(),
            header: text(&[
                "set",
                "mask",
                "mIoU",
                "a heading that is long",
                "another one that is long",
            ]),
            rows: vec![
                text(&["leaves", "SAM", "0.79", "12 ms", "x"]),
                text(&["leaves", "HQ", "0.9", "7 ms", "y"]),
                text(&["wires", "SAM", "0.1", "110 ms", "z"]),
            ],
            ..Table::default()
        }],
        curves: vec![CurvePlot {
            title: "Loss".into(),
            x_label: "step".into(),
            y_label: "loss".into(),
            series: vec![Series {
                name: "train".into(),
                points: (0..100).map(|x| (f64::from(x), 1.0 / f64::from(x + 1))).collect(),
            }],
            log_y: false,
            ..CurvePlot::default()
        }],
        bars: vec![BarPlot {
            title: "IoU".into(),
            hint: "objects by IoU".into(),
            bins: vec![Bin { label: "0.5".into(), range: "0.5 to 0.6".into(), count: 4 }],
        }],
        galleries: vec![Gallery {
            title: "Pictures".into(),
            caption: "Before and after.".into(),
            rows: vec![
                GalleryRow {
                    label: "leaf".into(),
                    facets: facets("leaves"),
                    tiles: vec![
                        Tile { caption: "one".into(), image: picture(200), other: None },
                        Tile {
                            caption: "two".into(),
                            image: picture(20),
                            other: Some(picture(240)),
                        },
                    ],
                },
                GalleryRow {
                    label: "wire".into(),
                    facets: facets("wires"),
                    tiles: vec![Tile { caption: "one".into(), image: picture(90), other: None }],
                },
            ],
        }],
        reproduce: vec![("version".into(), "0.1.0".into()), ("seed".into(), "42".into())],
        notes: vec!["A remark.".into()],
    }
}

fn browser(folder: &Path) -> Option<Browser> {
    let browser = Browser::start(folder);
    if browser.is_none() {
        eprintln!("left out: there is no Chromium to look at pages with");
    }
    browser
}

fn keep(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("MASKWRIGHT_SCREENSHOTS") {
        let picture = browser.screenshot(true);
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).expect("written");
    }
}

/// Opens a page at three widths and in dark mode: it is whole, fits, and complains about nothing. `least` pictures are on it.
fn is_whole_and_fits(browser: &mut Browser, page: &Path, name: &str, least: u64) {
    let mut grounds = Vec::new();
    for (width, dark) in [(360, false), (900, false), (1440, false), (1440, true)] {
        browser.open(page, width, dark);
        let pictures = "[...document.images].filter(one => one.naturalWidth > 0 || one.closest('dialog')).length";
        assert_eq!(browser.value(pictures), browser.value("document.images.length"));
        let count = browser.value("document.images.length");
        assert!(count.as_u64() >= Some(least), "{count} pictures");
        let wide = browser.value("document.scrollingElement.scrollWidth");
        assert!(wide.as_u64() <= Some(width as u64), "{width}: {wide} pixels wide");
        grounds.push(browser.value("getComputedStyle(document.body).backgroundColor"));
        keep(browser, &format!("{name}-{width}{}", if dark { "-dark" } else { "" }));
    }
    assert_eq!(grounds[0], grounds[2]);
    assert_ne!(grounds[2], grounds[3], "dark mode has another ground");
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn pages_load_whole_and_fit_at_every_width() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    std::fs::write(&page, report().to_html()).expect("written");
    let Some(mut browser) = browser(folder.path()) else { return };
    is_whole_and_fits(&mut browser, &page, "page", 4);
}

/// A set of which much is to be said: sound pairs, masks of 0 and 1, soft and empty ones, an image twice, a mask of another size,
/// and a file that is no image.
fn flawed_set(folder: &Path) -> SetSpec {
    let (images, masks) = (folder.join("im"), folder.join("gt"));
    for folder in [&images, &masks] {
        std::fs::create_dir_all(folder).expect("created");
    }
    for number in 0..10 {
        let name = format!("photo_{number}_with_a_name_that_is_rather_long_for_a_phone");
        let size = Size::new(120 + 8 * number, 200);
        let level = |at: usize| (at * (number.min(8) + 2) / 7) as u8;
        let image = RgbImage { size, data: (0..3 * size.area()).map(level).collect() };
        let mut file = encode::jpeg_rgb(&image, 90).expect("encoded");
        let size = if number == 5 { Size::new(40, 90) } else { size };
        let inside = |at: usize| (30..90).contains(&(at % size.width)) && at / size.width > 20;
        let pixel = |at: usize| match (inside(at), number) {
            (true, 1 | 2) => 1,
            (true, 3) => 100 + (at % 50) as u8,
            (true, 4) | (false, _) => 0,
            (true, _) => 255,
        };
        let mask = GreyImage { size, data: (0..size.area()).map(pixel).collect() };
        if number == 6 {
            file = b"<html>".to_vec();
        }
        std::fs::write(images.join(format!("{name}.jpg")), file).expect("written");
        let mask = encode::png_grey(&mask).expect("encoded");
        std::fs::write(masks.join(format!("{name}.png")), mask).expect("written");
    }
    SetSpec::pairs("leaves", images, masks)
}

#[test]
fn the_page_of_an_examination_loads_whole_and_fits_at_every_width() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = flawed_set(folder.path());
    let subjects = [Subject::open(&set, Role::Train, &OpenContext::default())];
    let found = examine(&subjects, &Settings::default(), &mut |_| true).expect("examined");
    let page = folder.path().join("doctor.html");
    let command = "maskwright doctor --images im --masks gt --report doctor.html";
    doctor_page::write(&subjects, &found, command, &page).expect("written");
    let Some(mut browser) = browser(folder.path()) else { return };
    is_whole_and_fits(&mut browser, &page, "doctor", 6);
    // A finding is a link to what is said of it.
    browser.value("document.querySelector('.overview a').click()");
    let aim = "document.querySelector(location.hash).matches('section.finding')";
    assert_eq!(browser.value(aim), true);
}

#[test]
fn tables_sort_and_rows_are_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    std::fs::write(&page, report().to_html()).expect("written");
    let Some(mut browser) = browser(folder.path()) else { return };
    browser.open(&page, 1200, false);
    let column =
        "[...document.querySelectorAll('tbody tr')].map(row => row.cells[2].textContent).join()";
    assert_eq!(browser.value(column), "0.79,0.9,0.1");
    browser.value("document.querySelectorAll('th .sort')[2].focus()");
    browser.press("Enter", 13);
    assert_eq!(browser.value(column), "0.1,0.79,0.9", "by number, from the keyboard");
    browser.value("document.querySelectorAll('th .sort')[2].click()");
    assert_eq!(browser.value(column), "0.9,0.79,0.1");
    assert_eq!(browser.value("document.querySelectorAll('th')[2].ariaSort"), "descending");
    browser.value("document.querySelectorAll('th .sort')[3].click()");
    assert_eq!(browser.value(column), "0.9,0.79,0.1", "7 ms before 12 ms and 110 ms");

    let names = "[...document.querySelectorAll('.filters select')].map(one => one.name).join()";
    assert_eq!(browser.value(names), "set,mask");
    let choose = |name: &str, value: &str| {
        format!(
            "(() => {{ const one = document.querySelector('.filters select[name={name}]'); one.value = '{value}'; \
             one.dispatchEvent(new Event('change')); }})()"
        )
    };
    let shown = "[...document.querySelectorAll('tbody tr, .row')].filter(one => one.checkVisibility()).length";
    assert_eq!(browser.value(shown), 5);
    browser.value(&choose("set", "leaves"));
    assert_eq!(browser.value(shown), 3, "two rows and a picture");
    browser.value(&choose("mask", "HQ"));
    assert_eq!(browser.value(shown), 2, "pictures say nothing of masks");
    browser.value(&choose("set", ""));
    browser.value(&choose("mask", ""));
    assert_eq!(browser.value(shown), 5);
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn curves_are_read_and_pictures_compared_and_enlarged() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    std::fs::write(&page, report().to_html()).expect("written");
    let Some(mut browser) = browser(folder.path()) else { return };
    browser.open(&page, 1200, false);
    browser.value("document.querySelector('svg[data-plot]').focus()");
    browser.press("ArrowRight", 39);
    browser.press("ArrowRight", 39);
    let reading = "document.querySelector('.reading').textContent";
    assert_eq!(browser.value(reading), "step 1: train 0.5");
    browser.press("End", 35);
    assert_eq!(browser.value(reading), "step 99: train 0.01");

    let share = "getComputedStyle(document.querySelector('.pair')).getPropertyValue('--share')";
    assert_eq!(browser.value(share), "50%");
    browser.value("document.querySelector('.pair input').focus()");
    browser.press("ArrowLeft", 37);
    assert_eq!(browser.value(share), "49%");

    browser.value("document.querySelector('.magnify').click()");
    let large = "document.querySelector('dialog img')";
    browser.value(&format!("{large}.decode()"));
    assert_eq!(browser.value("document.querySelector('dialog').open"), true);
    assert_eq!(browser.value(&format!("getComputedStyle({large}).imageRendering")), "pixelated");
    let width = format!("{large}.getBoundingClientRect().width");
    let before = browser.value(&width).as_f64().expect("a width");
    assert!(before > 80.0, "80 pixels fill the window: {before}");
    browser.press("+", 187);
    let after = browser.value(&width).as_f64().expect("a width");
    assert!((after / before - 1.25).abs() < 0.01, "{before} to {after}");
    keep(&mut browser, "zoom");
    browser.press("Escape", 27);
    assert_eq!(browser.value("document.querySelector('dialog').open"), false);
    assert_eq!(browser.errors, [""; 0]);
}
