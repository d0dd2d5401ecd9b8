//! The header map as proxy-wasm passes it: a count, the sizes of all names and values, then the
//! bytes of each with a NUL behind it. Numbers are 32 bits, little-endian.

/// A map that is not in this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError;

/// The pairs of a serialized map, in order, borrowed from it.
#[derive(Debug)]
pub struct Pairs<'a> {
    /// the sizes of name and value of each pair to come
    sizes: std::slice::Iter<'a, [u8; 8]>,
    /// their bytes; `None` behind what does not add up
    bytes: Option<&'a [u8]>,
}

impl<'a> Pairs<'a> {
    /// What `read` makes of the pairs of `map`.
    ///
    /// # Errors
    /// Sizes that do not add up, wherever in the map, so nothing is made of half a map.
    pub fn read<T>(map: &'a [u8], read: impl FnOnce(&mut Self) -> T) -> Result<T, WireError> {
        let mut pairs = Self::begin(map).ok_or(WireError)?;
        let made = read(&mut pairs);
        // What `read` left, it left.
        pairs.by_ref().for_each(drop);
        pairs.bytes.map(|_| made).ok_or(WireError)
    }

    fn begin(map: &'a [u8]) -> Option<Self> {
        let (mut sizes, mut bytes): (&[u8], _) = (&[], map);
        if let Some((count, rest)) = map.split_first_chunk::<4>() {
            (sizes, bytes) = rest.split_at_checked(size(*count)?.checked_mul(8)?)?;
        } else if !map.is_empty() {
            return None;
        }
        Some(Self {
            sizes: sizes.as_chunks().0.iter(),
            bytes: Some(bytes),
        })
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let sizes = self.sizes.next()?;
        let bytes = self.bytes.take()?;
        let (name, bytes) = bytes.split_at_checked(size(*sizes.first_chunk()?)?)?;
        let (value, bytes) = bytes
            .strip_prefix(b"\0")?
            .split_at_checked(size(*sizes.last_chunk()?)?)?;
        self.bytes = Some(bytes.strip_prefix(b"\0")?);
        Some((name, value))
    }
}

fn size(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// The wire form of `pairs`; `None` if one is over 4 GB.
pub fn serialize<'p>(
    pairs: impl ExactSizeIterator<Item = (&'p str, &'p str)> + Clone,
) -> Option<Vec<u8>> {
    let size = |length: usize| u32::try_from(length).map(u32::to_le_bytes).ok();
    let bytes = pairs.clone().fold(4_usize, |bytes, (name, value)| {
        // Two sizes of four bytes, two NULs.
        let both = name.len().saturating_add(value.len());
        bytes.saturating_add(both).saturating_add(10)
    });
    let mut map = Vec::with_capacity(bytes);
    map.extend_from_slice(&size(pairs.len())?);
    for (name, value) in pairs.clone() {
        map.extend_from_slice(&size(name.len())?);
        map.extend_from_slice(&size(value.len())?);
    }
    for (name, value) in pairs {
        for text in [name, value] {
            map.extend_from_slice(text.as_bytes());
            map.push(0);
        }
    }
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair<'a> = (&'a [u8], &'a [u8]);

    fn parse(map: &[u8]) -> Result<Vec<Pair<'_>>, WireError> {
        Pairs::read(map, |pairs| pairs.collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let map = serialize([("a", "1"), ("b", ""), (":path", "/x")].into_iter()).unwrap();
        let pairs: [Pair; 3] = [(b"a", b"1"), (b"b", b""), (b":path", b"/x")];
        assert_eq!(parse(&map).unwrap(), pairs);
        assert_eq!(parse(b""), Ok(Vec::new()));
        assert_eq!(parse(&serialize([].into_iter()).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn a_map_that_does_not_add_up_is_refused_whole() {
        let good = serialize([("name", "value"), ("other", "x")].into_iter()).unwrap();
        for cut in 1..good.len() {
            assert_eq!(parse(&good[..cut]), Err(WireError), "cut at {cut}");
        }
        for (place, byte) in [(0, 0xff), (3, 0xff), (4, 0xff), (7, 0x80), (8, 0x04)] {
            let mut bad = good.clone();
            bad[place] = byte;
            assert_eq!(parse(&bad), Err(WireError), "byte {place}");
            let nothing_read = Pairs::read(&bad, |_| ());
            assert_eq!(nothing_read, Err(WireError), "byte {place}");
        }
    }
}
