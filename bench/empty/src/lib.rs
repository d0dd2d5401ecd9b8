//! A filter of the SDK that overrides nothing but `on_http_request_headers`, and lets all go on. Its configuration is
//! one word of what it does beside: `read` has all fields of the head shown and takes one out, `log` writes a line as
//! long as the gate's as well, `property` asks for the client's address alone, `reply` answers with a 401 of the size of
//! the gate's, and `refuse` does so after it has read the head, asked for the client's address and written a line. `hold`
//! has the gateway keep the body to its end and lets it go, `read-body` reads the head as `read` does, has the body kept,
//! and then takes it over and looks at each byte of it. So each is the least that a filter can pay for that.

#[cfg(target_os = "wasi")]
mod filter {
    use proxy_wasm::hostcalls::log;
    use proxy_wasm::traits::{Context, HttpContext, RootContext};
    use proxy_wasm::types::{Action, ContextType, LogLevel};
    use std::hint::black_box;

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Root::default()));
    }}

    const BODY: &[u8] = br#"{"error":{"message":"the request carries no credential: send `Authorization: Bearer <your key>`; Ollama's Python library sends what OLLAMA_API_KEY holds, the JavaScript one takes it in `headers`, and the `ollama` program sends no key: it needs `ollama_cli` in the gate's configuration","type":"authentication_error","param":null,"code":"missing_credential"}}"#;

    /// As long as the gate's for an allowed request.
    const LINE: &str = r#"{"gate":"ollama-gate","decision":"allowed","method":"GET","route":"/v1/models","scope":"read","credential":"api_key","id":"bench","subject":"alice","request_id":"0b5a2c8e-8d1f-4a53-9a59-1f0a6a0a4b11"}"#;

    /// As long as the gate's for a request without a credential.
    const REFUSAL: &str = r#"{"gate":"ollama-gate","decision":"denied","status":401,"code":"missing_credential","cause":"no credential was sent","method":"GET","route":"/v1/models","scope":"read","address":"127.0.0.1","request_id":"0b5a2c8e-8d1f-4a53-9a59-1f0a6a0a4b11"}"#;

    #[derive(Clone, Copy, Default)]
    enum Does {
        #[default]
        Nothing,
        Read,
        Log,
        Property,
        Reply,
        Refuse,
        Hold,
        ReadBody,
    }

    #[derive(Default)]
    struct Root {
        does: Does,
    }

    impl Context for Root {}

    impl RootContext for Root {
        fn on_configure(&mut self, _size: usize) -> bool {
            self.does = match self.get_plugin_configuration().as_deref() {
                Some(b"read") => Does::Read,
                Some(b"log") => Does::Log,
                Some(b"property") => Does::Property,
                Some(b"reply") => Does::Reply,
                Some(b"refuse") => Does::Refuse,
                Some(b"hold") => Does::Hold,
                Some(b"read-body") => Does::ReadBody,
                _ => Does::Nothing,
            };
            true
        }

        fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
            Some(Box::new(Filter { does: self.does }))
        }

        fn get_type(&self) -> Option<ContextType> {
            Some(ContextType::HttpContext)
        }
    }

    struct Filter {
        does: Does,
    }

    impl Context for Filter {}

    impl HttpContext for Filter {
        fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
            match self.does {
                Does::Nothing => Action::Continue,
                Does::Hold => held(end_of_stream),
                Does::ReadBody => {
                    self.read_head();
                    held(end_of_stream)
                }
                Does::Read | Does::Log => {
                    self.read_head();
                    if let Does::Log = self.does {
                        let _ = log(LogLevel::Info, LINE);
                    }
                    Action::Continue
                }
                Does::Property => {
                    drop(raw::client_address());
                    Action::Continue
                }
                Does::Reply => self.reply(),
                Does::Refuse => {
                    drop(raw::request_headers());
                    drop(raw::client_address());
                    let _ = log(LogLevel::Warn, REFUSAL);
                    self.reply()
                }
            }
        }

        fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
            match self.does {
                Does::Hold => held(end_of_stream),
                Does::ReadBody if end_of_stream => {
                    let body = self.get_http_request_body(0, size).unwrap_or_default();
                    black_box(body.iter().fold(0, |seen, byte| seen | byte));
                    Action::Continue
                }
                Does::ReadBody => Action::Pause,
                _ => Action::Continue,
            }
        }
    }

    /// Until its end.
    fn held(is_end: bool) -> Action {
        if is_end {
            Action::Continue
        } else {
            Action::Pause
        }
    }

    impl Filter {
        fn read_head(&self) {
            drop(raw::request_headers());
            self.set_http_request_header("authorization", None);
        }

        fn reply(&self) -> Action {
            let headers = vec![
                ("content-type", "application/json"),
                ("www-authenticate", r#"Bearer realm="bench""#),
                ("x-should-retry", "false"),
            ];
            self.send_http_response(401, headers, Some(BODY));
            Action::Pause
        }
    }

    /// What the SDK gives in pieces, whole.
    #[allow(unsafe_code)]
    mod raw {
        use std::ptr::null_mut;

        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32;
            fn proxy_get_property(
                path: *const u8,
                length: usize,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
        }

        /// The header map, as the gateway serializes it.
        pub(super) fn request_headers() -> Vec<u8> {
            let (mut data, mut size) = (null_mut(), 0);
            // SAFETY: both out-pointers are valid for the call.
            let status = unsafe { proxy_get_header_map_pairs(0, &mut data, &mut size) };
            take(status, data, size)
        }

        /// The other end of the connection, as text.
        pub(super) fn client_address() -> Vec<u8> {
            const PATH: &[u8] = b"source\0address";
            let (mut data, mut size) = (null_mut(), 0);
            // SAFETY: the path is static, both out-pointers are valid for the call.
            let status =
                unsafe { proxy_get_property(PATH.as_ptr(), PATH.len(), &mut data, &mut size) };
            take(status, data, size)
        }

        fn take(status: u32, data: *mut u8, size: usize) -> Vec<u8> {
            if status != 0 || data.is_null() {
                return Vec::new();
            }
            // SAFETY: the gateway had the SDK allocate it, a boxed slice of exactly so many bytes.
            unsafe { Vec::from_raw_parts(data, size, size) }
        }
    }
}
