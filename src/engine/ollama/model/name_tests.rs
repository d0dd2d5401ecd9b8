use super::super::ModelPattern;
use super::*;

fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap_or_else(|| panic!("{text:?} is a name"))
}

/// Every white space that Ollama, and so Go's `strings.TrimSpace`, takes off.
const SPACES: [&str; 8] = [
    " ",
    "\t\r\n",
    "\u{b}\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{2003}\u{1680}",
    "\u{2028}\u{2029}",
    "\u{202f}\u{205f}\u{3000}",
];

fn mixed(text: &str) -> String {
    let letters = text.char_indices();
    letters
        .map(|(place, letter)| match place % 2 {
            0 => letter.to_ascii_uppercase(),
            _ => letter.to_ascii_lowercase(),
        })
        .collect()
}

/// Spellings that Ollama resolves to `llama3.2`, in each case and with each white space around.
fn spellings() -> Vec<String> {
    let mut all = Vec::new();
    let hosts = ["registry.ollama.ai/", "https://registry.ollama.ai/"];
    let strange = [
        "http://registry.ollama.ai/",
        "x://registry.ollama.ai/",
        "a b/c://registry.ollama.ai/",
        "://registry.ollama.ai/",
        // Behind a scheme the host may be empty, and is the default one then.
        "http:///",
        ":///",
    ];
    let before = ["", "library/"].map(str::to_owned).into_iter();
    let hosts = hosts.into_iter().chain(strange);
    let before = before.chain(hosts.map(|host| format!("{host}library/")));
    for before in before {
        for tag in ["", ":latest"] {
            let plain = format!("{before}llama3.2{tag}");
            all.extend([plain.to_uppercase(), mixed(&plain), plain]);
        }
    }
    let spaced = SPACES.iter().flat_map(|space| {
        let around = |text: &String| format!("{space}{text}{space}");
        all.iter().map(around).collect::<Vec<_>>()
    });
    let spaced: Vec<_> = spaced.collect();
    all.extend(spaced);
    all
}

#[test]
fn all_spellings_of_one_model_are_equal() {
    let all = spellings();
    assert!(all.len() > 500, "{}", all.len());
    for text in all {
        assert_eq!(name(&text), name("llama3.2"), "{text:?}");
        assert_eq!(name(&text).to_string(), "llama3.2:latest", "{text:?}");
    }
}

#[test]
fn different_models_differ() {
    let names = [
        "llama3.2",
        "llama3.2:8b",
        "llama3_2",
        "llama3-2",
        "team/llama3.2",
        "hf.co/library/llama3.2",
        "registry.ollama.ai:443/library/llama3.2",
        "localhost:5000/library/llama3.2",
        "registry.ollama.ai./library/llama3.2",
        "llama3.2:cloud",
        "llama3.2:latest-cloud",
        "llama3.2-cloud",
        "llama3.2:local",
        "llama3.2:locale",
    ];
    for (place, one) in names.iter().enumerate() {
        for (other_place, other) in names.iter().enumerate() {
            let equal = name(one) == name(other);
            assert_eq!(equal, place == other_place, "{one} and {other}");
        }
    }
}

#[test]
fn what_ollama_takes_for_no_name_is_none() {
    let long = "x".repeat(81);
    let long_host = format!("{}/a/b", "h".repeat(351));
    for text in [
        "",
        " ",
        ":",
        ":latest",
        "llama3.2:",
        "/llama3.2",
        "library//llama3.2",
        "registry.ollama.ai//llama3.2",
        "/library/llama3.2",
        "//library/llama3.2",
        "a/b/c/d",
        "https://registry.ollama.ai/llama3.2/",
        "https://a://b/library/llama3.2",
        "llama3.2:8b:q4",
        "llama3.2@sha256:0000",
        "llama3.2:latest@sha256:0000",
        "@sha256:0000",
        "llama 3.2",
        "llama3.2 :latest",
        "llama3.2: latest",
        "llama3.2:la test",
        "-llama3.2",
        ".llama3.2",
        "..",
        "../llama3.2",
        "llama3.2:.hidden",
        "llama3.2:-x",
        "te.am/llama3.2",
        "team:x/llama3.2",
        "llama3.2\0",
        "llama3.2\u{200b}",
        "\u{feff}llama3.2",
        "llama3\u{ff0e}2",
        "\u{ff4c}lama3.2",
        "l\u{430}ma3.2",
        "llama3.2\u{301}",
        // These fold into ASCII letters, and Ollama compares with folding.
        "library/mi\u{17f}tral",
        "\u{212a}imi-k2",
        "regi\u{17f}try.ollama.ai/library/llama3.2",
        "llama3.2:late\u{17f}t",
        "*",
        "qwen3:*",
        "llama3.2:?",
        "llama3.2+q4",
        "llama3.2,other",
        "llama3.2%00",
        "!MISSING!",
        &long,
        &format!("m:{long}"),
        &format!("{long}/m"),
        &long_host,
    ] {
        assert_eq!(ModelName::parse(text), None, "{text:?}");
    }
    let longest = "x".repeat(80);
    let host = "h".repeat(350);
    assert!(ModelName::parse(&format!("{host}/{longest}/{longest}:{longest}")).is_some());
}

