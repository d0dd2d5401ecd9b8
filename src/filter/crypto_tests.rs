use super::*;

#[test]
fn a_field_is_as_protobuf_has_it() {
    let mut message = Vec::new();
    put_field(&mut message, 1, b"sha256");
    put_field(&mut message, 4, &[7; 300]);
    assert_eq!(message[..8], *b"\x0a\x06sha256");
    assert_eq!(message[8..11], [0x22, 0xac, 0x02]);
    assert_eq!(message.len(), 11 + 300);
}

#[test]
fn halves_become_the_shortest_numbers() {
    let half = |bytes: &[u8]| [&vec![0; 32 - bytes.len()], bytes].concat();
    let signature = |r: &[u8], s: &[u8]| der(&[half(r), half(s)].concat());
    assert_eq!(
        signature(&[1], &[0x80]),
        Some(vec![0x30, 0x07, 0x02, 0x01, 0x01, 0x02, 0x02, 0x00, 0x80])
    );
    let longest = signature(&[0xff; 32], &[0xff; 32]).unwrap();
    assert_eq!((longest.len(), longest[1]), (72, 70));
    assert_eq!(signature(&[], &[1]), None);
    assert_eq!(signature(&[1], &[]), None);
    assert_eq!(der(&[0xff; 96]).unwrap().len(), 104);
    assert_eq!(der(&[0xff; 132]), None);
}

#[test]
fn the_vectors_of_the_proof_are_what_they_should_be() {
    let decode = |text| STANDARD.decode(text).unwrap();
    let info = |text| p256::pkcs8::SubjectPublicKeyInfoRef::try_from(&decode(text)[..]).is_ok();
    assert!(info(RSA_KEY) && info(EC_KEY));
    assert_eq!(decode(RSA_SIGNATURE).len(), 256);
    assert_eq!(decode(EC_SIGNATURE)[0], 0x30);
}
