//! A filter of the SDK that overrides nothing but `on_http_request_headers`, and lets all go on; or, with any
//! configuration, answers all with a 401 of the size of the gate's.

#[cfg(target_os = "wasi")]
mod filter {
    use proxy_wasm::traits::{Context, HttpContext, RootContext};
    use proxy_wasm::types::{Action, ContextType};

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Root::default()));
    }}

    const BODY: &[u8] = br#"{"error":{"message":"the request carries no credential: ask the operator of this gateway for an API key, and send it as `Authorization: Bearer`","type":"authentication_error","param":null,"code":"missing_credential"}}"#;

    #[derive(Default)]
    struct Root {
        replies: bool,
    }

    impl Context for Root {}

    impl RootContext for Root {
        fn on_configure(&mut self, size: usize) -> bool {
            self.replies = size > 0;
            true
        }

        fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
            Some(Box::new(Filter {
                replies: self.replies,
            }))
        }

        fn get_type(&self) -> Option<ContextType> {
            Some(ContextType::HttpContext)
        }
    }

    struct Filter {
        replies: bool,
    }

    impl Context for Filter {}

    impl HttpContext for Filter {
        fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
            if !self.replies {
                return Action::Continue;
            }
            let headers = vec![
                ("content-type", "application/json"),
                ("www-authenticate", r#"Bearer realm="bench""#),
                ("x-should-retry", "false"),
            ];
            self.send_http_response(401, headers, Some(BODY));
            Action::Pause
        }
    }
}
