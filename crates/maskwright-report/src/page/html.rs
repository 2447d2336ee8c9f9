//! The page: its order, its texts escaped, its pictures inside.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maskwright_image::encode::Chroma;
use maskwright_image::{RgbImage, Size, encode};
use sha2::{Digest, Sha256};

use super::escape::escape;
use super::style::{CHART, PAGE};
use super::{Gallery, Report, Tile, bar_chart, chart_svg, table};

impl Report {
    /// The report as one self-contained HTML page.
    ///
    /// A picture that cannot be encoded (an empty one, or one whose data does not fit
    /// its size) is replaced by a box that says so.
    pub fn to_html(&self) -> String {
        let mut page = begin(&self.title, &self.created, &self.command);
        for sentence in &self.verdict {
            let _ = writeln!(page, "<p class=\"verdict\">{}</p>", escape(sentence));
        }
        write_summary(&mut page, &self.summary);
        if !self.tables.is_empty() {
            page.push_str("<section>\n<h2>Results</h2>\n");
            self.tables.iter().for_each(|one| table::write(&mut page, one));
            page.push_str("</section>\n");
        }
        if !self.curves.is_empty() || !self.bars.is_empty() {
            page.push_str("<section>\n<h2>Curves</h2>\n<div class=\"charts\">\n");
            self.curves.iter().for_each(|plot| chart_svg::write(&mut page, plot));
            self.bars.iter().for_each(|plot| bar_chart::write(&mut page, plot));
            page.push_str("</div>\n</section>\n");
        }
        if !self.galleries.is_empty() {
            page.push_str("<section>\n<h2>Pictures</h2>\n");
            self.galleries.iter().for_each(|gallery| write_gallery(&mut page, gallery));
            page.push_str("</section>\n");
        }
        if !self.reproduce.is_empty() {
            page.push_str(
                "<section class=\"block reproduce\">\n<h3>How to get the same figures</h3>\n<dl>\n",
            );
            for (name, value) in &self.reproduce {
                let (name, value) = (escape(name), escape(value));
                let _ = writeln!(page, "<dt>{name}</dt><dd><code>{value}</code></dd>");
            }
            page.push_str("</dl>\n</section>\n");
        }
        if !self.notes.is_empty() {
            page.push_str("<section class=\"notes\">\n<h2>Notes</h2>\n<ul>\n");
            for note in &self.notes {
                let _ = writeln!(page, "<li>{}</li>", escape(note));
            }
            page.push_str("</ul>\n</section>\n");
        }
        end(&mut page);
        page
    }
}

/// Pictures that are wider are in the page as JPEG.
const EXACT: usize = 320;

/// What tells a page that was made here from others, near its beginning.
const GENERATOR: &str = "<meta name=\"generator\" content=\"maskwright\">";

/// Whether the file is a page that was made here, which a newer one may replace.
pub fn is_page(file: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(file).and_then(|file| file.take(1024).read_to_end(&mut beginning));
    read.is_ok() && beginning.windows(GENERATOR.len()).any(|part| part == GENERATOR.as_bytes())
}

/// The page's one script.
const SCRIPT: &str = include_str!("page.js");

/// The sum of the script, as a content security policy names it.
static SCRIPT_SUM: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(SCRIPT)));

/// Closes what [`begin`] opened.
pub(crate) fn end(page: &mut String) {
    let _ = write!(page, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
}

/// A page up to its heading, the time it was made and the command; empty ones are left out.
pub(crate) fn begin(title: &str, created: &str, command: &str) -> String {
    let mut page = String::with_capacity(64 * 1024);
    let title = escape(title);
    // The policy makes the page's promise the browser's: nothing is loaded, and nothing runs but its own script.
    let sum = &*SCRIPT_SUM;
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
         script-src 'sha256-{sum}'\">\n\
         {GENERATOR}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{PAGE}{CHART}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{title}</h1>\n"
    );
    if !created.is_empty() {
        let _ = writeln!(page, "<p class=\"created\">{}</p>", escape(created));
    }
    if !command.is_empty() {
        let _ = writeln!(page, "<pre class=\"command\"><code>{}</code></pre>", escape(command));
    }
    page.push_str("</header>\n");
    page
}

