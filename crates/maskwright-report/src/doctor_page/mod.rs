//! The page of a data set's examination: every finding with its explanation, the line that fixes it, and
//! pictures of the first records that it concerns.
//!
//! Like all [pages](crate::page) it is one file that needs no other file and makes no request, and follows light or dark
//! mode. Only the pictures that are shown are decoded once more.

mod bars;
mod cases;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use maskwright_doctor::{Diagnosis, Finding, Instance, Looker, SetDiagnosis, Severity, Subject};

use crate::error::Result;
use crate::page::escape::escape;
use crate::page::html;

/// Records that are shown of a finding that needs something done, and of a note.
const SHOWN: usize = 8;
const SHOWN_OF_NOTES: usize = 4;

/// Writes the page of a diagnosis of `subjects` to `path`.
///
/// # Errors
///
/// The page cannot be written. Pictures that cannot be decoded are left out.
pub fn write(
    subjects: &[Subject],
    diagnosis: &Diagnosis,
    command: &str,
    path: &Path,
) -> Result<()> {
    let page = page(subjects, diagnosis, command, &crate::run_report::today());
    crate::files::write_atomically(path, page.as_bytes())
}

fn page(subjects: &[Subject], diagnosis: &Diagnosis, command: &str, created: &str) -> String {
    let names: Vec<&str> = diagnosis.sets.iter().take(3).map(|set| set.name.as_str()).collect();
    let more = if diagnosis.sets.len() > 3 { " and others" } else { "" };
    let title = format!("Examination of {}{more}", names.join(", "));
    let mut page = html::begin(&title, created, command);
    html::write_summary(&mut page, &summary(diagnosis));
    let mut looker = Looker::new();
    for (place, set) in diagnosis.sets.iter().enumerate() {
        write_set(&mut page, subjects, place, set, &mut looker);
    }
    html::end(&mut page);
    page
}

fn summary(diagnosis: &Diagnosis) -> Vec<(String, String)> {
    let sum = |of: fn(&SetDiagnosis) -> u64| diagnosis.sets.iter().map(of).sum::<u64>().to_string();
    let mut figures = vec![
        ("records".to_owned(), sum(|set| set.records)),
        ("usable".to_owned(), sum(|set| set.usable)),
        ("objects".to_owned(), sum(|set| set.objects)),
        ("errors".to_owned(), diagnosis.count(Severity::Error).to_string()),
        ("warnings".to_owned(), diagnosis.count(Severity::Warning).to_string()),
        ("notes".to_owned(), diagnosis.count(Severity::Note).to_string()),
    ];
    if !diagnosis.complete {
        let text = format!("stopped after {} records", sum(|set| set.checked));
        figures.push(("not complete".to_owned(), text));
    }
    figures
}

fn write_set(
    page: &mut String,
    subjects: &[Subject],
    place: usize,
    set: &SetDiagnosis,
    looker: &mut Looker,
) {
    let _ = writeln!(
        page,
        "<section>\n<h2>{} <small>[[{}]]</small></h2>\n<p class=\"facts\">{} records, {} usable, \
         {} objects, {:.1} MB read</p>",
        escape(&set.name),
        set.list.name(),
        set.records,
        set.usable,
        set.objects,
        set.bytes as f64 / 1e6
    );
    if set.findings.is_empty() {
        page.push_str("<p class=\"clean\">Nothing was found.</p>\n");
    } else {
        overview(page, place, set);
        for finding in &set.findings {
            write_finding(page, subjects, place, finding, looker);
        }
    }
    if !set.histograms.is_empty() {
        page.push_str("<div class=\"charts small\">\n");
        set.histograms.iter().for_each(|histogram| bars::write(page, histogram));
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
}

/// The findings at a glance, and all lines that fix them.
fn overview(page: &mut String, place: usize, set: &SetDiagnosis) {
    page.push_str(
        "<section class=\"block\"><div class=\"scroll\"><table class=\"overview\">\n<thead><tr>\
         <th scope=\"col\">severity</th><th scope=\"col\">finding</th><th scope=\"col\" class=\"num\">count</th>\
         <th scope=\"col\">meaning</th></tr></thead>\n<tbody>\n",
    );
    for finding in &set.findings {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td><a href=\"#{}\">{}</a></td><td class=\"num\">{}</td><td>{}</td></tr>",
            badge(finding.severity),
            anchor(place, finding),
            finding.name,
            finding.count,
            escape(finding.explanation)
        );
    }
    page.push_str("</tbody></table></div>\n");
    if !set.lines.is_empty() {
        let _ = writeln!(
            page,
            "<p class=\"caption\">For the data file:</p><pre class=\"command\"><code>{}</code></pre>",
            escape(&set.lines.join("\n"))
        );
    }
    page.push_str("</section>\n");
}

fn badge(severity: Severity) -> String {
    format!("<span class=\"badge {0}\">{0}</span>", severity.name())
}

fn anchor(place: usize, finding: &Finding) -> String {
    format!("set-{place}-{}", finding.name)
}

