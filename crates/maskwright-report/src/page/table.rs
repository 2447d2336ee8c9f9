//! Tables: numbers to the right, the best of a column marked.

use super::escape::escape;
use super::{Best, Table};
use std::fmt::Write;

/// The number that a cell starts with: "81.2 ± 0.3" is 81.2, "12 ms" is 12.
fn number(cell: &str) -> Option<f64> {
    let text = cell.trim().replace('\u{2212}', "-");
    let end = text
        .char_indices()
        .find(|&(i, c)| !(c.is_ascii_digit() || c == '.' || (i == 0 && "+-".contains(c))))
        .map_or(text.len(), |(i, _)| i);
    // An exponent belongs to the number where one follows: "1.2e-3".
    let exponent = text[end..].strip_prefix(['e', 'E']).map_or(0, |rest| {
        let sign = usize::from(rest.starts_with(['+', '-']));
        let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 { 1 + sign + digits } else { 0 }
    });
    text[..end + exponent].parse().ok()
}

/// Whether a cell that begins like a number is a name: `00038-scissors`, `7.jpg`.
fn is_name(cell: &str) -> bool {
    let joined = |pair: &[u8]| b"-_.".contains(&pair[0]) && pair[1].is_ascii_alphabetic();
    cell.as_bytes().windows(2).any(joined)
}

/// Whether a column holds numbers: all its cells that say something do.
fn is_numeric(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.trim());
    let empty = |cell: &str| matches!(cell, "" | "-" | "\u{2013}" | "\u{2014}" | "n/a");
    cells().any(|cell| !empty(cell))
        && cells().all(|cell| empty(cell) || (number(cell).is_some() && !is_name(cell)))
}

/// The columns by which rows can be chosen.
const FACETS: [&str; 4] = ["set", "prompt", "mask", "size"];

/// What a row can be chosen by, as JSON for an attribute; nothing where there is nothing.
pub(super) fn facets<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<(&str, &str)> = pairs.collect();
    if pairs.is_empty() {
        return String::new();
    }
    let json = serde_json::to_string(&pairs).expect("texts");
    format!(" data-facets=\"{}\"", escape(&json))
}

/// The number of a column to highlight, if it has at least two different ones.
fn best(table: &Table, column: usize) -> Option<f64> {
    let rule = table.best.get(column).copied().flatten()?;
    let numbers = || table.rows.iter().filter_map(|row| number(row.get(column)?));
    let (low, high) = (numbers().reduce(f64::min)?, numbers().reduce(f64::max)?);
    (low < high).then_some(match rule {
        Best::Highest => high,
        Best::Lowest => low,
    })
}

pub(super) fn write(page: &mut String, table: &Table) {
    let _ = writeln!(page, "<section class=\"block\">\n<h3>{}</h3>", escape(&table.title));
    if !table.caption.is_empty() {
        let _ = writeln!(page, "<p class=\"caption\">{}</p>", escape(&table.caption));
    }
    let columns = table.rows.iter().map(Vec::len).chain([table.header.len()]).max().unwrap_or(0);
    let numeric: Vec<bool> = (0..columns).map(|column| is_numeric(table, column)).collect();
    let bests: Vec<Option<f64>> = (0..columns).map(|column| best(table, column)).collect();
    page.push_str("<div class=\"scroll\"><table>\n");
    if !table.header.is_empty() {
        page.push_str("<thead><tr>");
        for (column, &numeric) in numeric.iter().enumerate() {
            let class = if numeric { " class=\"num\"" } else { "" };
            let text = table.header.get(column).map_or("", String::as_str);
            let _ = write!(page, "<th scope=\"col\"{class}>{}</th>", escape(text));
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &table.rows {
        let cells = table.header.iter().zip(row);
        let chosen = cells.filter(|(name, _)| FACETS.contains(&name.as_str()));
        let chosen = facets(chosen.map(|(name, cell)| (name.as_str(), cell.as_str())));
        let _ = write!(page, "<tr{chosen}>");
        for (column, (&numeric, best)) in numeric.iter().zip(&bests).enumerate() {
            let text = row.get(column).map_or("", String::as_str);
            let marked = best.is_some() && number(text) == *best;
            let class = match (numeric, marked) {
                (true, true) => " class=\"num best\"",
                (true, false) => " class=\"num\"",
                (false, true) => " class=\"best\"",
                (false, false) => "",
            };
            let _ = write!(page, "<td{class}>{}</td>", escape(text));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_cells() {
        assert_eq!(number("0.861"), Some(0.861));
        assert_eq!(number(" 81.2 ± 0.3"), Some(81.2));
        assert_eq!(number("12 ms"), Some(12.0));
        assert_eq!(number("\u{2212}4%"), Some(-4.0));
        assert_eq!(number("1.2e-3"), Some(0.0012));
        assert_eq!(number("3 epochs"), Some(3.0));
        assert_eq!(number("3e"), Some(3.0));
        assert_eq!(number("SAM"), None);
        assert_eq!(number("-"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn names_that_begin_with_digits_are_no_numbers() {
        let numeric = |cells: &[&str]| {
            let rows = cells.iter().map(|cell| vec![(*cell).to_owned()]).collect();
            is_numeric(&Table { rows, ..Table::default() }, 0)
        };
        assert!(numeric(&["0.7197 to 0.8257", "1.2e-3", "+0.1", "-", "16 images/s", "2026-11-29"]));
        assert!(!numeric(&["0.5", "00038-scissors"]));
        assert!(!numeric(&["7.jpg"]));
    }

    #[test]
    fn best_cells_are_marked_in_numeric_columns() {
        let table = Table {
            title: "t".into(),
            header: vec!["model".into(), "IoU".into(), "loss".into(), "same".into()],
            rows: vec![
                vec!["a".into(), "0.7".into(), "0.5".into(), "1".into()],
                vec!["b".into(), "0.9".into(), "0.2".into(), "1".into()],
                vec!["c".into(), "0.90".into()],
            ],
            best: vec![None, Some(Best::Highest), Some(Best::Lowest), Some(Best::Highest)],
            ..Table::default()
        };
        let mut page = String::new();
        write(&mut page, &table);
        // Short rows are filled.
        insta::assert_snapshot!(page, @r#"
            <section class="block">
            <h3>t</h3>
            <div class="scroll"><table>
            <thead><tr><th scope="col">model</th><th scope="col" class="num">IoU</th><th scope="col" class="num">loss</th><th scope="col" class="num">same</th></tr></thead>
            <tbody>
            <tr><td>a</td><td class="num">0.7</td><td class="num">0.5</td><td class="num">1</td></tr>
            <tr><td>b</td><td class="num best">0.9</td><td class="num best">0.2</td><td class="num">1</td></tr>
            <tr><td>c</td><td class="num best">0.90</td><td class="num"></td><td class="num"></td></tr>
            </tbody>
            </table></div>
            </section>
            "#);
    }
}
