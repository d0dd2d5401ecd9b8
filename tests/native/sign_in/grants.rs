//! What the provider gives for refresh tokens.

use super::{CLIENT_SECRET, ISSUER, put};
use crate::world::signer;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

/// What it gives, and has given.
#[derive(Debug)]
pub(super) struct Grants {
    /// whether it issues any
    pub issues: Cell<bool>,
    /// whether each is good for one use
    pub rotates: Cell<bool>,
    /// for how long an access token is good, if it says so
    pub expires_in: Cell<Option<i64>>,
    /// how long each of them is, in bytes
    pub length: Cell<usize>,
    /// put into refreshed ID tokens; `null` takes out
    pub claims: RefCell<Value>,
    /// the number of the key that signs them
    pub key: Cell<u8>,
    /// whether there are any
    pub names: Cell<bool>,
    /// in place of what is answered to one
    pub answer: RefCell<Option<(u16, Vec<u8>)>>,
    /// how many were good
    pub refreshes: Cell<u32>,
    /// how many were not
    pub refused: Cell<u32>,
    good: RefCell<HashSet<String>>,
    count: Cell<u32>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            issues: Cell::new(false),
            rotates: Cell::new(true),
            expires_in: Cell::new(Some(300)),
            length: Cell::new(43),
            claims: RefCell::new(json!({})),
            key: Cell::new(1),
            names: Cell::new(true),
            answer: RefCell::default(),
            refreshes: Cell::default(),
            refused: Cell::default(),
            good: RefCell::default(),
            count: Cell::default(),
        }
    }
}

impl Grants {
    /// Good ones of before are good no more: whoever they are of was locked out.
    pub(super) fn end(&self) {
        self.good.borrow_mut().clear();
    }

    /// Puts into `answer` what belongs to tokens.
    pub(super) fn issue(&self, answer: &mut Value) {
        self.count.set(self.count.get() + 1);
        answer["expires_in"] = self.expires_in.get().map_or(Value::Null, Value::from);
        if answer["expires_in"].is_null() {
            answer.as_object_mut().unwrap().remove("expires_in");
        }
        if self.issues.get() {
            let token = format!(
                "{:r<1$}",
                format!("rt-{}-", self.count.get()),
                self.length.get()
            );
            self.good.borrow_mut().insert(token.clone());
            answer["refresh_token"] = json!(token);
        }
    }

    /// Answers to the refresh token in `form`, `now`.
    pub(super) fn refresh(&self, form: &HashMap<String, String>, now: i64) -> (u16, Vec<u8>) {
        assert!(!form.values().any(|value| value.contains(CLIENT_SECRET)));
        if let Some(answer) = self.answer.borrow().clone() {
            return answer;
        }
        let token = &form["refresh_token"];
        if !self.good.borrow().contains(token) {
            // Whoever uses one twice may have stolen it: all of them are over (RFC 9700 section 4.14.2).
            self.end();
            self.refused.set(self.refused.get() + 1);
            return (400, br#"{"error":"invalid_grant"}"#.to_vec());
        }
        self.refreshes.set(self.refreshes.get() + 1);
        let mut answer = json!({ "token_type": "Bearer", "access_token": format!("at-{now}") });
        if self.names.get() {
            let mut claims = json!({
                "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": now, "exp": now + 300,
            });
            put(&mut claims, &self.claims.borrow());
            let key = self.key.get();
            let header = json!({ "alg": "EdDSA", "kid": format!("k{key}") });
            let token = signer(key).sign(&header.to_string(), &claims.to_string());
            answer["id_token"] = json!(token);
        }
        if self.rotates.get() {
            self.good.borrow_mut().remove(token);
            self.issue(&mut answer);
        } else {
            let issues = self.issues.replace(false);
            self.issue(&mut answer);
            self.issues.set(issues);
        }
        (200, answer.to_string().into_bytes())
    }
}
