//! Where else in a request its credentials stand: under any name, in any usual spelling.

use super::Presented;
use crate::bytes::{has, has_pair};
use crate::http::hex_digit;
use std::borrow::Cow;

/// No key is shorter, and so nothing that could be one is looked for.
const MIN_CREDENTIAL: usize = 16;

/// A password may be shorter than this. It is then looked for as a whole value: a few letters are a
/// part of many.
const MIN_PART: usize = 8;

/// How often a value may have been percent-encoded.
const MAX_DECODINGS: usize = 3;

/// The credentials that a request presents, good or not.
#[derive(Debug)]
pub(crate) struct Copies<'a> {
    /// none of them is empty
    secrets: Vec<Cow<'a, [u8]>>,
    /// no value that is shorter can hold one
    shortest: usize,
}

impl<'a> Copies<'a> {
    /// Of what `presented` holds, each without its scheme; a password by itself and with its name.
    pub(crate) fn of(presented: &Presented<'a>) -> Self {
        let mut copies = Self {
            secrets: Vec::with_capacity(1),
            shortest: usize::MAX,
        };
        let Presented {
            api_key,
            token,
            signature,
            basic,
            ..
        } = *presented;
        for text in [api_key, token, signature, basic].into_iter().flatten() {
            copies.add(text.as_bytes());
        }
        if let Some(text) = basic {
            copies.add_login(text);
        }
        copies
    }

    /// `secret` too, which may have come elsewhere.
    pub(crate) fn add(&mut self, secret: &'a [u8]) {
        if secret.len() >= MIN_CREDENTIAL {
            self.put(Cow::Borrowed(secret));
        }
    }

    #[inline(never)] // hardly anybody sends one
    fn add_login(&mut self, text: &str) {
        let mut letters = text.as_bytes().split(|byte| sextet(*byte).is_none());
        let login = base64_decoded(letters.next().unwrap_or_default());
        let colon = login.iter().position(|byte| *byte == b':');
        let password = colon.and_then(|colon| login.get(colon..)?.strip_prefix(b":"));
        match password {
            // The name is then a key (`curl -u KEY:`), or nothing that counts.
            Some([]) => {
                let name = colon.and_then(|colon| login.get(..colon));
                let key = name.filter(|name| name.len() >= MIN_CREDENTIAL);
                key.into_iter()
                    .for_each(|key| self.put(Cow::Owned(key.to_vec())));
            }
            Some(password) => self.put(Cow::Owned(password.to_vec())),
            None => {}
        }
        if !login.is_empty() {
            self.put(Cow::Owned(login));
        }
    }

    fn put(&mut self, secret: Cow<'a, [u8]>) {
        self.shortest = self.shortest.min(secret.len());
        self.secrets.push(secret);
    }

    /// Whether `value` is one of them or holds one: as it is, percent-encoded, as in a form, or in base64,
    /// alone or with something around it.
    #[inline]
    pub(crate) fn are_in(&self, value: &[u8]) -> bool {
        value.len() >= self.shortest && self.are_in_long(value)
    }

    #[inline(never)] // most values are shorter than a credential
    fn are_in_long(&self, value: &[u8]) -> bool {
        if self.are_in_decoded(value) {
            return true;
        }
        // In a form a space is written as `+`. Hardly any password has one.
        let has_space = self.secrets.iter().any(|secret| secret.contains(&b' '));
        has_space && value.contains(&b'+') && {
            let space = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
            self.are_in_decoded(&value.iter().map(space).collect::<Vec<_>>())
        }
    }

    fn are_in_decoded(&self, value: &[u8]) -> bool {
        let mut value = Cow::Borrowed(value);
        for _ in 0..=MAX_DECODINGS {
            if self.are_in_text(&value) || self.are_in_base64(&value) {
                return true;
            }
            match percent_decoded(&value) {
                Some(decoded) => value = Cow::Owned(decoded),
                None => return false,
            }
        }
        false
    }

    fn are_in_text(&self, text: &[u8]) -> bool {
        self.secrets.iter().any(|secret| match &**secret {
            [first, second, ..] if secret.len() >= MIN_PART => {
                // Further behind it cannot begin.
                let room = text.len().checked_sub(secret.len());
                let beginnings = room.and_then(|room| text.get(..room.saturating_add(2)));
                beginnings.is_some_and(|text| has_pair(text, [[*first, *second]]))
                    && contains(text, secret)
            }
            secret => text == secret,
        })
    }

