//! Moments and spans, as options and configurations write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970 of `text`, a time of RFC 3339.
///
/// # Errors
/// What was expected.
pub fn read(text: &str) -> Result<i64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339);
    let time = time.map_err(|_| "expected a time such as 2027-01-31T00:00:00Z (RFC 3339)")?;
    Ok(time.unix_timestamp())
}

/// A span such as `14d` or `24h`.
///
/// # Errors
/// What was expected.
pub fn read_span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text);
    span.map_err(|_| "expected a span such as 14d or 24h".to_owned())
}

/// Seconds since 1970, now.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// `seconds` since 1970 in RFC 3339; as a number, where no year has them.
pub fn written(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| seconds.to_string())
}
