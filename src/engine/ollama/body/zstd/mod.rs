//! A body in Zstandard (RFC 8878), taken apart in passing.
//!
//! INVARIANT: what comes out is what Ollama's decoder makes of it, or the body is refused. So the heads
//! of frames and blocks are read here, with its bounds, and the decoder is given one whole block at a time.
//! Nothing of the content depends on how the body was cut.
//!
//! Everything is bounded: the window, the blocks, the content, how much there is of it for each byte that
//! has come, and the memory of all decoders together.

mod error;
mod frame;
mod memory;

pub(crate) use error::ZstdError;
pub(crate) use memory::DecoderMemory;

use frame::{BlockHead, FrameHead, Opening};
use memory::Lease;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fmt;
use std::io::Read as _;

/// The longest content that Ollama takes, in bytes.
pub(crate) const MAX_CONTENT: u64 = 20 << 20;
/// How many bytes of content there may be for each byte of the body, once there are [`FREE_CONTENT`].
pub(crate) const MAX_RATIO: u64 = 100;
/// So much content needs no ratio.
pub(crate) const FREE_CONTENT: u64 = 1 << 20;
/// How many frames and blocks there may be.
pub(crate) const MAX_PIECES: u32 = 8192;

/// What is taken out of a decoder at a time, in bytes.
const PART: usize = 16 << 10;
/// What a decoder has beside its window, in bytes: tables, a block and what comes of it.
const BESIDE: u64 = 512 << 10;

/// Takes a body apart.
pub(crate) struct Zstd {
    state: State,
    /// what has come and is no whole piece yet
    pending: Vec<u8>,
    lease: Lease,
    max_content: u64,
    /// how many bytes of the body were read
    read: u64,
    /// how many bytes of content came of them
    content: u64,
    pieces: u32,
    part: Vec<u8>,
}

enum State {
    /// between two frames, or before the first
    Between,
    /// in what says nothing, with so many bytes left
    Skipping(u64),
    Within(Box<Frame>),
}

