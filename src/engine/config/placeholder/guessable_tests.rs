use super::*;

/// Draws from an alphabet, the same at every run.
struct Draw(u64);

impl Draw {
    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut byte = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let place = (self.0 >> 33) as usize % alphabet.len();
            char::from(alphabet[place])
        };
        (0..length).map(|_| byte()).collect()
    }
}

const ALPHABETS: [&[u8]; 7] = [
    b"0123456789abcdef",
    b"0123456789ABCDEF",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    b"abcdefghijklmnopqrstuvwxyz",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    b"!\"#$%&'()*+-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
];

#[test]
fn no_secret_that_was_drawn_is_refused() {
    use crate::config::placeholder::{example, reference};
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for round in 0..300 {
        for alphabet in ALPHABETS {
            for length in [16, 22, 32, 43, 64, 88] {
                let drawn = draw.text(alphabet, length);
                for secret in [drawn.clone(), format!("sk-{drawn}"), format!("{drawn}==")] {
                    let found = weakness(&secret)
                        .or_else(|| example(&secret))
                        .or_else(|| reference(&secret));
                    assert_eq!(found, None, "round {round}: {secret}");
                }
            }
        }
        let mut hex = |length| draw.text(ALPHABETS[0], length);
        let uuid = [8, 4, 4, 4, 12].map(&mut hex).join("-");
        assert_eq!(weakness(&uuid).or_else(|| example(&uuid)), None, "{uuid}");
    }
    for length in [20, 32] {
        for _ in 0..10_000 {
            let digits = draw.text(b"0123456789", length);
            let found = weakness(&digits).or_else(|| example(&digits));
            assert_eq!(found, None, "{digits}");
        }
    }
}

#[test]
fn what_only_repeats_or_counts_can_be_guessed() {
    for text in [
        "xxxxxxxxxxxxxxxx",
        "00000000000000000000000000000000",
        "abababababababababab",
        "abcabcabcabcabcabc",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdefFEDCBA9876543210",
        "sk-0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz",
        "12345678901234567890",
        "hunter2hunter2hunter2",
        "correct-horse-correct-horse-correct",
        "a1b2c3d4a1b2c3d4",
        "deadbeefdeadbeefdeadbeef",
        "00000000000000000000000000000000000000000000000000000000000a11ce",
        "12345678-1234-1234-1234-123456789012",
        "sk-1234-5678-9012-3456",
        "sk-abc123def456ghi789",
        "qwertyuiopasdfghjklzxcvbnm",
        "QWERTZuiop-Asdfghjkl",
        "poiuytrewq-lkjhgfdsa",
        "1q2w3e4r5t6y7u8i9o0p",
        "1qaz2wsx3edc4rfv5tgb",
        "sk-ant-api03-xxxxxxxxxxxx",
        "sk-7c1e90b4********",
        "7c1e90b4........a36f",
    ] {
        assert!(weakness(text).is_some(), "{text}");
    }
    for text in [
        "sk-unknown-012345678",
        "lantern-horse-battery-quartz",
        "another secret of ours",
        "a1b2c3d4e5f6a7b8",
        "qwerty-7c1e90b4f2d8",
        "4821-9932-1127-7714",
        "abc7c1e90b4f2d85a36",
    ] {
        assert_eq!(weakness(text), None, "{text}");
    }
}

#[test]
fn a_piece_over_and_over_is_found_wherever_it_ends() {
    let piece = "q7Zk2xWv";
    for length in piece.len() * 2..60 {
        let text: String = piece.chars().cycle().take(length).collect();
        assert!(is_repeated(text.as_bytes()), "{text}");
        assert!(!is_repeated(format!("{text}#").as_bytes()), "{text}#");
    }
    assert!(!is_repeated(b"q7Zk2xWvq7Zk2xW"), "less than twice");
    assert!(!is_repeated(b"x") && !is_repeated(b""));
}
