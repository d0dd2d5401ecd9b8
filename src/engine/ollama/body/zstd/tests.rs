//! Held against the reference decoder, in C.

use super::*;
use std::io::Write as _;

const TEXT: &[u8] = br#"{"model":"llama3.2","messages":[{"role":"user","content":"hello"}]}"#;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn decoded(body: &[u8], cut: &mut dyn FnMut(usize) -> usize) -> Result<Vec<u8>, ZstdError> {
    let memory = DecoderMemory::default();
    let mut zstd = Zstd::new(MAX_CONTENT, &memory);
    let (mut content, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(cut(rest.len()).clamp(1, rest.len()));
        zstd.feed(chunk, &mut |part: &[u8]| {
            content.extend_from_slice(part);
            Ok::<(), ZstdError>(())
        })?;
        rest = behind;
    }
    zstd.finish()?;
    assert_eq!(memory.taken(), 0, "what it had is given back");
    Ok(content)
}

fn whole(body: &[u8]) -> Result<Vec<u8>, ZstdError> {
    decoded(body, &mut |left| left)
}

fn refused(body: &[u8]) -> Option<ZstdError> {
    whole(body).err()
}

/// What the reference makes of it, with the window that Ollama takes.
fn by_reference(body: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut decoder = zstd::stream::Decoder::new(body).ok()?;
    decoder.window_log_max(23).ok()?;
    let limit = MAX_CONTENT + 1;
    decoder.take(limit).read_to_end(&mut content).ok()?;
    Some(content)
}

fn compressed(text: &[u8], level: i32, setting: impl Fn(&mut Encoder<'_>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), level).unwrap();
    setting(&mut encoder);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

type Encoder<'a> = zstd::stream::Encoder<'a, Vec<u8>>;

/// Text of this length, that compresses in one of four ways.
fn text(random: &mut Random, length: usize) -> Vec<u8> {
    let kind = random.below(4);
    let mut text = Vec::new();
    while text.len() < length {
        match kind {
            0 => text.push(u8::try_from(random.below(256)).unwrap()),
            1 => text.push(b'a' + u8::try_from(random.below(20)).unwrap()),
            2 => {
                let (role, word) = (random.below(40), random.below(9));
                let message = format!("{{\"role\":\"user{role}\",\"content\":\"hi {word}\"}},");
                text.extend_from_slice(message.as_bytes());
            }
            _ => {
                let count = 1 + random.below(50);
                text.extend(std::iter::repeat_n(b'x', count));
                let from = random.below(text.len());
                let copy = text[from..].iter().take(200).copied().collect::<Vec<u8>>();
                text.extend(copy);
            }
        }
    }
    text.truncate(length);
    text
}

/// What does not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut random = Random(3);
    let numbers = std::iter::repeat_with(|| u64::try_from(random.below(usize::MAX)).unwrap());
    let numbers = numbers.take(length / 8 + 1);
    let mut bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(length);
    bytes
}

/// A frame as some encoder would write it.
fn frame(random: &mut Random, length: usize) -> Vec<u8> {
    let text = text(random, length);
    let level = [1, 3, 9, 19, -5][random.below(5)];
    let mut encoder = Encoder::new(Vec::new(), level).unwrap();
    encoder.include_checksum(random.below(2) == 0).unwrap();
    if random.below(3) == 0 {
        let log = 10 + u32::try_from(random.below(14)).unwrap();
        encoder.window_log(log).unwrap();
    }
    if random.below(2) == 0 {
        let length = u64::try_from(text.len()).unwrap();
        encoder.set_pledged_src_size(Some(length)).unwrap();
    }
    let mut rest = &text[..];
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(1 + random.below(rest.len()));
        encoder.write_all(part).unwrap();
        if random.below(4) == 0 {
            encoder.flush().unwrap();
        }
        rest = behind;
    }
    encoder.finish().unwrap()
}

fn skippable(random: &mut Random) -> Vec<u8> {
    let size = u8::try_from(random.below(20)).unwrap();
    let number = 0x50 + u8::try_from(random.below(16)).unwrap();
    let mut bytes = vec![number, 0x2a, 0x4d, 0x18, size, 0, 0, 0];
    bytes.extend(std::iter::repeat_n(b'{', size.into()));
    bytes
}

