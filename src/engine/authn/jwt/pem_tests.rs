use super::*;

const RSA_PSS: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC_P256: &[u8] =
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const EC_P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const EC_P521: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";
const EC_K256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a";
const EC_NO_CURVE: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
const ED448: &[u8] = b"\x06\x03\x2b\x65\x71";
const X25519: &[u8] = b"\x06\x03\x2b\x65\x6e";

#[test]
fn the_info_that_the_gateway_gets_is_that_of_the_pem() {
    for (algorithm, key) in [
        (RSA, pkcs1(&modulus(2048), F4)),
        (EC_P256, point_p256(7)),
        (EC_P384, point_p384(7)),
        (ED25519, point_ed25519(7)),
    ] {
        let info = info(algorithm, &key);
        let read = PublicKey::from_pem(&in_pem("PUBLIC KEY", &info)).unwrap();
        assert_eq!(read.spki(), info, "{read:?}");
    }
}

#[test]
fn pem_of_another_kind_says_what_it_is() {
    let other = "is a key of another kind, expected RSA, P-256, P-384 or Ed25519";
    for (algorithm, key) in [
        (EC_P521, vec![4; 133]),
        (EC_K256, point_p256(7)),
        (EC_NO_CURVE, point_p256(7)),
        (RSA_PSS, pkcs1(&modulus(2048), F4)),
        (ED448, vec![9; 57]),
        (X25519, vec![9; 32]),
    ] {
        assert_eq!(
            from_info(algorithm, &key).unwrap_err(),
            other,
            "{algorithm:x?}"
        );
    }
    for (algorithm, key, why) in [
        (EC_P256, point_p384(7), "is no point on P-256"),
        (EC_P384, point_p256(7), "is no point on P-384"),
        (EC_P256, Vec::new(), "is no point on P-256"),
        (ED25519, vec![9; 31], "is no usable Ed25519 key"),
        (
            RSA,
            point_p256(7),
            "is an RSA key that is too weak, too large, or none",
        ),
    ] {
        assert_eq!(
            from_info(algorithm, &key).unwrap_err(),
            why,
            "{algorithm:?}, {key:?}"
        );
    }
}

#[test]
fn pem_that_is_no_public_key_is_refused_with_a_way_out() {
    let good = in_pem("PUBLIC KEY", &info(EC_P256, &point_p256(7)));
    assert!(PublicKey::from_pem(&good).is_ok());
    assert!(PublicKey::from_pem(&format!("\n\n  {}\n", good.trim())).is_ok());
    assert!(PublicKey::from_pem(&good.replace('\n', "\r\n")).is_ok());
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
    ] {
        let why = PublicKey::from_pem(&in_pem(label, &[0x30, 0])).unwrap_err();
        assert!(
            why.starts_with("is a private key: use its public key"),
            "{label}: {why}"
        );
    }
    let why = PublicKey::from_pem(&in_pem("CERTIFICATE", &[0x30, 0])).unwrap_err();
    assert!(why.starts_with("is a certificate: take its key"), "{why}");
    for label in ["EC PUBLIC KEY", "CERTIFICATE REQUEST", "X509 CRL"] {
        let why = PublicKey::from_pem(&in_pem(label, &[0x30, 0])).unwrap_err();
        let certificate = why.starts_with("is a certificate");
        assert!(
            certificate || why == "is PEM of another kind, expected `BEGIN PUBLIC KEY`",
            "{label}: {why}"
        );
    }
    for (text, why) in [
        (String::new(), "is no PEM"),
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI alice".to_owned(),
            "is no PEM",
        ),
        (good.replace("END PUBLIC", "END RSA PUBLIC"), "is no PEM"),
        (good.replace("-----END", "----END"), "is no PEM"),
        (good.replacen("MFk", "M?k", 1), "is no PEM"),
        (format!("{good}{good}"), "is no PEM"),
        (in_pem("PUBLIC KEY", b"\x30\x03\x02\x01"), "is no PEM"),
        (in_pem("PUBLIC KEY", b"\x30\x00"), "is no public key"),
        (
            in_pem(
                "PUBLIC KEY",
                &[&info(EC_P256, &point_p256(7))[..], &[0]].concat(),
            ),
            "is no PEM",
        ),
        (
            in_pem("RSA PUBLIC KEY", b"\x30\x00"),
            "is no RSA public key that can be used",
        ),
    ] {
        let found = PublicKey::from_pem(&text).unwrap_err();
        assert!(found.starts_with(why), "{text}: {found}");
    }
}
