//! What proves the client to a token endpoint without a shared secret: a JWT that it signs (RFC 7523 section 2.2).

use crate::json::ObjectWriter;
use crate::secret::Secret;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey as EcKey};
use p256::pkcs8::{DecodePrivateKey as _, der::Document};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fmt;

/// For how long an assertion is good, in seconds: it is sent at once.
const LIFETIME: i64 = 60;

/// A private key of P-256, which signs with ES256.
pub(crate) struct SigningKey(Secret<Box<EcKey>>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// From PEM: `PRIVATE KEY` (RFC 5958) or `EC PRIVATE KEY` (RFC 5915). Keys of RSA are not taken: what signs with them
    /// would add more than 100 kB to the module, in every worker of everybody.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub(crate) fn from_pem(text: &str) -> Result<Self, String> {
        // How it comes out of a variable that has one line: `\n` in two characters.
        let unescaped = text.replace("\\r", "").replace("\\n", "\n");
        if text.contains("ENCRYPTED") {
            return Err(
                "is an encrypted key: the gate has no password for it (`openssl pkey` takes it off)"
                    .to_owned(),
            );
        }
        let (label, document) = Document::from_pem(unescaped.trim())
            .map_err(|_| "is no PEM, expected `-----BEGIN PRIVATE KEY-----` and so on")?;
        let key = match label {
            "PRIVATE KEY" => SecretKey::from_pkcs8_der(document.as_bytes()).ok(),
            "EC PRIVATE KEY" => SecretKey::from_sec1_der(document.as_bytes()).ok(),
            _ => None,
        };
        let key = key.ok_or("is no private key of P-256, which ES256 needs")?;
        Ok(Self(Secret::new(Box::new(EcKey::from(key)))))
    }

    /// The signature of `input` as it stands in a JWS. It needs no randomness (RFC 6979).
    fn sign(&self, input: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.expose().sign(input);
        signature.to_bytes().to_vec()
    }
}

/// Who signs assertions, of whom, and for whom.
#[derive(Debug)]
pub(crate) struct Assertions {
    key: SigningKey,
    /// the header, encoded
    header: String,
    /// random: sets the workers' numbers apart
    seed: u64,
    count: Cell<u64>,
}

impl Assertions {
    /// By `key`, which the token endpoint knows as `key_id`.
    pub(crate) fn new(key: SigningKey, key_id: Option<&str>, seed: u64) -> Self {
        let mut header = ObjectWriter::new();
        header.word("alg", "ES256").word("typ", "JWT");
        if let Some(id) = key_id {
            header.text("kid", id);
        }
        Self {
            key,
            header: URL_SAFE_NO_PAD.encode(header.finish()),
            seed,
            count: Cell::new(0),
        }
    }

    /// The assertion that `client_id` shows at `token_url` now (RFC 7523 section 3).
    pub(super) fn make(&self, client_id: &str, token_url: &str, now: Timestamp) -> String {
        let mut claims = ObjectWriter::new();
        claims
            .text("iss", client_id)
            .text("sub", client_id)
            .text("aud", token_url)
            .text("jti", &self.next_id(now))
            .number("iat", seconds(now))
            .number("exp", seconds(now.plus(LIFETIME)));
        let claims = URL_SAFE_NO_PAD.encode(claims.finish());
        let input = [self.header.as_str(), ".", &claims].concat();
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(input.as_bytes()));
        [input.as_str(), ".", &signature].concat()
    }

    /// A name that no other assertion has. It need not be hard to guess: nobody can sign another with it.
    fn next_id(&self, now: Timestamp) -> String {
        self.count.set(self.count.get().wrapping_add(1));
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.count.get().to_le_bytes());
        hash.update(now.milliseconds().to_le_bytes());
        let digest = hash.finalize();
        URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
    }
}

fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.seconds()).unwrap_or(0)
}
