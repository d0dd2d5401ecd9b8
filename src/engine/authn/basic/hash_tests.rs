//! Hashes that other programs made, and what is none.

use super::*;

/// A password of 72 bytes; its beginnings are passwords too.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and 72 bytes are the most.!";

/// How many bytes of [`TEXT`] were hashed, and what libxcrypt, OpenSSL and Python made of them.
const HASHES: &[(usize, &str)] = &[
    (
        1,
        "$2b$04$abcdefghijklmnopqrstuu7NqEwoztIbBJaKvHiBaWcAfV/OwfxXm",
    ),
    (
        8,
        "$2b$04$abcdefghijklmnopqrstuu87iBbq9I3S6FZEJg/soJyu5AaxqxonC",
    ),
    (
        16,
        "$2b$04$abcdefghijklmnopqrstuu67Oz1JsPxU111VYNA0y9eU8oCtIkg7a",
    ),
    (
        55,
        "$2b$04$abcdefghijklmnopqrstuuSM.DuViRgOGYblXlbUn.AQT9glXCHQG",
    ),
    (
        71,
        "$2b$04$abcdefghijklmnopqrstuuJlZ/XQXa5WXlRc2fKfv/LbRo034Q7Fm",
    ),
    (
        72,
        "$2b$04$abcdefghijklmnopqrstuuJ6AIIA35QoNeHIfc5xQtEV3moWRohQO",
    ),
    (
        0,
        "$2y$05$......................J2ihDv8vVf7QZ9BsaRrKyqs2tkn55Yq",
    ),
    (
        72,
        "$2y$05$......................Sap4EgowwYu/ROE9hokAFVEwyONmWkC",
    ),
    (
        13,
        "$2a$04$zzzzzzzzzzzzzzzzzzzzz.IA0ch3uf9e4XxkavNLPtRVVBZ8cIMZ.",
    ),
    (1, "$1$salt$eWUZa.yDNEXGjbfxPszMK0"),
    (13, "$1$salt$K8.BWZabQwd3Jk.GKhsBK0"),
    (16, "$1$salt$pPVQLt962eOBEtG8Z9c1H1"),
    (72, "$1$salt$UJXzA8YroGSyOnPDYeLb41"),
    (1, "$5$salt$7MaRxVT8FgHe4hDDtUvDxAKD/VnzdEmykDzRG5Bldm5"),
    (31, "$5$salt$oTg1oiqcb0uDJ5gEW/eIZ9tfA1.u9a1YloAafanVp18"),
    (33, "$5$salt$.HF1ooejYMjmjSJe0ApGROYadhF11XnL1rxacMAjF.5"),
    (72, "$5$salt$xlnN1Y0UID4YKs2Q7GZbdpZMzy87un8j2KYFszDLM50"),
    (
        32,
        "$5$rounds=1000$0123456789abcdef$pAIVtAqltkbo2xjeZEpb1GUMqyFZboRBU25kD8fQh35",
    ),
    (
        1,
        "$6$salt$4Zn5JS0Aug9nNzeXbzoTnZz9HV91oXSNj.sXFe5p70e.M9rcgr/J1leIwD7oyt93.VPDRt/d.AHMlGlNrogoC1",
    ),
    (
        63,
        "$6$salt$7ryECtf9VoOlVYa5kFhP7tV6pn5wJwTup/dlrIILUy67rdYQR2YS7faWIhdFYh/sCvO8sQqALvC7SOQVjb32A1",
    ),
    (
        65,
        "$6$salt$5ptNABMrjLPhKZ0IAo.A8f90P8BVk4mKWhAu1Pud.2w5UGtg0RlHuieVpOhu6scbM1Lhz4sMaThixPHGa3W6e1",
    ),
    (
        64,
        "$6$rounds=1234$a$5dyQ/ACS31jqT7OvCAxF4VW43FCItiLduWXMfc/vPYuvinCfWMG7uPqAVfbMIRs4.ACDd7nW1ye4FkgmM7vbV1",
    ),
    (
        72,
        "$6$rounds=1234$a$kWKWfJXeMvksu6BRdc1IkVkhyjIfPmX6puBJENaRgJFAaOamnL6SLMKsJpia.Lv8r0760Rp6dBg0FM7UB8ev8.",
    ),
    (0, "$apr1$a$lsAcX0kKaMIVmrCtUuk5b0"),
    (15, "$apr1$saltsalt$0Ir3sCJX2HXQG5EnTME6B."),
    (17, "$apr1$saltsalt$PbBmJcAy9ZmDQJ2.Cvrtm/"),
    (72, "$apr1$saltsalt$El5WdehoKMzpI7GPsb2sH0"),
    (0, "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
    (20, "{SHA}PjQ2oHPnLFMAzcps5cMh5J38QS4="),
    (72, "{SHA}BeghGV/tKwDYzuMS+EcZIHbqNKs="),
];

fn parse(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|unusable| panic!("{text}: {unusable}"))
}

