//! Text that is taken apart in pieces: UTF-8, JSON's escapes, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Whether bytes are UTF-8, looked at in pieces.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    at: usize,
}

impl Utf8 {
    /// Looks at some `max` bytes more of `bytes`. Whether that was all.
    ///
    /// # Errors
    /// They are not.
    pub(super) fn step(&mut self, bytes: &[u8], max: usize) -> Result<bool, ()> {
        /// The longest character.
        const CHARACTER: usize = 4;
        let end = self.at.saturating_add(max.max(CHARACTER)).min(bytes.len());
        let piece = bytes.get(self.at..end).unwrap_or_default();
        self.at = match std::str::from_utf8(piece) {
            Ok(_) => end,
            Err(error) if error.error_len().is_none() && end < bytes.len() => {
                self.at.saturating_add(error.valid_up_to())
            }
            Err(_) => return Err(()),
        };
        Ok(self.at >= bytes.len())
    }
}

/// What the beginning of `piece`, from within a JSON string, says, and how long that is: all of it if it `is_last`,
/// and else up to where the next piece can begin. `None` if it says nothing.
pub(super) fn escaped_piece(piece: &[u8], is_last: bool) -> Option<(usize, Cow<'_, [u8]>)> {
    let end = if is_last {
        piece.len()
    } else {
        whole_escapes(piece)
    };
    let piece = piece.get(..end)?;
    if !piece.contains(&b'\\') {
        return Some((end, Cow::Borrowed(piece)));
    }
    let quoted = [b"\"", piece, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).ok()?;
    Some((end, Cow::Owned(text.into_bytes())))
}

/// How many bytes of `piece` are characters and escapes that do not end beyond it. Two escapes may be one character.
fn whole_escapes(piece: &[u8]) -> usize {
    /// `\ud83d\ude00`
    const LONGEST: usize = 12;
    let mut at = 0_usize;
    let safe = piece.len().saturating_sub(LONGEST);
    while at < safe {
        let rest = piece.get(at..safe).unwrap_or_default();
        let Some(escape) = rest.iter().position(|byte| *byte == b'\\') else {
            at = safe;
            break;
        };
        at = at.saturating_add(escape);
        let length = match piece.get(at.saturating_add(1)..at.saturating_add(4)) {
            Some([b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B']) => LONGEST,
            Some([b'u', ..]) => 6,
            _ => 2,
        };
        at = at.saturating_add(length);
    }
    // Not within a character either.
    while piece.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
        at = at.saturating_add(1);
    }
    at.min(piece.len())
}

/// Puts what `text`, in base64, says behind `document`.
///
/// # Errors
/// It is not in base64.
pub(super) fn decoded(text: &[u8], document: &mut Vec<u8>) -> Result<(), ()> {
    STANDARD.decode_vec(text, document).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_however_they_are_cut() {
        let text = "aé€😀z".repeat(3);
        let is_text = |bytes: &[u8], max: usize| {
            let mut utf8 = Utf8::default();
            loop {
                match utf8.step(bytes, max) {
                    Ok(false) => {}
                    done => return done.is_ok(),
                }
            }
        };
        for max in 0..text.len() {
            assert!(is_text(text.as_bytes(), max), "{max}");
            for end in 0..text.len() {
                let cut = &text.as_bytes()[..end];
                assert_eq!(is_text(cut, max), text.is_char_boundary(end), "{end} {max}");
            }
            assert!(!is_text(b"abcdefgh\xffij", max), "{max}");
        }
    }

    #[test]
    fn escapes_are_read_however_they_are_cut() {
        let text =
            r#"plain \"\\\\\u00e9é\n\ud83d\ude00 \\u \uD83D\uDE00😀 and so on, to the end \t"#;
        let wanted: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        for max in 16..text.len() {
            let (mut rest, mut read) = (text.as_bytes(), Vec::new());
            while !rest.is_empty() {
                let piece = &rest[..max.min(rest.len())];
                let (length, said) = escaped_piece(piece, piece.len() == rest.len()).unwrap();
                assert!(length > 0, "{max}");
                read.extend_from_slice(&said);
                rest = &rest[length..];
            }
            assert_eq!(String::from_utf8(read).unwrap(), wanted, "{max}");
        }
        assert!(
            escaped_piece(br"\ud83d", true).is_none(),
            "half a character"
        );
        assert!(escaped_piece(br"\x", true).is_none());
    }
}
