//! The help of every command and subcommand, whole: what is in it, and how it is laid out at 100 columns.

mod support;

use support::{helps, printed};

#[test]
fn every_help_is_as_it_was_read() {
    let helps = helps(&[]);
    let names: Vec<String> = helps.iter().map(|(words, _)| words.join(" ")).collect();
    insta::assert_snapshot!(names.join("\n").trim(), @"
        demo
        train
        eval
        studio
        predict
        masks
        preview
        report
        config
        models
        runs
        doctor
        convert
        cache
        cache ls
        cache rm
        export
        prep
        bench
        bench files
        bench index
        bench data
        bench loader
        bench model
        completions
        man
        ");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        for (words, text) in &helps {
            let name = [&["maskwright".to_owned()], &words[..]].concat().join("-");
            insta::assert_snapshot!(name, text);
        }
    });
}

#[test]
fn a_short_help_lists_every_flag_of_the_long_one() {
    for (words, long) in helps(&[]) {
        let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
        args.push("-h");
        let short = printed(&args);
        // Where a flag is explained, another one may stand at a line's beginning, further to the right.
        let flags = |text: &str| -> Vec<String> {
            let starts = ["      --", "  -h, --", "  -V, --"];
            let named = text.lines().filter_map(|line| {
                let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
                rest.split_whitespace().next()
            });
            named.map(str::to_owned).collect()
        };
        assert_eq!(flags(&short), flags(&long), "{words:?}");
    }
}

#[test]
fn every_document_has_a_schema() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for (words, help) in helps(&[]) {
        let (Some(command), true) = (words.first(), help.contains("\n      --json")) else {
            continue;
        };
        assert!(folder.join(format!("{command}.json")).is_file(), "{command}: no schema");
    }
}
