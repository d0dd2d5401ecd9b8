//! The shape of a token, and the JSON in it.

use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign};
use serde_json::json;

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn json_is_read_strictly() {
    let world = World::new(&configuration());
    let end = NOW + 60;
    for claims in [
        format!(r#"{{"sub":"alice","exp":{end},"exp":{end}}}"#),
        format!(r#"{{"sub":"alice","sub":"mallory","exp":{end}}}"#),
        format!(r#"{{"sub":"alice","exp":{end}}} trailing"#),
        format!(r#"[{{"sub":"alice","exp":{end}}}]"#),
        format!(
            r#"{{"sub":"alice","exp":{end},"x":{}{}}}"#,
            "[".repeat(4_000),
            "]".repeat(4_000)
        ),
        "null".into(),
        String::new(),
        "\"alice\"".into(),
    ] {
        let token = sign(&header().to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{:.60}",
            claims
        );
    }
    let twice = r#"{"alg":"none","alg":"HS256"}"#;
    let token = sign(twice, &format!(r#"{{"sub":"alice","exp":{end}}}"#), SECRET);
    assert_eq!(verdict(&world, &token), refused("malformed_token"));
}

#[test]
fn the_compact_form_is_exact() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    for token in [
        format!("{good}="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{good}.{}.{}", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], "!"),
        "..".into(),
        format!("e30.{}.{}", parts[1], parts[2]),
        format!("eyJ{}", ".".repeat(10_000)),
    ] {
        let verdict = verdict(&world, &token);
        assert_eq!(verdict, refused("malformed_token"), "{:.80}", token);
    }
    let standard_alphabet = good.replace(['-', '_'], "+");
    if standard_alphabet != good {
        assert_eq!(verdict(&world, &standard_alphabet).0, 401);
    }
    assert_eq!(
        verdict(&world, &format!("{}{}", good, "A".repeat(64 * 1024))).1,
        "malformed_credential"
    );
}

#[test]
fn stray_bits_at_the_end_of_a_part_are_refused() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 32 bytes leave two stray bits in the last character: three other spellings of the same tag.
    let place = alphabet.find(last).unwrap();
    for other in 1..4 {
        let spelled = alphabet.chars().nth(place ^ other).unwrap();
        let token = format!("{}{spelled}", &good[..good.len() - 1]);
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{token}"
        );
    }
}

#[test]
fn json_is_read_to_a_depth_of_128_and_no_deeper() {
    let world = World::new(&configuration());
    let nested = |open: &str, close: &str, depth: usize| {
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let claims = format!(r#"{{"sub":"alice","exp":{},"x":{value}}}"#, NOW + 60);
        sign(&header().to_string(), &claims, SECRET)
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert_eq!(verdict(&world, &nested(open, close, 100)).0, 200, "{open}");
        for depth in [128, 1_000, 1_500] {
            let token = nested(open, close, depth);
            assert_eq!(
                verdict(&world, &token),
                refused("malformed_token"),
                "{depth}"
            );
        }
    }
    // Ten thousand levels make a token that is too long to be looked at.
    let token = nested("[", "]", 10_000);
    assert_eq!(verdict(&world, &token), refused("malformed_credential"));
    // Left open they fit.
    let open = sign(
        &header().to_string(),
        &format!(r#"{{"x":{}"#, "[".repeat(10_000)),
        SECRET,
    );
    assert_eq!(verdict(&world, &open), refused("malformed_token"));
    let deep = sign(
        &format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000)),
        "{}",
        SECRET,
    );
    assert_eq!(verdict(&world, &deep), refused("malformed_token"));
}

#[test]
fn a_name_is_the_same_name_however_it_is_written() {
    let world = World::new(&configuration());
    let end = NOW + 60;
    for claims in [
        format!(r#"{{"sub":"alice","exp":{end},"\u0065xp":{end}}}"#),
        format!(r#"{{"sub":"alice","exp":{end},"a":{{"b":1,"b":2}}}}"#),
        format!(r#"{{"sub":"alice","exp":{end},"a":[{{"b":1,"b":1}}]}}"#),
        format!(r#"{{"sub":"alice","exp":{end},"":1,"":2}}"#),
    ] {
        let token = sign(&header().to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{claims}"
        );
    }
    let escaped = format!(r#"{{"s\u0075b":"alice","\u0065xp":{end}}}"#);
    let token = sign(&header().to_string(), &escaped, SECRET);
    assert_eq!(verdict(&world, &token).0, 200);
}
