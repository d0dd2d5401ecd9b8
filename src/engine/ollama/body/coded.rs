//! The reader of a body as it is sent, compressed or not.

use super::zstd::{DecoderMemory, Zstd};
use super::{BodyError, Members, Reader};

/// What reads a body as it is sent. A compressed one is judged by what comes of it.
#[derive(Debug)]
pub(crate) struct CodedReader {
    zstd: Option<Box<Zstd>>,
    reader: Reader,
}

impl CodedReader {
    /// Of one that `reader` reads as it is.
    pub(crate) const fn plain(reader: Reader) -> Self {
        Self { zstd: None, reader }
    }

    /// Of one in Zstandard, of whose at most `max_content` bytes of content `reader` is given all.
    pub(crate) fn zstd(reader: Reader, max_content: u64, memory: &DecoderMemory) -> Self {
        let zstd = Some(Box::new(Zstd::new(max_content, memory)));
        Self { zstd, reader }
    }

    /// The next chunk, cut anywhere.
    ///
    /// # Errors
    /// The body can be refused already.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        let reader = &mut self.reader;
        match &mut self.zstd {
            None => reader.feed(chunk),
            Some(zstd) => zstd.feed(chunk, &mut |part: &[u8]| reader.feed(part)),
        }
    }

    /// What the body said, once all of it was fed.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn finish(self) -> Result<Members, BodyError> {
        if let Some(zstd) = self.zstd {
            zstd.finish()?;
        }
        self.reader.finish()
    }
}
