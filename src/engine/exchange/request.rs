//! One request, as far as its head says: what is read of it is read once, and carried.

use super::Engine;
use crate::credential::{Copies, Presented};
use crate::denial::{Denial, Reason};
use crate::http::{
    DecodedPath, FieldKind, PathError, PathPrefix, RequestHead, RequestLine, cookie,
};
use crate::ollama::{Naming, Route};
use std::cell::OnceCell;

/// A request under a configuration.
#[derive(Debug)]
pub(crate) struct Request<'h, 'a> {
    /// the configuration that decides
    pub engine: &'a Engine,
    /// its head
    pub head: &'h RequestHead<'a>,
    path: Result<DecodedPath<'a>, PathError>,
    /// the route, if it has one that the gate knows
    pub route: Option<&'a Route>,
    presented: Result<Presented<'a>, Denial>,
    copies: OnceCell<Copies<'a>>,
}

impl<'h, 'a> Request<'h, 'a> {
    /// That with `head`, under the configuration of `engine`.
    pub(crate) fn new(engine: &'a Engine, head: &'h RequestHead<'a>) -> Self {
        let path = head.decoded_path();
        let local = path.as_ref().ok();
        let local = local.and_then(|path| engine.local(path.as_str()));
        let route = local.and_then(|local| engine.routes.find(head.method(), local));
        Self {
            engine,
            head,
            path,
            route,
            presented: Presented::collect(head, &engine.credential_headers),
            copies: OnceCell::new(),
        }
    }

    /// Refuses one whose path two readers could read differently.
    ///
    /// # Errors
    /// [`Reason::MalformedPath`].
    pub(crate) fn check_path(&self) -> Result<(), Denial> {
        match &self.path {
            Ok(_) => Ok(()),
            Err(error) => Err(Denial::new(Reason::MalformedPath, error.advice())),
        }
    }

    /// The path as Ollama will know it; `None` if it is malformed or not below the prefix.
    pub(super) fn local_path(&self) -> Option<&str> {
        self.engine.local(self.path.as_ref().ok()?.as_str())
    }

    /// The first line, as rules look at it.
    pub(crate) fn line(&self) -> RequestLine<'_> {
        RequestLine {
            method: self.head.method(),
            path: self.local_path().unwrap_or_default(),
            has_query: self.path.as_ref().is_ok_and(DecodedPath::has_query),
        }
    }

    /// What it presents.
    ///
    /// # Errors
    /// The credentials contradict each other: nobody can say which there are.
    pub(crate) fn presented(&self) -> Result<&Presented<'a>, Denial> {
        self.presented.as_ref().map_err(Denial::clone)
    }

    /// What it presents, with what stands in cookies and beside a key.
    ///
    /// # Errors
    /// As of [`Self::presented`].
    pub(crate) fn copies(&self) -> Result<&Copies<'a>, Denial> {
        let presented = self.presented()?;
        Ok(self.copies.get_or_init(|| self.collect_copies(presented)))
    }

    fn collect_copies(&self, presented: &Presented<'a>) -> Copies<'a> {
        let mut copies = Copies::of(presented);
        for name in self.engine.authenticators.cookie_names() {
            let headers = self.head.values(FieldKind::Cookie);
            let values = headers.filter_map(|header| cookie(header, name).ok().flatten());
            values.for_each(|value| copies.add(value));
        }
        for name in &self.engine.upstream.token_headers {
            let values = self.head.values_of(name);
            values.for_each(|value| copies.add(value.trim_ascii()));
        }
        copies
    }

    /// The model that the path names.
    #[inline(never)] // hardly ever asked
    pub(crate) fn model_in_path(&self) -> Option<String> {
        let route = self.route.filter(|route| route.naming() == Naming::Path)?;
        Some(route.parameter(self.local_path()?).to_owned())
    }

    /// The refusal of one that has no route.
    pub(crate) fn unfound(&self) -> Denial {
        match (self.local_path(), &self.engine.path_prefix) {
            (Some(local), _) => {
                let routes = &self.engine.routes;
                routes.refusal(self.head.method(), local, self.head.path())
            }
            (None, prefix) => {
                let prefix = prefix.as_ref().map_or("", PathPrefix::as_str);
                let advice = format!(
                    "the gate is mounted at `{prefix}`: your client's base URL has to begin with \
                     the gate's address and `{prefix}`"
                );
                Denial::new(Reason::UnknownRoute, advice)
            }
        }
    }
}

impl Engine {
    /// `target`, path and query as sent, without the prefix, if it is below it.
    pub(crate) fn local_target<'p>(&self, target: &'p [u8]) -> &'p [u8] {
        let prefix = self.path_prefix.as_ref();
        let below = prefix.and_then(|prefix| prefix.strip_bytes(target));
        below.unwrap_or(target)
    }

    /// `path` as Ollama will know it, or `None` if it is not below the prefix.
    fn local<'p>(&self, path: &'p str) -> Option<&'p str> {
        match &self.path_prefix {
            Some(prefix) => prefix.strip(path),
            None => Some(path),
        }
    }
}
