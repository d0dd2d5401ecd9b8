//! The module itself: what it imports and exports, its features, its size.

use std::collections::BTreeMap;

use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::module::{self, Build};
use wasmparser::{
    CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use crate::support::*;

/// What Envoy, Kong and APISIX all link: parameters and results, i for i32 and
/// I for i64. hosts.md, "What may be imported".
const LINKED: &[(&str, &str)] = &[
    ("env.proxy_log", "iii:i"),
    ("env.proxy_get_current_time_nanoseconds", "i:i"),
    ("env.proxy_set_tick_period_milliseconds", "i:i"),
    ("env.proxy_get_buffer_bytes", "iiiii:i"),
    ("env.proxy_set_buffer_bytes", "iiiii:i"),
    ("env.proxy_get_header_map_pairs", "iii:i"),
    ("env.proxy_set_header_map_pairs", "iii:i"),
    ("env.proxy_get_header_map_value", "iiiii:i"),
    ("env.proxy_replace_header_map_value", "iiiii:i"),
    ("env.proxy_remove_header_map_value", "iii:i"),
    ("env.proxy_add_header_map_value", "iiiii:i"),
    ("env.proxy_get_property", "iiii:i"),
    ("env.proxy_set_property", "iiii:i"),
    ("env.proxy_get_shared_data", "iiiii:i"),
    ("env.proxy_set_shared_data", "iiiii:i"),
    ("env.proxy_register_shared_queue", "iii:i"),
    ("env.proxy_resolve_shared_queue", "iiiii:i"),
    ("env.proxy_dequeue_shared_queue", "iii:i"),
    ("env.proxy_enqueue_shared_queue", "iii:i"),
    ("env.proxy_continue_stream", "i:i"),
    ("env.proxy_close_stream", "i:i"),
    ("env.proxy_send_local_response", "iiiiiiii:i"),
    ("env.proxy_http_call", "iiiiiiiiii:i"),
    ("env.proxy_grpc_call", "iiiiiiiiiiii:i"),
    ("env.proxy_grpc_stream", "iiiiiiiii:i"),
    ("env.proxy_grpc_send", "iiii:i"),
    ("env.proxy_grpc_cancel", "i:i"),
    ("env.proxy_grpc_close", "i:i"),
    ("env.proxy_get_status", "iii:i"),
    ("env.proxy_set_effective_context", "i:i"),
    ("env.proxy_call_foreign_function", "iiiiii:i"),
    ("env.proxy_done", ":i"),
    ("env.proxy_define_metric", "iiii:i"),
    ("env.proxy_record_metric", "iI:i"),
    ("env.proxy_increment_metric", "iI:i"),
    ("wasi_snapshot_preview1.random_get", "ii:i"),
    ("wasi_snapshot_preview1.environ_get", "ii:i"),
    ("wasi_snapshot_preview1.environ_sizes_get", "ii:i"),
    ("wasi_snapshot_preview1.clock_time_get", "iIi:i"),
    ("wasi_snapshot_preview1.fd_write", "iiii:i"),
    ("wasi_snapshot_preview1.proc_exit", "i:"),
];

/// What the module needs: name and signature.
const EXPORTED: &[(&str, &str)] = &[
    ("_initialize", ":"),
    ("proxy_abi_version_0_2_1", ":"),
    ("proxy_on_memory_allocate", "i:i"),
    ("proxy_on_context_create", "ii:"),
    ("proxy_on_vm_start", "ii:i"),
    ("proxy_on_configure", "ii:i"),
    ("proxy_on_request_headers", "iii:i"),
    ("proxy_on_request_body", "iii:i"),
    ("proxy_on_request_trailers", "ii:i"),
    ("proxy_on_tick", "i:"),
    ("proxy_on_http_call_response", "iiiii:"),
    ("proxy_on_delete", "i:"),
];

/// What does nothing without `cors` and `filter_lists`, and which Envoy passes over if it is not there. On Kong that is a null pointer
/// which is called all the same. APISIX passes over it as well, but without `proxy_on_done` it
/// writes an error line for each request.
const LEFT_OUT_FOR_ENVOY: &[(&str, &str)] = &[
    ("proxy_on_response_headers", "iii:i"),
    ("proxy_on_response_body", "iii:i"),
    ("proxy_on_response_trailers", "ii:i"),
    ("proxy_on_done", "i:i"),
    ("proxy_on_log", "i:"),
];

/// A gateway loads it once per worker; over this somebody should ask why. More
/// than half of it is the arithmetic of signatures: RSA, P-256, P-384, Ed25519; 41 kB are Zstandard, some 200 kB
/// what documents of keys and the gate's own credential brought, and up to 140 kB what signs with P-256 and seals;
/// 40 kB are loops over bytes, and words of log lines written in place.
const MOST_BYTES: usize = 2_415_000;

#[test]
pub fn every_import_is_one_that_all_gateways_link_with_that_signature() {
    let linked: BTreeMap<&str, &str> = LINKED.iter().copied().collect();
    let imports = read(Build::Every).imports;
    println!(
        "{} imports: {:?}",
        imports.len(),
        imports.keys().collect::<Vec<_>>()
    );
    assert!(!imports.is_empty());
    assert_eq!(imports, read(Build::Envoy).imports);
    for (name, signature) in &imports {
        assert_eq!(
            linked.get(name.as_str()),
            Some(&signature.as_str()),
            "{name}"
        );
    }
    for never in ["env.proxy_get_log_level", "env.proxy_get_metric"] {
        assert!(
            !imports.contains_key(never),
            "{never}: APISIX would proxy without authentication"
        );
    }
}

#[test]
pub fn the_exports_that_gateways_call_are_there() {
    let shape = read(Build::Every);
    for (name, signature) in EXPORTED.iter().chain(LEFT_OUT_FOR_ENVOY) {
        assert_eq!(
            shape.exports.get(*name).map(String::as_str),
            Some(*signature),
            "{name}"
        );
    }
    assert!(shape.exports.contains_key("memory"));
    assert!(
        !shape.exports.contains_key("_start"),
        "APISIX calls `_start` before `_initialize`"
    );
    let versions = shape
        .exports
        .keys()
        .filter(|name| name.starts_with("proxy_abi_version"));
    assert_eq!(versions.count(), 1);
}

#[test]
pub fn what_is_for_envoy_exports_what_it_needs_and_nothing_else() {
    let exports = read(Build::Envoy).exports;
    let expected = EXPORTED.iter().chain(&[("memory", "")]);
    let expected: BTreeMap<String, String> = expected
        .map(|(name, signature)| ((*name).to_owned(), (*signature).to_owned()))
        .collect();
    assert_eq!(exports, expected);
}

/// Checks a module against the features that every gateway has.
pub fn validate(module: &[u8]) -> Result<(), wasmparser::BinaryReaderError> {
    // hosts.md, "What may be imported".
    let features = WasmFeatures::FLOATS
        | WasmFeatures::GC_TYPES
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::SIMD;
    Validator::new_with_features(features).validate_all(module)?;
    Ok(())
}

#[test]
pub fn the_module_needs_no_feature_that_wasmtime_0_38_lacks() {
    for build in Build::ALL {
        let checked = validate(module::bytes(build));
        assert!(
            checked.is_ok(),
            "{build:?}: {}",
            checked
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        );
    }
}

#[test]
pub fn the_two_files_differ_in_their_exports_and_in_what_they_say_of_them() {
    let (every, envoy) = (module::bytes(Build::Every), module::bytes(Build::Envoy));
    let says = |bytes: &[u8], what: &str| {
        let marker = format!("ollama-gate exports: {what}");
        let windows = bytes.windows(marker.len());
        windows.filter(|part| *part == marker.as_bytes()).count()
    };
    assert_eq!((says(every, "every"), says(every, "fewer")), (1, 0));
    assert_eq!((says(envoy, "every"), says(envoy, "fewer")), (0, 1));
    // The code is the same: what is called for responses is there, and nobody calls it.
    assert_eq!(code(every), code(envoy));
}

fn code(module: &[u8]) -> &[u8] {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionStart { range, .. } = payload.expect("a whole module") {
            return &module[range];
        }
    }
    panic!("a module without code");
}

