//! `Content-Encoding` (RFC 9110 section 8.4).

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// not at all
    Identity,
    /// with Zstandard (RFC 8878), said as Ollama takes it: `zstd`, and nothing else
    Zstd,
    /// in another way, in several, or said so that readers may understand it differently
    Other,
}

impl Coding {
    /// What the fields called `Content-Encoding`, `values`, say together.
    ///
    /// Ollama looks at the first field alone, and takes its value as it stands, with its case.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let mut values = values.into_iter();
        let (first, second) = (values.next(), values.next());
        match (first, second) {
            (None, _) => Self::Identity,
            (Some(_), Some(_)) => Self::Other,
            (Some(b"zstd"), None) => Self::Zstd,
            (Some(value), None) => match value.trim_ascii() {
                value if value.is_empty() || value.eq_ignore_ascii_case(b"identity") => {
                    Self::Identity
                }
                _ => Self::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Coding {
        Coding::of(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn no_coding_may_be_said_or_left_out() {
        for values in [
            &[][..],
            &[""],
            &["identity"],
            &["Identity"],
            &[" identity "],
        ] {
            assert_eq!(of(values), Coding::Identity, "{values:?}");
        }
    }

    #[test]
    fn zstd_is_said_once_and_exactly_so() {
        assert_eq!(of(&["zstd"]), Coding::Zstd);
        for value in [
            "ZSTD",
            "Zstd",
            " zstd",
            "zstd ",
            "zstd,",
            ",zstd",
            "zstd,zstd",
            "zstd, gzip",
            "gzip, zstd",
            "identity, zstd",
            "zstd, identity",
            "zstd;q=1",
            "x-zstd",
            "\"zstd\"",
        ] {
            assert_eq!(of(&[value]), Coding::Other, "{value:?}");
        }
    }

    #[test]
    fn every_other_coding_and_every_second_field_is_another() {
        for value in [
            "gzip",
            "x-gzip",
            "br",
            "deflate",
            "compress",
            "identity, identity",
            "*",
        ] {
            assert_eq!(of(&[value]), Coding::Other, "{value:?}");
        }
        for values in [
            ["zstd", "zstd"],
            ["zstd", "gzip"],
            ["identity", "zstd"],
            ["zstd", "identity"],
            ["", "zstd"],
            ["zstd", ""],
            ["identity", "identity"],
        ] {
            assert_eq!(of(&values), Coding::Other, "{values:?}");
        }
    }
}
