//! From the paths in a file to the files that define what they name.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use crate::source_tree::Tree;

/// From which file to which, with a name that the first takes from the second.
pub(super) type Arrows = BTreeMap<(usize, usize), String>;

/// All arrows between different files of a crate.
pub(super) fn arrows(tree: &Tree) -> Arrows {
    let mut arrows = Arrows::new();
    for id in 0..tree.modules.len() {
        let module = &tree.modules[id];
        let mut scan = Scan::default();
        module.code.iter().for_each(|code| scan.read(code.clone(), &[]));
        let Scan { mut paths, words } = scan;
        for import in &module.imports {
            if import.name.is_some() {
                paths.push(import.path.clone());
            } else if let Some(Target::Module(from)) = resolve(tree, id, &import.path, 0) {
                // What the code takes by name from the whole of a module.
                for word in &words {
                    if let Found::Here(target) = member(tree, from, word, 0) {
                        note(tree, &mut arrows, id, target, word);
                    }
                }
            }
        }
        for path in paths {
            // What comes after an item, such as `new`, belongs to it.
            let item = (1..=path.len()).find_map(|length| {
                let target = resolve(tree, id, &path[..length], 0)?;
                matches!(target, Target::Item(_)).then_some((target, &path[length - 1]))
            });
            if let Some((target, word)) = item {
                note(tree, &mut arrows, id, target, word);
            }
        }
    }
    arrows
}

fn note(tree: &Tree, arrows: &mut Arrows, from: usize, target: Target, word: &str) {
    // A module that is named as a whole is followed where its members are named.
    let Target::Item(target_module) = target else { return };
    let (from, to) = (tree.modules[from].file, tree.modules[target_module].file);
    if from != to && !above(tree, from, target_module) {
        arrows.entry((from, to)).or_insert_with(|| word.to_owned());
    }
}

/// Whether a file is that of a module above another.
fn above(tree: &Tree, file: usize, mut module: usize) -> bool {
    while let Some(parent) = tree.modules[module].parent {
        if tree.modules[parent].file == file {
            return true;
        }
        module = parent;
    }
    false
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Module(usize),
    /// Something that is defined in this module.
    Item(usize),
}

/// Whether a module knows a name.
enum Found {
    Here(Target),
    /// It is brought in from another crate.
    Outside,
    Unknown,
}

/// How many re-exports are followed, against those that go round.
const LONGEST: usize = 16;

/// Follows a path from a module; none where it leads out of the crate.
fn resolve(tree: &Tree, from: usize, path: &[String], depth: usize) -> Option<Target> {
    let (first, mut rest) = path.split_first()?;
    let parent = |module: usize| tree.modules[module].parent;
    let mut at = match first.as_str() {
        "crate" => Target::Module(0),
        "self" => Target::Module(from),
        "super" => Target::Module(parent(from)?),
        name => match member(tree, from, name, depth) {
            Found::Here(target) => target,
            Found::Outside | Found::Unknown => return None,
        },
    };
    while let Target::Module(module) = at {
        let Some((next, after)) = rest.split_first() else { break };
        rest = after;
        at = match next.as_str() {
            "self" => Target::Module(module),
            "super" => Target::Module(parent(module)?),
            name => match member(tree, module, name, depth) {
                Found::Here(target) => target,
                Found::Outside => return None,
                // What is not seen to be defined there may be a macro's making.
                Found::Unknown => Target::Item(module),
            },
        };
    }
    Some(at)
}

/// What a name is within a module: a child, an import, an item, or brought in with all of a module.
fn member(tree: &Tree, module: usize, name: &str, depth: usize) -> Found {
    if depth > LONGEST {
        return Found::Outside;
    }
    let here = &tree.modules[module];
    if let Some(&child) = here.children.get(name) {
        return Found::Here(Target::Module(child));
    }
    // Before items, since all words of a macro's call are taken for items.
    if let Some(import) = here.imports.iter().find(|one| one.name.as_deref() == Some(name)) {
        // `use serde;` or `use png::Decoder as png` name another crate.
        let outside = import.path[0] == name;
        let target = if outside { None } else { resolve(tree, module, &import.path, depth + 1) };
        return target.map_or(Found::Outside, Found::Here);
    }
    if here.items.contains(name) {
        return Found::Here(Target::Item(module));
    }
    for import in here.imports.iter().filter(|import| import.name.is_none()) {
        // A glob's own first name may be one that a glob brings in: that is not followed.
        if let Some(Target::Module(from)) = resolve(tree, module, &import.path, depth + 8)
            && from != module
            && let found @ Found::Here(_) = member(tree, from, name, depth + 1)
        {
            return found;
        }
    }
    Found::Unknown
}

/// Collects the paths of two and more names in code, and all its words.
#[derive(Default)]
struct Scan {
    paths: Vec<Vec<String>>,
    words: Vec<String>,
}

impl Scan {
    /// `before` is the path that a braced list of imports belongs to.
    fn read(&mut self, tokens: TokenStream, before: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                TokenTree::Ident(word) if word == "as" => {
                    at + if before.is_empty() { 1 } else { 2 }
                }
                TokenTree::Ident(_) => self.path(&tokens, at, before),
                TokenTree::Group(group) => {
                    self.read(group.stream(), &[]);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Takes the path that starts at a word; returns where it ends.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, before: &[String]) -> usize {
        let mark = |at: usize, mark: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == mark);
        let colons = |at: usize| mark(at, ':') && mark(at + 1, ':');
        // `::name` is another crate's, and what follows `<Type>::` belongs to the type.
        let outside = at >= 2 && colons(at - 2);
        let mut path = before.to_vec();
        while let Some(TokenTree::Ident(word)) = tokens.get(at) {
            let word = word.to_string();
            self.words.push(word.clone());
            path.push(word);
            at += 1;
            if !colons(at) {
                break;
            }
            at += 2;
            if let Some(TokenTree::Group(list)) = tokens.get(at) {
                self.read(list.stream(), &path);
                return at + 1;
            }
        }
        if path.len() > 1 && !outside {
            self.paths.push(path);
        }
        at
    }
}
