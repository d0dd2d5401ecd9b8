//! The gate's reader of bodies held against Go's own decoders, on bodies from a seed.
//!
//! It needs Go, so it is left out of a plain `cargo test`. `make test-native` runs it:
//!
//! ```text
//! cargo test --test native -- --ignored --nocapture bodies::decoder
//! ```
//!
//! Where the gate accepts a body, it has to believe what Ollama's struct readers and its exact
//! reader believe. Where it refuses one, nothing is asked of Go.

mod gate;
mod go;
mod tally;

use super::generator::{self, Draw, FormBody};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate::{differences, differences_of_create};
use ollama_gate_engine::internals::{BodyError, FormScanner, Members, Scanner};
use serde_json::Value;
use tally::Tally;

const BODIES: usize = 100_000;
const FORMS: usize = 30_000;

/// Reads `body` with `scanner` in chunks of a drawn size.
fn read(mut scanner: Scanner, body: &[u8], draw: &mut Draw) -> Result<Members, BodyError> {
    for chunk in body.chunks(1 + draw.below(body.len() + 1)) {
        scanner.feed(chunk)?;
    }
    scanner.finish()
}

/// The model of `form`, if it is accepted.
fn read_form(form: &FormBody, draw: &mut Draw) -> Option<Option<String>> {
    let mut scanner = FormScanner::new(&form.content_type).ok()?;
    for chunk in form.bytes.chunks(1 + draw.below(form.bytes.len() + 1)) {
        scanner.feed(chunk).ok()?;
    }
    let members = scanner.finish().ok()?;
    // A form with a query is refused before it is read.
    form.query.is_empty().then_some(members.model)
}

#[test]
#[ignore = "needs Go; make test-native runs it"]
fn whatever_the_gate_accepts_go_reads_the_same() {
    let mut draw = Draw::new(5);
    let bodies: Vec<_> = (0..BODIES).map(|_| generator::body(&mut draw)).collect();
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    let (mut elsewhere, mut blobs) = (0, 0);
    let frames = bodies.iter().map(|body| (b'j', body.bytes.clone()));
    go::ask(frames, |place, line| {
        let body = &bodies[place];
        let go: Value = serde_json::from_str(line).unwrap();
        let mut found = Vec::new();
        if let Ok(members) = read(Scanner::of_create(), &body.bytes, &mut draw) {
            found.extend(differences_of_create(&members, &go));
            let host = members.remote_host.unwrap_or_default();
            elsewhere += usize::from(!host.is_empty());
            blobs += usize::from(members.blobs.is_some() || members.modelfile.is_some());
        }
        let members = read(Scanner::new(), &body.bytes, &mut draw);
        tally.count(&body.kinds, members.is_ok());
        if let Ok(members) = members {
            found.extend(differences(&members, &go));
        }
        if !found.is_empty() {
            let text = String::from_utf8_lossy(&body.bytes).into_owned();
            wrong.push(format!("{found:?} {:?}\n{text}\n{line}", body.kinds));
        }
    });
    tally.print();
    println!("with a remote host: {elsewhere}, with blobs or a Modelfile: {blobs}");
    let few = wrong
        .iter()
        .take(5)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n");
    assert!(
        wrong.is_empty(),
        "{} bodies of {BODIES}, such as\n{few}",
        wrong.len()
    );
    let (accepted, refused) = tally.of("nothing");
    assert!(accepted > 10_000 && refused == 0, "a usual body is refused");
    assert!((30..=70).contains(&tally.share()), "{}", tally.share());
    assert!(elsewhere > 1000, "a remote host is rare: {elsewhere}");
    assert!(blobs > 1000, "blobs are rare: {blobs}");
    for kind in generator::kinds() {
        let (accepted, refused) = tally.of(kind);
        assert!(accepted + refused > 500, "{kind} is rare");
    }
}

#[test]
#[ignore = "needs Go; make test-native runs it"]
fn whatever_form_the_gate_accepts_go_reads_the_same() {
    let mut draw = Draw::new(7);
    let forms: Vec<_> = (0..FORMS).map(|_| generator::form(&mut draw)).collect();
    let (mut tally, mut wrong, mut from_query) = (Tally::default(), Vec::new(), 0);
    let frames = forms.iter().map(|form| {
        let frame = [&form.content_type, &form.query, &form.bytes].map(Vec::as_slice);
        (b'f', frame.join(&b'\n'))
    });
    go::ask(frames, |place, line| {
        let form = &forms[place];
        let belief = read_form(form, &mut draw);
        let go: Option<String> = serde_json::from_str(line).unwrap();
        let go = go.map(|model| STANDARD.decode(model).unwrap());
        tally.count(&form.kinds, belief.is_some());
        if !form.query.is_empty() {
            from_query += usize::from(go.as_deref() == Some(b"evil"));
        }
        let Some(belief) = belief else {
            return;
        };
        if go != Some(belief.unwrap_or_default().into_bytes()) {
            let text = String::from_utf8_lossy(&form.bytes).into_owned();
            wrong.push(format!("{:?} {line}\n{text}", form.kinds));
        }
    });
    tally.print();
    let few = wrong
        .iter()
        .take(5)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n");
    assert!(
        wrong.is_empty(),
        "{} forms of {FORMS}, such as\n{few}",
        wrong.len()
    );
    // Text that is not Unicode is refused, and so is a content that begins like a boundary.
    let (accepted, refused) = tally.of("nothing");
    assert!(
        accepted > 5000 && accepted > 5 * refused,
        "a usual form is refused"
    );
    assert!((20..=70).contains(&tally.share()), "{}", tally.share());
    assert!(
        from_query > 100,
        "Go takes the query's model first: {from_query}"
    );
}

#[test]
#[ignore = "needs Go; make test-native runs it"]
fn two_letters_beyond_ascii_fold_into_it_for_go() {
    let folding = [u32::from('\u{17F}'), u32::from('\u{212A}')];
    go::ask([(b'c', Vec::new())].into_iter(), |_, line| {
        assert_eq!(serde_json::from_str::<Vec<u32>>(line).unwrap(), folding);
    });
}
