//! Redis over HTTP, as webdis speaks it: a command is the body of a POST, its answer a JSON object with the command's
//! name.

use crate::http::Url;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{Call, Response, ResponseBody};
use std::fmt::Write as _;
use std::time::Duration;

/// The largest answer that is read, in bytes: a session has 20,000, and a list of 256 names 9,000.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest word that an error of Redis begins with, such as `WRONGTYPE`.
const MAX_ERROR_WORD: usize = 24;

/// A server that speaks webdis.
#[derive(Debug)]
pub(crate) struct Webdis {
    /// the gateway's name for it
    pub upstream: String,
    /// its address
    pub url: Url,
    /// what it wants to see, such as `authorization`
    pub headers: Vec<(String, Secret<String>)>,
    /// how long to wait for each answer
    pub timeout: Duration,
}

/// What Redis has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// nothing is there, or nothing was done
    Nil,
    /// it was done
    Done,
    /// a text
    Text(String),
    /// a whole number
    Number(u64),
    /// some texts
    Texts(Vec<String>),
}

impl Webdis {
    /// The call that has Redis do `words`: a command, and what it takes.
    pub(super) fn call(&self, words: &[&str]) -> Call {
        let mut body = String::new();
        for (place, word) in words.iter().enumerate() {
            if place > 0 {
                body.push('/');
            }
            push_word(&mut body, word);
        }
        Call::get_json(self.upstream.clone(), self.url.clone(), self.timeout)
            .posting("text/plain", body.into_bytes())
            .with_headers(&self.headers)
            .of_at_most(MAX_ANSWER_BYTES)
    }
}

/// Adds `word` to a command. Webdis parts words at `/`, and takes what stands behind a dot for the form of its answer.
fn push_word(body: &mut String, word: &str) {
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            body.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            _ = write!(body, "%{byte:02X}");
        }
    }
}

/// What `response` says of `command`.
///
/// # Errors
/// Why it says nothing, with no text of the answer in it but the word that an error of Redis begins with.
pub(super) fn answer(command: &str, response: &Response<'_>) -> Result<Answer, String> {
    let status = response.status.ok_or("webdis did not answer")?;
    let body = match response.body {
        ResponseBody::Bytes(body) => body,
        ResponseBody::TooLarge(size) => {
            return Err(format!(
                "the answer of webdis has {size} bytes, over {MAX_ANSWER_BYTES}"
            ));
        }
    };
    if status != 200 {
        let why = match status {
            403 => ": its `acl` does not let the gate use this command",
            503 => ": it does not reach Redis",
            _ => "",
        };
        return Err(format!("webdis answered with status {status}{why}"));
    }
    let json = Json::parse_object_without_duplicates(body);
    let found = match &json {
        Some(Json::Object(members)) => match members.as_slice() {
            [(name, value)] if name == command => Some(value),
            _ => None,
        },
        _ => None,
    };
    let unreadable = || "the answer is none of webdis to this command".to_owned();
    let text = |item: &Json| item.text().map(str::to_owned).ok_or_else(unreadable);
    match found.ok_or_else(unreadable)? {
        Json::Null => Ok(Answer::Nil),
        Json::Text(text) => Ok(Answer::Text(text.clone())),
        number @ Json::Number(_) => number.whole().map(Answer::Number).ok_or_else(unreadable),
        Json::List(items) => match items.as_slice() {
            [Json::Bool(true), Json::Text(_)] => Ok(Answer::Done),
            [Json::Bool(false), Json::Text(error)] => {
                Err(format!("Redis answered with the error {}", word_of(error)))
            }
            items => items
                .iter()
                .map(text)
                .collect::<Result<_, _>>()
                .map(Answer::Texts),
        },
        _ => Err(unreadable()),
    }
}

/// The word that `error` begins with, such as `READONLY`, if it is one of Redis's own kind. What follows may hold what
/// was asked.
fn word_of(error: &str) -> String {
    let word = error.split(' ').next().unwrap_or_default();
    let is_code = (2..=MAX_ERROR_WORD).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code {
        format!("`{word}`")
    } else {
        "that is none of its usual ones".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webdis() -> Webdis {
        Webdis {
            upstream: "webdis".to_owned(),
            url: Url::parse("http://webdis.internal").unwrap(),
            headers: vec![(
                "authorization".to_owned(),
                Secret::new("Basic x".to_owned()),
            )],
            timeout: Duration::from_secs(1),
        }
    }

    fn read(status: u16, body: &str) -> Result<Answer, String> {
        let body = ResponseBody::Bytes(body.as_bytes());
        let response = Response {
            status: Some(status),
            headers: &[],
            body,
        };
        answer("GET", &response)
    }

    #[test]
    fn no_word_of_a_command_becomes_another_or_an_ending() {
        let call = webdis().call(&["GET", "a/b.json", "ä b%2F+\r\n"]);
        let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
        assert_eq!(body, "GET/a%2Fb%2Ejson/%C3%A4%20b%252F%2B%0D%0A");
        assert_eq!((call.method(), call.url().path()), ("POST", "/"));
        let headers: Vec<_> = call.headers().collect();
        assert!(headers.contains(&("authorization", "Basic x")));
    }

    #[test]
    fn every_form_of_an_answer_is_told_apart() {
        let text = |text: &str| Answer::Text(text.to_owned());
        for (body, expected) in [
            (r#"{"GET":null}"#, Answer::Nil),
            (r#"{"GET":"abc"}"#, text("abc")),
            (r#"{"GET":""}"#, text("")),
            (r#"{"GET":3}"#, Answer::Number(3)),
            (r#"{"GET":[true,"OK"]}"#, Answer::Done),
            (r#"{"GET":[]}"#, Answer::Texts(vec![])),
            (
                r#"{"GET":["a","b"]}"#,
                Answer::Texts(vec!["a".to_owned(), "b".to_owned()]),
            ),
        ] {
            assert_eq!(read(200, body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_of_webdis_is_an_error_that_quotes_nothing() {
        for (status, body, why) in [
            (200, "", "none of webdis"),
            (200, "<html>secret</html>", "none of webdis"),
            (200, "null", "none of webdis"),
            (200, "\"secret\"", "none of webdis"),
            (200, "{}", "none of webdis"),
            (200, r#"{"SET":"secret"}"#, "none of webdis"),
            (200, r#"{"GET":"a","GET":"secret"}"#, "none of webdis"),
            (200, r#"{"GET":"secret","x":1}"#, "none of webdis"),
            (200, r#"{"GET":{"secret":1}}"#, "none of webdis"),
            (200, r#"{"GET":true}"#, "none of webdis"),
            (200, r#"{"GET":-1}"#, "none of webdis"),
            (200, r#"{"GET":["a",null]}"#, "none of webdis"),
            (200, r#"{"GET":"cut"#, "none of webdis"),
            (200, r#"{"GET":[false,"ERR secret"]}"#, "error `ERR`"),
            (200, r#"{"GET":[false,"LOADING Redis"]}"#, "error `LOADING`"),
            (200, r#"{"GET":[false,"secret"]}"#, "none of its usual"),
            (403, "", "`acl`"),
            (503, "secret", "does not reach Redis"),
            (302, "", "status 302"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(error.contains(why), "{status} {body}: {error}");
            assert!(!error.contains("secret"), "{status} {body}: {error}");
        }
        let late = answer("GET", &Response::none());
        assert_eq!(late, Err("webdis did not answer".to_owned()));
        let large = Response {
            status: Some(200),
            headers: &[],
            body: ResponseBody::TooLarge(70_000),
        };
        assert!(answer("GET", &large).unwrap_err().contains("70000 bytes"));
    }
}
