//! Prompts in CSV: a header, and a row per prompt. Columns may come in any order; empty cells are what is not there. Cells are
//! separated by commas, or by semicolons or tabs where the header is; beside those a number may have a comma for its point.

use maskwright_data::prompt::Point;
use maskwright_data::source::{line_of, sign_between_cells, with_plain_ends};

use super::columns::Columns;
use super::{Id, List, ListedPrompt};
use crate::error::Result;
use crate::prompt_file::PromptEntry;

pub(super) fn read(bytes: &[u8], list: &mut List<'_>) -> Result<()> {
    let mark = sign_between_cells(bytes);
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.delimiter(mark).trim(csv::Trim::All);
    let mut reader = reader.from_reader(with_plain_ends(bytes));
    let header = reader.headers().map_err(|error| list.wrong("CSV", error))?.clone();
    let columns = Columns::of(&header);
    let columns = columns.map_err(|(expected, found)| list.wrong(&expected, found))?;
    let mut row = csv::StringRecord::new();
    loop {
        let read = reader.read_record(&mut row);
        let line = line_of(reader.position(), row.as_slice().as_bytes());
        let read = read.map_err(|error| match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                list.wrong(&format!("{expected_len} cells in line {line}, as in the first"), len)
            }
            _ => list.wrong("CSV", error),
        })?;
        if !read {
            break;
        }
        let place = || format!("line {line}");
        let cell = |column: Option<usize>| {
            let text = column.and_then(|column| row.get(column)).unwrap_or_default();
            (!text.is_empty()).then_some(text)
        };
        let named = |column: usize| header.get(column).unwrap_or_default();
        let number = |column: usize, text: &str| {
            let plain = if mark == b',' { text.to_owned() } else { text.replace(',', ".") };
            plain.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                list.wrong(&format!("a number for {} in {}", named(column), place()), text)
            })
        };
        let box_xyxy = match columns.box_in {
            None => None,
            Some((form, at)) => {
                let given = at.map(|column| cell(Some(column)).map(|text| number(column, text)));
                match given {
                    [None, None, None, None] => None,
                    [Some(one), Some(two), Some(three), Some(four)] => {
                        Some(form.corners([one?, two?, three?, four?]))
                    }
                    _ => {
                        let names = at.map(named).join(", ");
                        let expected = format!("all of {names} in {}, or none", place());
                        return Err(list.wrong(&expected, "some of them"));
                    }
                }
            }
        };
        let points = match cell(columns.points) {
            None => Vec::new(),
            Some(text) => text
                .split(';')
                .filter(|point| !point.trim().is_empty())
                .map(|text| {
                    let expected = format!(
                        "points as \"x y label; x y label\" in {}, labels 1 (on the object) or 0 (beside it)",
                        place()
                    );
                    point(text).ok_or_else(|| list.wrong(&expected, text))
                })
                .collect::<Result<_>>()?,
        };
        let score = columns.score.and_then(|column| Some((column, cell(Some(column))?)));
        let score = score.map(|(column, text)| number(column, text)).transpose()?;
        let prompt = ListedPrompt {
            id: cell(columns.id).map(id),
            score,
            category_id: cell(columns.category_id).map(id),
            entry: PromptEntry { box_xyxy, points, mask: None, mask_input: None },
        };
        let image = cell(Some(columns.image)).unwrap_or_default();
        list.add((image.to_owned(), None), prompt, &place)?;
    }
    Ok(())
}

/// A number where the text is that of one.
fn id(text: &str) -> Id {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Id::Number(number),
        _ => Id::Text(text.to_owned()),
    }
}

