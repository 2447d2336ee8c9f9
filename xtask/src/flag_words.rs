//! No library names a flag: its errors carry the key of a setting, and the command words them.
//!
//! Looked at are the texts in code, so not comments and not tests.

use cargo_metadata::Metadata;
use proc_macro2::{TokenStream, TokenTree};

use crate::source_tree::Tree;

/// Who speaks to people at a command line.
const DOORS: [&str; 2] = ["maskwright", "xtask"];

/// Files that still name flags and are to be mended. One that names none any more has to go from here.
const KNOWN: &[&str] = &[];

/// Every text that names a flag, and every known file that names none any more.
pub(crate) fn violations(metadata: &Metadata) -> Result<Vec<String>, String> {
    let root = metadata.workspace_root.as_std_path();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        if DOORS.contains(&package.name.as_str()) {
            continue;
        }
        for target in package.targets.iter().filter(|target| target.is_lib()) {
            let tree = Tree::read(target.src_path.as_std_path())?;
            for module in &tree.modules {
                let path = &tree.files[module.file];
                let path = path.strip_prefix(root).unwrap_or(path).display().to_string();
                let mut texts = Vec::new();
                module.code.iter().for_each(|code| literals(code.clone(), &mut texts));
                let named = texts.into_iter().filter(|text| names_flag(text));
                found.extend(named.map(|text| (path.clone(), text)));
            }
        }
    }
    Ok(judge(&found, KNOWN))
}

/// What is wrong with the files and texts found, beside the known files.
fn judge(found: &[(String, String)], known: &[&str]) -> Vec<String> {
    let unknown = found.iter().filter(|(path, _)| !known.contains(&path.as_str()));
    let gone = known.iter().filter(|known| !found.iter().any(|(path, _)| path == *known));
    unknown
        .map(|(path, text)| format!("{path} names a flag, which is for the command to do: {text}"))
        .chain(gone.map(|path| {
            format!("{path} names no flag any more, take it from xtask/src/flag_words.rs")
        }))
        .collect()
}

/// The literals in code; documentation is not code.
fn literals(tokens: TokenStream, found: &mut Vec<String>) {
    let mut after_hash = false;
    for token in tokens {
        let hash = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#');
        match token {
            TokenTree::Group(group) if after_hash && is_doc(group.stream()) => {}
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            _ => {}
        }
        after_hash = hash;
    }
}

fn is_doc(attribute: TokenStream) -> bool {
    matches!(attribute.into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

/// Whether a text holds a word such as `--batch-size`; `--name:` is a variable of a style sheet.
fn names_flag(text: &str) -> bool {
    text.match_indices("--").any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let after = &text[at + 2..];
        let end = after.find(|c| !word(c)).unwrap_or(after.len());
        before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
            && after.starts_with(|c: char| c.is_ascii_lowercase())
            && !after[end..].starts_with([':', ')'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_from_dashes_and_style_sheets() {
        for text in ["\"--seed\"", "give `--batch-size` too", "use --json.", "(--a)b --cd"] {
            assert!(names_flag(text), "{text}");
        }
        for text in ["a -- b", "----", "--columns:{columns}", "var(--wide)", "x--y", "-v", "--"] {
            assert!(!names_flag(text), "{text}");
        }
    }

    #[test]
    fn texts_in_code_are_found_and_documentation_is_not() {
        let code = "/// Not `--this`.\nfn f() { g(format!(\"but --that\"), &[1]); }";
        let mut found = Vec::new();
        literals(code.parse().unwrap(), &mut found);
        assert_eq!(found, ["\"but --that\"", "1"]);
    }

    #[test]
    fn known_files_are_allowed_until_they_are_mended() {
        let found = [("a.rs".to_owned(), "--x".to_owned())];
        assert_eq!(judge(&found, &["a.rs"]), Vec::<String>::new());
        assert!(judge(&found, &[])[0].starts_with("a.rs names a flag"));
        assert!(judge(&[], &["a.rs"])[0].contains("no flag any more"));
    }
}
