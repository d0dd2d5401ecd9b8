use super::*;
use crate::authn::api_key::digest;

#[test]
fn what_gateways_resolve_is_a_reference_in_any_case() {
    for text in [
        "$env://KEY",
        "$ENV://KEY",
        "$eNv://KEY",
        " $env://KEY\n",
        "\"$env://KEY\"",
        "$secret://vault/1/ollama/key",
        "$SECRET://vault/1/ollama/key",
        "{vault://env/key}",
        "{VAULT://env/key}",
        "{vault://env/key",
        "${KEY}",
        "${key}",
        "${{KEY}}",
        "${{ KEY }}",
        "${{KEY:=default}}",
        "${KEY:-default}",
        "sk-${OLLAMA_KEY}",
        "sk-${{ OLLAMA_KEY }}",
        "Bearer ${OLLAMA_KEY:-none} and more",
    ] {
        assert!(gateway_reference(text).is_some(), "{text}");
        assert!(reference(text).is_some(), "{text}");
    }
}

#[test]
fn what_templates_and_secret_managers_resolve_is_a_reference_where_a_secret_stands() {
    for text in [
        "$OLLAMA_GATE_KEY",
        "$ollama_gate_key",
        "$(cat /run/secrets/key)",
        "$(OLLAMA_GATE_KEY)",
        "{{ .Values.key }}",
        "{{key}}",
        "#{ollama.key}",
        "<%= ENV['KEY'] %>",
        "%OLLAMA_GATE_KEY%",
        "%ENVIRONMENT(OLLAMA_GATE_KEY)%",
        "env:OLLAMA_GATE_KEY",
        "ENV:OLLAMA_GATE_KEY",
        "env.OLLAMA_GATE_KEY",
        "process.env.OLLAMA_GATE_KEY",
        "os.environ/OLLAMA_GATE_KEY",
        "env://OLLAMA_GATE_KEY",
        "vault://secret/data/ollama#key",
        "vault:secret/data/ollama#key",
        "file:///run/secrets/key",
        "file:/run/secrets/key",
        "op://private/ollama/key",
        "ref+vault://secret/ollama#key",
        "ref+awssecrets://ollama",
        "aws-secretsmanager://ollama/key",
        "gcp-sm://projects/1/secrets/key",
        "projects/1/secrets/key/versions/latest",
        "arn:aws:secretsmanager:eu-west-1:1:secret:ollama",
        "@Microsoft.KeyVault(SecretUri=https://x)",
        "ENC[AES256_GCM,data:x,type:str]",
        "!vault://x",
        "env(OLLAMA_GATE_KEY)",
        "env(\"OLLAMA_GATE_KEY\")",
        "getenv('OLLAMA_GATE_KEY')",
        "os.getenv(\"OLLAMA_GATE_KEY\")",
        "os.environ[\"OLLAMA_GATE_KEY\"]",
        "$env:OLLAMA_GATE_KEY",
        "$ENV{OLLAMA_GATE_KEY}",
        "((ollama-gate-key))",
        "secrets.OLLAMA_GATE_KEY",
        "/run/secrets/ollama_gate_key",
        "/var/run/secrets/ollama/key1",
        "/etc/ollama/gate/key.txt",
        "./secrets/gate.key",
        "~/.config/ollama/gate-key",
        "@/run/secrets/ollama_gate_key",
        "file=/run/secrets/ollama_gate_key",
        "secret/data/ollama#apikey",
        "kv/ollama/gate#key-of-alice",
        "var.ollama_gate_key",
        "local.ollama_gate_key",
        "module.gate.key",
        ".Values.gate.key",
        "github.secrets.OLLAMA_KEY",
        "steps.key.outputs.ollama",
        "ssm:/prod/ollama/gate-key",
        "aws:ssm:/prod/ollama/gate-key",
        "secretsmanager:prod/ollama",
        "secretRef:ollama-gate-key",
        "secretKeyRef:ollama-gate",
        "k8s:secret/ollama/gate/key",
        "doppler:OLLAMA_GATE_KEY",
        "infisical:OLLAMA_GATE_KEY",
        "Bearer $OLLAMA_GATE_KEY",
        "bearer /run/secrets/ollama_gate_key",
        "Basic {{ .Values.key }}",
    ] {
        assert!(reference(text).is_some(), "{text}");
        assert_eq!(gateway_reference(text), None, "{text}");
    }
}

