use super::*;

/// The document in `answer`, taken out of it in pieces of every kind of length.
fn opened(envelope: &Envelope, answer: &[u8]) -> Result<Vec<u8>, String> {
    let read = |pieces: fn() -> Budget| {
        let mut opening = envelope.open(answer.to_vec());
        loop {
            if let Some(document) = opening.step(&mut pieces())? {
                return Ok(document.text[document.place].to_vec());
            }
        }
    };
    let whole = read(Budget::unlimited);
    assert_eq!(read(|| Budget::of(2)), whole);
    assert_eq!(read(|| Budget::of(3)), whole);
    whole
}

fn open(pointer: &str, base64: bool, answer: &str) -> Result<String, String> {
    let pointer = Pointer::parse(pointer).unwrap();
    let opened = opened(&Envelope { pointer, base64 }, answer.as_bytes())?;
    Ok(String::from_utf8(opened).unwrap())
}

#[test]
fn a_document_is_found_at_each_example_of_rfc_6901() {
    // The examples of its section 5.
    let document = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
        "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
    for (pointer, found) in [
        ("/foo", r#"["bar", "baz"]"#),
        ("/foo/0", "bar"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
    ] {
        assert_eq!(
            open(pointer, false, document).as_deref(),
            Ok(found),
            "{pointer}"
        );
    }
    // The whole answer as it came: `sha256sum` of a file is the fingerprint in the log.
    assert_eq!(open("", false, "{} ").as_deref(), Ok("{} "));
}

#[test]
fn what_is_not_there_is_told_and_not_quoted() {
    for (pointer, base64, answer, why) in [
        ("/a", false, "{}", "there is nothing at `/a`"),
        ("/a/b", false, r#"{"a": 1}"#, "there is nothing at `/a/b`"),
        (
            "/a/01",
            false,
            r#"{"a": [1, 2]}"#,
            "there is nothing at `/a/01`",
        ),
        (
            "/a/2",
            false,
            r#"{"a": [1, 2]}"#,
            "there is nothing at `/a/2`",
        ),
        (
            "/a",
            false,
            r#"{"a": 1, "a": 2}"#,
            "a member on the way to `/a` is there twice",
        ),
        ("/a", false, "<html>", "the answer is not JSON"),
        ("/a", false, r#"{"a": "hidden"#, "the answer is not JSON"),
        (
            "/a",
            true,
            r#"{"a": {}}"#,
            "what is at `/a` is not a string",
        ),
        (
            "/a",
            true,
            r#"{"a": "hidden!"}"#,
            "the document is not in base64",
        ),
        ("", true, "hidden!", "the document is not in base64"),
    ] {
        let error = open(pointer, base64, answer).unwrap_err();
        assert_eq!(error, why, "{pointer} {answer}");
    }
    let envelope = Envelope::default();
    assert!(opened(&envelope, b"\xff").is_err());
}

#[test]
fn a_document_may_be_a_text_and_may_be_in_base64() {
    assert_eq!(
        open("/v", false, r#"{"v": "[\"a\"]"}"#).as_deref(),
        Ok(r#"["a"]"#)
    );
    assert_eq!(
        open("/0/v", true, r#"[{"v": "WyJh\nIl0="}]"#).as_deref(),
        Ok(r#"["a"]"#)
    );
    assert_eq!(open("", true, "WyJhIl0=\n").as_deref(), Ok(r#"["a"]"#));
}
