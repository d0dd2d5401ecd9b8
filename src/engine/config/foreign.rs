//! Words of other gateways and proxies, and the field that does the same here.
//!
//! Somebody who comes from APISIX, Kong, Envoy, nginx, oauth2-proxy or LiteLLM writes their words.
//! No distance between letters finds `network.allow` for `whitelist`.

/// What is said of a word.
#[derive(Clone, Copy, Debug)]
pub(super) enum Advice {
    /// this field does it; what follows it in the sentence
    Use(&'static str, &'static str),
    /// no field does it, for this reason
    LeaveOut(&'static str),
}
use Advice::{LeaveOut, Use};

/// Words that mean the same, where they would be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreign {
    /// each in one of its spellings; `jwks_uri` stands for `jwksUri` and `jwks-uri` too
    pub words: &'static [&'static str],
    /// the sections, as in the reference; none of them means every one
    pub places: &'static [&'static str],
    pub advice: Advice,
}

/// What is said of the field `name`, if it is another program's in the section at `path`, such as
/// `jwt[0].jwks`.
pub(super) fn advice(path: &str, name: &str) -> Option<String> {
    // Whichever item of a list; no section has a digit in its name.
    let place: String = path.chars().filter(|char| !char.is_ascii_digit()).collect();
    let found = TABLE.iter().find(|foreign| foreign.is(&place, name))?;
    Some(match found.advice {
        Use(field, more) => format!("unknown field, did you mean `{field}`{more}?"),
        LeaveOut(reason) => format!("unknown field, leave it out: {reason}"),
    })
}

/// Whether `name` is a word of another program anywhere: then it is no secret.
pub(super) fn is_known(name: &str) -> bool {
    let mut words = TABLE.iter().flat_map(|foreign| foreign.words);
    words.any(|word| same(word, name))
}

impl Foreign {
    fn is(&self, place: &str, name: &str) -> bool {
        let there = self.places.is_empty() || self.places.contains(&place);
        there && self.words.iter().any(|word| same(word, name))
    }
}

/// The most bytes that a name has more than the word that it is: its `_` and `-`.
const MAX_SEPARATORS: usize = 8;

/// Whether two names differ in nothing but capitals, `_` and `-`.
fn same(left: &str, right: &str) -> bool {
    // A name may be as long as the document.
    left.len().abs_diff(right.len()) <= MAX_SEPARATORS && letters(left).eq(letters(right))
}

fn letters(text: &str) -> impl Iterator<Item = u8> {
    let bytes = text.bytes().filter(|byte| !matches!(byte, b'_' | b'-'));
    bytes.map(|byte| byte.to_ascii_lowercase())
}

const TOP: &str = "";
const KEYS: &str = "api_keys";
const KEY: &str = "api_keys.keys[]";
const JWT: &str = "jwt[]";
const JWKS: &str = "jwt[].jwks";
const BASIC: &str = "basic";
const USER: &str = "basic.users[]";
const NETWORK: &str = "network";
const UPSTREAM: &str = "upstream";

const fn word(
    words: &'static [&'static str],
    places: &'static [&'static str],
    advice: Advice,
) -> Foreign {
    Foreign {
        words,
        places,
        advice,
    }
}

