//! Targets that two readers could read differently, put together at random and the same each time.

/// What paths are made of, and what has been used to make one look like another.
const PIECES: &[&str] = &[
    "/",
    "/",
    "//",
    "/api",
    "/api/tags",
    "/api/version",
    "/api/delete",
    "/api/generate",
    "/api/show",
    "/v1/models",
    "/v1/chat/completions",
    "/ollama",
    "api",
    "tags",
    "version",
    "delete",
    "x",
    "X",
    "#",
    "#",
    "#/",
    "/#/",
    "?",
    "?x=1",
    "%23",
    "%3f",
    "%3F",
    "%25",
    "%2523",
    "%252e%252e",
    "%252f",
    "%2573",
    "%2e",
    "%2E%2e",
    ".",
    "..",
    "...",
    "/..",
    "/../",
    "/./",
    "/.",
    "/%2e%2e",
    "/%2e%2e/",
    "/..%2f",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    ";",
    ";x=1",
    "%61",
    "%74ags",
    "%20",
    "%0a",
    "%00",
    "%7f",
    "%c0%ae",
    "%",
    "%4",
    "%zz",
    "&",
    "=",
    "@",
    ":",
    "+",
    "|",
    "~",
    "http://other",
    "\u{e9}",
];

/// Where most of them begin, so that many are let through.
const STARTS: &[&str] = &[
    "/",
    "/api/version",
    "/api/tags",
    "/api/t%61gs",
    "/api/show",
    "/v1/models",
    "/ollama/api/tags",
    "/ollama/",
    "/ollama/api/version",
    "/ollama/v1/models",
    "/%61pi/version",
];

/// Targets without end.
#[derive(Clone, Debug)]
pub struct HostileTargets {
    state: u64,
}

impl HostileTargets {
    /// Those of this number, which is not 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let drawn = usize::try_from(self.state >> 33).unwrap_or_default();
        drawn % end
    }
}

impl Iterator for HostileTargets {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut target = match self.below(8) {
            0 => String::new(),
            _ => self.pick(STARTS).to_owned(),
        };
        for _ in 0..self.below(6) {
            target.push_str(self.pick(PIECES));
        }
        Some(target.into_bytes())
    }
}