fn write_finding(
    page: &mut String,
    subjects: &[Subject],
    place: usize,
    finding: &Finding,
    looker: &mut Looker,
) {
    let count = match (finding.count, finding.records) {
        (count, records) if records > 0 && records != count => {
            format!("{count} times on {records} records")
        }
        (1, _) => "once".to_owned(),
        (count, _) => format!("{count} times"),
    };
    let _ = writeln!(
        page,
        "<section class=\"block finding\" id=\"{}\">\n<h3>{} {} <span class=\"count\">{count}</span></h3>\n<p>{}</p>",
        anchor(place, finding),
        badge(finding.severity),
        finding.name,
        escape(finding.explanation)
    );
    write_fix(page, finding);
    let shown = if finding.severity == Severity::Note { SHOWN_OF_NOTES } else { SHOWN };
    page.push_str("<div class=\"cases\">\n");
    for instance in chosen(finding, shown) {
        cases::write(page, subjects, place, finding.name, instance, looker);
    }
    page.push_str("</div>\n");
    if finding.listed.len() > shown {
        let rest = if finding.listed.len() as u64 == finding.count {
            format!("all {}", finding.count)
        } else {
            format!("the first {} of {}", finding.listed.len(), finding.count)
        };
        let _ = writeln!(page, "<details><summary>{rest}</summary><ul>");
        for instance in &finding.listed {
            let _ = writeln!(
                page,
                "<li>{} <span>{}</span></li>",
                escape(&cases::label(instance)),
                escape(&instance.detail)
            );
        }
        page.push_str("</ul></details>\n");
    }
    page.push_str("</section>\n");
}

/// Instances of different records first: many objects of one image would show one image.
fn chosen(finding: &Finding, count: usize) -> Vec<&Instance> {
    let mut seen = BTreeSet::new();
    let (mut first, more): (Vec<_>, Vec<_>) = finding
        .listed
        .iter()
        .partition(|instance| instance.record.is_none_or(|record| seen.insert(record)));
    first.extend(more);
    first.truncate(count);
    first
}

fn write_fix(page: &mut String, finding: &Finding) {
    let advice = finding.advice.as_deref().map(escape);
    match (&finding.fix, advice) {
        (Some(fix), advice) => {
            let advice = advice
                .map(|advice| format!(" <span class=\"advice\">({advice})</span>"))
                .unwrap_or_default();
            let flags = finding.flags.as_deref().map(escape);
            let flags = flags.map(|flags| format!(", or <code>{flags}</code>")).unwrap_or_default();
            let fix = escape(fix);
            let _ = writeln!(page, "<p class=\"fix\"><code>{fix}</code>{flags}{advice}</p>");
        }
        (None, Some(advice)) => {
            let _ = writeln!(page, "<p class=\"fix\"><span class=\"advice\">{advice}</span></p>");
        }
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use maskwright_data::source::{OpenContext, SetSpec};
    use maskwright_doctor::{Role, Settings, examine};
    use maskwright_image::{GreyImage, RgbImage, encode};

    use super::*;
    use crate::page::tests::body;
    use maskwright_image::Size;

    /// A set with a name that would break a careless page: one pair is sound, one mask holds 0 and 1, one image is
    /// no image.
    fn subjects(root: &Path) -> Vec<Subject> {
        let (images, masks) = (root.join("im"), root.join("gt"));
        std::fs::create_dir_all(&images).expect("created");
        std::fs::create_dir_all(&masks).expect("created");
        for (number, name) in ["a", "b<i>", "c"].iter().enumerate() {
            let mut image = RgbImage::filled(Size::new(60, 90), 40);
            image
                .data
                .iter_mut()
                .enumerate()
                .for_each(|(at, v)| *v = (at * (number + 2) / 7) as u8);
            let mut mask = GreyImage::filled(Size::new(60, 90), 0);
            let level = if number == 1 { 1 } else { 255 };
            mask.data[2000 + 90 * number..4000].fill(level);
            let file = encode::jpeg_rgb(&image, 90).expect("encoded");
            let file = if number == 2 { b"<html>".to_vec() } else { file };
            std::fs::write(images.join(format!("{name}.jpg")), file).expect("written");
            let file = encode::png_grey(&mask).expect("encoded");
            std::fs::write(masks.join(format!("{name}.png")), file).expect("written");
        }
        vec![Subject::open(
            &SetSpec::pairs("<b>set</b>", images, masks),
            Role::Train,
            &OpenContext::default(),
        )]
    }

    #[test]
    fn every_finding_is_on_the_page_with_its_pictures() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let subjects = subjects(root.path());
        let found = examine(&subjects, &Settings::default(), &mut |_| true).expect("examined");
        let page = page(&subjects, &found, "maskwright doctor \"x\"", "2024-05-01");
        // Image and mask file of the refused mask are shown; the file that is no image has none.
        let place = root.path().display().to_string();
        insta::assert_snapshot!("page", body(&page).replace(&place, "[DIR]"));
        for tag in ["section", "figure", "div", "p", "table", "h3", "svg", "details"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            let opened = page.matches(&format!("{open} ")).count()
                + page.matches(&format!("{open}>")).count();
            assert_eq!(opened, page.matches(&close).count(), "{tag}");
        }
    }

    #[test]
    fn a_page_of_nothing_says_so() {
        let found = Diagnosis { complete: false, sets: Vec::new() };
        let page = page(&[], &found, "", "");
        insta::assert_snapshot!(body(&page), @r#"
            <main>
            <header>
            <h1>Examination of </h1>
            </header>
            <dl class="summary">
            <div><dt>records</dt><dd>0</dd></div>
            <div><dt>usable</dt><dd>0</dd></div>
            <div><dt>objects</dt><dd>0</dd></div>
            <div><dt>errors</dt><dd>0</dd></div>
            <div><dt>warnings</dt><dd>0</dd></div>
            <div><dt>notes</dt><dd>0</dd></div>
            <div class="long"><dt>not complete</dt><dd>stopped after 0 records</dd></div>
            </dl>
            </main>
            </body>
            </html>
            "#);
    }
}
