//! Results on standard output: tables for people, JSON for machines.

use std::io::Write;

use serde::Serialize;

/// Prints a value as one JSON document.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints rows under a header: the first column left, the others right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in table_lines(header, rows) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The lines of a table.
pub(crate) fn table_lines(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            if column == 0 {
                text.push_str(&format!("{cell}{gap}"));
            } else {
                text.push_str(&format!("  {gap}{cell}"));
            }
        }
        text.trim_end().to_owned()
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
    let mut lines = vec![line(&header), rule];
    lines.extend(rows.iter().map(|row| line(row)));
    lines
}

#[cfg(test)]
mod tests {
    use super::table_lines;

    #[test]
    fn columns_align() {
        let rows =
            [vec!["HRSOD".to_owned(), "0.9".to_owned()], vec!["a".to_owned(), "0.1234".to_owned()]];
        let lines = table_lines(&["set", "IoU"], &rows);
        assert_eq!(lines, ["set       IoU", "-------------", "HRSOD     0.9", "a      0.1234"]);
    }
}