#[test]
fn a_hash_of_another_program_fits_its_password_and_no_other() {
    for (length, text) in HASHES {
        let (hash, password) = (parse(text), &TEXT[..*length]);
        assert!(hash.fits(password), "{text}");
        let mut others = vec![
            format!("{password}!"),
            format!("{password}\0"),
            format!(" {password}"),
        ];
        if let Some((last, _)) = password.char_indices().last() {
            others.push(password[..last].to_owned());
            others.push(password.to_ascii_uppercase());
        }
        for other in others.iter().filter(|other| *other != password) {
            assert!(!hash.fits(other), "{text}: {other:?}");
        }
    }
}

#[test]
fn passwords_are_utf8() {
    let hash = parse("$2y$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG");
    assert!(hash.fits("pässword"));
    assert!(!hash.fits("passwort"));
    assert!(
        !hash.fits("pa\u{308}ssword"),
        "composed and decomposed differ"
    );
}

#[test]
fn what_bcrypt_would_not_look_at_is_refused() {
    let hash = parse(HASHES.iter().find(|(length, _)| *length == 72).unwrap().1);
    assert!(hash.fits(TEXT));
    for more in ["!", "\0", "anything at all"] {
        assert!(!hash.fits(&format!("{TEXT}{more}")), "{more:?}");
    }
}

#[test]
fn the_spare_bits_of_bcrypts_base64_may_be_set() {
    let (_, text) = HASHES[0];
    let (head, digest) = text.split_at(29);
    assert_eq!(head.chars().last(), Some('u'));
    // The same sixteen bytes of salt: 'u' and 'v' differ in a bit that is not used.
    let spare = format!("{}v{digest}", &head[..28]);
    assert_eq!(parse(&spare), parse(text));
}

#[test]
fn a_hash_that_was_cut_or_changed_is_none() {
    for (_, text) in HASHES {
        for cut in 0..text.len() {
            let unusable = PasswordHash::parse(&text[..cut]);
            assert!(unusable.is_err(), "{}", &text[..cut]);
        }
        for changed in [
            format!("{text}A"),
            format!("{text}="),
            format!("{text}ä"),
            format!(" {text}"),
        ] {
            assert!(PasswordHash::parse(&changed).is_err(), "{changed}");
        }
        let (head, _) = text.split_at(text.len() - 1);
        let odd = PasswordHash::parse(&format!("{head}!"));
        assert_eq!(odd, Err(Unusable::Malformed), "{text}");
    }
}

#[test]
fn costs_have_two_digits_and_an_end() {
    let with = |cost: &str| {
        let (_, text) = HASHES[0];
        PasswordHash::parse(&text.replacen("$04$", &format!("${cost}$"), 1))
    };
    for cost in ["04", "05", "08", "10", "12"] {
        assert!(with(cost).is_ok(), "{cost}");
    }
    for cost in ["13", "14", "31"] {
        assert_eq!(with(cost), Err(Unusable::TooSlow), "{cost}");
    }
    for cost in ["", "4", "00", "03", "32", "99", "+5", "5 ", "005", "-5"] {
        assert_eq!(with(cost), Err(Unusable::Malformed), "{cost}");
    }
    let rounds = |rounds: &str| {
        let digest = "x".repeat(43);
        PasswordHash::parse(&format!("$5$rounds={rounds}$salt${digest}"))
    };
    assert!(rounds("1000").is_ok() && rounds("200000").is_ok());
    assert_eq!(rounds("200001"), Err(Unusable::TooSlow));
    for bad in ["", "999", "+1000", "99999999999999999999", "1000x"] {
        assert_eq!(rounds(bad), Err(Unusable::Malformed), "{bad}");
    }
}

#[test]
fn other_kinds_are_refused_as_such() {
    for other in [
        "",
        "secret",
        "rqXexS6ZhobKA",
        "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        "$y$j9T$salt$hash",
        "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "{PLAIN}secret",
        "{sha}qUqP5cyxm6YcTAhz05Hph5gvu9M=",
        "$7$CU..../....salt$hash",
    ] {
        assert_eq!(PasswordHash::parse(other), Err(Unusable::Kind), "{other}");
    }
    let line = format!("alice:{}", HASHES[0].1);
    assert_eq!(PasswordHash::parse(&line), Err(Unusable::Line));
}

#[test]
fn slow_is_what_takes_longer_than_bcrypt_at_cost_8() {
    let (_, bcrypt) = HASHES[0];
    for (text, slow) in [
        (bcrypt.replacen("$04$", "$08$", 1), false),
        (bcrypt.replacen("$04$", "$09$", 1), true),
        (format!("$6$salt${}", "x".repeat(86)), false),
        (format!("$6$rounds=12800$salt${}", "x".repeat(86)), false),
        (format!("$6$rounds=12801$salt${}", "x".repeat(86)), true),
        (format!("$apr1$salt${}", "x".repeat(22)), false),
    ] {
        assert_eq!(parse(&text).is_slow(), slow, "{text}");
    }
}

#[test]
fn debug_shows_the_kind_and_nothing_else() {
    for (_, text) in HASHES {
        let shown = format!("{:?}", parse(text));
        assert!(!shown.contains(&text[text.len() - 8..]), "{shown}");
    }
    assert_eq!(
        format!("{:?}", parse(HASHES[0].1)),
        "PasswordHash(bcrypt of cost 4)"
    );
}
