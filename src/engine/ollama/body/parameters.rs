//! Header values with parameters: `Content-Type` and `Content-Disposition`.

/// A value such as `form-data; name="model"`, in the plain forms that every reader understands
/// alike.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters<'a> {
    /// what stands before the first semicolon
    kind: &'a str,
    /// names in lower case, each once
    list: Vec<(String, &'a str)>,
}

impl<'a> Parameters<'a> {
    /// Takes `value` apart. `None` for whatever is not plain: escapes in quotes, a parameter twice,
    /// an empty one, control characters.
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let end = value.find(';').unwrap_or(value.len());
        let (kind, mut rest) = value.split_at_checked(end)?;
        let kind = kind.trim_matches(is_space);
        if kind.is_empty() || !kind.bytes().all(|byte| byte == b'/' || is_token(byte)) {
            return None;
        }
        let mut list: Vec<(String, &str)> = Vec::new();
        while !rest.is_empty() {
            let (name, value, after) = parameter(rest)?;
            if list.iter().any(|(other, _)| *other == name) {
                return None;
            }
            list.push((name, value));
            rest = after;
        }
        Some(Self { kind, list })
    }

    /// Whether this is of `kind`, in either case.
    pub(crate) const fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The parameter called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let mut list = self.list.iter();
        list.find(|(other, _)| other == name)
            .map(|(_, value)| *value)
    }

    /// Whether a parameter beside `but` has an extended name (RFC 2231): such as `name*`, which
    /// some readers take for `name`, or `name*0`, a piece of it.
    pub(crate) fn has_extended(&self, but: &str) -> bool {
        let mut names = self.list.iter().map(|(name, _)| name);
        names.any(|name| name.contains('*') && name != but)
    }
}

/// One parameter, its semicolon included, and what follows it.
fn parameter(text: &str) -> Option<(String, &str, &str)> {
    let text = text.strip_prefix(';')?.trim_start_matches(is_space);
    let (name, text) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let (value, rest) = match text.strip_prefix('"') {
        Some(text) => text.split_once('"')?,
        None => text.split_at_checked(text.find([';', ' ', '\t']).unwrap_or(text.len()))?,
    };
    let is_fit = if text.starts_with('"') {
        !value.contains(|letter: char| letter == '\\' || letter.is_control())
    } else {
        !value.is_empty() && value.bytes().all(is_token)
    };
    let rest = rest.trim_start_matches(is_space);
    is_fit.then(|| (name.to_ascii_lowercase(), value, rest))
}

const fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// Whether `byte` may stand in a token (RFC 2045 section 5.1).
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'(' | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_taken_apart() {
        for (value, kind, name, expected) in [
            ("form-data", "form-data", "name", None),
            (
                "form-data; name=\"model\"",
                "form-data",
                "name",
                Some("model"),
            ),
            ("Form-Data;NAME=model", "form-data", "name", Some("model")),
            (
                " form-data ; name=\"a;b=c\" ; x=1 ",
                "form-data",
                "name",
                Some("a;b=c"),
            ),
            ("form-data; name=\"\"", "form-data", "name", Some("")),
            (
                "form-data; filename=\"\u{e9}.wav\"; name=a",
                "form-data",
                "name",
                Some("a"),
            ),
            (
                "multipart/form-data; boundary=--x'1",
                "multipart/form-data",
                "boundary",
                Some("--x'1"),
            ),
        ] {
            let parameters = Parameters::parse(value).unwrap();
            assert!(parameters.is(kind), "{value}");
            assert_eq!(parameters.get(name), expected, "{value}");
        }
    }

    #[test]
    fn what_readers_could_differ_on_is_refused() {
        for value in [
            "",
            ";name=a",
            "form data",
            "form-data name=a",
            "form-data;",
            "form-data; name",
            "form-data; name=",
            "form-data; =a",
            "form-data; name =a",
            "form-data; name= a",
            "form-data; name=a;; x=1",
            "form-data; name=a b",
            "form-data; name=a\"b",
            "form-data; name=\"a",
            "form-data; name=\"a\"b",
            r#"form-data; name="a\"b""#,
            r#"form-data; name="a\b""#,
            "form-data; name=\"a\tb\"",
            "form-data; name=\"a\u{85}b\"",
            "form-data; name=\u{e9}",
            "form-data; name=a; name=b",
            "form-data; name=a; NAME=a",
            "form-data, x; name=a",
            "form-data; n\u{e9}=a",
        ] {
            assert_eq!(Parameters::parse(value), None, "{value}");
        }
    }

    #[test]
    fn extended_names_are_seen() {
        let has = |value| Parameters::parse(value).unwrap().has_extended("filename*");
        assert!(!has("form-data; name=a; filename*=utf-8''b"));
        assert!(has("form-data; name*=utf-8''model"));
        assert!(has("form-data; name*0=mo; name*1=del"));
        assert!(has("form-data; filename*0=a"));
    }
}
