//! A sealed value as cookies: in as many as its length takes, and found again in what a browser sends.
//!
//! A browser keeps 4,096 bytes of a cookie, its attributes included (RFC 6265 section 6.1). The value begins
//! with the number of its parts; the first stands under the name itself, the others behind `-1`, `-2` and so
//! on. Parts of two values that were mixed do not open: the seal is over the whole.

use std::borrow::Cow;

/// The most bytes of a cookie, with its name and attributes.
pub(crate) const MAX_COOKIE: usize = 4096;
/// The most parts of a value.
pub(crate) const MAX_PARTS: usize = 5;
/// The most bytes of all cookies of a request, the gate's and others', that are searched.
pub(crate) const MAX_COOKIES: usize = 32 * 1024;
/// The most cookies of a request that are searched. Browsers keep about 180 of a site.
pub(crate) const MAX_PAIRS: usize = 512;

/// Why the cookies of a request cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieFlaw {
    /// one of them stands there twice
    Repeated,
    /// a part has a higher number than any the gate writes
    TooMany,
    /// all of them together are over [`MAX_COOKIES`], or more than [`MAX_PAIRS`]
    TooLong,
}

/// It takes more than [`MAX_PARTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The parts of a value that a browser holds, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts(u8);

impl Parts {
    /// No part.
    pub(crate) const NONE: Self = Self(0);

    /// The first part alone.
    pub(crate) const FIRST: Self = Self(1);

    /// Every part that there can be.
    pub(crate) const EVERY: Self = Self(0b1_1111);

    const fn has(self, part: usize) -> bool {
        self.0.wrapping_shr(shift(part)) & 1 == 1
    }

    const fn with(self, part: usize) -> Self {
        Self(self.0 | 1_u8.wrapping_shl(shift(part)))
    }
}

/// `part` as a number of bits; the callers have less than eight parts.
#[allow(clippy::as_conversions)] // const, and under eight
const fn shift(part: usize) -> u32 {
    (part % 8) as u32
}

/// What a browser sent under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// the value, if all its parts are there
    pub(crate) text: Option<Cow<'a, [u8]>>,
    /// the parts that are there, whether or not they belong together
    pub(crate) held: Parts,
}

/// The name under which a value is kept, and what the browser is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieName {
    name: String,
    attributes: String,
}

impl CookieName {
    /// The cookies called `name`, sent to `path` and below. `secure`: only over TLS, which is what earns
    /// them the prefix that keeps a sister domain from setting them (RFC 6265bis section 4.1.3).
    pub(crate) fn new(name: &str, path: &str, secure: bool) -> Self {
        let prefix = match (secure, path) {
            (true, "/") => "__Host-",
            (true, _) => "__Secure-",
            (false, _) => "",
        };
        let secure = if secure { "; Secure" } else { "" };
        Self {
            name: format!("{prefix}{name}"),
            attributes: format!("; Path={path}; HttpOnly{secure}; SameSite=Lax"),
        }
    }

