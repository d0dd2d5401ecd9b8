use super::super::ModelName;
use super::*;

fn matches(pattern: &str, name: &str) -> bool {
    let pattern = ModelPattern::parse(pattern).unwrap_or_else(|why| panic!("{pattern}: {why:?}"));
    let name = ModelName::parse(name).unwrap_or_else(|| panic!("{name:?} is a name"));
    name.readings().all(|reading| pattern.matches(reading))
}

#[test]
fn a_pattern_means_what_it_says_and_nothing_beside() {
    let names = [
        "llama3.2",
        "llama3.2:8b",
        "team/llama3.2",
        "team/llama3.2:8b",
        "team2/llama3.2",
        "hf.co/team/llama3.2",
        "hf.co/other/mistral:8b",
        "hf.co:443/team/llama3.2",
        "llama3.2-vision",
        "llama3",
        "llama3.2:8b-cloud",
    ];
    let all: Vec<usize> = (0..names.len()).collect();
    for (pattern, meant) in [
        ("llama3.2", &[0][..]),
        ("LLaMA3.2", &[0]),
        ("llama3.2:latest", &[0]),
        ("library/llama3.2", &[0]),
        ("registry.ollama.ai/library/llama3.2", &[0]),
        ("https://registry.ollama.ai/library/llama3.2", &[0]),
        ("llama3.2:8b", &[1]),
        ("llama3.2:*", &[0, 1, 10]),
        ("library/*", &[0, 1, 8, 9, 10]),
        ("library/*:*", &[0, 1, 8, 9, 10]),
        ("library/*:8b", &[1]),
        ("library/*:latest", &[0, 8, 9]),
        ("team/*", &[2, 3]),
        ("TEAM/*", &[2, 3]),
        ("team/llama3.2", &[2]),
        ("team/llama3.2:*", &[2, 3]),
        ("*/llama3.2", &[0, 2, 4]),
        ("*/llama3.2:*", &[0, 1, 2, 3, 4, 10]),
        ("*/*", &[0, 1, 2, 3, 4, 8, 9, 10]),
        ("hf.co/team/*", &[5]),
        ("hf.co/*/*", &[5, 6]),
        ("hf.co:443/*/*", &[7]),
        ("llama3.2:8b-cloud", &[10]),
        ("llama3.2:8b:cloud", &[10]),
        ("library/*:cloud", &[]),
        ("*", &all),
    ] {
        let found: Vec<usize> = (0..names.len())
            .filter(|place| matches(pattern, names[*place]))
            .collect();
        assert_eq!(found, meant, "{pattern}");
    }
}

#[test]
fn a_local_spelling_needs_both_of_its_readings() {
    for (pattern, meant) in [
        ("foo", false),
        ("foo:latest", false),
        ("foo:*", true),
        ("*", true),
    ] {
        assert_eq!(matches(pattern, "foo:local"), meant, "{pattern}");
    }
    assert!(matches("foo:8b", "foo:8b:local"));
    assert!(!matches("foo", "foo:8b:local"));
}

#[test]
fn what_is_no_pattern_is_told_why() {
    for (text, why) in [
        ("", PatternError::NoName),
        (" ", PatternError::NoName),
        (" *", PatternError::NoName),
        ("**", PatternError::NoName),
        ("qwen*", PatternError::NoName),
        ("*qwen", PatternError::NoName),
        ("qwen3:8b-*", PatternError::NoName),
        ("qwen3:*-cloud", PatternError::NoName),
        ("qwen3:*:cloud", PatternError::NoName),
        ("te*m/qwen3", PatternError::NoName),
        ("*/team/qwen3", PatternError::NoName),
        ("hf.co/*", PatternError::NoName),
        ("*.co/team/*", PatternError::NoName),
        ("a/b/c/d", PatternError::NoName),
        ("qwen3:", PatternError::NoName),
        ("qwen3: 8b", PatternError::NoName),
        ("qwen?", PatternError::NoName),
        ("qwen[0-9]", PatternError::NoName),
        ("qwen3@sha256:00", PatternError::NoName),
        ("!qwen3", PatternError::NoName),
        ("qwen3,llama3", PatternError::NoName),
        ("\u{212a}imi", PatternError::NoName),
        ("*:8b", PatternError::TagOfEverything),
        ("*:*", PatternError::TagOfEverything),
        ("*:latest", PatternError::TagOfEverything),
        ("qwen3:local", PatternError::Local),
        ("qwen3:8b:LOCAL", PatternError::Local),
    ] {
        assert_eq!(ModelPattern::parse(text), Err(why), "{text:?}");
    }
}

#[test]
fn a_pattern_is_shown_as_short_as_it_can_be_read_again() {
    for (written, shown) in [
        ("llama3.2", "llama3.2:latest"),
        ("Library/QWEN3:*", "qwen3:*"),
        ("library/*", "library/*:*"),
        ("team/*", "team/*:*"),
        ("hf.co/team/x", "hf.co/team/x:latest"),
        ("*", "*"),
    ] {
        let pattern = ModelPattern::parse(written).unwrap();
        assert_eq!(pattern.to_string(), shown, "{written}");
        assert_eq!(ModelPattern::parse(shown), Ok(pattern), "{written}");
    }
}
