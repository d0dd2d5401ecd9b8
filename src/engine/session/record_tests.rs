use super::super::{CookieName, Entropy, Parts, Purpose, Ring};
use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// As npm's `oidc-provider` makes it: an opaque refresh token of 43 characters.
fn minimal() -> Session {
    Session {
        issuer: "https://sso.example.com".to_owned(),
        subject: "alice".to_owned(),
        claims: "{}".to_owned(),
        kept: vec![0x9d86_d081, u32::MAX],
        signed_in: NOW,
        last_seen: NOW,
        ends: NOW.plus(86_400),
        refresh: Some(Refresh {
            token: Secret::new("r".repeat(43)),
            due: NOW.plus(240),
            margin: 60,
            instance: 0x0123_4567_89ab_cdef,
            sub: None,
            nonce: u64::MAX,
        }),
        sign_out_hint: None,
        issuer_session: None,
    }
}

fn with_groups(count: usize) -> Session {
    let groups: Vec<_> = (0..count)
        .map(|group| format!("\"/company/department-{group:02}\""))
        .collect();
    let claims = format!(r#"{{"groups":[{}]}}"#, groups.join(","));
    Session {
        claims,
        ..minimal()
    }
}

#[test]
fn what_is_no_session_decodes_to_none() {
    let nobody = Session {
        subject: String::new(),
        ..minimal()
    };
    let nowhere = Session {
        issuer: String::new(),
        ..minimal()
    };
    for (bytes, name) in [
        (Vec::new(), "nothing"),
        (nobody.encode(), "no subject"),
        (nowhere.encode(), "no issuer"),
        (b"{\"sub\":\"alice\"}".to_vec(), "JSON"),
        (vec![0xff; 64], "ones"),
        (
            vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            "a length past the end",
        ),
        (vec![0x0a, 2, 0xc3, 0x28], "text that is not UTF-8"),
    ] {
        assert_eq!(Session::decode(&bytes), None, "{name}");
    }
    let whole = minimal().encode();
    for length in 0..whole.len() {
        let cut = Session::decode(&whole[..length]);
        assert_ne!(cut, Some(minimal()), "{length} bytes");
    }
}

#[test]
fn a_session_comes_back_as_it_was() {
    let full = Session {
        sign_out_hint: Some(Secret::new("header.claims.signature".to_owned())),
        issuer_session: Some("0815".to_owned()),
        last_seen: NOW.plus(77),
        ..with_groups(3)
    };
    let renamed = Session {
        refresh: minimal().refresh.map(|refresh| Refresh {
            sub: Some("0815".to_owned()),
            ..refresh
        }),
        ..minimal()
    };
    let bare = Session {
        refresh: None,
        ..minimal()
    };
    for (session, name) in [
        (minimal(), "minimal"),
        (full, "full"),
        (renamed, "another `sub`"),
        (bare, "bare"),
    ] {
        assert_eq!(Session::decode(&session.encode()), Some(session), "{name}");
    }
}

#[test]
fn what_a_newer_gate_adds_is_skipped() {
    let mut bytes = minimal().encode();
    bytes.extend([0xfa, 0x07, 3, b'n', b'e', b'w']);
    assert_eq!(Session::decode(&bytes), Some(minimal()));
}

#[test]
fn a_session_shows_no_token() {
    let session = Session {
        sign_out_hint: Some(Secret::new("hint-hint".to_owned())),
        ..minimal()
    };
    let shown = format!("{session:?}");
    assert!(
        !shown.contains("rrr") && !shown.contains("hint-hint"),
        "{shown}"
    );
}

/// docs/sessions.md has these numbers.
#[test]
fn a_session_with_sixty_groups_fits_into_one_cookie() {
    let ring = Ring::new(&[Secret::new(vec![9; 32])], "gate", 1).unwrap();
    let name = CookieName::new("ollama-gate-session-0a1b2c3d", "/", true);
    let size = |session: &Session| {
        let entropy = Entropy {
            random: b"",
            now: NOW,
        };
        let text = ring.seal(Purpose::Session, &session.encode(), entropy);
        let lines = name.set(&text.unwrap(), 86_400, Parts::NONE).unwrap();
        assert_eq!(lines.len(), 1);
        lines[0].len()
    };
    assert_eq!(size(&minimal()), 313);
    assert_eq!(size(&with_groups(60)), 2328);
}
