//! The modules of a crate, and the files they are in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, ImplItem, Item, Meta, Token, UseTree};

/// A crate's modules; the first is its root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) modules: Vec<Module>,
}

/// One module, in a file of its own or within its parent's.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// Names of what is defined here, modules apart.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Everything else: the code, tokens of tests left out.
    pub(crate) code: Vec<TokenStream>,
}

/// One name that a `use` brings in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// What it is called here; nothing where all names of a module are brought in.
    pub(crate) name: Option<String>,
}

impl Tree {
    /// Reads the crate whose root file is given.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        tree.read_file(root, &folder, None)?;
        Ok(tree)
    }

    /// Reads a file as a module, whose children's files are in `folder`.
    fn read_file(
        &mut self,
        path: &Path,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let parsed =
            syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = self.files.len();
        self.files.push(path.to_path_buf());
        self.add(file, parsed.items, folder, parent)
    }

    /// Adds a module with these items.
    fn add(
        &mut self,
        file: usize,
        items: Vec<Item>,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize, String> {
        let module = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        for item in without_tests(items) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let inner = folder.join(&name);
                    let id = match child.content {
                        Some((_, items)) => self.add(file, items, &inner, Some(module))?,
                        None => {
                            let (path, inner) =
                                self.file_of(file, &child.attrs, folder, &name, inner);
                            self.read_file(&path, &inner, Some(module))?
                        }
                    };
                    self.modules[module].children.insert(name, id);
                }
                Item::Use(item) => {
                    // `::name` is another crate's.
                    if item.leading_colon.is_none() {
                        flatten(&item.tree, &mut Vec::new(), &mut self.modules[module].imports);
                    }
                }
                item => {
                    self.modules[module].items.extend(name_of(&item));
                    self.modules[module].code.push(item.to_token_stream());
                }
            }
        }
        Ok(module)
    }

    /// The file of a module, and the folder of its children.
    fn file_of(
        &self,
        file: usize,
        attributes: &[Attribute],
        folder: &Path,
        name: &str,
        inner: PathBuf,
    ) -> (PathBuf, PathBuf) {
        for attribute in attributes.iter().filter(|one| one.path().is_ident("path")) {
            if let Meta::NameValue(pair) = &attribute.meta
                && let syn::Expr::Lit(literal) = &pair.value
                && let syn::Lit::Str(text) = &literal.lit
            {
                let beside = self.files[file].parent().unwrap_or(Path::new(""));
                let path = beside.join(text.value());
                let inner = path.parent().unwrap_or(Path::new("")).to_path_buf();
                return (path, inner);
            }
        }
        let flat = folder.join(format!("{name}.rs"));
        let path = if flat.is_file() { flat } else { inner.join("mod.rs") };
        (path, inner)
    }
}

/// The items that are not tests; of an `impl`, the functions that are not.
fn without_tests(items: Vec<Item>) -> impl Iterator<Item = Item> {
    items.into_iter().filter(|item| !is_test(attributes_of(item))).map(|mut item| {
        if let Item::Impl(block) = &mut item {
            block.items.retain(|item| match item {
                ImplItem::Fn(function) => !is_test(&function.attrs),
                _ => true,
            });
        }
        item
    })
}

/// Whether something is there for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg") && asks_for_test(&attribute.meta))
    })
}

/// Whether a condition, or a part of one, is `test`.
fn asks_for_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if !list.path.is_ident("not") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|parts| parts.iter().any(asks_for_test)),
        _ => false,
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The names that an item defines; a call of a macro may define any that it is given.
fn name_of(item: &Item) -> Vec<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => match &item.ident {
            Some(ident) => ident,
            None => return words(item.mac.tokens.clone()),
        },
        Item::ForeignMod(block) => {
            let names = block.items.iter().filter_map(|item| match item {
                syn::ForeignItem::Fn(item) => Some(item.sig.ident.to_string()),
                syn::ForeignItem::Static(item) => Some(item.ident.to_string()),
                _ => None,
            });
            return names.collect();
        }
        _ => return Vec::new(),
    };
    vec![ident.to_string()]
}

/// All words of a macro's call.
fn words(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(words(group.stream())),
            TokenTree::Ident(word) => found.push(word.to_string()),
            _ => {}
        }
    }
    found
}

/// The single imports of a `use`.
fn flatten(tree: &UseTree, path: &mut Vec<String>, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            flatten(&step.tree, path, found);
            path.pop();
        }
        UseTree::Name(name) => {
            let mut path = path.clone();
            if name.ident != "self" {
                path.push(name.ident.to_string());
            }
            let name = path.last().cloned();
            found.push(Import { path, name });
        }
        UseTree::Rename(rename) => {
            let mut path = path.clone();
            if rename.ident != "self" {
                path.push(rename.ident.to_string());
            }
            found.push(Import { path, name: Some(rename.rename.to_string()) });
        }
        UseTree::Glob(_) => found.push(Import { path: path.clone(), name: None }),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, path, found));
        }
    }
}
