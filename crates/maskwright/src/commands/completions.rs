//! `maskwright completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output;

/// Print a script that completes commands and flags in a shell.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright completions bash > ~/.local/share/bash-completion/completions/maskwright
  maskwright completions zsh > ~/.zfunc/_maskwright
  maskwright completions fish > ~/.config/fish/completions/maskwright.fish")]
pub(crate) struct CompletionsFlags {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script for `command`, the whole program.
pub(crate) fn run(flags: &CompletionsFlags, mut command: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut command, "maskwright", &mut script);
    output::bytes(&script)
}
