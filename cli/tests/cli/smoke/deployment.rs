//! Small deployments on loopback: a gate, good or broken, in front of something that answers as Ollama does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub const KEY: &str = "sk-good-4fT9wQz7Lx2VbN8m";
pub const EXPIRED: &str = "sk-over-4fT9wQz7Lx2VbN8m";

/// The head of a request, as it came.
#[derive(Debug)]
pub struct Asked {
    pub method: String,
    pub target: String,
    fields: Vec<(String, String)>,
}

impl Asked {
    /// The value of a header; empty if it is not there.
    pub fn field(&self, name: &str) -> &str {
        let found = self
            .fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// What stands after `Bearer`.
    pub fn bearer(&self) -> &str {
        self.field("authorization")
            .strip_prefix("Bearer ")
            .unwrap_or_default()
    }

    fn read(from: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => fields.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let asked = Self {
            method,
            target,
            fields,
        };
        let length: u64 = asked.field("content-length").parse().unwrap_or_default();
        std::io::copy(&mut from.take(length), &mut std::io::sink()).ok()?;
        Some(asked)
    }

    /// The path the way a gateway normalises it on the way to Ollama.
    fn normalised(&self) -> String {
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        let mut decoded = Vec::new();
        let mut rest = path.as_bytes();
        while let [first, after @ ..] = rest {
            let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) if *first == b'%' => {
                    decoded.push(byte);
                    rest = &after[2..];
                }
                _ => {
                    decoded.push(*first);
                    rest = after;
                }
            }
        }
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let mut parts: Vec<&str> = Vec::new();
        for part in decoded.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }
}

/// What a gate decides.
pub enum Decision {
    Pass,
    Refuse(u16, &'static str),
    Answer(String),
}

/// The gate as it should be.
pub fn good(asked: &Asked) -> Decision {
    if asked.bearer() != KEY {
        return Decision::Refuse(401, "missing_credential");
    }
    if asked.field("host") == "evil.example" {
        return Decision::Refuse(403, "host_denied");
    }
    let managed = [
        "/api/pull",
        "/api/push",
        "/api/create",
        "/api/copy",
        "/api/delete",
    ];
    if managed.contains(&asked.target.as_str()) {
        return Decision::Refuse(403, "scope_denied");
    }
    Decision::Pass
}

/// In: a gate. Out: the port on which it listens until the test ends.
pub fn start(gate: impl Fn(&Asked) -> Decision + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let gate = Arc::new(gate);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let gate = Arc::clone(&gate);
            thread::spawn(move || serve(stream, &*gate));
        }
    });
    port
}

fn serve(mut stream: TcpStream, gate: &dyn Fn(&Asked) -> Decision) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(asked) = Asked::read(&mut reader) else {
        return;
    };
    let answer = match gate(&asked) {
        Decision::Answer(text) => text,
        Decision::Refuse(status, code) => {
            answer(status, &format!(r#"{{"error":"refused","code":"{code}"}}"#))
        }
        Decision::Pass => ollama(&asked),
    };
    drop(stream.write_all(answer.as_bytes()));
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn ollama(asked: &Asked) -> String {
    let path = asked.normalised();
    let (status, body) = match (asked.method.as_str(), path.as_str()) {
        ("GET", "/api/tags" | "/api/ps") => (200, r#"{"models":[]}"#),
        ("GET", "/api/version") => (200, r#"{"version":"0.12.6"}"#),
        ("GET", "/v1/models") => (200, r#"{"object":"list","data":[]}"#),
        ("GET", "/") => (200, "Ollama is running"),
        ("POST" | "DELETE", path) if path.starts_with("/api/") => {
            (404, r#"{"error":"model not found"}"#)
        }
        ("POST", path) if path.starts_with("/v1/") => (
            404,
            r#"{"error":{"message":"model not found","type":"api_error","param":null,"code":null}}"#,
        ),
        _ => (404, "404 page not found"),
    };
    answer(status, if asked.method == "HEAD" { "" } else { body })
}