    /// Whether one is in something that is in base64, in either alphabet (RFC 4648 sections 4 and 5).
    /// Where that begins cannot be known, so it is read from each place of a group.
    fn are_in_base64(&self, value: &[u8]) -> bool {
        // A letter has six bits.
        let max = value.len().saturating_mul(6).wrapping_div(8);
        let parts = || {
            let secrets = self.secrets.iter().map(Cow::as_ref);
            secrets.filter(|secret| (MIN_PART..=max).contains(&secret.len()))
        };
        if !parts().any(|secret| has_pair(value, first_letters(secret))) {
            return false;
        }
        let runs = value.split(|byte| sextet(*byte).is_none());
        let mut texts = runs.flat_map(|run| (0..4).filter_map(|start| run.get(start..)));
        texts.any(|text| {
            let text = base64_decoded(text);
            parts().any(|secret| contains(&text, secret))
        })
    }
}

/// The first two letters that are `secret`'s alone in base64, at the three places of a group where it
/// may begin, in both alphabets.
fn first_letters(secret: &[u8]) -> [[u8; 2]; 6] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = secret.first_chunk().copied().map(u32::from_be_bytes);
    let bits = bits.unwrap_or_default();
    // How many of the secret's bits belong to a letter that is not its alone.
    let [one, two, three] = [0, 4, 2].map(|skipped| {
        let bits = bits.wrapping_shl(skipped);
        [26, 20].map(|place| {
            let sextet = usize::try_from(bits.wrapping_shr(place) & 63).ok();
            let letter = sextet.and_then(|sextet| ALPHABET.get(sextet));
            letter.copied().unwrap_or_default()
        })
    });
    let url_safe = |letters: [u8; 2]| {
        letters.map(|letter| match letter {
            b'+' => b'-',
            b'/' => b'_',
            letter => letter,
        })
    };
    [
        one,
        two,
        three,
        url_safe(one),
        url_safe(two),
        url_safe(three),
    ]
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|own| own == part)
}