    /// The name of the first part.
    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }

    /// The value in the `Cookie` headers `headers`, and which parts of one are there.
    ///
    /// # Errors
    /// The first flaw found. Nothing is searched past [`MAX_COOKIES`] and [`MAX_PAIRS`].
    pub(crate) fn find<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Found<'a>, CookieFlaw> {
        let mut parts: [Option<&'a [u8]>; MAX_PARTS] = [None; MAX_PARTS];
        let mut held = Parts::NONE;
        for pair in pairs(headers) {
            let Some((number, value)) = self.part(pair?) else {
                continue;
            };
            let place = parts.get_mut(number).ok_or(CookieFlaw::TooMany)?;
            if place.replace(value).is_some() {
                return Err(CookieFlaw::Repeated);
            }
            held = held.with(number);
        }
        let text = joined(&parts);
        Ok(Found { text, held })
    }

    /// The number and the value of the part that `pair` is.
    fn part<'a>(&self, pair: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let rest = pair.strip_prefix(self.name.as_bytes())?;
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (suffix, value) = rest.split_at_checked(equals)?;
        let value = value.get(1..)?.trim_ascii();
        let number = match suffix.trim_ascii_end() {
            b"" => 0,
            [b'-', first @ b'1'..=b'9'] => usize::from(first & 0x0f),
            // A number of the gate's own has one digit. More of them are no part, and too many.
            [b'-', b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => MAX_PARTS,
            _ => return None,
        };
        Some((number, value))
    }

    /// The `Set-Cookie` values that keep `text` for `max_age` seconds, and take away those of the parts in
    /// `held` that it does not need.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn set(
        &self,
        text: &str,
        max_age: i64,
        held: Parts,
    ) -> Result<Vec<String>, TooLarge> {
        let age = format!("; Max-Age={}", max_age.max(0));
        // `=`, `-` and a digit behind the name.
        let around = self
            .name
            .len()
            .saturating_add(3)
            .saturating_add(self.attributes.len())
            .saturating_add(age.len());
        let room = MAX_COOKIE.checked_sub(around).ok_or(TooLarge)?;
        // The number of parts stands in front of the text, with a dot.
        let all = text.len().saturating_add(2);
        let count = (1..=MAX_PARTS)
            .find(|count| room.saturating_mul(*count) >= all)
            .ok_or(TooLarge)?;
        let value = format!("{count}.{text}");
        let mut lines = Vec::with_capacity(count);
        for (number, part) in value.as_bytes().chunks(room).enumerate() {
            let part = std::str::from_utf8(part).map_err(|_| TooLarge)?;
            let name = self.name_of(number);
            lines.push([&name, "=", part, &self.attributes, &age].concat());
        }
        lines.extend(self.removal((count..MAX_PARTS).filter(|number| held.has(*number))));
        Ok(lines)
    }

    /// The `Set-Cookie` values that take away the parts in `held`.
    pub(crate) fn removed(&self, held: Parts) -> Vec<String> {
        let numbers = (0..MAX_PARTS).filter(|number| held.has(*number));
        self.removal(numbers).collect()
    }

    fn removal(&self, numbers: impl Iterator<Item = usize>) -> impl Iterator<Item = String> {
        numbers.map(|number| {
            let name = self.name_of(number);
            [&name, "=", &self.attributes, "; Max-Age=0"].concat()
        })
    }

    fn name_of(&self, number: usize) -> Cow<'_, str> {
        match number {
            0 => Cow::Borrowed(&self.name),
            number => Cow::Owned(format!("{}-{number}", self.name)),
        }
    }
}

/// The cookies in the `Cookie` headers `headers`, each as `name=value` without the white space around it: those
/// within the bounds, and [`CookieFlaw::TooLong`] where there are more.
pub(crate) fn pairs<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = Result<&'a [u8], CookieFlaw>> {
    let mut room = MAX_COOKIES;
    let all = headers.into_iter().flat_map(move |header| {
        let (searched, flaw) = match header.split_at_checked(room) {
            // A cookie that is cut at the bound is none.
            Some((within, rest)) if !rest.is_empty() => {
                let last = within.iter().rposition(|byte| *byte == b';');
                let whole = within.get(..last.unwrap_or(0)).unwrap_or_default();
                (whole, Some(Err(CookieFlaw::TooLong)))
            }
            _ => (header, None),
        };
        room = room.saturating_sub(header.len());
        split(searched)
            .map(|pair| Ok(pair.trim_ascii()))
            .chain(flaw)
    });
    all.enumerate().map(|(number, pair)| {
        if number < MAX_PAIRS {
            pair
        } else {
            Err(CookieFlaw::TooLong)
        }
    })
}

/// The pieces of `header` between semicolons. As [`slice::split`], which goes byte by byte; this looks at sixteen at a
/// time, and a session has thousands.
fn split(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let left = rest.take()?;
        let Some(end) = semicolon(left) else {
            return Some(left);
        };
        rest = left.get(end.saturating_add(1)..);
        left.get(..end)
    })
}

/// The place of the first semicolon in `bytes`.
fn semicolon(bytes: &[u8]) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<16>();
    // Without a branch in it, the loop over a block becomes one instruction.
    let has = |block: &[u8; 16]| block.iter().fold(false, |has, byte| has | (*byte == b';'));
    let passed = blocks.iter().take_while(|block| !has(block)).count();
    let from = passed.saturating_mul(16);
    let rest = bytes.get(from..)?;
    let found = rest.iter().position(|byte| *byte == b';')?;
    Some(from.saturating_add(found))
}

/// What stands in `parts` behind the number of parts in the first, if that many are there.
fn joined<'a>(parts: &[Option<&'a [u8]>; MAX_PARTS]) -> Option<Cow<'a, [u8]>> {
    let [Some(first), others @ ..] = parts else {
        return None;
    };
    let [count @ b'1'..=b'9', b'.', first @ ..] = first else {
        return None;
    };
    let more = usize::from(count & 0x0f).checked_sub(1)?;
    if more == 0 {
        return Some(Cow::Borrowed(first));
    }
    let mut text = first.to_vec();
    for part in others.get(..more)? {
        text.extend_from_slice((*part)?);
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
#[path = "cookies_tests.rs"]
mod tests;
