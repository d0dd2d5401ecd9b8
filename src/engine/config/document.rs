//! The bytes of the plugin configuration, read as what they are.
//!
//! Gateways pass JSON text. Envoy passes a `google.protobuf.Struct`, which is what people get who
//! write the configuration as YAML, as protobuf bytes. Both may begin with 0x0A, a line break in one
//! and the tag of the first field in the other, so JSON is tried first.

use crate::json::Json;
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde_json::Number;

/// The tag of `Struct.fields`: field 1, length-delimited.
const STRUCT_TAG: u8 = 0x0a;

/// Reads `document` as JSON, or as the protobuf form of a `Struct`.
///
/// # Errors
/// Why it is not JSON, if it is neither; the input is not quoted.
pub(crate) fn read(document: &[u8]) -> Result<Json, String> {
    // Some editors begin a file with a byte order mark.
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    Json::parse(document).or_else(|error| {
        let wanted = document.first() == Some(&STRUCT_TAG);
        match Struct::decode(document) {
            Ok(fields) if wanted => Ok(object(fields)),
            _ => Err(error),
        }
    })
}

fn object(fields: Struct) -> Json {
    Json::Object(
        fields
            .fields
            .into_iter()
            .map(|(name, value)| (name, from_value(value)))
            .collect(),
    )
}

fn from_value(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::StringValue(text)) => Json::Text(text),
        // What is no JSON number (infinity) is as absent as `null`, and refused like it.
        Some(Kind::NumberValue(value)) => number(value).map_or(Json::Null, Json::Number),
        Some(Kind::ListValue(list)) => {
            Json::List(list.values.into_iter().map(from_value).collect())
        }
        Some(Kind::StructValue(fields)) => object(fields),
    }
}

/// A `Struct` knows no whole numbers; those that are exact become what they were in the YAML.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return format!("{value:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    fn encoded(fields: Vec<(&str, Value)>) -> Vec<u8> {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let fields = Struct {
            fields: fields.collect(),
        };
        fields.encode_to_vec()
    }

    #[test]
    fn a_byte_order_mark_before_the_text_is_passed_over() {
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":1}"), read(b"{\"a\":1}"));
        assert!(read(b"\xef\xbb{\"a\":1}").is_err());
    }

    #[test]
    fn a_struct_is_read_like_the_json_it_stands_for() {
        let inner = value(Kind::ListValue(prost_types::ListValue {
            values: vec![
                value(Kind::StringValue("health".into())),
                value(Kind::BoolValue(true)),
            ],
        }));
        let bytes = encoded(vec![("a", inner), ("b", value(Kind::NullValue(0)))]);
        assert_eq!(read(&bytes), read(br#"{"a":["health",true],"b":null}"#));
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let values = [11_434.0, -1.0, 0.0, 0.5, 1e300, f64::INFINITY];
        let written = ["11434", "-1", "0", "0.5", "1e300", "null"];
        for (value, written) in values.into_iter().zip(written) {
            let read = from_value(self::value(Kind::NumberValue(value)));
            assert_eq!(
                Ok(read),
                Json::parse(written.as_bytes()),
                "{value:?}, {written:?}"
            );
        }
    }

    #[test]
    fn json_goes_first() {
        assert_eq!(read(b"\n{\"a\":1}"), Json::parse(b"{\"a\":1}"));
    }

    #[test]
    fn what_is_neither_is_told_as_bad_json() {
        let good = encoded(vec![("name", value(Kind::StringValue("value".into())))]);
        for cut in 1..good.len() {
            assert!(read(&good[..cut]).is_err(), "cut at {cut}");
        }
        for bytes in [
            &b""[..],
            b"\x0a",
            b"\x12\x00",
            b"\x08\x01",
            b"{",
            b"\x0a\xff\xff\xff\xff\x0f",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_struct_is_not_deeper_than_json_may_be() {
        let mut deep = value(Kind::BoolValue(true));
        for _ in 0..1_000 {
            let values = vec![deep];
            deep = value(Kind::ListValue(prost_types::ListValue { values }));
        }
        assert!(read(&encoded(vec![("a", deep)])).is_err());
    }
}