#[test]
pub fn the_module_is_small() {
    for build in Build::ALL {
        let size = module::bytes(build).len();
        println!("{build:?}: {size} bytes");
        assert!(size <= MOST_BYTES, "{size}");
    }
}

#[test]
pub fn the_module_says_nothing_about_the_machine_that_built_it() {
    let bytes = module::bytes(Build::Every);
    let home = std::env::var("HOME").unwrap_or_default();
    for part in ["/home/", "/Users/", "/.cargo/registry", "/root/"]
        .into_iter()
        .chain([home.as_str()])
    {
        if part.len() > 4 {
            let found = bytes
                .windows(part.len())
                .filter(|window| *window == part.as_bytes())
                .count();
            assert_eq!(found, 0, "{part}");
        }
    }
}

#[derive(Default)]
struct Shape {
    imports: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
}

/// Imports and exports by name, with signatures.
fn read(build: Build) -> Shape {
    let mut shape = Shape::default();
    let mut types: Vec<String> = Vec::new();
    let mut functions: Vec<String> = Vec::new();
    for payload in Parser::new(0).parse_all(module::bytes(build)) {
        match payload.expect("a whole module") {
            Payload::TypeSection(section) => {
                for group in section {
                    for sub in group.expect("a type").into_types() {
                        let CompositeInnerType::Func(function) = sub.composite_type.inner else {
                            panic!("a type that is no function");
                        };
                        let letters =
                            |types: &[ValType]| types.iter().map(letter).collect::<String>();
                        types.push(format!(
                            "{}:{}",
                            letters(function.params()),
                            letters(function.results())
                        ));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section {
                    let import = import.expect("an import");
                    let name = format!("{}.{}", import.module, import.name);
                    let TypeRef::Func(index) = import.ty else {
                        panic!("{name} is no function");
                    };
                    functions.push(types[index as usize].clone());
                    shape.imports.insert(name, types[index as usize].clone());
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    functions.push(types[index.expect("a function") as usize].clone());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("an export");
                    let signature = match export.kind {
                        ExternalKind::Func => functions[export.index as usize].clone(),
                        _ => String::new(),
                    };
                    shape.exports.insert(export.name.to_owned(), signature);
                }
            }
            _ => {}
        }
    }
    shape
}

fn letter(kind: &ValType) -> char {
    match kind {
        ValType::I32 => 'i',
        ValType::I64 => 'I',
        ValType::F32 => 'f',
        ValType::F64 => 'F',
        _ => '?',
    }
}

/// The module looks at many bytes at once, in ways of its own for the short, the long and their last ones.
#[test]
pub fn a_byte_is_judged_wherever_it_stands_and_however_long_the_text_is() {
    let mut lab = Lab::new(HOSTS[0](), &plain());
    for length in [1, 3, 4, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 34, 50] {
        for place in 0..length {
            let with = |odd: &[u8]| {
                let mut text = vec![b'a'; length];
                text.splice(place..=place, odd.iter().copied());
                text
            };
            let path = |odd: &[u8]| {
                let target = [&b"/"[..], &with(odd)].concat();
                ClientRequest::get("/").target(&target).bearer(ALICE)
            };
            for odd in ["\\", "%2f", "%", "//", "/./"] {
                lab.denied(&path(odd.as_bytes()), 400, "malformed_path");
            }
            lab.denied(&path(b"~"), 404, "unknown_route");
            let key = |odd: &[u8]| {
                let text = [&b"Bearer sk-"[..], &with(odd)].concat();
                ClientRequest::get("/api/tags").header("authorization", text)
            };
            lab.denied(&key(b"a,a"), 400, "ambiguous_credential");
            lab.denied(&key(b"a\xc3\xa9"), 401, "malformed_credential");
            lab.denied(&key(b"~"), 401, "unknown_key");
            let copy = [&with(b"a")[..place], ALICE.as_bytes(), &with(b"a")[place..]].concat();
            let request = ClientRequest::get("/api/tags")
                .bearer(ALICE)
                .header("x-any", copy);
            let outcome = lab.allowed(&request);
            assert!(
                outcome.upstream_text("x-any").is_empty(),
                "{length}, {place}"
            );
        }
    }
}
