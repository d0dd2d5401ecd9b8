//! The little that is kept of a body: one name or one value at a time, up to a bound.

use super::{BodyError, MAX_KEPT};

/// A name, a string or a number, decoded, as far as it was wanted and found room.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    is_wanted: bool,
    is_cut: bool,
    /// whether half a surrogate pair was in it
    is_broken: bool,
    /// the first half of a pair whose other half has to come next
    high: Option<u16>,
}

impl Kept {
    /// Begins anew, with something that `is_wanted` or that is only passed over.
    pub(crate) fn begin(&mut self, is_wanted: bool) {
        self.bytes.clear();
        self.is_wanted = is_wanted;
        self.is_cut = false;
        self.is_broken = false;
        self.high = None;
    }

    /// Whether anything is kept of what is being read.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Adds bytes as they stand in the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if !self.is_wanted || bytes.is_empty() {
            return;
        }
        self.is_broken |= self.high.take().is_some();
        let room = MAX_KEPT.saturating_sub(self.bytes.len());
        let (fitting, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(fitting);
        self.is_cut |= !rest.is_empty();
    }

    /// Adds a unit of UTF-16, from an escape `\uXXXX`.
    pub(crate) fn push_unit(&mut self, unit: u16) {
        if !self.is_wanted {
            return;
        }
        let decoded = match self.high.take() {
            None if (0xD800..0xDC00).contains(&unit) => {
                self.high = Some(unit);
                return;
            }
            None => char::decode_utf16([unit]).next(),
            Some(high) => char::decode_utf16([high, unit]).next(),
        };
        match decoded {
            Some(Ok(letter)) => self.push(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => self.is_broken = true,
        }
    }

    /// Whether there is nothing in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.is_broken && self.high.is_none()
    }

    /// Whether there was more than was kept.
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The text, of a member called `name` in a refusal.
    ///
    /// # Errors
    /// When it is longer than what is kept, or when Ollama would put U+FFFD into it.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, BodyError> {
        if self.is_cut {
            return Err(BodyError::TooLong(name));
        }
        if self.is_broken || self.high.is_some() {
            return Err(BodyError::NotUnicode);
        }
        std::str::from_utf8(&self.bytes).map_err(|_| BodyError::NotUnicode)
    }

    /// How many bytes of memory this holds beside itself.
    pub(crate) const fn buffered_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: &[u16]) -> Result<String, BodyError> {
        let mut kept = Kept::default();
        kept.begin(true);
        for unit in units {
            kept.push_unit(*unit);
        }
        kept.text("model").map(str::to_owned)
    }

    #[test]
    fn a_pair_of_surrogates_is_one_letter_and_a_lone_one_is_refused() {
        assert_eq!(units(&[0xD83D, 0xDE00]).unwrap(), "\u{1F600}");
        assert_eq!(units(&[0x6D, 0x20AC]).unwrap(), "m\u{20AC}");
        for lone in [
            &[0xD83D][..],
            &[0xDE00],
            &[0xDE00, 0xD83D],
            &[0xD83D, 0x6D],
            &[0xD83D, 0xD83D, 0xDE00],
            &[0x6D, 0xD83D],
        ] {
            assert_eq!(units(lone), Err(BodyError::NotUnicode), "{lone:x?}");
        }
    }

    #[test]
    fn half_a_pair_before_a_plain_letter_is_refused() {
        let mut kept = Kept::default();
        kept.begin(true);
        kept.push_unit(0xD83D);
        kept.push(b"m");
        assert_eq!(kept.text("model"), Err(BodyError::NotUnicode));
    }

    #[test]
    fn what_does_not_fit_is_told_and_not_held() {
        let mut kept = Kept::default();
        kept.begin(true);
        kept.push(&[b'a'; MAX_KEPT]);
        assert_eq!(kept.text("model").unwrap().len(), MAX_KEPT);
        for _ in 0..1000 {
            kept.push(&[b'a'; 1000]);
        }
        assert_eq!(kept.text("model"), Err(BodyError::TooLong("model")));
        assert!(kept.buffered_bytes() <= 2 * MAX_KEPT);
        kept.begin(true);
        kept.push(b"short");
        assert_eq!(kept.text("model"), Ok("short"));
    }

    #[test]
    fn what_is_not_wanted_is_not_kept() {
        let mut kept = Kept::default();
        kept.begin(false);
        kept.push(&[b'a'; 5000]);
        kept.push_unit(0xD83D);
        assert_eq!((kept.buffered_bytes(), kept.is_cut()), (0, false));
    }
}
