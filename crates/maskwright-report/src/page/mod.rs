//! The report of a run: one HTML file with its figures, curves, tables and pictures.
//!
//! A [`Report`] is plain data that its caller fills; [`Report::to_html`] turns it into
//! a single page that needs nothing else: styles, charts (SVG) and pictures are
//! inside it, and no request leaves the page, which also forbids them by its content security policy.
//! Its one script, `page.js`, sorts and filters tables, reads curves, compares two pictures and enlarges them; the policy names
//! its sum, so no other runs. Without scripts the page says the same. It follows the reader's light or dark mode
//! and prints. The same report always gives the same bytes.
//!
//! [`Gallery::to_image`] and [`CurvePlot::to_image`] draw the same content as
//! pictures, for a PNG beside the page. [`tile`] composes pictures of predictions.
//!
//! ```
//! use maskwright_report::page::{Best, CurvePlot, Report, Series, Table};
//!
//! let report = Report {
//!     title: "Demo run".into(),
//!     command: "maskwright demo".into(),
//!     created: "2024-05-01 12:00 UTC".into(),
//!     summary: vec![("mIoU".into(), "0.861".into())],
//!     curves: vec![CurvePlot {
//!         title: "Loss".into(),
//!         x_label: "step".into(),
//!         y_label: "loss".into(),
//!         series: vec![Series { name: "train".into(), points: vec![(0.0, 1.5), (1.0, 0.9)] }],
//!         log_y: true,
//!         ..CurvePlot::default()
//!     }],
//!     tables: vec![Table {
//!         title: "Evaluation".into(),
//!         header: vec!["Model".into(), "mIoU".into()],
//!         rows: vec![vec!["SAM".into(), "0.79".into()], vec!["HQ".into(), "0.86".into()]],
//!         best: vec![None, Some(Best::Highest)],
//!         ..Table::default()
//!     }],
//!     ..Report::default()
//! };
//! let page = report.to_html();
//! assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"));
//! ```

mod axis;
pub(crate) mod bar_chart;
mod chart;
mod chart_picture;
mod chart_svg;
pub mod escape;
mod gallery_picture;
pub(crate) mod html;
mod style;
mod table;
pub mod tile;

pub use html::is_page;
use maskwright_image::RgbImage;
use serde::{Deserialize, Serialize};

/// A report as data. Every text is plain text: it is escaped where it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The heading and the page's title.
    pub title: String,
    /// The command line that made the run; left out where empty.
    pub command: String,
    /// When the report was made, in the words of the caller; left out where empty.
    pub created: String,
    /// What came out, in sentences; they stand before all else.
    pub verdict: Vec<String>,
    /// The key figures: name and value.
    pub summary: Vec<(String, String)>,
    /// Charts, two beside each other where there is room.
    pub curves: Vec<CurvePlot>,
    /// Histograms, behind the charts.
    pub bars: Vec<BarPlot>,
    /// Tables, in order; they stand before the charts.
    pub tables: Vec<Table>,
    /// Galleries of pictures, in order.
    pub galleries: Vec<Gallery>,
    /// What leads to the same figures again: name and value.
    pub reproduce: Vec<(String, String)>,
    /// Remarks, one paragraph each.
    pub notes: Vec<String>,
}

/// A line chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePlot {
    /// The heading.
    pub title: String,
    /// What the x axis counts ("step", "epoch").
    pub x_label: String,
    /// What the y axis measures, with its unit.
    pub y_label: String,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
    /// Whether the y axis is logarithmic; values of 0 or less have no place on it and
    /// are left out.
    pub log_y: bool,
    /// Places on the x axis that are marked, with a word for each.
    #[serde(default)]
    pub marks: Vec<(f64, String)>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// (x, y), ascending in x. A value that is not finite interrupts the line.
    pub points: Vec<(f64, f64)>,
}

/// A histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarPlot {
    /// The heading.
    pub title: String,
    /// What is counted, and what else is to be said of all values.
    pub hint: String,
    /// The bins from left to right.
    pub bins: Vec<Bin>,
}

/// A bin of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// Its values, in few letters.
    pub label: String,
    /// Its values with their unit.
    pub range: String,
    /// How many there are.
    pub count: u64,
}

/// A table of texts and numbers. Rows can be sorted on the page, and chosen by what stands in the columns `set`, `prompt`, `mask`
/// and `size`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// A sentence under the heading; left out where empty.
    pub caption: String,
    /// The column headings.
    pub header: Vec<String>,
    /// The cells, row by row; missing cells at the end of a row are empty.
    pub rows: Vec<Vec<String>>,
    /// Per column, which of its numbers to highlight; may be shorter than the header.
    pub best: Vec<Option<Best>>,
}

/// Which number of a column is the best one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// The highest, as of an IoU.
    Highest,
    /// The lowest, as of a loss.
    Lowest,
}

/// Rows of pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gallery {
    /// The heading.
    pub title: String,
    /// A sentence under the heading; left out where empty.
    pub caption: String,
    /// The rows, each usually one sample.
    pub rows: Vec<GalleryRow>,
}

/// Pictures of one sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GalleryRow {
    /// What the row shows, usually the sample's name.
    pub label: String,
    /// By what it can be chosen on the page: names and values such as `set` and the set's name.
    pub facets: Vec<(String, String)>,
    /// The pictures, from left to right.
    pub tiles: Vec<Tile>,
}

/// A picture with its caption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    /// The text under the picture.
    pub caption: String,
    /// The picture.
    pub image: RgbImage,
    /// A second picture of the same size to compare it with, by a handle: it is seen to the right of the handle.
    pub other: Option<RgbImage>,
}

#[cfg(test)]
pub(crate) mod tests;
