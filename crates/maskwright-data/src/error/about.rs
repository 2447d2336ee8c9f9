//! What an error is about: its reason in a word, its file, and whether a record alone is to blame.

use std::path::Path;

use super::Error;

impl Error {
    /// A short, stable word for the reason, for ledgers and statistics.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Read { .. } => "unreadable",
            Error::Write { .. } => "unwritable",
            Error::Image { .. } => "image",
            Error::Annotation { .. } | Error::AnnotationFile { .. } | Error::Json { .. } => {
                "annotation"
            }
            Error::Tar { .. } => "tar",
            Error::SizeMismatch { .. } => "size_mismatch",
            Error::DamagedFile { .. } => "damaged",
            Error::EmptyMask { .. } => "empty_mask",
            Error::BudgetExceeded { .. } => "budget",
            _ => "setting",
        }
    }

    /// The file the error is about, where it is about one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Error::Read { file, .. }
            | Error::Write { file, .. }
            | Error::Image { file, .. }
            | Error::Annotation { file, .. }
            | Error::AnnotationFile { file, .. }
            | Error::Json { file, .. }
            | Error::Tar { file, .. }
            | Error::List { file, .. }
            | Error::Unlisted { file, .. }
            | Error::EmptyMask { file, .. }
            | Error::DamagedFile { file, .. }
            | Error::DataFile { file, .. }
            | Error::UnknownKey { file, .. }
            | Error::KeyValue { file, .. }
            | Error::SettingInFile { file, .. }
            | Error::Ledger { file, .. } => Some(file),
            Error::SizeMismatch { mask, .. } => Some(mask),
            Error::BudgetExceeded { last, .. } => last.file(),
            _ => None,
        }
    }

    /// Whether another record may stand in for the one this error is about.
    pub fn is_about_a_record(&self) -> bool {
        matches!(
            self,
            Error::Read { .. }
                | Error::Image { .. }
                | Error::Annotation { .. }
                | Error::AnnotationFile { .. }
                | Error::Json { .. }
                | Error::SizeMismatch { .. }
                | Error::EmptyMask { .. }
                | Error::DamagedFile { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A large error makes every result large, and every error that wraps it.
    #[test]
    fn errors_stay_small() {
        assert!(size_of::<Error>() <= 120, "{}", size_of::<Error>());
    }
}
