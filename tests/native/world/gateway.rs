//! The world's gateway: a host in memory that remembers what it was asked and told.

use ollama_gate::{CallToken, Counter, Gauge, Host, Status, serialize};
use ollama_gate_engine::{Call, Level, Reply};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// A foreign function of the host: its name and arguments in, its answer out.
type Foreign = fn(&str, &[u8]) -> Result<Vec<u8>, Status>;

/// Values by key, each with its version.
type Versioned = HashMap<String, (Vec<u8>, u32)>;

/// What the world's gateway holds. Calls are counted by name; one can be made to fail.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub configuration: RefCell<Vec<u8>>,
    pub environment: RefCell<HashMap<String, String>>,
    pub seconds: Cell<i64>,
    /// what its clock shows beside whole seconds, in nanoseconds
    pub fraction: Cell<u64>,
    /// what it draws, beside what every other one draws
    pub seed: Cell<u64>,
    pub is_kong: Cell<bool>,
    pub is_apisix: Cell<bool>,
    pub refuses_headers: Cell<bool>,
    pub has_fewer_exports: Cell<bool>,
    pub headers: RefCell<Vec<(String, String)>>,
    /// the target as it was sent, where that is not what the map shows
    pub target: RefCell<Option<Vec<u8>>>,
    /// what the gateway says of the client's address, and by which name of a property
    pub address: RefCell<(String, Vec<u8>)>,
    /// the address before nginx replaced it, where it says one
    pub replaced: RefCell<Option<Vec<u8>>>,
    /// what all configurations in the gateway see
    pub shared: Rc<RefCell<Versioned>>,
    /// what stands behind the body
    pub trailers: RefCell<Vec<(String, String)>>,
    pub body: RefCell<Vec<u8>>,
    pub response: RefCell<Vec<(String, String)>>,
    /// what of the response's body is shown now
    pub response_body: RefCell<Vec<u8>>,
    pub replies: RefCell<Vec<Reply>>,
    pub lines: RefCell<Vec<(Level, String)>>,
    pub counters: RefCell<Vec<(String, u64)>>,
    /// by name, with what each was told to show
    pub gauges: RefCell<Vec<(String, Option<u64>)>>,
    pub calls: RefCell<Vec<&'static str>>,
    pub http_calls: RefCell<Vec<Call>>,
    pub answer: RefCell<Option<(u16, Vec<u8>)>>,
    /// the header fields of that answer, lower-case names
    pub answer_headers: RefCell<Vec<(&'static str, String)>>,
    pub foreign: RefCell<Option<Foreign>>,
    pub failing: RefCell<HashMap<&'static str, Status>>,
    pub properties: RefCell<Vec<(String, String)>>,
    /// how far apart ticks were asked for, in milliseconds, each time
    pub periods: RefCell<Vec<u128>>,
    /// the context that calls are for, once one was entered
    pub context: Cell<Option<u32>>,
}

impl State {
    fn call(&self, name: &'static str) -> Result<(), Status> {
        self.calls.borrow_mut().push(name);
        match self.failing.borrow().get(name) {
            Some(status) => Err(*status),
            None => Ok(()),
        }
    }
}

/// A gateway in memory, as Envoy behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateway(pub Rc<State>);

impl Host for Gateway {
    fn configuration(&self) -> Result<Vec<u8>, Status> {
        self.0.call("configuration")?;
        Ok(self.0.configuration.borrow().clone())
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.0.environment.borrow().get(name).cloned()
    }

    fn wall_clock(&self) -> Result<u64, Status> {
        self.0.call("wall_clock")?;
        Ok(u64::try_from(self.0.seconds.get()).unwrap() * 1_000_000_000 + self.0.fraction.get())
    }

    fn probe_clock_call(&self) -> Result<(), Status> {
        self.0.call("probe_clock_call")?;
        if self.0.is_apisix.get() {
            Err(Status::UNIMPLEMENTED)
        } else {
            Ok(())
        }
    }

