//! What the gate believes of a body, held against what Go says.

use ollama_gate_engine::internals::{KeepAlive, Members, Number};
use serde_json::{Value, json};

/// What differs between the gate's belief and Go's readings: a name for each difference.
pub(crate) fn differences(members: &Members, go: &Value) -> Vec<&'static str> {
    let Members { model, name, .. } = members;
    let (named, copied, limited) = (&go["named"], &go["copied"], &go["limited"]);
    let exact = model.as_deref().unwrap_or_default().trim();
    let number = |number: Option<Number>| json!(number.map(Number::value));
    let (tokens, completion) = (members.max_tokens, members.max_completion_tokens);
    let output = members.max_output_tokens;
    let holds = [
        ("model", named["model"] == text(model)),
        ("model", limited["model"] == text(model)),
        ("model of the exact reader", go["exact"] == json!(exact)),
        ("name", named["name"] == text(name)),
        ("source", copied["source"] == text(&members.source)),
        (
            "destination",
            copied["destination"] == text(&members.destination),
        ),
        ("max_tokens", limited["max_tokens"] == number(tokens)),
        (
            "max_completion_tokens",
            limited["max_completion_tokens"] == number(completion),
        ),
        (
            "max_output_tokens",
            limited["max_output_tokens"] == number(output),
        ),
        (
            "web_search",
            members.web_search || go["searching"] != json!(true),
        ),
    ];
    // Ollama refuses what one of its structs cannot take; the gate has looked at every type. Only
    // an option that it does not look into may be beyond what Go can hold.
    let generate = &go["generate"];
    let in_generate = if generate.is_string() {
        Vec::new()
    } else {
        in_generate(members, generate)
    };
    let all = holds.into_iter().chain(in_generate);
    all.filter(|(_, holds)| !holds)
        .map(|(name, _)| name)
        .collect()
}

/// The same of a body that is read as that of a model to create.
pub(crate) fn differences_of_create(members: &Members, go: &Value) -> Vec<&'static str> {
    let created = &go["created"];
    // Ollama refuses a file whose digest is no text; the gate looks at no digest.
    if created.is_string() {
        return Vec::new();
    }
    let number = |number: Option<Number>| json!(number.map(Number::value));
    let holds = [
        ("create", created.is_object()),
        ("model", created["model"] == text(&members.model)),
        ("name", created["name"] == text(&members.name)),
        ("from", created["from"] == text(&members.from)),
        (
            "remote_host",
            created["remote_host"] == text(&members.remote_host),
        ),
        ("template", created["template"] == json!(members.template)),
        ("blobs", created["blobs"] == json!(members.blobs.is_some())),
        (
            "modelfile",
            created["modelfile"] == json!(members.modelfile.is_some()),
        ),
        ("num_ctx", created["num_ctx"] == number(members.num_ctx)),
        (
            "num_predict",
            created["num_predict"] == number(members.num_predict),
        ),
    ];
    let wrong = holds.into_iter().filter(|(_, holds)| !holds);
    wrong.map(|(name, _)| name).collect()
}

/// What has to hold of `/api/generate`, each under a name.
fn in_generate(members: &Members, generate: &Value) -> Vec<(&'static str, bool)> {
    let flag = |flag: Option<bool>| json!(flag.unwrap_or_default());
    let number = |number: Option<Number>| json!(number.map(Number::value));
    let lasting = match members.keep_alive {
        None => Value::Null,
        Some(KeepAlive::Forever) => json!(i64::MAX),
        Some(KeepAlive::For(duration)) => json!(u64::try_from(duration.as_nanos()).unwrap()),
    };
    let debug = flag(members.debug_render_only);
    vec![
        ("generate", generate.is_object()),
        ("model", generate["model"] == text(&members.model)),
        ("raw", generate["raw"] == flag(members.raw)),
        ("template", generate["template"] == json!(members.template)),
        ("_debug_render_only", generate["debug"] == debug),
        ("num_ctx", generate["num_ctx"] == number(members.num_ctx)),
        (
            "num_predict",
            generate["num_predict"] == number(members.num_predict),
        ),
        ("keep_alive", generate["keep_alive"] == lasting),
    ]
}

/// What Go makes of a string that may be left out.
fn text(text: &Option<String>) -> Value {
    json!(text.as_deref().unwrap_or_default())
}