/// "x y" or "x y label", also with commas.
fn point(text: &str) -> Option<Point> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    let numbers: Vec<f32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let label = match numbers.get(2) {
        None => 1,
        Some(&label) if label == 0.0 || label == 1.0 => label as i32,
        Some(_) => return None,
    };
    let finite = numbers.iter().all(|number| number.is_finite());
    match numbers[..] {
        [x, y] | [x, y, _] if finite => Some(Point { x, y, label }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn rows_are_prompts() {
        let text = "\u{feff}id,image, x0,y0,x1,y1,points,score,category_id\n\
            7,a/b.jpg,1,2,30.5,40,,0.25,3\n\
            007,\"c, d.jpg\",,,,,\"3 4; 5,6,0\",,\n\
            ,a/b.jpg,1,2,3,4,9 9 1,,cat\n";
        let images = parse(text.as_bytes(), "p.csv".as_ref()).expect("a list");
        let names: Vec<_> = images.iter().map(|one| (&*one.image, one.prompts.len())).collect();
        assert_eq!(names, [("a/b.jpg", 2), ("c, d.jpg", 1)]);
        let [first, third] = &images[0].prompts[..] else { panic!("two") };
        assert_eq!((&first.id, first.score), (&Some(Id::Number(7)), Some(0.25)));
        assert_eq!(first.entry.box_xyxy, Some([1.0, 2.0, 30.5, 40.0]));
        assert_eq!(third.category_id, Some(Id::Text("cat".into())));
        assert_eq!(third.entry.points, [Point { x: 9.0, y: 9.0, label: 1 }]);
        let second = &images[1].prompts[0];
        assert_eq!(second.id, Some(Id::Text("007".into())));
        let points = [Point { x: 3.0, y: 4.0, label: 1 }, Point { x: 5.0, y: 6.0, label: 0 }];
        assert_eq!(second.entry.points, points);
    }

    #[test]
    fn files_of_spreadsheets_are_read() {
        let commas = "image,x0,y0,x1,y1,points,score\na.jpg,1,2,30.5,40,1 2 0;3 4,0.25\n";
        let expected = parse(commas.as_bytes(), "p.csv".as_ref()).expect("a list");
        let same = |text: String| {
            let found = parse(text.as_bytes(), "p.csv".as_ref());
            assert_eq!(found.expect("a list"), expected, "{text:?}");
        };
        same(commas.replace('\n', "\r\n"));
        same(commas.trim_end().to_owned());
        same(commas.replace(',', "\t"));
        let semicolons = "image;x0;y0;x1;y1;points;score\na.jpg;1;2;30,5;40;\"1 2 0;3 4\";0,25\n";
        same(semicolons.to_owned());
        same(format!("\u{feff}{}", semicolons.replace('\n', "\r\n")));
    }

    #[test]
    fn rows_that_are_none_are_named() {
        let refused = [
            "",
            "image,x0,y0,x1,y1\n",
            "x0,y0,x1,y1\n1,2,3,4\n",
            "image,x,y\na,1,2\n",
            "image,x0,y0,x1,y1\na,1,2,3,4\nb,1,2,3,\n",
            "image,x0,y0,x1,y1\r\na,1,2,3,4\r\n\r\na,1,2,q,4\r\n",
            "image,x0,y0,x1,y1\r\na,1,2,3,4\r\nb,1,2,3\r\n",
            "image,x0,y0,x1,y1\na,1,2,3,nan\n",
            "image,points\na,1 2 7\n",
            "image,points,id\na,,3\n",
            "image,points\n,1 2\n",
            "image,points\na,1 2,3\n",
            "image;x0;y0;x1;y1\na;1;2;3;4,5,6\n",
        ]
        .map(|text| parse(text.as_bytes(), "p.csv".as_ref()).expect_err("refused").to_string());
        insta::assert_snapshot!(refused.join("\n"), @r#"
            p.csv: expected a first row with the names of the columns, image among them, found an empty file
            p.csv: expected at least one prompt, found none
            p.csv: expected a first row with the names of the columns, image among them, found x0,y0,x1,y1
            p.csv: expected the four columns of a box (x0, y0, x1, y1; xmin, ymin, xmax, ymax; x1, y1, x2, y2; or x, y, width, height), found x, y
            p.csv: expected all of x0, y0, x1, y1 in line 3, or none, found some of them
            p.csv: expected a number for x1 in line 4, found q
            p.csv: expected 5 cells in line 3, as in the first, found 4
            p.csv: expected a number for y1 in line 2, found nan
            p.csv: expected points as "x y label; x y label" in line 2, labels 1 (on the object) or 0 (beside it), found 1 2 7
            p.csv: expected a box, points or a mask in line 2, found none of them
            p.csv: expected the name of an image in line 2, found none
            p.csv: expected 2 cells in line 2, as in the first, found 3
            p.csv: expected a number for y1 in line 2, found 4,5,6
            "#);
    }
}
