//! The header map as proxy-wasm passes it: a count, the sizes of all names and values, then the
//! bytes of each with a NUL behind it. Numbers are 32 bits, little-endian.

/// A map that is not in this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError;

/// The pairs of a serialized map, in order, borrowed from it.
#[derive(Debug)]
pub struct Pairs<'a> {
    left: usize,
    sizes: &'a [u8],
    bytes: &'a [u8],
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
        match pairs.left {
            0 => Ok(made),
            _ => Err(WireError),
        }
    }

    fn begin(map: &'a [u8]) -> Option<Self> {
        let (mut left, mut sizes, mut bytes) = (0, map, map);
        if !map.is_empty() {
            left = take_size(&mut sizes)?;
            (sizes, bytes) = sizes.split_at_checked(left.checked_mul(8)?)?;
        }
        Some(Self { left, sizes, bytes })
    }

    fn take(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (name, value) = (take_size(&mut self.sizes)?, take_size(&mut self.sizes)?);
        Some((
            take_text(&mut self.bytes, name)?,
            take_text(&mut self.bytes, value)?,
        ))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left.checked_sub(1)?;
        let pair = self.take();
        match pair {
            Some(_) => self.left = left,
            // Behind what does not add up there is nothing, and `left` stays above 0.
            None => self.sizes = &[],
        }
        pair
    }
}

fn take_size(bytes: &mut &[u8]) -> Option<usize> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*size)).ok()
}

fn take_text<'a>(bytes: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (text, rest) = bytes.split_at_checked(size)?;
    *bytes = rest.strip_prefix(b"\0")?;
    Some(text)
}

/// The wire form of `pairs`; `None` if one is over 4 GB.
pub fn serialize(pairs: &[(&str, &str)]) -> Option<Vec<u8>> {
    let size = |length: usize| u32::try_from(length).map(u32::to_le_bytes).ok();
    let mut map = Vec::new();
    map.extend(size(pairs.len())?);
    for (name, value) in pairs {
        map.extend(size(name.len())?);
        map.extend(size(value.len())?);
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        map.extend(text.as_bytes());
        map.push(0);
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
        let map = serialize(&[("a", "1"), ("b", ""), (":path", "/x")]).unwrap();
        let pairs: [Pair; 3] = [(b"a", b"1"), (b"b", b""), (b":path", b"/x")];
        assert_eq!(parse(&map).unwrap(), pairs);
        assert_eq!(parse(b""), Ok(Vec::new()));
        assert_eq!(parse(&serialize(&[]).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn a_map_that_does_not_add_up_is_refused_whole() {
        let good = serialize(&[("name", "value"), ("other", "x")]).unwrap();
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
