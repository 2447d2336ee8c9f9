//! Lines for findings.

use maskwright_data::source::SetSpec;

use super::{Fix, Hints, Situation, fix};
use crate::differ::Differ;
use crate::finding::Check;
use crate::issue::Hint;

fn line(check: Check, hints: &[Hint], records: u64, checked: u64) -> Option<String> {
    let mut all = Hints::default();
    hints.iter().for_each(|hint| all.add(hint));
    all.name("a[1]");
    all.name("a[1]");
    all.name("b");
    let spec = SetSpec::pairs("set", "im", "gt");
    let spec = SetSpec { exclude: vec!["old*".into()], ..spec };
    let at = Situation { spec: Some(&spec), records, checked, hints: &all, found: &[check] };
    fix(check, &at).0.and_then(|fix| fix.line(Some(&spec)))
}

#[test]
fn lines_are_valid_settings_of_a_set() {
    let lines = [
        line(Check::ZeroOneMask, &[], 1, 1),
        line(Check::ClassIdMask, &[Hint::Values(vec![0, 1, 2]), Hint::Values(vec![0, 7])], 2, 2),
        line(Check::DimMask, &[Hint::Values(vec![0, 100])], 1, 1),
        line(
            Check::ColourMask,
            &[Hint::Colours(vec![([0; 3], 90), ([0, 176, 0], 7), ([255, 0, 0], 3)])],
            1,
            1,
        ),
        line(Check::ColourMask, &[Hint::Alpha], 1, 1),
        line(Check::InvertedMask, &[], 9, 10),
        line(Check::DamagedFile, &[], 2, 10),
        line(Check::SizeMismatch, &[Hint::ExifAuto], 1, 1),
    ];
    let lines: Vec<String> = lines.into_iter().map(|line| line.expect("a line")).collect();
    assert_eq!(
        lines,
        [
            "mask_values = { 1 = 255 }",
            "mask_values = { 1 = 255, 2 = 255, 7 = 255 }",
            "mask_values = { 100 = 255 }",
            "mask_colours = { \"#00b000\" = 255, \"#ff0000\" = 255 }",
            "mask_channel = \"alpha\"",
            "invert = true",
            "exclude = [\"old*\", \"a[[]1[]]\", \"b\"]",
            "exif = \"auto\"",
        ]
    );
    for line in lines {
        let text = format!("name = \"a\"\nimages = \"x\"\nmasks = \"y\"\n{line}\n");
        let spec: SetSpec = toml::from_str(&text).expect("a set");
        spec.mask_rule().expect("a rule");
    }
}

#[test]
fn what_is_not_certain_gets_no_line() {
    assert_eq!(line(Check::ColourMask, &[Hint::Alpha], 2, 2), None);
    assert_eq!(line(Check::InvertedMask, &[], 3, 10), None);
    assert_eq!(line(Check::SoftMask, &[], 3, 10), None);
    let scale = |need, area| Hint::Scale { need, area };
    assert_eq!(line(Check::TinyObject, &[scale(3.0, 2)], 3, 10), None);
    let both = [scale(3.0, 2), scale(0.311, 120)];
    assert_eq!(line(Check::TinyObject, &both, 3, 10).unwrap(), "scale_min = 0.32");
    let mut hints = Hints::default();
    both.iter().for_each(|hint| hints.add(hint));
    let coco = SetSpec::coco("a", "b.json", "c");
    let at = Situation { spec: Some(&coco), records: 2, checked: 9, hints: &hints, found: &[] };
    assert_eq!(fix(Check::TinyObject, &at).0, Some(Fix::Line("min_area = 121".into())));
}

#[test]
fn most_of_a_set_is_not_left_out() {
    let few = [Hint::Sizes(Differ::Sideways)];
    let mut hints = Hints::default();
    few.iter().for_each(|hint| hints.add(hint));
    hints.name("a");
    let at =
        |records, checked| Situation { spec: None, records, checked, hints: &hints, found: &[] };
    assert_eq!(fix(Check::SizeMismatch, &at(1, 2)).0, Some(Fix::Exclude(vec!["a".into()])));
    let (line, advice) = fix(Check::SizeMismatch, &at(4, 5));
    assert_eq!(line, None);
    assert!(advice.unwrap().contains("lie on their side"));
    // Damaged ones can be left out as long as one is sound.
    assert!(fix(Check::DamagedFile, &at(4, 5)).0.is_some());
    assert_eq!(fix(Check::DamagedFile, &at(5, 5)), (None, None));
}
