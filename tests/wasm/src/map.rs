//! Header maps: pairs of bytes, and the form in which proxy-wasm passes them.

/// Names and values in order, duplicates included.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Pairs to the ABI's form: a count, all the sizes, then the bytes of each
/// name and value, each followed by a zero.
#[must_use]
pub fn encode(pairs: &Pairs) -> Vec<u8> {
    let mut out = Vec::new();
    push_u32(&mut out, pairs.len());
    for (name, value) in pairs {
        push_u32(&mut out, name.len());
        push_u32(&mut out, value.len());
    }
    for (name, value) in pairs {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

/// The ABI's form back to pairs; an error names what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Pairs, String> {
    if bytes.is_empty() {
        return Ok(Pairs::new());
    }
    let count = read_u32(bytes, 0)?;
    let mut at = 4 + count * 8;
    let mut pairs = Pairs::new();
    for index in 0..count {
        let name_size = read_u32(bytes, 4 + index * 8)?;
        let value_size = read_u32(bytes, 8 + index * 8)?;
        let name = take(bytes, &mut at, name_size)?;
        let value = take(bytes, &mut at, value_size)?;
        pairs.push((name, value));
    }
    if at == bytes.len() {
        Ok(pairs)
    } else {
        Err(format!("{} bytes after the last pair", bytes.len() - at))
    }
}

/// The values of one name, whatever its case.
#[must_use]
pub fn values<'a>(pairs: &'a Pairs, name: &str) -> Vec<&'a [u8]> {
    let wanted = name.as_bytes();
    pairs
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.as_slice())
        .collect()
}

/// The first value of one name, whatever its case.
#[must_use]
pub fn first(pairs: &Pairs, name: &[u8]) -> Option<Vec<u8>> {
    let mut pairs = pairs.iter();
    let found = pairs.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone())
}

/// Removes every pair of that name, whatever its case.
pub fn remove(pairs: &mut Pairs, name: &[u8]) {
    pairs.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
}

/// Puts one pair in the place of all that have this name.
pub fn replace(pairs: &mut Pairs, name: &[u8], value: &[u8]) {
    let at = pairs
        .iter()
        .position(|(other, _)| other.eq_ignore_ascii_case(name))
        .unwrap_or(pairs.len());
    remove(pairs, name);
    pairs.insert(at.min(pairs.len()), (name.to_vec(), value.to_vec()));
}

fn push_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).expect("under 4 GB").to_le_bytes());
}

fn read_u32(bytes: &[u8], at: usize) -> Result<usize, String> {
    let four = bytes.get(at..at + 4).ok_or("cut short in the sizes")?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
}

fn take(bytes: &[u8], at: &mut usize, size: usize) -> Result<Vec<u8>, String> {
    let part = bytes.get(*at..*at + size).ok_or("cut short in a string")?;
    if bytes.get(*at + size) != Some(&0) {
        return Err("a string that does not end with a zero".into());
    }
    *at += size + 1;
    Ok(part.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_decodes_to_the_same_pairs() {
        let pairs: Pairs = vec![
            (b"a".to_vec(), b"1".to_vec()),
            (b"A".to_vec(), Vec::new()),
            (b"b".to_vec(), vec![0xff, 0x00]),
        ];
        assert_eq!(decode(&encode(&pairs)), Ok(pairs));
    }

    #[test]
    fn bytes_that_are_cut_short_are_refused() {
        let whole = encode(&vec![(b"name".to_vec(), b"value".to_vec())]);
        for size in 1..whole.len() {
            assert!(decode(&whole[..size]).is_err(), "{size}");
        }
    }

    #[test]
    fn a_replaced_header_stands_once_whatever_its_case() {
        let mut pairs: Pairs = vec![
            (b"Host".to_vec(), b"a".to_vec()),
            (b"x".to_vec(), b"1".to_vec()),
            (b"host".to_vec(), b"b".to_vec()),
        ];
        replace(&mut pairs, b"host", b"c");
        assert_eq!(values(&pairs, "HOST"), vec![b"c".as_slice()]);
        assert_eq!(pairs.len(), 2);
    }
}
