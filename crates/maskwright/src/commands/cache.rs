//! `maskwright cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use maskwright_train::features::{self, CacheInfo};

use crate::exit::Usage;
use crate::warnings::Warnings;
use crate::{output, tell};

/// List or remove kept features of views.
///
/// `maskwright train --cache-views K` computes what the frozen image encoder makes of K views of each
/// image once and keeps it on disk. Runs with the same data, views and weights share a cache.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright cache ls
  maskwright cache rm 3f9c2a61d0b84e57
  maskwright cache rm --all --cache /fast-disk/features")]
pub(crate) struct CacheFlags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the caches: number of views, bytes, input size, records
    Ls {
        #[command(flatten)]
        folder: Folder,

        /// Print the list as JSON, with all that a cache was made from
        #[arg(long)]
        json: bool,
    },
    /// Remove caches by name; features that a later run needs are computed again
    Rm {
        /// Names of caches, as `ls` lists them
        #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
        names: Vec<String>,

        /// Remove all of them
        #[arg(long)]
        all: bool,

        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Args)]
struct Folder {
    /// Folder of the caches; maskwright/features in the user's folder of caches if not given
    #[arg(long = "cache", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Folder {
    fn resolve(&self) -> anyhow::Result<PathBuf> {
        let named = self.folder.clone();
        named.or_else(features::default_folder).ok_or_else(|| {
            Usage("--cache: expected a folder, since this user has no folder of caches".into())
                .into()
        })
    }
}

pub(crate) fn run(flags: &CacheFlags) -> anyhow::Result<()> {
    match &flags.what {
        What::Ls { folder, json } => {
            let caches = features::list(&folder.resolve()?)?;
            if *json {
                let document = serde_json::json!({ "caches": caches });
                return output::json(&document, &Warnings::default());
            }
            list(&caches)
        }
        What::Rm { names, all, folder } => {
            let folder = folder.resolve()?;
            let names = match all {
                true => features::list(&folder)?.into_iter().map(|cache| cache.name).collect(),
                false => names.clone(),
            };
            for name in names {
                features::remove(&folder, &name)?;
                tell::say(format_args!("removed {name}"));
            }
            Ok(())
        }
    }
}

fn list(caches: &[CacheInfo]) -> anyhow::Result<()> {
    if caches.is_empty() {
        tell::say("there are no caches of features");
        return Ok(());
    }
    let said = |cache: &CacheInfo, key: &str| match &cache.made_from[key] {
        serde_json::Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let row = |cache: &CacheInfo| {
        vec![
            cache.name.clone(),
            cache.views.to_string(),
            format!("{:.1}", cache.bytes as f64 / 1e6),
            said(cache, "records"),
            said(cache, "input_size"),
            said(cache, "dtype"),
        ]
    };
    let rows: Vec<Vec<String>> = caches.iter().map(row).collect();
    output::table(&["name", "views", "MB", "records", "input size", "type"], &rows)?;
    for damaged in caches.iter().filter_map(|cache| cache.damaged.as_ref()) {
        tell::note(damaged);
    }
    Ok(())
}