/// The six bits of a letter of base64, in either alphabet.
const fn sextet(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(letter.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(letter.wrapping_sub(b'0').wrapping_add(52)),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// What `letters` say, all of them letters of base64.
fn base64_decoded(letters: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(letters.len());
    for group in letters.chunks(4) {
        // A last group of two or three letters is read as if zeros stood behind them.
        let missing = 4_usize.saturating_sub(group.len());
        let bits = group.iter().fold(0_u32, |bits, letter| {
            bits.wrapping_shl(6) | u32::from(sextet(*letter).unwrap_or_default())
        });
        let shift = u32::try_from(missing.saturating_mul(6)).unwrap_or_default();
        let [_, bytes @ ..] = bits.wrapping_shl(shift).to_be_bytes();
        let whole = bytes.len().saturating_sub(missing);
        decoded.extend_from_slice(bytes.get(..whole).unwrap_or_default());
    }
    decoded
}

/// `value` with what is percent-encoded in it decoded once; none where nothing is.
fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    if !has(value, b'%') {
        return None;
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let encoded = match (byte, after) {
            (b'%', [high, low, after @ ..]) => hex_digit(*high)
                .zip(hex_digit(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (byte, after) = encoded.unwrap_or((*byte, after));
        decoded.push(byte);
        rest = after;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const KEY: &str = "sk-alice-0123456789abcdef";

    fn key() -> Presented<'static> {
        Presented {
            api_key: Some(KEY),
            ..Presented::default()
        }
    }

    fn encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    #[test]
    fn a_key_is_found_in_every_spelling() {
        let copies = Copies::of(&key());
        let once = encoded(KEY);
        for value in [
            KEY.to_owned(),
            format!("Bearer {KEY}"),
            format!("/api/tags?api_key={KEY}&x=1"),
            format!("https://a.example/?k={KEY}"),
            format!("<{KEY}>"),
            once.clone(),
            encoded(&once),
            encoded(&encoded(&once)),
            KEY.replace('-', "%2D"),
            format!("%{KEY}"),
            format!("%zz%4{KEY}%"),
            STANDARD.encode(KEY).replace('=', "%3D"),
        ] {
            assert!(copies.are_in(value.as_bytes()), "{value}");
        }
        for value in [
            "",
            "sk-alice-0123456789abcde",
            "sk-alice-0123456789abcdeF",
            "SK-ALICE-0123456789ABCDEF",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
        ] {
            assert!(!copies.are_in(value.as_bytes()), "{value}");
        }
    }

    /// Whatever stands before and behind it, and in either alphabet.
    #[test]
    fn base64_is_seen_through_at_every_place() {
        for secret in [
            "0123456789abcdef",
            KEY,
            "~~~???>>>\u{ff}\u{fe}-key-~~~",
            "password",
        ] {
            let mut copies = Copies::of(&Presented::default());
            copies.put(Cow::Borrowed(secret.as_bytes()));
            let halves = STANDARD.encode(secret);
            let (one, other) = halves.split_at(halves.len() / 2);
            assert!(
                !copies.are_in(format!("{one}!{other}").as_bytes()),
                "{secret:?}"
            );
            for before in 0..7 {
                for after in 0..7 {
                    let text = format!("{}{secret}{}", "u".repeat(before), "\u{7f}".repeat(after));
                    for value in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                        for value in [
                            value.clone(),
                            format!("Basic {value}"),
                            format!("a:{value};"),
                        ] {
                            assert!(copies.are_in(value.as_bytes()), "{text} {value}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_password_is_found_by_itself_and_with_its_name() {
        let text = STANDARD.encode("alice:correct horse");
        let copies = Copies::of(&Presented {
            basic: Some(&text),
            ..Presented::default()
        });
        for value in [
            "correct horse",
            "x correct horse x",
            "alice:correct horse",
            "correct%20horse",
            "correct+horse",
            "/api/tags?password=correct+horse&x=1",
            &text,
            &format!("Basic {text}"),
            &STANDARD.encode("bob:correct horse"),
        ] {
            assert!(copies.are_in(value.as_bytes()), "{value}");
        }
        for value in ["alice", "alice:", "correct", "horse", "Basic YWxpY2U6"] {
            assert!(!copies.are_in(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn a_key_in_the_place_of_the_name_is_found_by_itself() {
        let text = STANDARD.encode(format!("{KEY}:"));
        let copies = Copies::of(&Presented {
            basic: Some(&text),
            ..Presented::default()
        });
        for value in [
            KEY,
            &format!("/api/tags?api_key={KEY}"),
            &format!("https://{KEY}@gate.example/"),
            &STANDARD.encode(KEY),
        ] {
            assert!(copies.are_in(value.as_bytes()), "{value}");
        }
        // With a password it is a name, and names stand in many places.
        let text = STANDARD.encode("alice@team.example.com:wrong horse");
        let copies = Copies::of(&Presented {
            basic: Some(&text),
            ..Presented::default()
        });
        assert!(!copies.are_in(b"alice@team.example.com"));
    }

    #[test]
    fn a_short_password_is_a_whole_value_or_none() {
        let text = STANDARD.encode("u:1234");
        let copies = Copies::of(&Presented {
            basic: Some(&text),
            ..Presented::default()
        });
        assert!(copies.are_in(b"1234") && copies.are_in(b"%31234"));
        assert!(!copies.are_in(b"12345") && !copies.are_in(b"u:12345"));
        assert!(copies.are_in(b"u:1234"), "the pair is a value too");
        for empty in ["u:", ":", "u", ""] {
            let text = STANDARD.encode(empty);
            let copies = Copies::of(&Presented {
                basic: Some(&text),
                ..Presented::default()
            });
            assert!(!copies.are_in(b""), "{empty}");
            assert!(!copies.are_in(b"text/html"), "{empty}");
        }
    }

    #[test]
    fn what_is_too_short_to_be_a_credential_is_not_looked_for() {
        let copies = Copies::of(&Presented {
            api_key: Some("json"),
            ..Presented::default()
        });
        assert!(!copies.are_in(b"application/json"));
        let mut none = Copies::of(&Presented::default());
        assert!(!none.are_in(KEY.as_bytes()));
        none.add(b"json");
        assert!(!none.are_in(b"application/json"));
        none.add(KEY.as_bytes());
        assert!(none.are_in(KEY.as_bytes()));
    }
}
