//! Where a client may put a credential.

/// Makes [`Place`] of the places and their names, in the order in which they are looked at.
macro_rules! places {
    ($( #[doc = $whose:literal] $place:ident = $name:literal, )+) => {
        /// Where a client may put a credential.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Place { $( #[doc = $whose] $place, )+ }

        impl Place {
            /// Every place, in the order in which they are looked at.
            pub const ALL: [Self; [$( $name ),+].len()] = [$( Self::$place ),+];

            /// Where it is in [`Self::ALL`].
            #[allow(clippy::as_conversions)] // of an enum without values
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The name as people write it.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$place => $name, )+ }
            }
        }
    };
}

places! {
    /// every client
    Authorization = "Authorization",
    /// Anthropic's clients
    XApiKey = "X-Api-Key",
    /// Continue, Azure's clients
    ApiKey = "Api-Key",
    /// patched Ollamas
    XOllamaToken = "X-Ollama-Token",
}
