//! Names of many files: braces as in shells, then `*`, `?` and `[a-z]`.

use std::path::{Path, PathBuf};

use glob::Pattern;

use crate::error::{Error, Result};

/// More files than any set has; a slip like `{0..999999999}` is refused.
pub(super) const MOST: usize = 1_000_000;

/// The files that patterns stand for: in the order of the patterns, those of a `*` sorted by name.
///
/// `{a,b}` and `{000..127}` (which keeps leading zeros) stand for each of their words, as in shells and
/// in WebDataset. A backslash takes the meaning from a brace or comma.
///
/// # Errors
///
/// Braces that do not close, ranges that are none, patterns that no file fits, files named twice.
pub(crate) fn files(key: &str, patterns: &[String]) -> Result<Vec<PathBuf>> {
    let refuse = |expected: &str, found: String| Error::Setting {
        key: key.into(),
        expected: expected.into(),
        found,
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let expanded = expand(pattern).map_err(|what| refuse(what, format!("\"{pattern}\"")))?;
        for name in expanded {
            if let Some(plain) = literal(&name) {
                found.push(plain.into());
                continue;
            }
            let matches = glob::glob(&name)
                .map_err(|error| refuse("a pattern with *, ? or [a-z]", error.to_string()))?;
            let before = found.len();
            for path in matches {
                found.push(path.map_err(|error| Error::Read {
                    file: error.path().into(),
                    source: error.into(),
                })?);
            }
            if found.len() == before {
                return Err(refuse("files that fit", format!("none that fits \"{name}\"")));
            }
        }
    }
    let mut sorted: Vec<&PathBuf> = found.iter().collect();
    sorted.sort();
    if let Some(two) = sorted.windows(2).find(|two| two[0] == two[1]) {
        return Err(refuse("each file once", format!("{} twice", two[0].display())));
    }
    Ok(found)
}

/// A pattern relative to a folder whose own name may hold any letter.
pub(crate) fn relative_to(folder: &Path, pattern: &str) -> String {
    if Path::new(pattern).is_absolute() {
        return pattern.to_owned();
    }
    let mut escaped = String::new();
    for letter in Pattern::escape(&folder.to_string_lossy()).chars() {
        if matches!(letter, '{' | '}' | ',') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    format!("{escaped}{}{pattern}", std::path::MAIN_SEPARATOR)
}

/// The name that a pattern without `*`, `?` and `[a-z]` is, escapes undone; none for others.
fn literal(pattern: &str) -> Option<String> {
    let mut name = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let escaped =
            ["[[]", "[]]", "[*]", "[?]"].into_iter().find(|class| rest.starts_with(class));
        match escaped {
            Some(class) => {
                name.push_str(&class[1..2]);
                rest = &rest[3..];
            }
            None if matches!(letter, '*' | '?' | '[') => return None,
            None => {
                name.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    Some(name)
}

/// Braces within braces deeper than this are refused: nobody writes them.
const DEEPEST: usize = 32;

const TOO_MANY: &str = "a pattern for at most 1000000 files";

/// The words that a pattern with braces stands for.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    let (words, rest) = sequence(pattern, 0)?;
    if !rest.is_empty() {
        return Err("braces that open before they close");
    }
    Ok(words)
}

/// Expands up to the end, or inside so many braces up to a comma or closing brace; returns what is left.
fn sequence(mut text: &str, inside: usize) -> Result<(Vec<String>, &str), &'static str> {
    let mut words = vec![String::new()];
    while let Some(letter) = text.chars().next() {
        let rest = &text[letter.len_utf8()..];
        match letter {
            '\\' if rest.starts_with(['{', '}', ',']) => {
                words.iter_mut().for_each(|word| word.push_str(&rest[..1]));
                text = &rest[1..];
            }
            '{' => {
                let (choices, after) = braces(rest, inside + 1)?;
                if words.len() * choices.len() > MOST {
                    return Err(TOO_MANY);
                }
                words = words
                    .iter()
                    .flat_map(|word| choices.iter().map(move |choice| format!("{word}{choice}")))
                    .collect();
                text = after;
            }
            '}' | ',' if inside > 0 => return Ok((words, text)),
            '}' => return Ok((words, text)),
            _ => {
                words.iter_mut().for_each(|word| word.push(letter));
                text = rest;
            }
        }
    }
    Ok((words, text))
}

/// The choices of the braces that were opened, `depth` of them, and what follows the innermost.
fn braces(text: &str, depth: usize) -> Result<(Vec<String>, &str), &'static str> {
    if depth > DEEPEST {
        return Err("at most 32 braces within each other");
    }
    if let Some((inside, after)) = text.split_once('}')
        && let Some((from, to)) = inside.split_once("..")
        && !inside.contains(['{', ','])
    {
        return Ok((range(from, to)?, after));
    }
    let mut choices = Vec::new();
    let mut rest = text;
    loop {
        let (words, after) = sequence(rest, depth)?;
        choices.extend(words);
        if choices.len() > MOST {
            return Err(TOO_MANY);
        }
        match after.as_bytes().first() {
            Some(b',') => rest = &after[1..],
            Some(_) => return Ok((choices, &after[1..])),
            None => return Err("braces that close"),
        }
    }
}

