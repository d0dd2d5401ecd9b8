use super::*;

fn name() -> CookieName {
    CookieName::new("gate", "/", true)
}

fn found(header: &str) -> Result<(Option<String>, Vec<usize>), CookieFlaw> {
    let found = name().find([header.as_bytes()])?;
    let text = found
        .text
        .map(|text| String::from_utf8(text.into_owned()).unwrap());
    let held = (0..MAX_PARTS).filter(|part| found.held.has(*part));
    Ok((text, held.collect()))
}

/// What a browser sends that was told `lines` and held `before`.
fn kept(before: &str, lines: &[String]) -> String {
    let mut pairs: Vec<(String, String)> = before
        .split("; ")
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for line in lines {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        pairs.retain(|(own, _)| own != name);
        if !attributes.contains("Max-Age=0") {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

/// `length` characters, none of them like its neighbours.
fn text(length: usize) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |place| char::from(alphabet[(place * 7 + place / 64) % 64]);
    (0..length).map(letter).collect()
}

#[test]
fn a_part_that_stands_twice_is_refused_whatever_the_values() {
    for header in [
        "__Host-gate=1.abc; __Host-gate=1.def",
        "__Host-gate=1.abc; __Host-gate=1.abc",
        "__Host-gate=1.abc; a=b; __Host-gate=",
        "__Host-gate=2.a; __Host-gate-1=b; __Host-gate-1=b",
        "__Host-gate-1=b;__Host-gate-1 =c",
    ] {
        assert_eq!(found(header), Err(CookieFlaw::Repeated), "{header}");
    }
    let two: [&[u8]; 2] = [b"__Host-gate=1.abc", b"__Host-gate=1.abc"];
    assert_eq!(name().find(two), Err(CookieFlaw::Repeated));
}

#[test]
fn forty_parts_and_64_kb_of_cookies_are_refused() {
    let forty: Vec<_> = (0..40)
        .map(|part| format!("__Host-gate-{part}=x"))
        .collect();
    assert_eq!(found(&forty.join("; ")), Err(CookieFlaw::TooMany));
    for header in ["__Host-gate-5=x", "__Host-gate-9=x", "__Host-gate-10=x"] {
        assert_eq!(found(header), Err(CookieFlaw::TooMany), "{header}");
    }
    for filler in [
        format!("a={}", "x".repeat(64 * 1024)),
        "a=b; ".repeat(13_000),
        ";".repeat(64 * 1024),
    ] {
        let header = format!("{filler}; __Host-gate=1.abc");
        let shown = &header[..8];
        assert_eq!(found(&header), Err(CookieFlaw::TooLong), "{shown}");
    }
    let half = "x".repeat(MAX_COOKIES / 2 + 1);
    let halves = name().find([half.as_bytes(), half.as_bytes()]);
    assert_eq!(halves, Err(CookieFlaw::TooLong));
}

#[test]
fn no_more_than_512_cookies_are_looked_at() {
    for header in [";".repeat(30_000), "a=b;".repeat(513)] {
        assert_eq!(found(&header), Err(CookieFlaw::TooLong), "{}", &header[..4]);
        let seen = pairs([header.as_bytes()]).take_while(Result::is_ok);
        assert_eq!(seen.count(), MAX_PAIRS, "{}", &header[..4]);
    }
    let just = format!("{}__Host-gate=1.abc", "a=b;".repeat(511));
    assert_eq!(found(&just), Ok((Some("abc".to_owned()), vec![0])));
}

#[test]
fn what_stands_before_the_bound_is_seen_and_a_cookie_that_is_cut_there_is_none() {
    let long = "x".repeat(MAX_COOKIES - 8);
    for (header, whole) in [
        (format!("a=b;c={long};d=e"), "ac"),
        (format!("a=b;c={};d=e", &long[3..]), "acd"),
        (format!("a=b;c={long}{long}"), "a"),
        (format!("a={long}{long}"), ""),
    ] {
        let shown = &header[..8];
        let within: Vec<u8> = pairs([header.as_bytes(), b"f=g"])
            .map_while(Result::ok)
            .filter_map(|pair| pair.first().copied())
            .collect();
        assert_eq!(within, whole.as_bytes(), "{shown}");
    }
}

#[test]
fn cookies_of_others_change_nothing_however_many() {
    let many: Vec<_> = (0..400).map(|number| format!("other-{number}=1")).collect();
    let header = format!("{}; __Host-gate=1.abc", many.join("; "));
    assert_eq!(found(&header), Ok((Some("abc".to_owned()), vec![0])));
    for header in [
        "",
        ";;",
        "__Host-gate",
        "gate=1.abc",
        "__host-gate=1.abc",
        "__Secure-gate=1.abc",
        "x__Host-gate=1.abc",
        "__Host-gates=1.abc",
        "__Host-gate-x=1.abc",
        "__Host-gate-=1.abc",
        "__Host-gate-0=1.abc",
        "__Host-gate-01=1.abc",
        "__Host-gate-1x=1.abc",
        "__Host-gate--1=1.abc",
        "a=\"; b=__Host-gate=1.abc\"",
    ] {
        assert_eq!(found(header), Ok((None, vec![])), "{header}");
    }
}

#[test]
fn a_value_without_all_its_parts_is_none() {
    for (header, held) in [
        ("__Host-gate=", vec![0]),
        ("__Host-gate=abc", vec![0]),
        ("__Host-gate=0.abc", vec![0]),
        ("__Host-gate=1", vec![0]),
        ("__Host-gate=11.abc", vec![0]),
        ("__Host-gate=x.abc", vec![0]),
        ("__Host-gate=2.abc", vec![0]),
        ("__Host-gate-1=def", vec![1]),
        ("__Host-gate=3.abc; __Host-gate-1=def", vec![0, 1]),
        ("__Host-gate=3.abc; __Host-gate-2=ghi", vec![0, 2]),
        ("__Host-gate=9.abc; __Host-gate-1=def", vec![0, 1]),
        (
            "__Host-gate=6.a; __Host-gate-1=b; __Host-gate-4=c",
            vec![0, 1, 4],
        ),
    ] {
        assert_eq!(found(header), Ok((None, held)), "{header}");
    }
}

#[test]
fn parts_are_joined_by_number_and_not_by_place() {
    for header in [
        "__Host-gate=3.ab; __Host-gate-1=cd; __Host-gate-2=ef",
        "__Host-gate-2=ef; a=b; __Host-gate-1=cd;__Host-gate=3.ab",
        "__Host-gate-2 = ef ;__Host-gate-1=cd;  __Host-gate=3.ab;; __Host-gate-4=old",
    ] {
        let text = found(header).unwrap().0;
        assert_eq!(text.as_deref(), Some("abcdef"), "{header}");
    }
    let headers: [&[u8]; 2] = [b"__Host-gate=2.ab", b"__Host-gate-1=cd"];
    let text = name().find(headers).unwrap().text.unwrap();
    assert_eq!(&text[..], b"abcd");
}

#[test]
fn no_cookie_is_over_4096_bytes_with_its_name_and_attributes() {
    for name in [name(), CookieName::new(&"n".repeat(200), "/ollama", true)] {
        for length in (0..19_000).step_by(97).chain(4_000..4_100) {
            let value = text(length);
            let lines = name.set(&value, 86_400, Parts::NONE).unwrap();
            assert!(lines.len() <= MAX_PARTS, "{length}");
            for line in &lines {
                assert!(line.len() <= MAX_COOKIE, "{length}: {}", line.len());
            }
            let header = kept("", &lines);
            let back = name.find([header.as_bytes()]).unwrap().text.unwrap();
            assert_eq!(&back[..], value.as_bytes(), "{length}");
        }
    }
    let too_large = name().set(&text(MAX_PARTS * MAX_COOKIE), 1, Parts::NONE);
    assert_eq!(too_large, Err(TooLarge));
    let long = CookieName::new(&"n".repeat(MAX_COOKIE), "/", true);
    assert_eq!(long.set("x", 1, Parts::NONE), Err(TooLarge));
}

#[test]
fn a_value_that_shrinks_leaves_no_part_behind() {
    let mut header = "theme=dark".to_owned();
    for length in [15_000, 9_000, 12_000, 100, 5_000, 0] {
        let held = name().find([header.as_bytes()]).unwrap().held;
        let value = text(length);
        header = kept(&header, &name().set(&value, 60, held).unwrap());
        let now = name().find([header.as_bytes()]).unwrap();
        assert_eq!(now.text.unwrap().as_ref(), value.as_bytes(), "{length}");
        let parts = header.matches("__Host-gate").count();
        let needed = name().set(&value, 60, Parts::NONE).unwrap().len();
        assert_eq!(parts, needed, "{length}");
    }
    let held = name().find([header.as_bytes()]).unwrap().held;
    assert_eq!(kept(&header, &name().removed(held)), "theme=dark");
    let all = name().removed(Parts::EVERY);
    assert_eq!(all.len(), MAX_PARTS);
    assert!(name().removed(Parts::NONE).is_empty());
}

#[test]
fn a_cookie_is_as_closed_as_its_address_allows() {
    for (path, secure, line) in [
        (
            "/",
            true,
            "__Host-gate=1.x; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60",
        ),
        (
            "/ai",
            true,
            "__Secure-gate=1.x; Path=/ai; HttpOnly; Secure; SameSite=Lax; Max-Age=60",
        ),
        (
            "/",
            false,
            "gate=1.x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60",
        ),
    ] {
        let lines = CookieName::new("gate", path, secure).set("x", 60, Parts::NONE);
        assert_eq!(lines.unwrap(), [line], "{path}");
    }
    let gone = name().set("x", -5, Parts::NONE).unwrap();
    assert!(gone[0].ends_with("; Max-Age=0"), "{gone:?}");
    let removed = name().removed(Parts::NONE.with(0));
    let line = "__Host-gate=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0";
    assert_eq!(removed, [line]);
}

#[test]
fn parts_of_two_values_do_not_open_together() {
    use super::super::{Entropy, Purpose, Ring};
    use crate::secret::Secret;
    use crate::time::Timestamp;

    let ring = Ring::new(&[Secret::new(vec![9; 32])], "gate", 1).unwrap();
    let entropy = Entropy {
        random: b"",
        now: Timestamp::from_seconds(1_800_000_000),
    };
    let header = |fill: u8| {
        let text = ring.seal(Purpose::Session, &[fill; 7_000], entropy);
        kept("", &name().set(&text.unwrap(), 60, Parts::NONE).unwrap())
    };
    let (one, other) = (header(1), header(2));
    let parts = |header: &str| -> Vec<String> { header.split("; ").map(str::to_owned).collect() };
    let (one, other) = (parts(&one), parts(&other));
    assert_eq!((one.len(), other.len()), (3, 3));
    let mut opened = 0;
    for choice in 0..8 {
        let pick = |part: usize| {
            if choice >> part & 1 == 0 {
                &one
            } else {
                &other
            }
        };
        let header = [0, 1, 2].map(|part| pick(part)[part].clone()).join("; ");
        let text = name().find([header.as_bytes()]).unwrap().text.unwrap();
        let whole = ring.open(Purpose::Session, &text).is_some();
        assert_eq!(whole, choice == 0 || choice == 7, "{choice}");
        opened += usize::from(whole);
    }
    assert_eq!(opened, 2);
}

#[test]
fn a_header_is_split_at_each_semicolon_wherever_it_stands() {
    for length in 0..70 {
        for place in 0..length {
            for other in 0..length {
                let mut header = vec![b'a'; length];
                header[place] = b';';
                header[other] = b';';
                let found: Vec<_> = split(&header).collect();
                let expected: Vec<_> = header.split(|byte| *byte == b';').collect();
                assert_eq!(found, expected, "{length}, {place}, {other}");
            }
        }
    }
    assert_eq!(split(b"").collect::<Vec<_>>(), [b""]);
    assert_eq!(split(b";;").count(), 3);
}
