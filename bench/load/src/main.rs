//! Sends prepared requests over some connections, and counts the answers by status.
//!
//! `bench-load PORT CONNECTIONS REQUESTS FIRST FILE` reads from FILE requests as they go over the
//! wire, each with its length in bytes on a line before it; sends REQUESTS of them to
//! 127.0.0.1:PORT, beginning with number FIRST and going round; and prints `{"200": 1000}`.
//!
//! One thread: a request on every connection, then the answer of every connection. What it costs
//! itself does not matter, only what the server spends is measured.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::TcpStream;

type Result<T> = std::result::Result<T, Error>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, connections, requests, first, file] = arguments.as_slice() else {
        return Err(Error::other("bench-load PORT CONNECTIONS REQUESTS FIRST FILE"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(Error::other);
    let prepared = read(file)?;
    if prepared.is_empty() {
        return Err(Error::other("no request in the file"));
    }
    let address = format!("127.0.0.1:{port}");
    let mut open = (0..number(connections)?)
        .map(|_| {
            let stream = TcpStream::connect(&address)?;
            stream.set_nodelay(true)?;
            Ok(BufReader::new(stream))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut statuses = BTreeMap::new();
    let (mut left, mut next) = (number(requests)?, number(first)?);
    while left > 0 {
        let now = left.min(open.len());
        for stream in open.iter_mut().take(now) {
            stream.get_mut().write_all(&prepared[next % prepared.len()])?;
            next += 1;
        }
        for stream in open.iter_mut().take(now) {
            *statuses.entry(answer(stream)?).or_insert(0_usize) += 1;
        }
        left -= now;
    }
    let shown: Vec<_> = statuses
        .iter()
        .map(|(status, count)| format!("\"{status}\": {count}"))
        .collect();
    println!("{{{}}}", shown.join(", "));
    Ok(())
}

fn read(file: &str) -> Result<Vec<Vec<u8>>> {
    let mut input = BufReader::new(std::fs::File::open(file)?);
    let (mut prepared, mut line) = (Vec::new(), String::new());
    while input.read_line(&mut line)? > 0 {
        let mut request = vec![0; line.trim().parse().map_err(Error::other)?];
        input.read_exact(&mut request)?;
        prepared.push(request);
        line.clear();
    }
    Ok(prepared)
}

/// Reads one answer with a `content-length`; gives its status.
fn answer(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let (mut status, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(Error::other("the server closed the connection"));
        }
        let text = line.trim();
        if text.is_empty() {
            break;
        }
        if status.is_empty() {
            status = text.split(' ').nth(1).unwrap_or("?").to_owned();
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(status)
}
