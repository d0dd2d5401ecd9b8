//! A value as text.

use super::Json;
use std::fmt;

impl fmt::Display for Json {
    /// As short as it can be written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { "," })?;
                    quoted(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let text = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    f.write_str(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was() {
        for text in [
            "null",
            "[true,false,1,-2.5,12345678901234567890]",
            r#"{"a":"b\"\\\n\u0001ä","":[],"c":{"d":{}}}"#,
        ] {
            let json = Json::parse(text.as_bytes()).unwrap();
            assert_eq!(json.to_string(), text, "{text}");
        }
    }
}