#[test]
fn what_the_reference_compresses_is_read_however_it_is_cut() {
    let mut random = Random(1);
    for round in 0..60 {
        let length = [0, 1, 60, 3000, 40_000, 300_000][random.below(6)];
        let mut body = frame(&mut random, length);
        if round % 3 == 0 {
            body.extend(skippable(&mut random));
            body.extend(frame(&mut random, 100));
        }
        let expected = by_reference(&body);
        assert_eq!(whole(&body).ok(), expected, "round {round}");
        let pieces = decoded(&body, &mut |left| 1 + random.below(left.min(5000)));
        assert_eq!(pieces.ok(), expected, "round {round}, in pieces");
        if body.len() < 5000 {
            let bytes = decoded(&body, &mut |_| 1);
            assert_eq!(bytes.ok(), expected, "round {round}, byte by byte");
        }
    }
}

/// What is refused here and not there is no danger. What is read in two ways would be.
#[test]
fn nothing_is_read_as_something_else_than_the_reference_reads() {
    let mut random = Random(2);
    let frames: Vec<_> = [0, 1, 60, 600, 3000, 20_000, 140_000]
        .into_iter()
        .cycle()
        .take(42)
        .map(|length| frame(&mut random, length))
        .collect();
    let mut both = 0;
    for round in 0..1500 {
        let mut body = frames[random.below(frames.len())].clone();
        for _ in 0..random.below(4) {
            let near = if random.below(2) == 0 { 40 } else { body.len() };
            let at = random.below(body.len().min(near));
            match random.below(5) {
                _ if body.is_empty() => {}
                0 => body[at] ^= 1 << random.below(8),
                1 => body[at] = u8::try_from(random.below(256)).unwrap(),
                2 => body.truncate(at),
                3 => body.insert(at, u8::try_from(random.below(256)).unwrap()),
                _ => drop(body.remove(at)),
            }
        }
        if let (Ok(ours), Some(theirs)) = (whole(&body), by_reference(&body)) {
            assert!(ours == theirs, "round {round}: {body:02x?}");
            both += 1;
        }
    }
    assert!(both > 150, "{both} were read by both");
}

#[test]
fn what_is_no_whole_zstd_is_refused() {
    let good = compressed(TEXT, 3, |encoder| encoder.include_checksum(true).unwrap());
    assert_eq!(whole(&good).as_deref(), Ok(TEXT));
    for length in 0..good.len() {
        let refusal = refused(&good[..length]);
        assert_eq!(refusal, Some(ZstdError::Truncated), "{length} bytes");
    }
    let with = |more: &[u8]| [&good[..], more].concat();
    for (name, body, error) in [
        ("plain JSON", TEXT.to_vec(), ZstdError::Malformed),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0".to_vec(),
            ZstdError::Malformed,
        ),
        ("JSON behind it", with(TEXT), ZstdError::Malformed),
        ("a byte behind it", with(b" "), ZstdError::Truncated),
        (
            "half a frame behind it",
            with(&good[..9]),
            ZstdError::Truncated,
        ),
        (
            "a cut skippable frame",
            with(b"\x50\x2a\x4d\x18\x09\0\0\0{"),
            ZstdError::Truncated,
        ),
    ] {
        assert_eq!(refused(&body), Some(error), "{name}");
    }
}

#[test]
fn a_checksum_and_a_length_are_held_against_the_content() {
    let sum = |encoder: &mut Encoder<'_>| encoder.include_checksum(true).unwrap();
    let mut wrong = compressed(TEXT, 3, sum);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&wrong), Some(ZstdError::Corrupt));
    // A single segment of 4 bytes of content, raw; and the same with another length.
    let said = |length: u8| [&MAGIC[..], &[0x20, length, 0x21, 0, 0], b"1234"].concat();
    assert_eq!(whole(&said(4)).as_deref(), Ok(&b"1234"[..]));
    assert_eq!(refused(&said(5)), Some(ZstdError::Corrupt));
    assert_eq!(refused(&said(3)), Some(ZstdError::Corrupt));
}