#[test]
fn a_secret_with_a_dollar_or_a_brace_in_it_is_a_secret() {
    for text in [
        "q7$Zk2{xWv}9b$Rt4",
        "$7Zk2xWvQ9bRt4LmP",
        "$q7Zk2xWv$9bRt4Lm",
        "Zk2${xWv9bRt4LmPq",
        "Zk2${xW}v9bRt4LmPq",
        "{q7Zk2xWv9bRt4LmP",
        "q7Zk2xWv9bRt4LmP$",
        "%q7Zk2xWv+9bRt4Lm%",
        "<q7Zk2xWv;9bRt4Lm>",
        "q7Zk2xWv:9bRt4LmP",
        "$2y$05$abcdefghijklmnopqrstuuFIlZ0vEoAVvuEAm0jFHPxKrHRNcUIuS",
        "alice:$apr1$abcdefgh$0123456789abcdefghijkl",
        "env:$2y$05$abcdefghijklmnopqrstuuFIlZ0vEoAVvuEAm0jFHPxKrHRNcUIuS",
        "vault:$6$salt/with/slashes",
        "{SHA}gmVUc4krvGcZle8yad/Dilg8JWM=",
        "/run9Zk2xWv/bRt4LmPq+7",
        "@q7Zk2xWv9bRt4LmP",
        "alice:q7Zk2xWv9bRt4LmP",
        "secret/7Zk2xWv#bRt4LmPq",
        "var9.Zk2xWv.bRt4LmPq",
        "lantern.horse.battery.quartz",
        "env(q7Zk2xWv,9bRt4LmP)",
        "Bearer q7Zk2xWv9bRt4LmP",
        "$ q7Zk2xWv9bRt4LmP",
    ] {
        assert_eq!(reference(text), None, "{text}");
    }
}

#[test]
fn words_of_examples_and_defaults_that_everybody_knows_are_examples() {
    for text in [
        "changeme",
        "ChangeMe",
        "CHANGE_ME_PLEASE",
        "change-me-to-a-long-random-string",
        "changemechangeme",
        "replace_with_your_api_key",
        "sk-your-key-goes-here",
        "sk-proj-your-key-here",
        "your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
        "my-super-secret-key-1234567890",
        "yoursecretkeyhere",
        "<your-key>",
        "<YOUR API KEY>",
        "[your key]",
        "{your_key}",
        "__OLLAMA_KEY__",
        "@OLLAMA_KEY@",
        "OLLAMA_GATE_KEY",
        "sk-...",
        "sk-Xn3l4c4Z...",
        "sk-Xn3l4c4Z…",
        "sk-1234",
        "sk-no-key-required",
        "Ollama",
        "EMPTY",
        "t0p-s3cr3t",
        "edd1c9f034335f136f87ad84b625c8f1",
        "sk-demo-not-a-secret-000000",
        " changeme ",
        "'changeme'",
        "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        "your-super-secret-and-long-postgres-password",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "correcthorsebatterystaple",
        "correct-horse-battery-staple",
        "MySuperSecretKey123!",
        "supersecretkey123456",
        "mysecretkey1234567890",
        "your_secure_api_key_here",
        "this-is-a-very-secure-secret-key",
        "thisisasecretkeythatislongenough",
        "sk-litellm-master-key",
        "REDACTED-REDACTED-1",
        "**REDACTED_BY_SYSTEM**",
        "undefined-undefined",
        "ChangeMe!ChangeMe123",
        "generate-a-random-key",
        "KEY_FROM_1PASSWORD_HERE",
        "use-a-long-random-value",
        "use-a-strong-password-here",
        "dGhpcy1pcy1hLXNlY3JldA==",
        "Y2hhbmdlbWVjaGFuZ2VtZQ",
    ] {
        assert!(example(text).is_some(), "{text}");
    }
    for text in [
        "lantern-horse-battery-quartz",
        "sk-alice-7c1e90b4f2d85a36",
        "webui-secret-of-our-team",
        "secret-8437593475934",
        "the-quick-brown-fox-jumps",
        "secret9Zk2xWv",
        "b3VyLW93bi1rZXktOVprMnhXdg==",
    ] {
        assert_eq!(example(text), None, "{text}");
    }
}

#[test]
fn digests_of_published_texts_are_known_in_the_usual_spellings() {
    let digests = published_digests();
    for text in ["changeme", "CHANGEME", "sk-1234", "ollama", "", "sk-..."] {
        assert!(digests.contains(&digest(text.as_bytes())), "{text}");
    }
    assert!(!digests.contains(&digest(b"sk-alice-7c1e90b4f2d85a36")));
}

#[test]
fn a_long_text_is_looked_at_without_end_of_patience() {
    let long = "a".repeat(1 << 20);
    assert_eq!(example(&long), None);
    assert_eq!(reference(&long), None);
    assert!(weakness(&long).is_some());
}
