//! The closed list of reasons for a refusal: status, code, log level, counter.

/// How loud a line in the gateway's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// what happens all day
    Info,
    /// somebody was refused
    Warn,
    /// somebody has to look at the gate itself
    Error,
}

/// Why a request is refused. The code of each is stable: clients and dashboards may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is described by its summary below and in docs/denials.md
pub enum Reason {
    TrailingSlash,
    MalformedRequest,
    MalformedPath,
    AmbiguousBody,
    BodyTooLarge,
    BodyTimeout,
    AmbiguousCredential,
    ExposedCredential,
    MissingCredential,
    PlaceholderCredential,
    UnsupportedCredential,
    MalformedCredential,
    UnknownKey,
    ExpiredKey,
    KeyNotYetValid,
    DisabledKey,
    WrongPassword,
    MalformedToken,
    UnsupportedAlgorithm,
    InvalidSignature,
    ExpiredToken,
    TokenNotYetValid,
    MissingExpiry,
    WrongIssuer,
    WrongAudience,
    MissingSubject,
    UnknownSigningKey,
    ClaimMismatch,
    ExcessiveLifetime,
    MalformedSignature,
    UnknownSigner,
    StaleSignature,
    ExpiredSigner,
    ReplayedSignature,
    InvalidSession,
    ExpiredSession,
    SignInFailed,
    InvalidLogoutToken,
    InsufficientMethods,
    SubjectMismatch,
    NetworkDenied,
    AddressUnknown,
    UnknownRoute,
    MethodNotAllowed,
    ScopeDenied,
    ModelDenied,
    LimitExceeded,
    OriginDenied,
    HostDenied,
    UnsafeIdentity,
    TooManyFailures,
    TooManyPasswords,
    TooManySignatures,
    Misconfigured,
    HostFailure,
    UnreadableList,
    UpstreamCredentialRefused,
    UpstreamCredentialUnavailable,
    ClockUnavailable,
    ProviderUnavailable,
    SessionStoreUnavailable,
    SessionRefreshPending,
    KeysUnavailable,
    KeysPending,
    ConfigurationChanged,
    TooMuchHeld,
    DecodersBusy,
}