/// The key figures, name and value; nothing where there is none.
pub(crate) fn write_summary(page: &mut String, summary: &[(String, String)]) {
    if summary.is_empty() {
        return;
    }
    page.push_str("<dl class=\"summary\">\n");
    for (name, value) in summary {
        // Long values are sentences, not figures.
        let class = if value.chars().count() > 14 { " class=\"long\"" } else { "" };
        let (name, value) = (escape(name), escape(value));
        let _ = writeln!(page, "<div{class}><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n");
}

fn write_gallery(page: &mut String, gallery: &Gallery) {
    let _ = writeln!(page, "<section class=\"block\">\n<h3>{}</h3>", escape(&gallery.title));
    if !gallery.caption.is_empty() {
        let _ = writeln!(page, "<p class=\"caption\">{}</p>", escape(&gallery.caption));
    }
    let columns = gallery.rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0).max(1);
    let _ = writeln!(
        page,
        "<div class=\"scroll\"><div class=\"gallery\" style=\"--columns:{columns}\">"
    );
    for row in &gallery.rows {
        let facets = row.facets.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let _ = writeln!(page, "<div class=\"row\"{}>", table::facets(facets));
        if !row.label.is_empty() {
            let _ = writeln!(page, "<h4>{}</h4>", escape(&row.label));
        }
        page.push_str("<div class=\"tiles\">\n");
        row.tiles.iter().for_each(|tile| write_tile(page, &row.label, tile));
        page.push_str("</div>\n</div>\n");
    }
    page.push_str("</div></div>\n</section>\n");
}

fn write_tile(page: &mut String, label: &str, tile: &Tile) {
    page.push_str("<figure class=\"tile\">");
    let alt = format!("{label} {}", tile.caption);
    let size = tile.image.size;
    let (first, second) = (data_of(&tile.image), tile.other.as_ref().and_then(data_of));
    match (first, second) {
        (Some(first), Some(second)) => {
            page.push_str("<div class=\"frame pair\">");
            write_image(page, size, &format!("{alt} (right)"), &second);
            write_image(page, size, &format!("{alt} (left)"), &first);
            let _ = write!(
                page,
                "<input type=\"range\" min=\"0\" max=\"100\" value=\"50\" hidden aria-label=\"{}\"></div>",
                escape(&format!("{}: how much of the left picture is seen", alt.trim()))
            );
        }
        (Some(first), None) => {
            page.push_str("<div class=\"frame\">");
            write_image(page, size, &alt, &first);
            page.push_str("</div>");
        }
        (None, _) => page.push_str("<p class=\"empty\">No picture.</p>"),
    }
    if !tile.caption.is_empty() {
        let _ = write!(page, "<figcaption>{}</figcaption>", escape(&tile.caption));
    }
    page.push_str("</figure>\n");
}

fn write_image(page: &mut String, size: Size, alt: &str, data: &str) {
    let (Size { height, width }, alt) = (size, escape(alt.trim()));
    let _ =
        write!(page, "<img width=\"{width}\" height=\"{height}\" alt=\"{alt}\" src=\"{data}\">");
}

/// A picture as an address that holds it: exact while it is small, as JPEG where a PNG would be heavy. `None` for an empty
/// picture, and one whose data does not fit its size.
fn data_of(image: &RgbImage) -> Option<String> {
    // Checked here: an encoder may trust the size.
    let bytes = image.size.width.checked_mul(image.size.height)?.checked_mul(3)?;
    if bytes == 0 || bytes != image.data.len() {
        return None;
    }
    let (kind, file) = match image.size.width > EXACT {
        true => ("jpeg", encode::jpeg_rgb_with(image, 88, Chroma::Full).ok()?),
        false => ("png", encode::png_rgb(image).ok()?),
    };
    Some(format!("data:image/{kind};base64,{}", STANDARD.encode(file)))
}
