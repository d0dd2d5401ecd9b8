use super::*;

const MODELS: [&str; 3] = ["llama3.2:latest", "qwen3:8b", "hf.co/team/x:q4"];

fn entry(name: &str) -> String {
    format!(r#"{{"name":"{name}","model":"{name}","size":1e3,"details":{{"families":["a"]}}}}"#)
}

fn list(entries: &[String]) -> String {
    format!(r#"{{"models":[{}]}}"#, entries.join(","))
}

/// What is left of `body` for whoever may use `model` alone.
fn left(body: &str, model: &str) -> Option<String> {
    let own = ModelName::parse(model).unwrap();
    let left = filtered(body.as_bytes(), |other| *other == own)?;
    Some(String::from_utf8(left).unwrap())
}

/// Whether the entry is left for whoever may use `llama3.2`.
fn is_left(list: &str, entry: &str) -> bool {
    let all = format!(r#"{{"{list}":[{entry}]}}"#);
    match left(&all, "llama3.2").unwrap() {
        kept if kept == all => true,
        kept => {
            assert_eq!(kept, format!(r#"{{"{list}":[]}}"#), "{entry}");
            false
        }
    }
}

#[test]
fn the_entries_that_are_left_are_byte_for_byte_what_they_were() {
    let entries = MODELS.map(entry);
    let all = list(&entries);
    for (place, name) in MODELS.into_iter().enumerate() {
        let expected = list(&entries[place..=place]);
        assert_eq!(left(&all, name), Some(expected), "{place}, {name}");
    }
    assert_eq!(left(&all, "other"), Some(list(&[])));
    let every = filtered(all.as_bytes(), |_| true).unwrap();
    assert_eq!(String::from_utf8(every).unwrap(), all);
    let two = filtered(all.as_bytes(), |model| {
        *model != ModelName::parse("qwen3:8b").unwrap()
    });
    let expected = list(&[entries[0].clone(), entries[2].clone()]);
    assert_eq!(String::from_utf8(two.unwrap()).unwrap(), expected);
}

#[test]
fn what_stands_beside_a_list_goes_on_as_it_was() {
    let body = " {\n \"object\" : \"list\", \"a\\u0062\":1.10 ,\"data\":[ {\"id\":\"qwen3\"} , \
                { \"id\" : \"llama3.2\" , \"x\":[1, 2] } ], \"more\": { \"é\": null } }\n";
    assert_eq!(
        left(body, "llama3.2").as_deref(),
        Some(
            "{\"object\":\"list\",\"a\\u0062\":1.10,\"data\":[{ \"id\" : \"llama3.2\" , \"x\":[1, 2] }],\
             \"more\":{ \"é\": null }}"
        )
    );
}

#[test]
fn every_spelling_of_a_model_is_that_model() {
    for name in [
        "llama3.2",
        "llama3.2:latest",
        "LLAMA3.2:Latest",
        " llama3.2 ",
        "library/llama3.2",
        "registry.ollama.ai/library/llama3.2:latest",
        "https://registry.ollama.ai/library/llama3.2",
        "llama3\\u002e2",
    ] {
        assert!(is_left("models", &entry(name)), "{name}");
        assert!(is_left("data", &format!(r#"{{"id":"{name}"}}"#)), "{name}");
    }
    for name in [
        "llama3.2:1b",
        "llama3.2:cloud",
        "llama3.2-cloud",
        "team/llama3.2",
        "hf.co/library/llama3.2",
        "llama3.20",
        "llama3.2 x",
        "",
        "*",
        "llama3.2:*",
    ] {
        assert!(!is_left("models", &entry(name)), "{name}");
        assert!(!is_left("data", &format!(r#"{{"id":"{name}"}}"#)), "{name}");
    }
}

#[test]
fn an_entry_that_names_no_model_or_two_is_left_out() {
    for entry in [
        r#"{"name":"llama3.2"}"#,
        r#"{"model":"llama3.2"}"#,
        r#"{"name":"llama3.2","model":"library/llama3.2:latest"}"#,
        r#"{"name":"llama3.2","id":"qwen3","Digest":"qwen3"}"#,
    ] {
        assert!(is_left("models", entry), "{entry}");
    }
    for entry in [
        "{}",
        "[]",
        "null",
        "1",
        r#""llama3.2""#,
        r#"["llama3.2"]"#,
        r#"{"id":"llama3.2"}"#,
        r#"{"name":"llama3.2","model":"qwen3"}"#,
        r#"{"model":"qwen3","name":"llama3.2"}"#,
        r#"{"name":"llama3.2","Name":"qwen3"}"#,
        r#"{"name":"llama3.2","name":"qwen3"}"#,
        r#"{"name":"llama3.2","MODEL":"qwen3"}"#,
        r#"{"name":"llama3.2","n\u0061me":"qwen3"}"#,
        r#"{"name":"llama3.2","model":""}"#,
        r#"{"name":"llama3.2","model":null}"#,
        r#"{"name":"llama3.2","model":["llama3.2"]}"#,
        r#"{"name":null}"#,
        r#"{"name":{"name":"llama3.2"}}"#,
        r#"{"details":{"name":"llama3.2"}}"#,
        r#"{"name":"llama3.2\ud800"}"#,
        r#"{"name":"llama3.2","\ud800":1}"#,
    ] {
        assert!(!is_left("models", entry), "{entry}");
    }
    for entry in [
        r#"{"name":"llama3.2","model":"llama3.2"}"#,
        r#"{"id":"llama3.2","ID":"qwen3"}"#,
    ] {
        assert!(!is_left("data", entry), "{entry}");
    }
    assert!(is_left("data", r#"{"id":"llama3.2","name":"qwen3"}"#));
}

#[test]
fn every_list_in_an_answer_is_filtered() {
    let body = r#"{"models":[{"name":"qwen3"}],"data":[{"id":"qwen3"}],"models":[{"name":"qwen3"}],"Models":[{"name":"qwen3"}]}"#;
    let expected = r#"{"models":[],"data":[],"models":[],"Models":[]}"#;
    assert_eq!(left(body, "llama3.2").as_deref(), Some(expected));
}

#[test]
fn without_models_a_list_may_be_null() {
    for body in [
        r#"{"object":"list","data":null}"#,
        r#"{"models":null}"#,
        r#"{"models":[]}"#,
    ] {
        assert_eq!(left(body, "llama3.2").as_deref(), Some(body), "{body:?}");
    }
}

#[test]
fn what_is_no_list_of_models_is_none() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        r#"[{"name":"llama3.2"}]"#,
        r#"{"object":"list"}"#,
        r#"{"error":"no"}"#,
        r#"{"models":{}}"#,
        r#"{"models":"llama3.2"}"#,
        r#"{"models":[],"data":{"id":"qwen3"}}"#,
        r#"{"models":[],"Data":"qwen3"}"#,
        r#"{"models":[]}{"models":[]}"#,
        r#"{"models":[]},"#,
        r#"{"models":[],}"#,
        r#"{"models":[{"name":"llama3.2"},]}"#,
        r#"{"models":[],"\ud800":1}"#,
        r#"{'models':[]}"#,
        "\u{feff}{\"models\":[]}",
        "<html>llama3.2</html>",
    ] {
        assert_eq!(left(body, "llama3.2"), None, "{body}");
    }
    for body in [
        &b"{\"models\":[{\"name\":\"a\nb\"}]}"[..],
        b"{\"models\":[{\"name\":\"\xff\"}]}",
        b"{\"models\":[],\"\xff\":1}",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    ] {
        assert_eq!(filtered(body, |_| true), None, "{body:?}");
    }
}

#[test]
fn a_list_that_breaks_off_anywhere_is_none() {
    let body = list(&MODELS.map(entry));
    for end in 0..body.len() {
        let cut = body.get(..end).unwrap();
        assert_eq!(filtered(cut.as_bytes(), |_| true), None, "{cut}");
    }
}

#[test]
fn depth_takes_no_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let body = format!(r#"{{"deep":{deep},"models":[{deep},{{"name":"llama3.2","x":{deep}}}]}}"#);
    let expected = format!(r#"{{"deep":{deep},"models":[{{"name":"llama3.2","x":{deep}}}]}}"#);
    assert!(left(&body, "llama3.2") == Some(expected));
}
