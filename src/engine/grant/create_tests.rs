use super::*;

/// Blobs are parts of models without their names, and a Modelfile can name anything.
#[test]
fn a_model_to_create_brings_no_blob_and_no_modelfile_unless_every_model_is_allowed() {
    let create = route("POST", "/api/create");
    let (one, every) = (models(&["team/*"]), models(&["*"]));
    for (member, value, names) in [
        ("files", r#"{"m.gguf": "sha256:00"}"#, true),
        ("files", r#"{"m.gguf": null}"#, true),
        ("files", r#"{"": ""}"#, true),
        ("files", r#"{"\ud800": "sha256:00"}"#, true),
        ("files", r#"{"m.gguf": {"model": "team/y"}}"#, true),
        ("adapters", r#"{"a.gguf": "sha256:00"}"#, true),
        ("draft_files", r#"{"d.gguf": "sha256:00"}"#, true),
        ("modelfile", r#""FROM llama3""#, true),
        ("modelfile", r#""\ud800""#, true),
        ("path", r#""/root/Modelfile""#, true),
        ("files", "{}", false),
        ("files", "null", false),
        ("adapters", "{}", false),
        ("draft_files", "null", false),
        ("modelfile", r#""""#, false),
        ("path", "null", false),
        ("quantize", r#""q4_K_M""#, false),
        ("system", r#""files""#, false),
        ("info", r#"{"files": {"m": "sha256:00"}}"#, false),
    ] {
        for from in ["", r#""from": "team/y", "#] {
            let body = format!(r#"{{"model": "team/x", {from}"{member}": {value}}}"#);
            let refusal = refused(&one, create, &body);
            assert_eq!(refusal.is_empty(), !names, "{body}: {refusal}");
            if names {
                assert!(
                    refusal.starts_with("model_denied ") && refusal.contains(member),
                    "{body}"
                );
            }
            assert_eq!(refused(&every, create, &body), "", "{body}");
        }
    }
    // A second rule takes away what the first allows.
    let both = BodyRules {
        models: [every.models, one.models.clone()].concat(),
        ..BodyRules::default()
    };
    let body = r#"{"model": "team/x", "files": {"m.gguf": "sha256:00"}}"#;
    assert!(refused(&both, create, body).starts_with("model_denied "));
    // Elsewhere Ollama passes over them.
    assert_eq!(refused(&one, route("POST", "/api/show"), body), "");
}
