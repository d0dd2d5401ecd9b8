//! What stands before the blocks of a frame, and before each block (RFC 8878 sections 3.1.1 and 3.1.2).

use super::ZstdError;

/// The widest window that Ollama's decoder takes, in bytes.
pub(crate) const MAX_WINDOW: u64 = 8 << 20;
/// The longest block, in bytes.
pub(crate) const MAX_BLOCK: usize = 128 << 10;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const MIN_WINDOW: u64 = 1 << 10;
const MAX_WINDOW_LOG: u8 = 23;

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// a frame of this head, so many bytes long
    Frame(FrameHead, usize),
    /// so many bytes that say nothing, behind eight that say so
    Skippable(u64),
}

/// What the head of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// how far back in its content a frame refers, in bytes
    pub window: u64,
    /// how long its content is, where that is said
    pub content: Option<u64>,
    /// whether a checksum follows the blocks
    pub has_checksum: bool,
    /// the byte by which a head says a window that is as wide or a little wider
    window_byte: u8,
}

/// The next `count` bytes as a number, little end first.
fn number(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(count)?)?;
    let fold = |sum: u64, byte: &u8| sum.wrapping_shl(8) | u64::from(*byte);
    Some(bytes.iter().rev().fold(0, fold))
}

impl Opening {
    /// Reads what `bytes` begin with; `None` if that needs more of them.
    ///
    /// # Errors
    /// It is nothing that a frame begins with, or a frame that Ollama does not take.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, ZstdError> {
        let Some(magic) = bytes.get(..4) else {
            return Ok(None);
        };
        if magic == MAGIC {
            return FrameHead::read(bytes);
        }
        match (magic, number(bytes, 4, 4)) {
            ([0x50..=0x5f, 0x2a, 0x4d, 0x18], size) => Ok(size.map(Self::Skippable)),
            _ => Err(ZstdError::Malformed),
        }
    }
}

impl FrameHead {
    fn read(bytes: &[u8]) -> Result<Option<Opening>, ZstdError> {
        let Some(descriptor) = bytes.get(4).copied() else {
            return Ok(None);
        };
        if descriptor & 0x08 != 0 {
            return Err(ZstdError::Malformed);
        }
        let single = descriptor & 0x20 != 0;
        let window_size = usize::from(!single);
        let dictionary_size = match descriptor & 0x03 {
            3 => 4,
            size => usize::from(size),
        };
        let content_size = match descriptor >> 6 {
            0 => usize::from(single),
            flag => 1_usize.wrapping_shl(u32::from(flag)),
        };
        let at_dictionary = window_size.saturating_add(5);
        let at_content = at_dictionary.saturating_add(dictionary_size);
        let length = at_content.saturating_add(content_size);
        if bytes.len() < length {
            return Ok(None);
        }
        if number(bytes, at_dictionary, dictionary_size).is_none_or(|id| id != 0) {
            return Err(ZstdError::Dictionary);
        }
        let content = match (content_size, number(bytes, at_content, content_size)) {
            (0, _) => None,
            (2, content) => content.map(|content| content.saturating_add(256)),
            (_, content) => content,
        };
        let (window, window_byte) = match bytes.get(5) {
            Some(byte) if !single => (window_of(*byte), *byte),
            _ => narrowest(content.unwrap_or(u64::MAX)),
        };
        if window > MAX_WINDOW {
            return Err(ZstdError::Window);
        }
        let head = Self {
            window,
            content,
            has_checksum: descriptor & 0x04 != 0,
            window_byte,
        };
        Ok(Some(Opening::Frame(head, length)))
    }

    /// A head for a decoder that is told no more than it needs: whether there is a checksum, and the
    /// window. All else was read here, and nobody else reads it again.
    pub(crate) fn for_decoder(self) -> [u8; 6] {
        let [a, b, c, d] = MAGIC;
        let descriptor = u8::from(self.has_checksum).wrapping_shl(2);
        [a, b, c, d, descriptor, self.window_byte]
    }
}

/// The window that a byte says (RFC 8878 section 3.1.1.1.2).
fn window_of(byte: u8) -> u64 {
    let base = MIN_WINDOW.wrapping_shl(u32::from(byte >> 3));
    let eighths = u64::from(byte & 0x07);
    base.saturating_add((base >> 3).saturating_mul(eighths))
}

/// The narrowest window for `content` that is all in one, and the byte that says it.
fn narrowest(content: u64) -> (u64, u8) {
    let bytes = (0..=MAX_WINDOW_LOG.saturating_sub(10)).map(|exponent| exponent.wrapping_shl(3));
    let mut windows = bytes.map(|byte| (window_of(byte), byte));
    let found = windows.find(|(window, _)| *window >= content);
    found.unwrap_or((u64::MAX, 0))
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    /// whether it is the frame's last
    pub is_last: bool,
    /// how many bytes of it follow its head
    pub size: usize,
    /// how long what it stands for can be
    pub content: usize,
}

impl BlockHead {
    /// Of three bytes.
    pub(crate) const SIZE: usize = 3;

    /// Reads what `bytes` begin with; `None` if that needs more of them.
    ///
    /// # Errors
    /// It is no block, or too long.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, ZstdError> {
        let Some(head) = number(bytes, 0, Self::SIZE) else {
            return Ok(None);
        };
        let length = usize::try_from(head >> 3).unwrap_or(usize::MAX);
        if length > MAX_BLOCK {
            return Err(ZstdError::Malformed);
        }
        let (size, content) = match (head >> 1) & 0x03 {
            0 => (length, length),
            1 => (1, length),
            2 => (length, MAX_BLOCK),
            _ => return Err(ZstdError::Malformed),
        };
        Ok(Some(Self {
            is_last: head & 1 == 1,
            size,
            content,
        }))
    }
}
