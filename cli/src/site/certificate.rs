//! The certificate of a site: one made for its names, or the operator's own.

use crate::input::{Input, shown};
use crate::output::Failure;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// How long it is valid. Apple's systems accept no longer ones, whoever signed them.
const DAYS: i64 = 825;
/// The clock of a client may be behind.
const EARLIER: Duration = Duration::hours(1);

/// A certificate for a site, as PEM.
pub(super) struct IssuedCertificate {
    /// what clients are told to trust
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl IssuedCertificate {
    /// As files: name, mode and content.
    pub(super) fn files(&self) -> [(&'static str, u32, &str); 3] {
        [
            ("ca.pem", 0o644, &self.authority),
            ("cert.pem", 0o644, &self.certificate),
            ("key.pem", 0o600, &self.key),
        ]
    }
}

/// Makes a certificate for `names`, and for this machine itself.
///
/// An authority signs it, and the key of the authority is thrown away: whoever trusts the authority trusts
/// this one certificate. (Clients that are strict do not take a server's own certificate for an authority.)
pub(super) fn make(names: &[String]) -> Result<IssuedCertificate, Failure> {
    make_at(names, OffsetDateTime::now_utc())
        .map_err(|error| Failure::new(format!("the certificate could not be made: {error}")))
}

fn make_at(names: &[String], now: OffsetDateTime) -> Result<IssuedCertificate, rcgen::Error> {
    let first = names.first().map_or("localhost", String::as_str);
    let start = now - EARLIER;
    let end = start + Duration::days(DAYS);

    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (authority.not_before, authority.not_after) = (start, end);
    // Each its own name: two gates that a client trusts may not be taken for one another.
    let day = now.date();
    authority
        .distinguished_name
        .push(DnType::CommonName, format!("ollama-gate {first} {day}"));
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();

    let mut all = names.to_vec();
    for own in ["localhost", "127.0.0.1", "::1"] {
        if !all.iter().any(|name| name == own) {
            all.push(own.to_owned());
        }
    }
    let mut server = CertificateParams::new(all)?;
    server
        .distinguished_name
        .push(DnType::CommonName, first.to_owned());
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (start, end);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let issuer = Issuer::new(authority, authority_key);
    let certificate = server.signed_by(&key, &issuer)?.pem();
    Ok(IssuedCertificate {
        authority: authority_pem,
        certificate,
        key: key.serialize_pem(),
    })
}

/// Reads a certificate of the operator's own and its key.
///
/// # Errors
/// One of them cannot be read, or they do not belong together.
pub(super) fn check_own(certificate: &Path, key: &Path) -> Result<(), Failure> {
    let chain = chain(certificate)?;
    let text = Input::read(key)?.text;
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| Failure::new(format!("{} holds no private key: expected PEM", shown(key))))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|_| {
        Failure::new(format!(
            "{} is not the key of the certificate {}, or is of a kind that cannot be used",
            shown(key),
            shown(certificate)
        ))
    })?;
    Ok(())
}

/// The certificates in the file `path`, the server's own first, at least one.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = Input::read(path)?.text;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(Failure::new(format!(
            "{} holds no certificate: expected PEM",
            shown(path)
        ))),
    }
}