/// A frame whose blocks come.
struct Frame {
    head: FrameHead,
    decoder: FrameDecoder,
    /// how long the content of the blocks so far can be
    expected: u64,
    /// how long that is which has come out
    content: u64,
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd")
            .field("read", &self.read)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl Zstd {
    /// Of a body with at most `max_content` bytes of content, by a decoder that has its part of `memory`.
    pub(crate) fn new(max_content: u64, memory: &DecoderMemory) -> Self {
        Self {
            state: State::Between,
            pending: Vec::new(),
            lease: memory.lease(),
            max_content: max_content.min(MAX_CONTENT),
            read: 0,
            content: 0,
            pieces: 0,
            part: Vec::new(),
        }
    }

    /// The next chunk, cut anywhere. What comes of it is given to `sink`, cut anywhere.
    ///
    /// # Errors
    /// The body is refused, by `sink` too. It is not fed any more then.
    pub(crate) fn feed<E: From<ZstdError>>(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(chunk);
        let mut at = 0_usize;
        while let Some(rest) = pending.get(at..) {
            match self.step(rest, sink)? {
                0 => break,
                taken => at = at.saturating_add(taken),
            }
        }
        pending.drain(..at.min(pending.len()));
        self.pending = pending;
        Ok(())
    }

    /// All of it has come.
    ///
    /// # Errors
    /// It ends too early.
    pub(crate) fn finish(self) -> Result<(), ZstdError> {
        let whole = matches!(self.state, State::Between) && self.pending.is_empty();
        if whole && self.pieces > 0 {
            Ok(())
        } else {
            Err(ZstdError::Truncated)
        }
    }

    /// Reads what `bytes` begin with. How many it took: none, if it needs more.
    fn step<E: From<ZstdError>>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let taken = match &mut self.state {
            State::Between => self.open(bytes)?,
            State::Skipping(left) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let taken = length.min(*left);
                *left = left.saturating_sub(taken);
                if *left == 0 {
                    self.state = State::Between;
                }
                usize::try_from(taken).unwrap_or_default()
            }
            State::Within(_) => self.block(bytes, sink)?,
        };
        let length = u64::try_from(taken).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(length);
        Ok(taken)
    }

    fn open(&mut self, bytes: &[u8]) -> Result<usize, ZstdError> {
        let Some(opening) = Opening::read(bytes)? else {
            return Ok(0);
        };
        self.count_piece()?;
        match opening {
            Opening::Skippable(left) => {
                if left > 0 {
                    self.state = State::Skipping(left);
                }
                Ok(8)
            }
            Opening::Frame(head, length) => {
                // A decoder that is used again takes a whole window at once.
                let mut decoder = FrameDecoder::new();
                let opened = decoder.init(&mut &head.for_decoder()[..]);
                opened.map_err(|_| ZstdError::Malformed)?;
                self.state = State::Within(Box::new(Frame {
                    head,
                    decoder,
                    expected: 0,
                    content: 0,
                }));
                Ok(length)
            }
        }
    }

    fn count_piece(&mut self) -> Result<(), ZstdError> {
        self.pieces = self.pieces.saturating_add(1);
        if self.pieces > MAX_PIECES {
            Err(ZstdError::Pieces)
        } else {
            Ok(())
        }
    }

    fn block<E: From<ZstdError>>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let Some(block) = BlockHead::read(bytes)? else {
            return Ok(0);
        };
        let State::Within(frame) = &mut self.state else {
            return Ok(0);
        };
        let ends_in_checksum = block.is_last && frame.head.has_checksum;
        let behind = if ends_in_checksum { 4 } else { 0 };
        let length = block.size.saturating_add(BlockHead::SIZE);
        let length = length.saturating_add(behind);
        let Some(mut source) = bytes.get(..length) else {
            return Ok(0);
        };
        frame.expect(block);
        if !self.lease.grow_to(frame.memory()) {
            return Err(ZstdError::Busy.into());
        }
        self.count_piece()?;
        self.decode(&mut source, length, sink)?;
        if block.is_last {
            self.state = State::Between;
            self.lease.end();
        }
        Ok(length)
    }

    /// Decodes the block of `length` bytes that `source` is, and gives on what comes of it.
    fn decode<E: From<ZstdError>>(
        &mut self,
        source: &mut &[u8],
        length: usize,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let State::Within(frame) = &mut self.state else {
            return Ok(());
        };
        let decoded = frame
            .decoder
            .decode_blocks(&mut *source, BlockDecodingStrategy::UptoBlocks(1));
        if decoded.is_err() || !source.is_empty() {
            return Err(ZstdError::Malformed.into());
        }
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let read = self.read.saturating_add(length);
        self.part.resize(PART, 0);
        while frame.decoder.can_collect() > 0 {
            let size = frame.decoder.read(&mut self.part).unwrap_or_default();
            let part = self.part.get(..size).unwrap_or_default();
            if part.is_empty() {
                return Err(ZstdError::Malformed.into());
            }
            let size = u64::try_from(size).unwrap_or(u64::MAX);
            frame.content = frame.content.saturating_add(size);
            self.content = self.content.saturating_add(size);
            if self.content > self.max_content {
                return Err(ZstdError::Long(self.max_content).into());
            }
            if self.content > FREE_CONTENT && self.content / MAX_RATIO > read {
                return Err(ZstdError::Ratio.into());
            }
            sink(part)?;
        }
        frame.check().map_err(E::from)
    }
}

impl Frame {
    fn expect(&mut self, block: BlockHead) {
        let content = u64::try_from(block.content).unwrap_or(u64::MAX);
        self.expected = self.expected.saturating_add(content);
    }

    /// How much memory its decoder has at the most. It holds a window of what it has made, in a buffer
    /// that doubles, and while it grows there are two.
    fn memory(&self) -> u64 {
        let held = self.expected.min(self.head.window);
        held.saturating_mul(2).saturating_add(BESIDE)
    }

    /// Whether what came out is what the frame says of it.
    fn check(&self) -> Result<(), ZstdError> {
        if !self.decoder.is_finished() {
            return Ok(());
        }
        let said = self.head.content.unwrap_or(self.content);
        let sum = self.decoder.get_checksum_from_data();
        let same = sum.is_none() || sum == self.decoder.get_calculated_checksum();
        if said == self.content && same {
            Ok(())
        } else {
            Err(ZstdError::Corrupt)
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