    fn probe_context_call(&self) -> Result<(), Status> {
        self.0.call("probe_context_call")?;
        if self.0.is_kong.get() {
            Ok(())
        } else {
            Err(Status::BAD_ARGUMENT)
        }
    }

    fn probe_nginx_property(&self) -> Result<bool, Status> {
        self.0.call("probe_nginx_property")?;
        Ok(self.0.is_kong.get())
    }

    fn request_property(&self, path: &str) -> Result<Option<Vec<u8>>, Status> {
        if path == "ngx\0request_uri" && self.0.is_kong.get() {
            self.0.call("request_target")?;
            let sent = self.0.target.borrow().clone();
            let headers = self.0.headers.borrow();
            let mapped = headers.iter().find(|(name, _)| name == ":path");
            return Ok(sent.or_else(|| mapped.map(|(_, path)| path.clone().into_bytes())));
        }
        self.0.call("request_property")?;
        if matches!(path, "realip_remote_addr" | "ngx\0realip_remote_addr") {
            return Ok(self.0.replaced.borrow().clone());
        }
        let address = self.0.address.borrow();
        Ok((address.0 == path).then(|| address.1.clone()))
    }

    fn request_headers(&self) -> Result<Vec<u8>, Status> {
        self.0.call("request_headers")?;
        let headers = self.0.headers.borrow();
        let pairs = headers.iter();
        Ok(serialize(pairs.map(|(n, v)| (n.as_str(), v.as_str()))).unwrap())
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("request_header")?;
        let headers = self.0.headers.borrow();
        let found = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, value)| value.clone().into_bytes()))
    }

    fn set_request_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_request_header")?;
        let mut headers = self.0.headers.borrow_mut();
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), Status> {
        self.0.call("remove_request_header")?;
        let mut headers = self.0.headers.borrow_mut();
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        Ok(())
    }

    fn clear_request_trailers(&self) -> Result<(), Status> {
        // The world asks by itself where the rest goes, so this is none of the calls that it counts.
        if let Some(status) = self.0.failing.borrow().get("clear_request_trailers") {
            return Err(*status);
        }
        self.0.trailers.borrow_mut().clear();
        Ok(())
    }

    fn shared_data(&self, key: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("shared_data")?;
        let shared = self.0.shared.borrow();
        Ok(shared.get(key).map(|(value, _)| value.clone()))
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        self.0.call("set_shared_data")?;
        let mut shared = self.0.shared.borrow_mut();
        let version = shared.get(key).map_or(1, |(_, version)| version + 1);
        shared.insert(key.to_owned(), (value.to_owned(), version));
        Ok(())
    }

    fn versioned_data(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, Status> {
        self.0.call("versioned_data")?;
        Ok(self.0.shared.borrow().get(key).cloned())
    }

    fn set_versioned_data(&self, key: &str, value: &[u8], version: u32) -> Result<(), Status> {
        self.0.call("set_versioned_data")?;
        let mut shared = self.0.shared.borrow_mut();
        let there = shared.get(key).map(|(_, version)| *version);
        // As Envoy does it: the version of what is not there is not asked for.
        if there.is_some_and(|there| there != version) {
            return Err(Status(8));
        }
        let next = there.unwrap_or_default() + 1;
        shared.insert(key.to_owned(), (value.to_owned(), next));
        Ok(())
    }

    fn ask_for_body(&self) -> Result<(), Status> {
        self.0.call("ask_for_body")
    }

    fn request_body(&self, start: usize, most: usize) -> Result<Vec<u8>, Status> {
        self.0.call("request_body")?;
        let body = self.0.body.borrow();
        let part = body.get(start..).ok_or(Status::NOT_FOUND)?;
        Ok(part.iter().copied().take(most).collect())
    }

    fn sees_responses(&self) -> bool {
        !self.0.has_fewer_exports.get()
    }

    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("response_header")?;
        let response = self.0.response.borrow();
        let found = response.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, value)| value.clone().into_bytes()))
    }

    fn response_body(&self, start: usize, most: usize) -> Result<Vec<u8>, Status> {
        self.0.call("response_body")?;
        let body = self.0.response_body.borrow();
        let part = body.get(start..).ok_or(Status::NOT_FOUND)?;
        Ok(part.iter().copied().take(most).collect())
    }

    fn set_response_body(&self, size: usize, bytes: &[u8]) -> Result<(), Status> {
        self.0.call("set_response_body")?;
        let mut body = self.0.response_body.borrow_mut();
        let size = size.min(body.len());
        body.splice(..size, bytes.iter().copied());
        Ok(())
    }

    fn set_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        response.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn add_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("add_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn remove_response_header(&self, name: &str) -> Result<(), Status> {
        self.0.call("remove_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        Ok(())
    }

    fn set_property(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_property")?;
        let mut properties = self.0.properties.borrow_mut();
        properties.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn enter_context(&self, context: u32) -> Result<(), Status> {
        self.0.call("enter_context")?;
        self.0.context.set(Some(context));
        Ok(())
    }

    fn reply(&self, reply: &Reply) -> Result<(), Status> {
        self.0.call("reply")?;
        if self.0.refuses_headers.get() && !reply.headers.is_empty() {
            return Err(Status(2));
        }
        self.0.replies.borrow_mut().push(reply.clone());
        Ok(())
    }

    fn log(&self, level: Level, line: &str) {
        let _ = self.0.call("log");
        self.0.lines.borrow_mut().push((level, line.to_owned()));
    }

    fn define_counter(&self, name: &str) -> Result<Counter, Status> {
        self.0.call("define_counter")?;
        let mut counters = self.0.counters.borrow_mut();
        counters.push((name.to_owned(), 0));
        Ok(Counter(u32::try_from(counters.len() - 1).unwrap()))
    }

    fn count(&self, counter: Counter, amount: u64) {
        let _ = self.0.call("count");
        self.0.counters.borrow_mut()[counter.0 as usize].1 += amount;
    }

    fn define_gauge(&self, name: &str) -> Result<Gauge, Status> {
        self.0.call("define_gauge")?;
        let mut gauges = self.0.gauges.borrow_mut();
        gauges.push((name.to_owned(), None));
        Ok(Gauge(u32::try_from(gauges.len() - 1).unwrap()))
    }

    fn record(&self, gauge: Gauge, value: u64) {
        let _ = self.0.call("record");
        self.0.gauges.borrow_mut()[gauge.0 as usize].1 = Some(value);
    }

    fn random(&self) -> Result<[u8; 32], Status> {
        self.0.call("random")?;
        Ok([7; 32])
    }

    fn entropy(&self) -> u64 {
        42 + self.0.seed.get()
    }

    fn set_tick(&self, period: Duration) -> Result<(), Status> {
        self.0.periods.borrow_mut().push(period.as_millis());
        self.0.call("set_tick")
    }

    fn http_call(&self, call: &Call) -> Result<CallToken, Status> {
        self.0.call("http_call")?;
        let mut calls = self.0.http_calls.borrow_mut();
        calls.push(call.clone());
        Ok(CallToken(u32::try_from(calls.len()).unwrap()))
    }

    fn call_status(&self) -> Option<u16> {
        self.0.answer.borrow().as_ref().map(|answer| answer.0)
    }

    fn call_header(&self, name: &str) -> Option<String> {
        let headers = self.0.answer_headers.borrow();
        let found = headers.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.clone())
    }

    fn call_body(&self) -> Result<Vec<u8>, Status> {
        self.0.call("call_body")?;
        let answer = self.0.answer.borrow();
        Ok(answer
            .as_ref()
            .map(|answer| answer.1.clone())
            .unwrap_or_default())
    }

    fn resume(&self) -> Result<(), Status> {
        self.0.call("resume")
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        self.0.call("call_foreign")?;
        let foreign = *self.0.foreign.borrow();
        foreign.map_or(Err(Status::NOT_FOUND), |foreign| foreign(name, argument))
    }
}