#[test]
fn what_runs_elsewhere_is_told_by_its_tag() {
    for (text, canonical) in [
        ("gpt-oss:cloud", "gpt-oss:cloud"),
        ("gpt-oss:20b-cloud", "gpt-oss:20b-cloud"),
        ("gpt-oss:20b:cloud", "gpt-oss:20b-cloud"),
        ("GPT-OSS:20B:Cloud", "gpt-oss:20b-cloud"),
        ("gpt-oss:20b-CLOUD", "gpt-oss:20b-cloud"),
        ("gpt-oss:latest:cloud", "gpt-oss:latest-cloud"),
        (" gpt-oss: cloud ", "gpt-oss:cloud"),
        ("gpt-oss:20b:\tcloud", "gpt-oss:20b-cloud"),
        ("gpt-oss: 20b-cloud", "gpt-oss:20b-cloud"),
        ("gpt-oss:\u{3000}20b-cloud", "gpt-oss:20b-cloud"),
        ("team/gpt-oss:20b:cloud", "team/gpt-oss:20b-cloud"),
        (
            "https://registry.ollama.ai/library/gpt-oss:cloud",
            "gpt-oss:cloud",
        ),
        (
            "localhost:11434/library/foo:cloud",
            "localhost:11434/library/foo:cloud",
        ),
    ] {
        assert!(names_cloud(text), "{text}");
        assert!(name(text).is_cloud(), "{text}");
        assert_eq!(name(text).to_string(), canonical, "{text}");
    }
    for text in [
        "gpt-oss",
        "gpt-oss-cloud",
        "cloud",
        "my-cloud-model",
        "gpt-oss:20bcloud",
        "gpt-oss:cloudy",
        "gpt-oss:cloud-20b",
        "cloud/gpt-oss",
        "cloud:latest",
        "cloud:5000/library/gpt-oss",
    ] {
        assert!(!names_cloud(text), "{text}");
        assert!(!name(text).is_cloud(), "{text}");
    }
}

#[test]
fn what_is_no_name_still_says_that_it_is_of_the_cloud() {
    for text in [
        "a b:cloud",
        ":cloud",
        "a:cloud:cloud",
        "a:local:cloud",
        "a:-cloud",
        "a:b:c-cloud",
    ] {
        assert!(names_cloud(text), "{text}");
        assert_eq!(ModelName::parse(text), None, "{text}");
    }
}

#[test]
fn a_name_that_says_that_it_is_local_is_judged_as_each_route_reads_it() {
    let readings = |text: &str| {
        let name = name(text);
        let readings = name.readings().map(|reading| reading.0.to_owned());
        readings.collect::<Vec<_>>()
    };
    let full = |name: &str| format!("registry.ollama.ai/library/{name}");
    for text in ["foo:local", "FOO:Local", " library/foo:LOCAL "] {
        assert_eq!(
            readings(text),
            [full("foo:latest"), full("foo:local")],
            "{text:?}"
        );
    }
    // With another tag, or white space, the other routes take it for no name.
    for text in ["foo:8b:local", "foo:8b: local"] {
        assert_eq!(readings(text), [full("foo:8b")], "{text:?}");
    }
    assert_eq!(readings("foo: local"), [full("foo:latest")]);
    assert_eq!(readings("foo:8b"), [full("foo:8b")]);
    for text in [
        "foo:local:local",
        "foo:cloud:local",
        "foo:8b-cloud:local",
        ":local",
        "foo::local",
    ] {
        assert_eq!(ModelName::parse(text), None, "{text}");
    }
    assert!(!names_cloud("foo:cloud:local") && !name("foo:local").is_cloud());
}

#[test]
fn no_spelling_of_a_denied_model_gets_past_a_pattern_for_another() {
    let patterns = [
        "llama3.1",
        "llama3.2:8b",
        "llama3.1:*",
        "llama3:*",
        "team/*",
        "library2/*",
        "hf.co/library/*",
        "hf.co/*/*",
        "*/llama3.1",
        "library/*:8b",
        "llama3.2:cloud",
    ]
    .map(|text| ModelPattern::parse(text).unwrap());
    for text in spellings() {
        let name = name(&text);
        for reading in name.readings() {
            for pattern in &patterns {
                assert!(!pattern.matches(reading), "{pattern} and {text:?}");
            }
        }
    }
}