/// The numbers of a range, both ends included, with leading zeros where an end has them.
fn range(from: &str, to: &str) -> Result<Vec<String>, &'static str> {
    const EXPECTED: &str = "a range of whole numbers like {000..127}";
    let number = |text: &str| text.parse::<u64>().map_err(|_| EXPECTED);
    let (first, last) = (number(from)?, number(to)?);
    if last < first || last - first >= MOST as u64 {
        return Err(EXPECTED);
    }
    let padded = [from, to].iter().any(|end| end.len() > 1 && end.starts_with('0'));
    let width = if padded { from.len().max(to.len()) } else { 0 };
    Ok((first..=last).map(|n| format!("{n:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_expand_as_in_shells() {
        let words = |pattern: &str| expand(pattern).unwrap();
        assert_eq!(words("a.tar"), ["a.tar"]);
        assert_eq!(words("s-{008..011}.tar"), ["s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"]);
        assert_eq!(words("{8..10}"), ["8", "9", "10"]);
        assert_eq!(words("{a,b{1,2}}x{,y}"), ["ax", "axy", "b1x", "b1xy", "b2x", "b2xy"]);
        assert_eq!(words(r"\{a\,b\}"), ["{a,b}"]);
        for wrong in ["{a", "a}", "{1..x}", "{5..1}", "{0..99999999}", "{a,{b}"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_have_bounds() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        assert_eq!(expand(&nested(DEEPEST)).unwrap(), ["a"]);
        let refused = Err("at most 32 braces within each other");
        assert_eq!(expand(&nested(DEEPEST + 1)), refused);
        assert_eq!(expand(&"{".repeat(30_000)), refused);
        assert_eq!(expand(&"{x,".repeat(30_000)), refused);
        assert_eq!(expand(&"{0..999}".repeat(3)), Err(TOO_MANY));
        let half = format!("{{{},{}}}", "{0..999}{0..599}", "{0..999}{0..599}");
        assert_eq!(expand(&half), Err(TOO_MANY));
    }

    #[test]
    fn patterns_become_files() {
        // A folder whose own name looks like a pattern.
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a{b},[c]*");
        std::fs::create_dir(&folder).unwrap();
        for name in ["x-01.tar", "x-02.tar", "y.tar"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let find = |pattern: &str| {
            files("shards", &[relative_to(&folder, pattern)]).map(|paths| {
                let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().to_owned();
                paths.iter().map(name).collect::<Vec<_>>()
            })
        };
        let expected: Vec<PathBuf> = vec!["x-01.tar".into(), "x-02.tar".into()];
        assert_eq!(find("x-{01..02}.tar").unwrap(), expected);
        assert_eq!(find("x-*.tar").unwrap(), expected);
        assert_eq!(find("{y,x-0?}.tar").unwrap().len(), 3);
        // Named, but not there: whoever opens it says so.
        assert_eq!(find("z.tar").unwrap().len(), 1);
        let error = find("z-*.tar").unwrap_err().to_string();
        assert!(error.contains("none that fits") && error.contains("z-*.tar"), "{error}");
        let error = find("{y,*}.tar").unwrap_err().to_string();
        assert!(error.contains("y.tar twice"), "{error}");
    }
}
