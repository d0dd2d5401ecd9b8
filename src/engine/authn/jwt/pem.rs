//! Public keys in PEM (RFC 7468).

use super::key::PublicKey;
use p256::pkcs8::der::Decode as _;
use p256::pkcs8::der::asn1::ObjectIdentifier;
use p256::pkcs8::spki::SubjectPublicKeyInfoRef;
use p256::pkcs8::{DecodePublicKey as _, der::Document};
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl PublicKey {
    /// From PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (RFC 8017 appendix A.1.1).
    ///
    /// # Errors
    /// What it is instead, and how to make a public key of it.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        // How it comes out of a variable or a file that has one line for each: `\n` in two characters.
        let unescaped = text.replace("\\r", "").replace("\\n", "\n");
        let text = if text.trim().contains('\n') {
            text
        } else {
            &unescaped
        };
        if text.contains("PRIVATE KEY") {
            return Err("is a private key: use its public key (`openssl pkey -pubout`), and treat this one as compromised".to_owned());
        }
        if text.contains("BEGIN CERTIFICATE") {
            return Err(
                "is a certificate: take its key (`openssl x509 -pubkey -noout`)".to_owned(),
            );
        }
        let (label, document) = Document::from_pem(text.trim())
            .map_err(|_| "is no PEM, expected `-----BEGIN PUBLIC KEY-----` and so on")?;
        match label {
            "PUBLIC KEY" => Self::from_spki(document.as_bytes()),
            "RSA PUBLIC KEY" => RsaPublicKey::from_pkcs1_der(document.as_bytes())
                .map_err(|_| "is no RSA public key that can be used".to_owned())
                .and_then(|key| checked_rsa(&key)),
            _ => Err("is PEM of another kind, expected `BEGIN PUBLIC KEY`".to_owned()),
        }
    }

    fn from_spki(der: &[u8]) -> Result<Self, String> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| "is no public key")?;
        let bits = info.subject_public_key.as_bytes().unwrap_or_default();
        let curve = info
            .algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        match (info.algorithm.oid, curve) {
            (RSA, _) => RsaPublicKey::from_public_key_der(der)
                .map_err(|_| weak_rsa())
                .and_then(|key| checked_rsa(&key)),
            (EC, Some(P256)) => Self::p256(bits),
            (EC, Some(P384)) => Self::p384(bits),
            (ED25519, None) => Self::ed25519(bits),
            _ => Err("is a key of another kind, expected RSA, P-256, P-384 or Ed25519".to_owned()),
        }
    }
}

fn weak_rsa() -> String {
    "is an RSA key that is too weak, too large, or none".to_owned()
}

/// Through the one door for RSA keys, whatever they came in.
fn checked_rsa(key: &RsaPublicKey) -> Result<PublicKey, String> {
    PublicKey::rsa(&key.n_bytes(), &key.e_bytes())
}
