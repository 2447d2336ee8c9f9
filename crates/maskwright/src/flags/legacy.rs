//! Command lines written for HQ-SAM's `train.py`.
//!
//! Its flags mix hyphens and underscores (`--model-type`, `--batch_size_train`); ours are
//! kebab case. Underscores in a flag's name are accepted everywhere.

use std::ffi::OsString;

/// The arguments with `_` turned to `-` in the names of long flags; values stay as they are.
pub(crate) fn with_hyphens(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut values_only = false;
    args.map(|arg| {
        let Some(text) = arg.to_str() else { return arg };
        if text == "--" {
            values_only = true;
        }
        if values_only || !text.starts_with("--") {
            return arg;
        }
        match text.split_once('=') {
            Some((name, value)) => format!("{}={value}", name.replace('_', "-")).into(),
            None => text.replace('_', "-").into(),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::with_hyphens;

    #[test]
    fn only_names_of_long_flags_change() {
        let given = [
            "maskwright",
            "train",
            "--batch_size_train",
            "4",
            "--output=work_dirs/a_b",
            "my_folder",
            "-x_y",
            "--",
            "--a_b",
        ];
        let wanted = [
            "maskwright",
            "train",
            "--batch-size-train",
            "4",
            "--output=work_dirs/a_b",
            "my_folder",
            "-x_y",
            "--",
            "--a_b",
        ];
        let got = with_hyphens(given.iter().map(Into::into));
        assert_eq!(got, wanted);
    }
}