impl Reason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 67] = [
        Self::TrailingSlash,
        Self::MalformedRequest,
        Self::MalformedPath,
        Self::AmbiguousBody,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::AmbiguousCredential,
        Self::ExposedCredential,
        Self::MissingCredential,
        Self::PlaceholderCredential,
        Self::UnsupportedCredential,
        Self::MalformedCredential,
        Self::UnknownKey,
        Self::ExpiredKey,
        Self::KeyNotYetValid,
        Self::DisabledKey,
        Self::WrongPassword,
        Self::MalformedToken,
        Self::UnsupportedAlgorithm,
        Self::InvalidSignature,
        Self::ExpiredToken,
        Self::TokenNotYetValid,
        Self::MissingExpiry,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::MissingSubject,
        Self::UnknownSigningKey,
        Self::ClaimMismatch,
        Self::ExcessiveLifetime,
        Self::MalformedSignature,
        Self::UnknownSigner,
        Self::StaleSignature,
        Self::ExpiredSigner,
        Self::ReplayedSignature,
        Self::InvalidSession,
        Self::ExpiredSession,
        Self::SignInFailed,
        Self::InvalidLogoutToken,
        Self::InsufficientMethods,
        Self::SubjectMismatch,
        Self::NetworkDenied,
        Self::AddressUnknown,
        Self::UnknownRoute,
        Self::MethodNotAllowed,
        Self::ScopeDenied,
        Self::ModelDenied,
        Self::LimitExceeded,
        Self::OriginDenied,
        Self::HostDenied,
        Self::UnsafeIdentity,
        Self::TooManyFailures,
        Self::TooManyPasswords,
        Self::TooManySignatures,
        Self::Misconfigured,
        Self::HostFailure,
        Self::UnreadableList,
        Self::UpstreamCredentialRefused,
        Self::UpstreamCredentialUnavailable,
        Self::ClockUnavailable,
        Self::ProviderUnavailable,
        Self::SessionStoreUnavailable,
        Self::SessionRefreshPending,
        Self::KeysUnavailable,
        Self::KeysPending,
        Self::ConfigurationChanged,
        Self::TooMuchHeld,
        Self::DecodersBusy,
    ];

    /// Its place in [`Self::ALL`].
    #[allow(clippy::as_conversions)] // of an enum without values
    pub const fn place(self) -> usize {
        self as usize
    }

    /// HTTP status, stable code, and what it means in one clause.
    #[allow(clippy::too_many_lines)] // a table
    const fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::TrailingSlash => (307, "trailing_slash", "the path ends in a slash"),
            Self::MalformedRequest => (400, "malformed_request", "the request is malformed"),
            Self::MalformedPath => (400, "malformed_path", "the path is malformed"),
            Self::AmbiguousBody => (
                400,
                "ambiguous_body",
                "the body can be read in more than one way",
            ),
            Self::BodyTooLarge => (413, "body_too_large", "the body is too large"),
            Self::BodyTimeout => (408, "body_timeout", "the body did not arrive in time"),
            Self::AmbiguousCredential => (
                400,
                "ambiguous_credential",
                "the request carries more than one credential of a kind",
            ),
            Self::ExposedCredential => (
                400,
                "exposed_credential",
                "the credential is in a place where others would see it",
            ),
            Self::MissingCredential => (
                401,
                "missing_credential",
                "the request carries no credential",
            ),
            Self::PlaceholderCredential => (
                401,
                "placeholder_credential",
                "the credential is a placeholder",
            ),
            Self::UnsupportedCredential => (
                401,
                "unsupported_credential",
                "this kind of credential is not accepted here",
            ),
            Self::MalformedCredential => {
                (401, "malformed_credential", "the credential is malformed")
            }
            Self::UnknownKey => (401, "unknown_key", "the API key is not known"),
            Self::ExpiredKey => (401, "expired_key", "the API key has expired"),
            Self::KeyNotYetValid => (401, "key_not_yet_valid", "the API key is not valid yet"),
            Self::DisabledKey => (401, "disabled_key", "the API key is disabled"),
            Self::WrongPassword => (
                401,
                "wrong_password",
                "the user name or the password is wrong",
            ),
            Self::MalformedToken => (401, "malformed_token", "the token is not a well-formed JWT"),
            Self::UnsupportedAlgorithm => (
                401,
                "unsupported_algorithm",
                "the token's algorithm is not accepted",
            ),
            Self::InvalidSignature => (401, "invalid_signature", "the signature does not verify"),
            Self::ExpiredToken => (401, "expired_token", "the token has expired"),
            Self::TokenNotYetValid => (401, "token_not_yet_valid", "the token is not valid yet"),
            Self::MissingExpiry => (401, "missing_expiry", "the token does not expire"),
            Self::WrongIssuer => (401, "wrong_issuer", "the token is from another issuer"),
            Self::WrongAudience => (401, "wrong_audience", "the token is for another audience"),
            Self::MissingSubject => (401, "missing_subject", "the token has no subject"),
            Self::UnknownSigningKey => (
                401,
                "unknown_signing_key",
                "the key that signed the token is not known",
            ),
            Self::ClaimMismatch => (
                401,
                "claim_mismatch",
                "a required claim of the token does not match",
            ),
            Self::ExcessiveLifetime => {
                (401, "excessive_lifetime", "the token is valid for too long")
            }
            Self::MalformedSignature => (
                401,
                "malformed_signature",
                "the signature of the ollama CLI is malformed",
            ),
            Self::UnknownSigner => (
                401,
                "unknown_signer",
                "the SSH key of the signature is not known",
            ),
            Self::StaleSignature => (
                401,
                "stale_signature",
                "the time of the signature is outside the window",
            ),
            Self::ExpiredSigner => (401, "expired_signer", "the SSH key has expired"),
            Self::ReplayedSignature => (401, "replayed_signature", "the signature was used before"),
            Self::InvalidSession => (401, "invalid_session", "the session is none of this gate"),
            Self::ExpiredSession => (401, "expired_session", "the session has ended"),
            Self::SignInFailed => (403, "sign_in_failed", "the sign-in did not succeed"),
            Self::InvalidLogoutToken => (
                400,
                "invalid_logout_token",
                "the logout token was not accepted",
            ),
            Self::InsufficientMethods => (
                401,
                "insufficient_methods",
                "more methods of authentication are required here",
            ),
            Self::SubjectMismatch => (
                403,
                "subject_mismatch",
                "the credentials name different callers",
            ),
            Self::NetworkDenied => (
                403,
                "network_denied",
                "the request comes from a network that is not allowed",
            ),
            Self::AddressUnknown => (403, "address_unknown", "the caller's address is not known"),
            Self::UnknownRoute => (404, "unknown_route", "the route is not known"),
            Self::MethodNotAllowed => (
                405,
                "method_not_allowed",
                "the route does not accept this method",
            ),
            Self::ScopeDenied => (403, "scope_denied", "the credential lacks the scope"),
            Self::ModelDenied => (403, "model_denied", "the credential may not use the model"),
            Self::LimitExceeded => (
                403,
                "limit_exceeded",
                "the request exceeds the credential's limits",
            ),
            Self::OriginDenied => (403, "origin_denied", "the page's origin is not allowed"),
            Self::HostDenied => (403, "host_denied", "the request is for another host"),
            Self::UnsafeIdentity => (
                403,
                "unsafe_identity",
                "the caller's name cannot be passed on",
            ),
            Self::TooManyFailures => (429, "too_many_failures", "too many failed attempts"),
            Self::TooManyPasswords => (
                429,
                "too_many_passwords",
                "too many passwords are waiting to be checked",
            ),
            Self::TooManySignatures => (
                429,
                "too_many_signatures",
                "too many signatures are waiting to be verified",
            ),
            Self::Misconfigured => (500, "misconfigured", "the gate is misconfigured"),
            Self::HostFailure => (
                500,
                "host_failure",
                "a call of the gate to the gateway failed",
            ),
            Self::UnreadableList => (502, "unreadable_list", "the list of models cannot be read"),
            Self::UpstreamCredentialRefused => (
                502,
                "upstream_credential_refused",
                "the server in front of Ollama refused the gate's own credential",
            ),
            Self::UpstreamCredentialUnavailable => (
                503,
                "upstream_credential_unavailable",
                "the gate has no credential of its own for the server in front of Ollama",
            ),
            Self::ClockUnavailable => (503, "clock_unavailable", "the gate has no usable clock"),
            Self::ProviderUnavailable => (
                503,
                "provider_unavailable",
                "the identity provider could not be asked",
            ),
            Self::SessionStoreUnavailable => (
                503,
                "session_store_unavailable",
                "the store of sessions could not be asked",
            ),
            Self::KeysUnavailable => (
                503,
                "keys_unavailable",
                "the keys that would decide could not be fetched",
            ),
            Self::SessionRefreshPending => (
                503,
                "session_refresh_pending",
                "the session has to be refreshed before anybody can know what it may do",
            ),
            Self::KeysPending => (
                503,
                "keys_pending",
                "the keys that would decide have not been fetched yet",
            ),
            Self::DecodersBusy => (
                503,
                "decoders_busy",
                "too many compressed bodies are being read",
            ),
            Self::ConfigurationChanged => (
                503,
                "configuration_changed",
                "the configuration or the issuer's keys changed while the request waited",
            ),
            Self::TooMuchHeld => (
                503,
                "too_much_held",
                "the gate holds the maximum amount of request bodies",
            ),
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        self.facts().0
    }

    /// The stable code, for programs.
    pub const fn code(self) -> &'static str {
        self.facts().1
    }

    /// What it means, without anything of the request in it. Printable ASCII without quotes, so
    /// that it may stand in an `error_description` (RFC 6750 section 3).
    pub const fn summary(self) -> &'static str {
        self.facts().2
    }

    /// How loud the decision's log line is.
    pub const fn level(self) -> Level {
        match self.status() {
            500.. => Level::Error,
            _ => Level::Warn,
        }
    }

    /// The name of its counter, without the prefix and suffix that all have.
    pub fn counter(self) -> String {
        format!("denied_{}", self.code())
    }
}
