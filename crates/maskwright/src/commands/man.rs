//! `maskwright man`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;
use maskwright_files::write_atomically;

use crate::exit::Usage;
use crate::{output, targets};

/// Write the manual pages, one for each command.
///
/// The folder receives maskwright.1, maskwright-train.1 and so on, in place of those that are there. The pages say
/// what --help says. `man -l DIR/maskwright.1` shows one, and a folder man1 in the MANPATH holds them for all.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright man ~/.local/share/man/man1
  maskwright man pages && man -l pages/maskwright-train.1")]
pub(crate) struct ManFlags {
    /// The folder, which is made where it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes the pages of `command`, the whole program.
pub(crate) fn run(flags: &ManFlags, command: Command) -> anyhow::Result<()> {
    let folder = &flags.folder;
    if targets::is_stdout(folder) {
        return Err(Usage("DIR: expected a folder, found -".into()).into());
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    // `help` would have a page for each word behind it.
    let mut command = command.disable_help_subcommand(true);
    // Commands learn of the words before them.
    command.build();
    let mut pages = 0;
    write(&command, folder, &mut pages)?;
    output::line(format_args!("{}: {pages} pages", folder.display()))
}

/// Writes the page of a command and those of the commands below it.
fn write(command: &Command, folder: &Path, pages: &mut usize) -> anyhow::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, folder, pages)?;
    }
    let version = concat!("maskwright ", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command.clone()).source(version).manual("maskwright");
    let mut text = Vec::new();
    page.render(&mut text)?;
    let file = folder.join(page.get_filename());
    write_atomically(&file, &text).with_context(|| format!("{}: cannot write", file.display()))?;
    *pages += 1;
    Ok(())
}
