//! Which decoder a process uses for JPEG.

use std::sync::OnceLock;

use crate::error::{Error, Result};

/// The decoders that a build can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// libjpeg-turbo's decoder.
    #[cfg(feature = "mozjpeg")]
    Mozjpeg,
    /// The pure Rust decoder.
    Zune,
}

impl Choice {
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "mozjpeg")]
            Self::Mozjpeg if cfg!(jpeg_assembly) => "mozjpeg (SIMD)",
            #[cfg(feature = "mozjpeg")]
            Self::Mozjpeg => "mozjpeg (no SIMD)",
            Self::Zune => "zune-jpeg (pure Rust)",
        }
    }
}

/// The decoder of this process: `MASKWRIGHT_JPEG`, else libjpeg where it is fast.
///
/// # Panics
/// Where `MASKWRIGHT_JPEG` names a decoder that is not built in.
pub(crate) fn choice() -> Choice {
    chosen().unwrap_or_else(|error| panic!("{error}"))
}

/// As [`choice`], with an error instead of a panic. The variable is read once.
pub(crate) fn chosen() -> Result<Choice> {
    static CHOICE: OnceLock<Result<Choice>> = OnceLock::new();
    let read = || std::env::var_os(VARIABLE).unwrap_or_default();
    CHOICE.get_or_init(|| named(&read().to_string_lossy())).clone()
}

/// Whether that decoder holds a few rows of an ordinary file, and not all its samples.
pub(crate) fn decodes_by_rows() -> bool {
    !matches!(chosen(), Ok(Choice::Zune) | Err(_))
}

const VARIABLE: &str = "MASKWRIGHT_JPEG";

fn named(name: &str) -> Result<Choice> {
    match name {
        "" if cfg!(not(jpeg_assembly)) => Ok(Choice::Zune),
        "zune" => Ok(Choice::Zune),
        #[cfg(feature = "mozjpeg")]
        "" | "mozjpeg" => Ok(Choice::Mozjpeg),
        other => Err(Error::Environment {
            variable: VARIABLE,
            found: other.to_owned(),
            expected: if cfg!(feature = "mozjpeg") {
                vec!["mozjpeg", "zune"]
            } else {
                vec!["zune"]
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_decoders_are_refused_by_name() {
        assert_eq!(named("zune"), Ok(Choice::Zune));
        let error = named("turbo").unwrap_err().to_string();
        assert!(error.contains("MASKWRIGHT_JPEG") && error.contains("turbo"), "{error}");
    }
}
