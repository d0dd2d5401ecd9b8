//! Every place, every spelling, every pair of credentials.

use super::*;

fn collect<'a>(fields: &[(&'a str, &'a [u8])]) -> Result<Presented<'a>, Denial> {
    let pseudo: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), *value));
    let head = RequestHead::read(pseudo.into_iter().chain(fields)).unwrap();
    Presented::collect(&head, &[])
}

fn key(text: &str) -> Presented<'_> {
    Presented {
        api_key: Some(text),
        ..Presented::default()
    }
}

fn leftover(leftover: Leftover<'_>) -> Presented<'_> {
    Presented {
        leftover: Some(leftover),
        ..Presented::default()
    }
}

/// The places that have no schemes.
fn others() -> impl Iterator<Item = Place> {
    let places = Place::ALL.into_iter();
    places.filter(|place| *place != Place::Authorization)
}

#[test]
fn a_key_is_found_in_every_place() {
    for (name, value) in [
        ("authorization", "Bearer sk-1"),
        ("Authorization", "bearer   sk-1 "),
        ("authorization", "BEARER\tsk-1"),
        ("authorization", "sk-1"),
        ("x-api-key", "sk-1"),
        ("X-API-Key", " sk-1"),
        ("api-key", "sk-1"),
        ("x-ollama-token", "sk-1"),
    ] {
        let presented = collect(&[(name, value.as_bytes())]);
        assert_eq!(presented, Ok(key("sk-1")), "{name}: {value}");
    }
}

#[test]
fn empty_is_absent() {
    for value in ["", " ", "Bearer", "Bearer ", "bearer\t", "Basic", "basic "] {
        let alone = collect(&[("authorization", value.as_bytes())]);
        assert_eq!(alone, Ok(Presented::default()), "{value:?}");
        let beside = collect(&[("authorization", value.as_bytes()), ("api-key", b"sk-1")]);
        assert_eq!(beside, Ok(key("sk-1")), "{value:?}");
    }
}

#[test]
fn the_same_value_in_two_places_is_one() {
    let both = collect(&[("authorization", b"Bearer sk-1"), ("x-api-key", b"sk-1")]);
    assert_eq!(both, Ok(key("sk-1")));
}

#[test]
fn two_values_of_one_kind_are_refused() {
    for fields in [
        vec![
            ("authorization", &b"Bearer sk-1"[..]),
            ("x-api-key", b"sk-2"),
        ],
        vec![("api-key", b"sk-1"), ("x-ollama-token", b"sk-2")],
        vec![("authorization", b"Bearer a.b.c"), ("x-api-key", b"d.e.f")],
        vec![("authorization", b"Bearer sk-1,Bearer sk-1")],
        vec![
            ("authorization", b"Bearer sk-1"),
            ("Authorization", b"Bearer sk-1"),
        ],
        vec![("x-api-key", b"sk-1"), ("x-api-key", b"sk-1")],
        vec![("x-api-key", b""), ("x-api-key", b"sk-1")],
    ] {
        let denial = collect(&fields).unwrap_err();
        assert_eq!(denial.reason(), Reason::AmbiguousCredential, "{fields:?}");
    }
}

#[test]
fn different_kinds_stand_together() {
    let both = collect(&[("authorization", b"Bearer a.b.c"), ("x-api-key", b"sk-1")]).unwrap();
    assert_eq!((both.token, both.api_key), (Some("a.b.c"), Some("sk-1")));
    let beside_basic = collect(&[("authorization", b"Basic eDp5"), ("x-api-key", b"sk-1")]);
    let beside_basic = beside_basic.unwrap();
    assert_eq!(beside_basic.api_key, Some("sk-1"));
    assert_eq!(beside_basic.basic, Some("eDp5"));
}

#[test]
fn shapes_are_told_apart() {
    for token in [
        "a.b.c",
        "eyJ.b",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJ.a.b.c.d",
        "..",
    ] {
        let presented = collect(&[("authorization", token.as_bytes())]).unwrap();
        assert_eq!(presented.token, Some(token), "{token:?}");
    }
    for opaque in ["sk-a.b.c", "abc", "a.b", "a.b.c.d", "eyJabc", "...."] {
        let presented = collect(&[("authorization", opaque.as_bytes())]).unwrap();
        assert_eq!(presented.api_key, Some(opaque), "{opaque:?}");
    }
}

#[test]
fn a_signature_is_known_by_the_key_in_front_of_it() {
    for signature in [
        "AAAAC3NzaC1lZDI1NTE5AAAA:sig==",
        "AAAAC3NzaC1lZDI1NTE5",
        "AAAAB3NzaC1yc2EAAAADAQAB:sig==",
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAA:sig==",
        "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAA:sig==",
        "AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20:sig==",
        "AAAAB3NzaC1kc3MAAACB:sig==",
    ] {
        let expected = Presented {
            signature: Some(signature),
            ..Presented::default()
        };
        let presented = collect(&[("authorization", signature.as_bytes())]);
        assert_eq!(presented, Ok(expected), "{signature}");
        assert!(!is_api_key(signature), "{signature:?}");
    }
    for opaque in ["AAAA", "AAAAB3Nz", "AAAAC3NzaC1lZDI1NTE4AAAA:sig=="] {
        assert_eq!(
            collect(&[("authorization", opaque.as_bytes())]),
            Ok(key(opaque)),
            "{opaque:?}"
        );
    }
    let two = collect(&[
        ("authorization", b"AAAAC3NzaC1lZDI1NTE5AAAA:one"),
        ("x-api-key", b"AAAAC3NzaC1lZDI1NTE5AAAA:two"),
    ]);
    assert_eq!(two.unwrap_err().reason(), Reason::AmbiguousCredential);
    let beside = collect(&[
        ("authorization", b"AAAAC3NzaC1lZDI1NTE5AAAA:one"),
        ("x-api-key", b"sk-1"),
    ]);
    let beside = beside.unwrap();
    assert_eq!(
        (beside.signature, beside.api_key),
        (Some("AAAAC3NzaC1lZDI1NTE5AAAA:one"), Some("sk-1"))
    );
}

#[test]
fn what_is_no_credential_is_named() {
    for (value, expected) in [
        (&b"Bearer ollama"[..], Leftover::Placeholder("ollama")),
        (b"Bearer OLLAMA", Leftover::Placeholder("ollama")),
        (
            b"sk-no-key-required",
            Leftover::Placeholder("sk-no-key-required"),
        ),
        (b"Basic2 eDp5", Leftover::Scheme(None)),
        (b"Digest a", Leftover::Scheme(Some("Digest"))),
        (b"ntlm TlRM", Leftover::Scheme(Some("NTLM"))),
        (b"sk-1 sk-2", Leftover::Scheme(None)),
    ] {
        let presented = collect(&[("authorization", value)]);
        assert_eq!(presented, Ok(leftover(expected)), "{value:?}");
    }
}

#[test]
fn each_flaw_of_a_credential_is_told_from_the_others() {
    let huge = vec![b'a'; MAX_CREDENTIAL + 1];
    let fits = &huge[1..];
    assert!(collect(&[("x-api-key", fits)]).unwrap().api_key.is_some());
    for (value, flaw) in [
        (&huge[..], Flaw::TooLong),
        (b"Bearer sk-1", Flaw::Scheme("Bearer")),
        (b"bearer\tsk-1", Flaw::Scheme("Bearer")),
        (b"Basic eDp5", Flaw::Scheme("Basic")),
        (b"sk-1 sk-2", Flaw::Space),
        (b"sk-1\tsk-2", Flaw::Space),
        (b"Bearers sk-1", Flaw::Space),
        (b"sk-\x00-1", Flaw::Unprintable),
        (b"sk-1\r\nX: y", Flaw::Unprintable),
        (b"\xe2\x80\x9csk-1\xe2\x80\x9d", Flaw::Unprintable),
        (b"\xff\xfe", Flaw::Unprintable),
    ] {
        for place in others() {
            let malformed = Ok(leftover(Leftover::Malformed(place.name(), flaw)));
            assert_eq!(collect(&[(place.name(), value)]), malformed, "{flaw:?}");
        }
        for scheme in [&b"Bearer "[..], b"Basic "] {
            let behind = [scheme, value].concat();
            let malformed = Ok(leftover(Leftover::Malformed(
                Place::Authorization.name(),
                flaw,
            )));
            assert_eq!(
                collect(&[("authorization", &behind)]),
                malformed,
                "{flaw:?}"
            );
        }
    }
}

#[test]
fn name_and_password_are_found_in_authorization_alone() {
    let basic = Presented {
        basic: Some("eDp5"),
        ..Presented::default()
    };
    for value in ["Basic eDp5", "basic   eDp5 ", "BASIC\teDp5"] {
        assert_eq!(
            collect(&[("authorization", value.as_bytes())]),
            Ok(basic),
            "{value:?}"
        );
    }
    assert!(!basic.is_empty());
    for place in others() {
        let elsewhere = collect(&[(place.name(), b"Basic eDp5")]);
        assert_eq!(
            elsewhere,
            Ok(leftover(Leftover::Malformed(
                place.name(),
                Flaw::Scheme("Basic")
            ))),
            "{place:?}"
        );
    }
}

#[test]
fn names_with_underscores_hold_no_credential() {
    assert_eq!(collect(&[("x_api_key", b"sk-1")]), Ok(Presented::default()));
}

#[test]
fn a_text_that_is_no_key_is_told_what_it_seems_to_be() {
    for (text, words) in [
        ("\"sk-alice-0123\"", "quotation marks"),
        ("'sk-alice-0123'", "quotation marks"),
        ("`sk-alice-0123`", "quotation marks"),
        ("$OLLAMA_API_KEY", "a variable"),
        ("${OLLAMA_API_KEY}", "a variable"),
        ("$env:OLLAMA_API_KEY", "a variable"),
        ("%OLLAMA_API_KEY%", "a variable"),
        ("{{key}}", "a variable"),
        ("<your-key>", "an example"),
        ("{your_key}", "an example"),
        ("YOUR_API_KEY", "an example"),
        ("sk-your-key-goes-here", "an example"),
        ("Bearer=sk-alice-0123", "`Bearer`"),
        ("bearersk-alice-0123", "`Bearer`"),
    ] {
        let advice = mistaken(text).unwrap_or_default();
        assert!(advice.contains(words), "{text}: {advice}");
        assert!(!advice.contains("alice"), "{text}: {advice}");
    }
    for text in [
        "",
        "\"",
        "sk-alice-0123",
        "eyJhbGciOiJub25lIn0.e30.",
        "a$b",
        "ab>",
    ] {
        assert_eq!(mistaken(text), None, "{text}");
    }
}

#[test]
fn no_placeholder_is_longer_than_the_bound() {
    let longest = PLACEHOLDERS.iter().map(|known| known.len()).max();
    assert_eq!(longest, Some(MAX_PLACEHOLDER));
}
