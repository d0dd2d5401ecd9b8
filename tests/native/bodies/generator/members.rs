//! Usual bodies: the members that clients send, with usual values.

use super::Draw;

/// A member as it is written: the name with its quotes, and the value.
pub(crate) type Member = (Vec<u8>, Vec<u8>);

/// Models, as JSON strings; one of them has two spellings.
pub(crate) const MODELS: [&str; 14] = [
    r#""llama3.2""#,
    r#""ll\u0061ma3.2""#,
    r#""qwen3:8b""#,
    r#""evil""#,
    r#""gpt-oss:120b-cloud""#,
    r#""deepseek-v3.1:671b:cloud""#,
    r#"" llama3.2 ""#,
    r#""""#,
    r#""Llama3.2""#,
    r#""hf.co/a/b:Q4_K_M""#,
    "\"\u{212A}imi\"",
    r#""\ud83d\ude00""#,
    r#""a\"b\\c\/d""#,
    r#""https://registry.ollama.ai/library/x:latest""#,
];

/// Other hosts, as JSON strings; an empty one is none.
const HOSTS: [&str; 5] = [
    r#""https://ollama.com:443""#,
    r#""10.0.0.7:11434""#,
    r#""\u0078""#,
    r#""""#,
    "null",
];

/// Values of `keep_alive` that Ollama takes.
const LASTING: [&str; 14] = [
    "0",
    "-1",
    "300",
    "1.5",
    "3e2",
    "-0",
    r#""5m""#,
    r#""-1s""#,
    r#""0""#,
    r#""1h30m""#,
    r#""1.5h""#,
    r#""100ms""#,
    r#""10\u00b5s""#,
    "null",
];

/// Whole numbers that are usual.
const NUMBERS: [&str; 9] = [
    "0", "1", "-1", "-2", "128", "4096", "8192", "131072", "null",
];

/// Texts, some with what would be a member if it stood elsewhere.
const TEXTS: [&str; 8] = [
    r#""hi""#,
    r#""""#,
    r#""\"model\":\"evil\"""#,
    r#""{\"model\": \"evil\"}""#,
    r#""\u006dodel \\""#,
    "\"\u{17F} \u{1F600} \u{7f}\"",
    r#""a\\\",\"model\":\"evil\"""#,
    r#""line\nline\tline""#,
];

/// Tools, of the usual kinds.
const TOOLS: [&str; 6] = [
    "[]",
    "null",
    r#"[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#,
    r#"[{"type":"web_search_20250305","name":"web_search"}]"#,
    r#"[{"type":"function","name":"web_search"},{"type":"web_search"}]"#,
    r#"[{"name":"f","input_schema":{"type":"object","properties":{"type":{"type":"string"}}}}]"#,
];

/// Blobs by the names of their files.
const FILES: [&str; 6] = [
    r#"{"model.gguf":"sha256:29fdb92e57cf0827ded04ae6461b5931d01fa595843f55d36f5b275a52087dd2"}"#,
    r#"{"a":"sha256:00","a":"sha256:01","b":"sha256-02"}"#,
    r#"{"":null}"#,
    r#"{"\u006dodel":""}"#,
    "{}",
    "null",
];

/// Texts that say what a model is made of.
const SCRIPTS: [&str; 5] = [
    r#""FROM llama3.2\nPARAMETER num_ctx 1000000""#,
    r#""{{ .Prompt }}""#,
    r#"" ""#,
    r#""""#,
    "null",
];

/// A member called `name`.
pub(crate) fn member(name: &str, value: impl Into<Vec<u8>>) -> Member {
    (format!("\"{name}\"").into_bytes(), value.into())
}

/// A usual value of the member called `name`, one that matters.
pub(crate) fn value(name: &str, draw: &mut Draw) -> Vec<u8> {
    let text = match name {
        "model" | "name" | "source" | "destination" | "from" => draw.of(&MODELS),
        "remote_host" => draw.of(&HOSTS),
        "keep_alive" => draw.of(&LASTING),
        "raw" | "_debug_render_only" | "stream" => draw.of(&["true", "false", "null"]),
        "tools" => draw.of(&TOOLS),
        "options" | "parameters" => return options(draw),
        "files" | "adapters" | "draft_files" => draw.of(&FILES),
        "template" | "modelfile" | "path" => draw.of(&SCRIPTS),
        _ => draw.of(&NUMBERS),
    };
    text.as_bytes().to_vec()
}

fn options(draw: &mut Draw) -> Vec<u8> {
    let mut parts = Vec::new();
    for name in ["num_ctx", "num_predict"] {
        if draw.chance(60) {
            parts.push(format!("\"{name}\": {}", draw.of(&NUMBERS)));
        }
    }
    for (name, value) in [("temperature", "0.7"), ("stop", r#"["a"]"#), ("model", "5")] {
        if draw.chance(30) {
            parts.push(format!("\"{name}\":{value}"));
        }
    }
    format!("{{{}}}", parts.join(",")).into_bytes()
}

/// A value that the gate does not look into, with decoys.
fn other(draw: &mut Draw) -> Vec<u8> {
    let text = draw.of(&TEXTS);
    match draw.below(6) {
        0 => text.to_owned(),
        1 => format!(r#"[{{"role":"user","content":{text},"model":"evil"}}]"#),
        2 => format!(r#"{{"model":"evil","options":{{"num_ctx":1e9}},"a":[{text},{text}]}}"#),
        3 => draw
            .of(&["1", "-2.5e-3", "true", "null", "[]", "{}"])
            .to_string(),
        4 => format!(
            r#"{{"num_ctx":{},"num_predict":5,"type":"web_search"}}"#,
            draw.of(&NUMBERS)
        ),
        _ => format!("[[[{text}]],{{}},{{\"raw\":{{\"Model\":{text}}}}}]"),
    }
    .into_bytes()
}

/// The members of one request, in any order.
pub(crate) fn usual(draw: &mut Draw) -> Vec<Member> {
    let names: &[&str] = match draw.below(6) {
        0 => &[
            "model",
            "keep_alive",
            "options",
            "raw",
            "template",
            "stream",
            "_debug_render_only",
        ],
        1 => &["model", "tools", "stream", "options", "keep_alive"],
        2 => &["model", "max_tokens", "max_completion_tokens", "stream"],
        3 => &["model", "max_tokens", "tools", "max_output_tokens"],
        4 => &["source", "destination"],
        _ => &[
            "from",
            "remote_host",
            "files",
            "adapters",
            "draft_files",
            "modelfile",
            "path",
            "template",
            "parameters",
            "stream",
        ],
    };
    let mut members = Vec::new();
    for name in names {
        if draw.chance(70) {
            members.push(member(name, value(name, draw)));
        }
    }
    if names.contains(&"from") {
        // Either word will do, or both for the same.
        let model = value("model", draw);
        let words: [&[&str]; 3] = [&["model"], &["name"], &["model", "name"]];
        let words = draw.of(&words);
        members.extend(words.iter().map(|word| member(word, model.clone())));
    }
    for name in [
        "messages",
        "prompt",
        "format",
        "models",
        "mod\u{f6}el",
        "Options2",
    ] {
        if draw.chance(30) {
            members.push(member(name, other(draw)));
        }
    }
    for place in (1..members.len()).rev() {
        members.swap(place, draw.below(place + 1));
    }
    members
}
