//! `jwt[].secrets[]`: text, or bytes that are written as text.

use super::super::field::{Field, Shape};
use super::super::reader::{Node, Reader};
use crate::json::Json;
use crate::secret::Secret;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

table! {
    pub(in crate::config) SECRET => SecretSection {
        env: Field::one_of(
            Shape::Pattern("^[A-Z0-9_]{1,64}$"),
            "the environment variable that holds the secret",
        ),
        value: Field::one_of(Shape::Text, "the secret itself, written as `encoding` says"),
        optional: Field::optional(
            Shape::Boolean,
            "`true`: the variable may be unset, for instance that of a previous secret",
        ),
        encoding: Field::optional(
            Shape::Word(encodings),
            "how the bytes of the secret are written: `base64`, `base64url` or `hex`. Padding is optional, and \
             white space is ignored. Default: the text itself is the secret",
        ),
    }
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Base64,
    Base64Url,
    Hex,
}

const ENCODINGS: [(&str, Encoding); 3] = [
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("hex", Encoding::Hex),
];

fn encodings() -> Vec<&'static str> {
    ENCODINGS.iter().map(|(name, _)| *name).collect()
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        let found = ENCODINGS.iter().find(|(known, _)| *known == name);
        found.map(|(_, encoding)| *encoding)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Hex => "hex",
        }
    }

    /// The bytes that `text` stands for.
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        let mut bytes: Vec<u8> = text.bytes().collect();
        bytes.retain(|byte| !byte.is_ascii_whitespace());
        match self {
            Self::Base64 => base64(&STANDARD, &bytes),
            Self::Base64Url => base64(&URL_SAFE, &bytes),
            Self::Hex => hex(&bytes),
        }
    }
}

fn base64(alphabet: &Alphabet, text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    };
    text.chunks(2).map(byte).collect()
}

/// A secret of tokens.
pub(crate) struct TokenSecret {
    /// as it is written
    pub written: Secret<String>,
    /// what signs
    pub bytes: Secret<Vec<u8>>,
}

/// The secret at `node`: a string, or an object that says where it is and how it is written. An optional
/// variable that is unset is `None` too.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<TokenSecret> {
    if !matches!(node.json, Json::Object(_)) {
        return reader.secret(node).map(plain);
    }
    let section = reader.section::<SecretSection>(node)?;
    let encoding = section.encoding.read(reader, |reader, node| {
        let expected = "\"base64\", \"base64url\" or \"hex\"";
        reader.parsed(node, expected, Encoding::named)
    });
    if section.encoding.is_given() && encoding.is_none() {
        return None;
    }
    let optional = reader.is_true(&section.optional);
    let written = match (section.env.node(), section.value.node()) {
        (Some(field), _) => reader.variable(node, &field, optional)?,
        (None, Some(value)) => match encoding {
            Some(_) => reader.secret_text(&value)?,
            None => reader.secret(&value)?,
        },
        (None, None) => return None,
    };
    let Some(encoding) = encoding else {
        let fit = reader.check_stray(node, written.expose());
        return fit.then(|| plain(written));
    };
    let Some(bytes) = encoding.decode(written.expose()) else {
        reader.refuse(
            node,
            format!("is not {}, as its `encoding` says", encoding.name()),
        );
        return None;
    };
    Some(TokenSecret {
        written,
        bytes: Secret::new(bytes),
    })
}

fn plain(written: Secret<String>) -> TokenSecret {
    let bytes = Secret::new(written.expose().as_bytes().to_vec());
    TokenSecret { written, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_each_encoding_with_and_without_padding_and_white_space() {
        let bytes = Some(vec![0xfb, 0xff, 0x00, 0x41]);
        for (encoding, text) in [
            (Encoding::Base64, "+/8AQQ=="),
            (Encoding::Base64, "+/8AQQ"),
            (Encoding::Base64, " +/8A\r\nQQ==\n"),
            (Encoding::Base64Url, "-_8AQQ=="),
            (Encoding::Base64Url, "-_8AQQ"),
            (Encoding::Hex, "fbff0041"),
            (Encoding::Hex, "FB FF 00 41\n"),
        ] {
            assert_eq!(encoding.decode(text), bytes, "{encoding:?} {text:?}");
        }
        for (encoding, text) in [
            (Encoding::Base64, "-_8AQQ=="),
            (Encoding::Base64, "+/8AQ"),
            (Encoding::Base64, "+/8AQR=="),
            (Encoding::Base64Url, "+/8AQQ=="),
            (Encoding::Hex, "fbff004"),
            (Encoding::Hex, "0xfbff"),
            (Encoding::Hex, "fg"),
        ] {
            assert_eq!(encoding.decode(text), None, "{encoding:?} {text:?}");
        }
    }
}
