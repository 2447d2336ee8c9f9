//! Which flags stand on the command line, and did not come from their defaults.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// The ids of the flags that were given to the subcommand, in the order in which `command` has them.
pub(crate) fn of(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else {
        return Vec::new();
    };
    let flags = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    let ids = flags.map(|flag| flag.get_id().as_str());
    ids.filter(|id| {
        matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    })
    .map(str::to_owned)
    .collect()
}
