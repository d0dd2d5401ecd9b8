//! The few questions of `init`, on a terminal.

use super::{KeyWish, TlsWish, Wishes, plan, words};
use crate::output::{Failure, print};
use std::io::{self, BufRead, IsTerminal};
use std::net::SocketAddr;

/// In: what the command line says. Out: that, and the answers to what it is silent about, where a person
/// is there to ask. Nothing is written meanwhile: Ctrl-C ends the program.
///
/// # Errors
/// The answers ended, or are not UTF-8.
pub(crate) fn ask(mut wishes: Wishes) -> Result<Wishes, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(wishes);
    }
    print("Enter takes what is in brackets.\n", false);
    if wishes.upstream.is_none() {
        let answer = question("Where is Ollama?", "127.0.0.1:11434", words::host_and_port)?;
        wishes.upstream = Some(answer);
    }
    if wishes.tls.is_none() {
        let own = wishes
            .listen
            .is_some_and(|listen: SocketAddr| listen.ip().is_loopback());
        let default = if own { "off" } else { "self-signed" };
        let answer = question(
            "TLS: self-signed, CERT,KEY (two paths), or off (this machine only)?",
            default,
            words::tls,
        )?;
        wishes.tls = Some(answer);
    }
    let off = wishes.tls == Some(TlsWish::Off);
    if wishes.listen.is_none() {
        let default = if off {
            "127.0.0.1:11435"
        } else {
            "0.0.0.0:11443"
        };
        wishes.listen = Some(question(
            "Where does the gate listen?",
            default,
            words::listen,
        )?);
    }
    if wishes.names.is_empty()
        && !off
        && let Some(listen) = wishes.listen
    {
        let default = plan::default_names(listen).join(",");
        wishes.names = question(
            "By which names and addresses do clients reach it?",
            &default,
            |text| {
                let names = text.split(',').map(|name| words::name(name.trim()));
                names.collect()
            },
        )?;
    }
    if wishes.keys.is_empty() {
        wishes.keys = question(
            "For whom is a key made? Names with spaces between, such as: alice bob=llama3.2",
            "first",
            |text| {
                let keys: Result<Vec<KeyWish>, _> =
                    text.split_whitespace().map(words::key).collect();
                keys
            },
        )?;
    }
    Ok(wishes)
}

/// Asks until the answer can be used.
fn question<T>(
    text: &str,
    default: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    loop {
        print(&format!("{text} [{default}] "), false);
        let mut line = String::new();
        let length =
            io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidData => Failure::new("the answer is not UTF-8"),
                    _ => Failure::new(format!("the answer cannot be read: {error}")),
                })?;
        if length == 0 {
            return Err(Failure::new(
                "the questions were not answered, and nothing was written",
            ));
        }
        let answer = line.trim();
        let answer = if answer.is_empty() { default } else { answer };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(why) => print(&format!("  {why}\n"), false),
        }
    }
}
