//! HTTP/1.1 as bytes: a request on its way out, an answer on its way in.

use super::client::Failure;
use std::borrow::Cow;

/// How many header fields of an answer are read.
const MAX_FIELDS: usize = 128;

/// One request, without what the client adds: `Host`, `Connection` and `Content-Length`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    host: Option<&'static str>,
    fields: Vec<(Cow<'static, str>, String)>,
    body: Option<Cow<'static, str>>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            host: None,
            fields: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// In: another `Host` than the deployment's.
    pub(crate) fn host(mut self, host: &'static str) -> Self {
        self.host = Some(host);
        self
    }

    pub(crate) fn field(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// In: a key or token, if there is one. Sent the way all clients can.
    pub(crate) fn bearer(self, key: Option<&str>) -> Self {
        match key {
            Some(key) => self.field("Authorization", format!("Bearer {key}")),
            None => self,
        }
    }

    pub(crate) fn json(mut self, body: &'static str) -> Self {
        self.body = Some(body.into());
        self.field("Content-Type", "application/json")
    }

    /// In: a body, whose type a field says.
    pub(crate) fn with_body(mut self, body: String) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// In: the path before Ollama's own.
    pub(super) fn below(mut self, prefix: &str) -> Self {
        self.path.insert_str(0, prefix);
        self
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Out: method and path, for a person. No field is shown: one may hold a key.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The start of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// In: a name in lower case. Out: the first value of that field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

pub(super) fn bytes(request: &Request, authority: &str) -> Vec<u8> {
    let host = request.host.unwrap_or(authority);
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        request.method, request.path
    );
    let has = |name: &str| {
        request
            .fields
            .iter()
            .any(|(field, _)| field.eq_ignore_ascii_case(name))
    };
    if !has("Connection") {
        text.push_str("Connection: close\r\n");
    }
    for (name, value) in [("User-Agent", "ollama-gate-smoke"), ("Accept", "*/*")] {
        if !has(name) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in &request.fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = &request.body {
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    } else {
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// In: what came so far, whether more will come, and whether a body belongs to it. Out: the answer, when
/// it is whole or nothing more will come.
pub(super) fn parse(
    received: &[u8],
    ended: bool,
    head_only: bool,
) -> Result<Option<Answer>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Failure::NotHttp),
    };
    let status = response.code.unwrap_or_default();
    let rest = received.get(length..).unwrap_or_default();
    if status == 100 {
        return parse(rest, ended, head_only);
    }
    let fields: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|field| {
            (
                field.name.to_ascii_lowercase(),
                String::from_utf8_lossy(field.value).into_owned(),
            )
        })
        .collect();
    let value = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    };
    let bodiless = head_only || status < 200 || status == 204 || status == 304;
    let chunked = value("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let whole = bodiless
        || if chunked {
            rest.ends_with(b"0\r\n\r\n")
        } else {
            value("content-length")
                .and_then(|length| length.parse().ok())
                .is_some_and(|length: usize| rest.len() >= length)
        };
    if !whole && !ended {
        return Ok(None);
    }
    let body = if chunked {
        unchunked(rest)
    } else {
        rest.to_vec()
    };
    Ok(Some(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        fields,
    }))
}

/// In: a chunked body, perhaps cut. Out: the bytes in it.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let after = rest.get(start..).unwrap_or_default();
        body.extend(after.iter().take(size));
        match after.get(size.saturating_add(2)..) {
            Some(next) if size > 0 => rest = next,
            _ => break,
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, ended: bool) -> Option<Answer> {
        parse(text.as_bytes(), ended, false).expect("HTTP")
    }

    #[test]
    fn an_answer_is_whole_when_its_length_or_its_last_chunk_says_so() {
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", false).is_none());
        let whole = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false).expect("whole");
        assert_eq!((whole.status, whole.body.as_str()), (200, "{}"));
        assert!(
            answer(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
                false
            )
            .is_none()
        );
        let chunks =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        assert_eq!(answer(chunks, false).expect("whole").body, "{}");
    }

    #[test]
    fn an_answer_that_was_cut_is_read_as_far_as_it_came() {
        let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{\"a\"";
        assert_eq!(answer(cut, true).expect("cut").body, "{\"a\"");
        assert!(answer("HTTP/1.1 200", true).is_none());
    }

    #[test]
    fn what_is_not_http_is_no_answer() {
        assert!(matches!(
            parse(b"SSH-2.0-OpenSSH_9.2\r\n", false, false),
            Err(Failure::NotHttp)
        ));
    }

    #[test]
    fn a_request_goes_out_as_it_is_and_shows_no_key() {
        let request = Request::get("/health/../api/tags#x")
            .host("evil.example")
            .bearer(Some("sk-secret"));
        let text = String::from_utf8(bytes(&request, "gate.example")).expect("text");
        assert!(
            text.starts_with("GET /health/../api/tags#x HTTP/1.1\r\nHost: evil.example\r\n"),
            "{text}"
        );
        assert!(text.contains("Authorization: Bearer sk-secret\r\n"));
        assert!(!request.shown().contains("secret"));
    }
}
