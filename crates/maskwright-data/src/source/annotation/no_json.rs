//! Tokens that JSON does not have and that Python's `json` writes all the same: `NaN`, `Infinity`, `-Infinity`.
//!
//! Each is made an empty text of its own length, so that everything else stays where it is in the file. Whoever
//! asks for a number there finds none.

/// How far a window of a file was searched for such tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mending {
    /// The first byte of the window that was not looked at.
    at: usize,
    /// Whether it is part of a text, and behind a backslash.
    in_text: bool,
    escaped: bool,
}

/// The tokens, and empty texts of their lengths.
const TOKENS: [(&[u8], &[u8]); 3] =
    [(b"-Infinity", b"\"\"       "), (b"Infinity", b"\"\"      "), (b"NaN", b"\"\" ")];

impl Mending {
    /// Bytes of the longest token.
    pub(super) const LONGEST: usize = 9;

    /// Begins at a byte of the window that is in no text.
    pub(super) fn from(at: usize) -> Mending {
        Mending { at, in_text: false, escaped: false }
    }

    /// The window has lost so many bytes at its begin.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
    }

    /// Replaces the tokens up to the window's end, or up to where one may be cut unless the file has `ended`.
    pub(super) fn mend(&mut self, window: &mut [u8], ended: bool) {
        let end = window.len().saturating_sub(if ended { 0 } else { Mending::LONGEST });
        while self.at < end {
            match window[self.at] {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'-' | b'I' | b'N' if !self.in_text => {
                    let rest = &mut window[self.at..];
                    let token = TOKENS.iter().find(|(token, _)| rest.starts_with(token));
                    if let Some((_, text)) = token {
                        rest[..text.len()].copy_from_slice(text);
                        self.at += text.len() - 1;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_texts_outside_of_texts() {
        let text = br#"{"NaN": NaN, "a\"NaN": [-Infinity,Infinity, -1, "Infinity\\"], "N": NaN}"#;
        let mended = br#"{"NaN": "" , "a\"NaN": [""       ,""      , -1, "Infinity\\"], "N": "" }"#;
        // The window may end anywhere.
        for cut in 0..text.len() {
            let mut window = text.to_vec();
            let mut mending = Mending::from(0);
            mending.mend(&mut window[..cut], false);
            mending.mend(&mut window, true);
            assert_eq!(String::from_utf8_lossy(&window), String::from_utf8_lossy(mended), "{cut}");
        }
        for (token, text) in TOKENS {
            assert!(token.len() == text.len() && token.len() <= Mending::LONGEST);
        }
    }
}
