//! What every flag of a subcommand came to, defaults included, for documents that say how they were made.

use std::sync::OnceLock;

use clap::{ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

/// Flags that say how something is told, and nothing of what it is.
const OF_TELLING: [&str; 3] = ["log_file", "log_format", "log_level"];

static RESOLVED: OnceLock<Map<String, Value>> = OnceLock::new();

/// Keeps what the flags of this process came to.
pub(crate) fn keep(command: &Command, matches: &ArgMatches) {
    RESOLVED.get_or_init(|| of(command, matches));
}

/// What the flags of this process came to: by their long names, or the names of their values.
pub(crate) fn kept() -> &'static Map<String, Value> {
    RESOLVED.get_or_init(Map::new)
}

/// Switches are true or false, a flag that takes several values a list, and all others the text that the command line
/// takes. A flag without a value and without a default is left out.
fn of(command: &Command, matches: &ArgMatches) -> Map<String, Value> {
    let Some((name, matches)) = matches.subcommand() else { return Map::new() };
    // Subcommands of subcommands: the innermost has the flags.
    if matches.subcommand().is_some() {
        return command.find_subcommand(name).map(|inner| of(inner, matches)).unwrap_or_default();
    }
    let flags = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    let told = flags.filter(|flag| !OF_TELLING.contains(&flag.get_id().as_str()));
    told.filter_map(|flag| {
        let id = flag.get_id().as_str();
        matches.try_contains_id(id).ok()?;
        let name = flag.get_long().map_or_else(|| id.replace('_', "-"), str::to_owned);
        let value = match flag.get_action() {
            ArgAction::SetTrue => Value::Bool(matches.get_flag(id)),
            ArgAction::SetFalse => Value::Bool(!matches.get_flag(id)),
            ArgAction::Count => Value::from(matches.get_count(id)),
            action => {
                let values = matches.get_raw(id)?;
                let mut values: Vec<Value> =
                    values.map(|value| value.to_string_lossy().into()).collect();
                let several = matches!(action, ArgAction::Append)
                    || flag.get_num_args().is_some_and(|range| range.max_values() > 1);
                match several {
                    true => Value::Array(values),
                    false => values.pop()?,
                }
            }
        };
        Some((name, value))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn resolved(line: &str) -> Value {
        let mut command = crate::Cli::command();
        command.build();
        let matches = command.clone().try_get_matches_from(line.split(' ')).expect("a command");
        Value::Object(of(&command, &matches))
    }

    #[test]
    fn defaults_are_among_them_and_lists_are_lists() {
        let found = resolved(
            "maskwright eval --images a --masks b --checkpoint c.pth --set plan.scale_min=1 --json",
        );
        assert_eq!(found["checkpoint"], "c.pth");
        assert_eq!(found["images"], "a");
        assert_eq!(found["json"], true);
        assert_eq!(found["set"], serde_json::json!(["plan.scale_min=1"]));
        assert_eq!(found["report"], Value::Null);
        let found = resolved("maskwright doctor --images a --masks b");
        assert_eq!((&found["list"], &found["strict"]), (&"1000".into(), &false.into()));
        assert!(found.get("log-level").is_none() && found.get("help").is_none(), "{found}");
    }
}
