//! Sends prepared requests over one HTTP/2 connection, many at a time, and counts the answers.
//!
//! `bench-load PORT REQUESTS FIRST FILE` reads requests from FILE, each a header block (HPACK, RFC 7541,
//! without the dynamic table) and a body, with the length of both in bytes on a line before them;
//! sends REQUESTS of them to 127.0.0.1:PORT, beginning with number FIRST and going round; and prints
//! `{"200": 1000, "other": 0}`.
//!
//! HTTP/2, because many requests then share one read and one write of the server: what its kernel
//! does for each is the same for all contenders, and would only blur the difference. What the
//! generator costs itself does not matter.

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::TcpStream;

type Result<T> = std::result::Result<T, Error>;

/// How many requests are under way at a time,
const BATCH: usize = 64;
/// and how many bytes of their bodies, which is well below the windows of the server.
const BATCH_BYTES: usize = 1 << 20;
/// The largest frame that every server takes (RFC 9113 section 6.5.2).
const LARGEST: usize = 16_384;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// `:status: 200` as one byte: number 8 of the static table (RFC 7541 appendix A).
const STATUS_200: u8 = 0x88;
/// The dynamic table holds nothing from now on.
const SIZE_0: u8 = 0x20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, requests, first, file] = arguments.as_slice() else {
        return Err(Error::other("bench-load PORT REQUESTS FIRST FILE"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(Error::other);
    let prepared = read(file)?;
    if prepared.is_empty() {
        return Err(Error::other("no request in the file"));
    }
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    stream.set_nodelay(true)?;
    stream.write_all(&opening())?;
    let mut answers = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    let (mut left, mut next, mut id) = (number(requests)?, number(first)?, 1_u32);
    let (mut good, mut other) = (0_usize, 0_usize);
    while left > 0 {
        let largest = prepared.iter().map(|one| one.body.len()).max();
        let room = BATCH_BYTES / largest.unwrap_or_default().max(1);
        let now = left.min(BATCH).min(room.max(1));
        let mut batch = Vec::new();
        for request in (next..next + now).map(|number| &prepared[number % prepared.len()]) {
            put_request(&mut batch, id, request);
            id += 2;
        }
        stream.write_all(&batch)?;
        let mut ended = 0;
        while ended < now {
            let frame = frame(&mut answers)?;
            match frame.is_200 {
                Some(true) => good += 1,
                Some(false) => other += 1,
                None => {}
            }
            ended += usize::from(frame.ends);
        }
        next += now;
        left -= now;
    }
    println!("{{\"200\": {good}, \"other\": {other}}}");
    Ok(())
}

struct Request {
    head: Vec<u8>,
    body: Vec<u8>,
}

fn read(file: &str) -> Result<Vec<Request>> {
    let mut input = BufReader::new(std::fs::File::open(file)?);
    let (mut prepared, mut line) = (Vec::new(), String::new());
    while input.read_line(&mut line)? > 0 {
        let lengths: Vec<&str> = line.split_whitespace().collect();
        let [head, body] = lengths.as_slice() else {
            return Err(Error::other("expected two lengths on a line"));
        };
        let mut part = |length: &str| -> Result<Vec<u8>> {
            let mut part = vec![0; length.parse().map_err(Error::other)?];
            input.read_exact(&mut part).map(|()| part)
        };
        let (head, body) = (part(head)?, part(body)?);
        prepared.push(Request { head, body });
        line.clear();
    }
    Ok(prepared)
}

fn put_request(bytes: &mut Vec<u8>, stream: u32, request: &Request) {
    let ends = u8::from(request.body.is_empty()) * END_STREAM;
    put_frame(bytes, HEADERS, ends | END_HEADERS, stream, &request.head);
    let mut parts = request.body.chunks(LARGEST).peekable();
    while let Some(part) = parts.next() {
        let ends = u8::from(parts.peek().is_none()) * END_STREAM;
        put_frame(bytes, DATA, ends, stream, part);
    }
}

/// The preface, no dynamic table for answers, a large window (RFC 9113 sections 3.4, 6.5.2, 6.9).
fn opening() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    put_frame(&mut bytes, SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
    put_frame(
        &mut bytes,
        WINDOW_UPDATE,
        0,
        0,
        &0x7fff_0000_u32.to_be_bytes(),
    );
    put_frame(&mut bytes, SETTINGS, ACK, 0, &[]);
    bytes
}

fn put_frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// A frame, as far as it matters here.
struct Frame {
    /// of a head: whether its status is 200
    is_200: Option<bool>,
    /// whether an answer ends with it
    ends: bool,
}

fn frame(input: &mut impl Read) -> Result<Frame> {
    let mut head = [0; 9];
    input.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).map_err(Error::other)?];
    input.read_exact(&mut payload)?;
    let kind = head[3];
    if kind == GOAWAY {
        return Err(Error::other("the server closed the connection"));
    }
    // A change of the table's size (RFC 7541 section 6.3), here to 0, may come before the fields.
    let first = payload.iter().find(|byte| **byte != SIZE_0);
    Ok(Frame {
        is_200: (kind == HEADERS).then(|| first == Some(&STATUS_200)),
        ends: matches!(kind, HEADERS | DATA) && head[4] & END_STREAM != 0,
    })
}
