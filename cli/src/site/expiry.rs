//! What of a site ends, and when.

use super::{Site, certificate};
use crate::input::Input;
use crate::moment;
use crate::output::Failure;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// `certificate`, or the id of a key
    pub(crate) name: String,
    /// seconds since 1970; none never ends
    pub(crate) end: Option<i64>,
}

/// The certificate, if there is one, and every key of `gate.json`.
///
/// # Errors
/// One of the files cannot be read.
pub(crate) fn expiries(site: &Site) -> Result<(Option<Expiry>, Vec<Expiry>), Failure> {
    let certificate = match &site.record.tls {
        None => None,
        Some(tls) => {
            let chain = certificate::chain(&site.path(&tls.certificate))?;
            // A chain is as good as the first of it that ends.
            let ends: Option<Vec<i64>> = chain.iter().map(end_of).collect();
            let end = ends.and_then(|ends| ends.into_iter().min());
            Some(Expiry {
                name: "certificate".to_owned(),
                end: Some(end.ok_or_else(|| {
                    Failure::new("the certificate of the gate cannot be read: it is no X.509")
                })?),
            })
        }
    };
    let input = Input::read(&site.path("gate.json"))?;
    let json = input.json()?;
    let records = json.pointer("/api_keys/keys").and_then(Value::as_array);
    let word = |record: &Value, name: &str| {
        let text = record.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let keys = records.into_iter().flatten().map(|record| Expiry {
        name: word(record, "id").unwrap_or_default(),
        end: word(record, "expires_at").and_then(|end| moment::read(&end).ok()),
    });
    Ok((certificate, keys.collect()))
}

/// When a certificate ends.
fn end_of(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after;
    i64::try_from(end.to_unix_duration().as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn a_certificate_that_was_made_is_valid_no_longer_than_825_days() {
        let made = certificate::make(&["gate.example".into(), "192.0.2.7".into()]).unwrap();
        let now = moment::now();
        for pem in [&made.certificate, &made.authority] {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let days = (end_of(&certificate).unwrap() - now) / 86_400;
            assert_eq!(days, 824);
        }
    }
}