/// In the order in which they are looked through: the first that fits is meant.
#[rustfmt::skip]
pub(super) const TABLE: &[Foreign] = &[
    // Addresses: `ip-restriction` of APISIX and Kong, nginx, Istio, Traefik
    word(&["whitelist", "allow", "ip_whitelist", "allowed_ips", "cidr_whitelist"], &[KEY],
        Use("api_keys.keys[].allow_from", "")),
    word(&["whitelist", "allowlist", "ip_whitelist", "ip_allowlist", "allowed_ips", "source_range", "ip_blocks", "remote_ip_blocks"], &[],
        Use("network.allow", "")),
    word(&["blacklist", "denylist", "ip_blacklist", "ip_denylist", "not_ip_blocks", "not_remote_ip_blocks"], &[],
        Use("network.deny", "")),
    word(&["allow"], &[TOP], Use("network.allow", "")),
    word(&["deny"], &[TOP], Use("network.deny", "")),
    word(&["ip_restriction"], &[TOP], Use("network", "")),
    word(&["real_ip_header", "real_client_ip_header", "real_ip_from", "set_real_ip_from", "trusted_ips", "trusted_addresses", "xff_num_trusted_hops"], &[TOP, NETWORK],
        Use("network.trusted_proxies", ", the number of proxies before the gateway")),

    // Where a credential stands: `key-auth`, `jwt-auth`, Kong's `jwt`, Envoy's `jwt_authn`
    word(&["key_names", "key_in_header", "header", "headers", "header_name", "header_names", "from_headers", "api_key_header"], &[TOP, KEYS, KEY],
        Use("credential_headers", ", beside `Authorization: Bearer`, `X-Api-Key`, `Api-Key` and `X-Ollama-Token`")),
    word(&["header_names", "from_headers"], &[JWT],
        Use("credential_headers", ", beside `Authorization: Bearer`, `X-Api-Key`, `Api-Key` and `X-Ollama-Token`, or the cookie that `jwt[].cookie` names")),
    word(&["query", "key_in_query", "key_in_body", "uri_param_names", "param_names", "from_params"], &[TOP, KEYS, KEY, JWT, BASIC],
        LeaveOut("no credential is read from the query or the body, since addresses end up in logs")),
    word(&["cookie", "cookie_name", "cookie_names", "from_cookies"], &[TOP], Use("jwt[].cookie", "")),
    word(&["cookie_name", "cookie_names", "from_cookies"], &[JWT], Use("jwt[].cookie", "")),
    word(&["hide_credentials", "forward", "forward_original_token", "pass_access_token", "pass_authorization_header", "set_authorization_header", "set_access_token_header"], &[],
        LeaveOut("no credential ever reaches Ollama; `upstream.identity_headers` can say who is calling")),

    // Consumers and keys: APISIX, Kong, LiteLLM
    word(&["consumers", "consumer", "credentials"], &[TOP], Use("api_keys.keys", ", or `jwt` for those with tokens, `basic.users` for those with passwords")),
    word(&["keys", "virtual_keys", "key_auth", "keyauth_credentials", "general_settings", "litellm_settings"], &[TOP], Use("api_keys.keys", "")),
    word(&["key", "apikey", "master_key", "litellm_master_key"], &[TOP, KEYS], Use("api_keys.keys[].key", "")),
    word(&["secret", "token", "value", "password", "apikey", "master_key"], &[KEY], Use("api_keys.keys[].key", "")),
    word(&["hash", "key_hash", "hashed_key", "digest"], &[KEY], Use("api_keys.keys[].sha256", "")),
    word(&["name", "key_name", "key_alias", "username", "consumer"], &[KEY], Use("api_keys.keys[].id", "")),
    word(&["user", "user_id", "owner", "custom_id"], &[KEY], Use("api_keys.keys[].subject", "")),
    word(&["ttl", "exp", "expires", "expiry", "expires_in", "duration", "valid_until"], &[KEY],
        Use("api_keys.keys[].expires_at", ", a time such as \"2027-01-31T00:00:00Z\"")),
    word(&["acl", "acls", "group", "groups", "role", "roles", "permissions", "allowed_routes"], &[TOP, KEYS, KEY],
        Use("api_keys.keys[].scopes", "")),
    word(&["model_list", "allowed_models"], &[TOP, KEYS, KEY], Use("api_keys.keys[].models", "")),
    word(&["max_budget", "tpm_limit", "rpm_limit", "rate_limit", "rate_limiting", "rate_limits", "limit_count", "limit_req", "limit_conn", "max_parallel_requests"], &[],
        LeaveOut("`api_keys.keys[].limits` bounds what one request asks for, and requests are counted by the gateway's own plugins behind the gate")),

    // Issuers: `jwt-auth`, `openid-connect`, `jwt`, `jwt_authn`, RequestAuthentication, oauth2-proxy
    word(&["jwt_auth", "jwt_secrets", "jwt_rules", "providers", "issuers", "extra_jwt_issuers", "auth_jwt", "enable_jwt_auth", "litellm_jwtauth", "skip_jwt_bearer_tokens"], &[TOP], Use("jwt", "")),
    word(&["secret", "jwt_secret", "shared_secret", "hmac_secret", "symmetric_key"], &[TOP, JWT], Use("jwt[].secrets", "")),
    word(&["base64_secret", "secret_is_base64"], &[TOP, JWT], Use("jwt[].secrets", ", with the secret decoded")),
    word(&["public_key", "rsa_public_key", "jwt_public_key", "pem"], &[TOP, JWT], Use("jwt[].keys[].pem", "")),
    word(&["local_jwks", "auth_jwt_key_file"], &[TOP, JWT], Use("jwt[].keys", "")),
    word(&["key"], &[JWT], Use("jwt[].keys", " for a public key, `jwt[].required_claims` for the claim that `key` of a consumer was compared with")),
    word(&["key_claim_name"], &[TOP, JWT], Use("jwt[].subject_claim", ", with `jwt[].required_claims` for what the claim has to be")),
    word(&["algorithm", "alg", "token_signing_alg_values_expected"], &[TOP], Use("jwt[].algorithms", "")),
    word(&["alg", "token_signing_alg_values_expected"], &[JWT], Use("jwt[].algorithms", "")),
    word(&["issuer", "iss", "issuer_url", "oidc_issuer_url", "valid_issuers", "authority"], &[TOP], Use("jwt[].issuer", "")),
    word(&["iss", "issuer_url", "oidc_issuer_url", "valid_issuers", "authority"], &[JWT], Use("jwt[].issuer", "")),
    word(&["audience", "audiences", "aud", "client_id", "oidc_extra_audiences"], &[TOP], Use("jwt[].audiences", "")),
    word(&["aud", "client_id", "allowed_audiences", "oidc_extra_audiences"], &[JWT], Use("jwt[].audiences", "")),
    word(&["jwks_uri", "jwks_url", "jwks_endpoint", "oidc_jwks_url", "auth_jwt_key_request", "http_uri"], &[TOP, JWT], Use("jwt[].jwks.url", "")),
    word(&["jwks_uri", "jwks_url", "uri", "http_uri", "endpoint"], &[JWKS], Use("jwt[].jwks.url", "")),
    word(&["jwks", "remote_jwks", "use_jwks", "openid_connect", "oidc", "discovery", "discovery_url"], &[TOP], Use("jwt[].jwks", ", with `jwt[].issuer`")),
    word(&["remote_jwks", "use_jwks", "discovery", "discovery_url"], &[JWT], Use("jwt[].jwks", ", with `jwt[].issuer`")),
    word(&["cluster", "host"], &[JWT, JWKS], Use("jwt[].jwks.upstream", "")),
    word(&["cache_duration", "jwk_expires_in", "refresh_interval"], &[JWT, JWKS], Use("jwt[].jwks.every", "")),
    word(&["bearer_only", "unauth_action"], &[TOP, JWT],
        LeaveOut("a caller without a credential is refused and never sent to a login")),
    word(&["claims_to_verify"], &[TOP, JWT],
        LeaveOut("`exp` and `nbf` are always verified; `jwt[].require_expiry` says whether `exp` must be there")),
    word(&["exp", "maximum_expiration"], &[TOP, JWT], Use("jwt[].max_lifetime", ", a duration such as \"24h\"")),
    word(&["leeway", "clock_skew", "clock_skew_seconds", "iat_slack", "lifetime_grace_period"], &[TOP], Use("jwt[].leeway", ", a duration such as \"30s\"")),
    word(&["clock_skew", "clock_skew_seconds", "iat_slack", "lifetime_grace_period"], &[JWT], Use("jwt[].leeway", ", a duration such as \"30s\"")),
    word(&["user_claim", "user_id_claim", "username_claim", "oidc_email_claim"], &[TOP, JWT], Use("jwt[].subject_claim", "")),
    word(&["groups_claim", "oidc_groups_claim", "roles_claim", "role_claim"], &[TOP, JWT], Use("jwt[].scopes_claim", ", with `jwt[].scope_map` for what its values grant")),
    word(&["scope"], &[JWT], Use("jwt[].scopes_claim", "")),
    word(&["role_map", "role_mappings", "group_map", "scope_mapping", "scopes_map", "jwt_litellm_role_map"], &[TOP, JWT], Use("jwt[].scope_map", ", with `jwt[].scopes_claim`")),
    word(&["required_scopes", "scopes_required"], &[TOP, JWT], Use("jwt[].required_claims", ", such as { \"scope\": { \"word\": \"ollama\" } }")),
    word(&["email_domains", "email_domain", "allowed_domains", "hosted_domain", "user_allowed_email_domain"], &[TOP, JWT],
        Use("jwt[].required_claims", ", such as { \"email\": { \"suffix\": \"@example.com\" }, \"email_verified\": true }")),
    word(&["allowed_groups", "groups_required", "google_groups"], &[TOP, JWT],
        Use("jwt[].required_claims", ", such as { \"groups\": [\"ollama-users\"] }; `jwt[].scope_map` says what a group may do")),
    word(&["allowed_roles", "roles_required"], &[TOP, JWT],
        Use("jwt[].required_claims", ", such as { \"roles\": [\"ollama-user\"] }, or { \"roles\": { \"member\": \"ollama-user\" } } where they are an object")),
    word(&["claim_validator", "claim_schema"], &[TOP, JWT], Use("jwt[].required_claims", "")),
    word(&["client_secret", "introspection_endpoint"], &[TOP, JWT],
        LeaveOut("tokens are verified with the keys of `jwt[].jwks`, and the provider is not asked about one")),
    word(&["cookie_secret", "session", "session_secret", "session_store_type"], &[TOP, JWT],
        Use("login.secrets", ": sessions are in cookies that they seal")),
    word(&["redirect_uri", "redirect_url", "logout_path", "login_url"], &[TOP, JWT],
        Use("login.url", ", the scheme and host of the gate; its pages are below `/.gate/`")),
    word(&["claim_to_headers", "output_claim_to_headers"], &[TOP, JWT], Use("upstream.identity_headers.claims", "")),
    word(&["set_userinfo_header", "set_xauthrequest", "pass_user_headers", "forward_payload_header", "output_payload_to_header", "store_in_ctx"], &[TOP, JWT, UPSTREAM], Use("upstream.identity_headers", "")),
    word(&["payload_in_metadata"], &[TOP, JWT], Use("share_identity", "")),

    // Passwords: `basic-auth`, nginx, Traefik, oauth2-proxy
    word(&["htpasswd", "htpasswd_file", "auth_basic_user_file", "users_file", "password_file"], &[TOP], Use("basic.htpasswd", ", the text of the file")),
    word(&["htpasswd_file", "auth_basic_user_file", "users_file", "file"], &[BASIC], Use("basic.htpasswd", ", the text of the file")),
    word(&["basic_auth", "auth_basic"], &[TOP], Use("basic", "")),
    word(&["users", "username", "password", "basicauth_credentials"], &[TOP], Use("basic.users", "")),
    word(&["username", "login"], &[USER], Use("basic.users[].name", "")),
    word(&["password", "hash"], &[USER], Use("basic.users[].password_hash", ", a hash that `htpasswd` makes")),

    // Several methods, and none
    word(&["auth_plugins", "multi_auth", "satisfy", "requires", "requires_any", "requires_all", "requirement_map"], &[TOP],
        Use("require", ", which says how many of them are needed")),
    word(&["anonymous", "anonymous_consumer", "allow_missing", "allow_missing_or_failed"], &[TOP, KEYS, KEY, JWT, BASIC],
        Use("allow_anonymous", ", for requests that bring no credential")),
    word(&["skip_auth_routes", "skip_auth_regex", "public_paths", "excluded_paths", "bypass"], &[TOP], Use("public", ", which opens `health` at the most")),
    word(&["run_on_preflight", "bypass_cors_preflight"], &[TOP, KEYS, JWT, BASIC], Use("cors", ", which answers preflights")),
    word(&["cors_origins", "allow_origins", "allowed_origins"], &[TOP], Use("cors.allow_origins", "")),

    // Answers, and Ollama
    word(&["realm", "rejected_code", "rejected_msg", "response_code", "error_message"], &[TOP, KEYS, JWT, BASIC, NETWORK],
        LeaveOut("refusals have a status and a code of their own; `signin_url` adds where to get a credential")),
    word(&["proxy_pass", "backend", "target", "upstream_url"], &[TOP], LeaveOut("the gateway's route says where Ollama is; `upstream.host` is the `Host` header that Ollama receives")),
    word(&["url", "nodes", "target", "upstream_host"], &[UPSTREAM], LeaveOut("the gateway's route says where Ollama is; `upstream.host` is the `Host` header that Ollama receives")),
    word(&["ssh_keys", "authorized_keys"], &[TOP], Use("ollama_cli.authorized_keys", "")),
];

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
