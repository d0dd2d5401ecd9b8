//! ssh-ed25519 public keys (RFC 8709 section 4), as `~/.ollama/id_ed25519.pub` holds one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The 32 bytes of an Ed25519 key (RFC 8032 section 5.1.5).
pub(crate) type KeyBytes = [u8; 32];

/// How a blob begins: the name of the type, and the length of the key, which follows (RFC 4251
/// section 5, `string`).
const HEAD: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

/// How long a blob is in base64. It needs no padding.
const ENCODED: usize = 68;

/// The key in `blob`, the second word of a line in an authorized_keys file.
///
/// There is one way to write a key: the standard alphabet, the right length, nothing behind it.
pub(crate) fn key_of_blob(blob: &str) -> Option<KeyBytes> {
    let fit = Some(blob).filter(|blob| blob.len() == ENCODED)?;
    STANDARD
        .decode(fit)
        .ok()?
        .strip_prefix(HEAD)?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;

    fn blob(name: &[u8], key: &[u8]) -> Vec<u8> {
        let part = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
            [&length[..], bytes].concat()
        };
        [part(name), part(key)].concat()
    }

    #[test]
    fn a_key_is_read_from_its_blob() {
        let text = STANDARD.encode(blob(b"ssh-ed25519", &[0xfb; 32]));
        assert!(text.starts_with("AAAAC3NzaC1lZDI1NTE5AAAAI"));
        assert_eq!(key_of_blob(&text), Some([0xfb; 32]));
    }

    #[test]
    fn a_blob_of_any_other_form_holds_no_key() {
        let good = blob(b"ssh-ed25519", &[0xfb; 32]);
        let text = STANDARD.encode(&good);
        for length in 0..text.len() {
            assert_eq!(key_of_blob(&text[..length]), None, "cut at {length}");
        }
        for wrong in [
            format!("{text}="),
            format!("{text}A"),
            format!(" {text}"),
            format!("{}\n", &text[..67]),
            format!("{}=", &text[..67]),
            URL_SAFE.encode(&good),
            STANDARD.encode(blob(b"ssh-ed25519", &[0xfb; 31])),
            STANDARD.encode(blob(b"ssh-ed25519", &[0xfb; 33])),
            STANDARD.encode(blob(b"ssh-ed25518", &[0xfb; 32])),
            STANDARD.encode(blob(b"ssh-ed448xx", &[0xfb; 32])),
            STANDARD.encode([&good[..], &[0]].concat()),
            STANDARD.encode([&good[..18], &[31], &good[19..]].concat()),
        ] {
            assert_eq!(key_of_blob(&wrong), None, "{wrong}");
        }
    }
}
