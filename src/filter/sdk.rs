//! Hangs the filter into the SDK's dispatcher.

use crate::calls::Gateway;
use crate::{CallToken, Filter, Flow, Root};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::new(Gateway)));
}}

impl From<Flow> for Action {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Continue => Self::Continue,
            Flow::Pause => Self::Pause,
        }
    }
}

impl Context for Root<Gateway> {
    fn on_http_call_response(
        &mut self,
        token: u32,
        _headers: usize,
        size: usize,
        _trailers: usize,
    ) {
        self.call_done(CallToken(token), size);
    }
}

impl RootContext for Root<Gateway> {
    fn on_configure(&mut self, _size: usize) -> bool {
        self.configure()
    }

    fn on_tick(&mut self) {
        self.tick();
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(self.filter().in_context(context_id)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Filter<Gateway> {
    fn on_http_call_response(
        &mut self,
        token: u32,
        _headers: usize,
        size: usize,
        _trailers: usize,
    ) {
        self.call_done(CallToken(token), size);
    }
}

impl HttpContext for Filter<Gateway> {
    fn on_http_request_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        self.request_head(count, end_of_stream).into()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.request_body(size, end_of_stream).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.request_trailers().into()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.response_head(end_of_stream).into()
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.response_body(size, end_of_stream).into()
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.response_trailers().into()
    }
}