#[test]
fn a_head_that_ollama_does_not_take_is_refused() {
    let head = |rest: &[u8]| [&MAGIC[..], rest, &[1, 0, 0]].concat();
    for (name, rest, error) in [
        (
            "a window of 9 MiB",
            &[0x00, 13 << 3 | 1][..],
            ZstdError::Window,
        ),
        ("a window of 3.75 TiB", &[0x00, 0xff], ZstdError::Window),
        (
            "16 MiB in one segment",
            &[0xa0, 0, 0, 0, 1],
            ZstdError::Window,
        ),
        ("a dictionary", &[0x01, 13 << 3, 7], ZstdError::Dictionary),
        (
            "a dictionary of four bytes",
            &[0x03, 13 << 3, 0, 0, 0, 1],
            ZstdError::Dictionary,
        ),
        ("the reserved bit", &[0x08, 13 << 3], ZstdError::Malformed),
    ] {
        assert_eq!(refused(&head(rest)), Some(error), "{name}");
    }
    assert_eq!(whole(&head(&[0x00, 13 << 3])), Ok(Vec::new()), "8 MiB");
    assert_eq!(
        whole(&head(&[0x01, 0, 0])),
        Ok(Vec::new()),
        "dictionary 0 is none"
    );
    let of_window = |log| compressed(TEXT, 3, move |encoder| encoder.window_log(log).unwrap());
    assert!(refused(&of_window(23)).is_none());
    assert_eq!(refused(&of_window(24)), Some(ZstdError::Window));
}

#[test]
fn a_bomb_is_refused_before_it_has_grown() {
    let zeros = |size: usize| compressed(&vec![b'0'; size], 3, |_| ());
    let free = usize::try_from(FREE_CONTENT).unwrap();
    assert_eq!(whole(&zeros(free)).map(|content| content.len()), Ok(free));
    assert_eq!(refused(&zeros(free + 1)), Some(ZstdError::Ratio));
    assert_eq!(refused(&zeros(1 << 30)), Some(ZstdError::Ratio));
    // Many small ones are one large one.
    let many = zeros(free / 4).repeat(5);
    assert_eq!(refused(&many), Some(ZstdError::Ratio));
    // What does not compress may be as long as Ollama takes it.
    let max = usize::try_from(MAX_CONTENT).unwrap();
    let noise = noise(max + 1);
    let raw = |length: usize| compressed(&noise[..length], -5, |_| ());
    let content = whole(&raw(max)).map(|content| content.len());
    assert_eq!(content, Ok(max));
    assert_eq!(refused(&raw(max + 1)), Some(ZstdError::Long(MAX_CONTENT)));
}

#[test]
fn so_many_pieces_are_read_and_no_more() {
    let max = usize::try_from(MAX_PIECES).unwrap();
    // A frame and its one block, both empty.
    let empty = [&MAGIC[..], &[0x20, 0, 1, 0, 0]].concat();
    assert_eq!(whole(&empty.repeat(max / 2)), Ok(Vec::new()));
    assert_eq!(refused(&empty.repeat(max / 2 + 1)), Some(ZstdError::Pieces));
    let blocks = [&MAGIC[..], &[0x20, 0], &[0, 0, 0].repeat(max)].concat();
    assert_eq!(refused(&blocks), Some(ZstdError::Pieces));
}

#[test]
fn all_decoders_share_one_memory() {
    let memory = DecoderMemory::default();
    let noise = noise(9 << 20);
    let log = |encoder: &mut Encoder<'_>| encoder.window_log(23).unwrap();
    let body = compressed(&noise, -5, log);
    let mut waiting = Vec::new();
    let refusal = loop {
        let mut zstd = Zstd::new(MAX_CONTENT, &memory);
        let half = &body[..body.len() - 10];
        match zstd.feed(half, &mut |_: &[u8]| Ok::<(), ZstdError>(())) {
            Ok(()) => waiting.push(zstd),
            Err(error) => break error,
        }
    };
    assert_eq!((refusal, waiting.len()), (ZstdError::Busy, 3));
    // A small one still has room, and one that has ended gives up its own.
    assert_eq!(whole(&compressed(TEXT, 3, |_| ())).as_deref(), Ok(TEXT));
    waiting.clear();
    assert_eq!(memory.taken(), 0);
}
