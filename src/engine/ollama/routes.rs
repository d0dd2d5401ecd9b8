//! Ollama's routes, and those that the configuration adds.

use super::route::{ROUTES, Route};

/// Every route of one configuration.
///
/// INVARIANT: no mapped route overlaps a known one, and the known ones are asked first.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// the exact ones first, then the longer before the shorter
    mapped: Vec<Route>,
}

/// Why a route is not mapped: another that has a part of its requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// one of Ollama's own
    Known(&'static Route),
    /// one that is mapped already
    Twice,
}

impl Routes {
    /// Adds `route`.
    ///
    /// # Errors
    /// It would change what is needed for a route that the gate knows, or it says a second time what
    /// is needed for one path or one prefix.
    pub(crate) fn map(&mut self, route: Route) -> Result<(), Taken> {
        if let Some(known) = ROUTES.iter().find(|known| route.overlaps(known)) {
            return Err(Taken::Known(known));
        }
        let same = |own: &&Route| own.pattern() == route.pattern();
        let both = |own: &Route| {
            own.methods()
                .iter()
                .any(|own| route.methods().contains(own))
        };
        if self.mapped.iter().filter(same).any(both) {
            return Err(Taken::Twice);
        }
        let place = self
            .mapped
            .partition_point(|own| own.rank() <= route.rank());
        self.mapped.insert(place, route);
        Ok(())
    }

    /// The route that `method` on the decoded `path` is; of several, the one that says most.
    pub(crate) fn find(&self, method: &[u8], path: &str) -> Option<&Route> {
        let mapped = || self.mapped.iter().find(|route| route.serves(method, path));
        Route::find(method, path).or_else(mapped)
    }

    /// Those that the configuration adds.
    pub(super) fn mapped(&self) -> impl Iterator<Item = &Route> {
        self.mapped.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ollama::Scope;

    fn route(path: &str, below: bool) -> Route {
        Route::mapped(vec!["GET"], path, below, Scope::Read)
    }

    #[test]
    fn the_one_that_says_most_decides_whatever_the_order() {
        let scopes = [
            ("/x", true, Scope::Read),
            ("/x/y", true, Scope::Inference),
            ("/x/y/z", false, Scope::Manage),
            ("/x/y", false, Scope::Cloud),
        ];
        for start in 0..scopes.len() {
            let mut routes = Routes::default();
            for step in 0..scopes.len() {
                let (path, below, scope) = scopes[(start + step) % scopes.len()];
                let route = Route::mapped(vec!["GET"], path, below, scope);
                assert_eq!(routes.map(route), Ok(()), "{start}, {step}");
            }
            for (path, scope) in [
                ("/x", Scope::Read),
                ("/x/a", Scope::Read),
                ("/x/ya", Scope::Read),
                ("/x/y", Scope::Cloud),
                ("/x/y/", Scope::Inference),
                ("/x/y/a", Scope::Inference),
                ("/x/y/z", Scope::Manage),
                ("/x/y/z/", Scope::Inference),
            ] {
                let found = routes.find(b"GET", path).map(Route::scope);
                assert_eq!(found, Some(scope), "{path}");
            }
            assert_eq!(routes.find(b"GET", "/xy"), None, "{start}");
            assert_eq!(routes.find(b"HEAD", "/x"), None, "{start}");
        }
    }

    #[test]
    fn one_path_is_mapped_once_for_each_method() {
        let mut routes = Routes::default();
        assert_eq!(routes.map(route("/x", true)), Ok(()));
        assert_eq!(routes.map(route("/x", false)), Ok(()));
        assert_eq!(routes.map(route("/x", true)), Err(Taken::Twice));
        assert_eq!(routes.map(route("/x", false)), Err(Taken::Twice));
        let other = Route::mapped(vec!["POST"], "/x", true, Scope::Manage);
        assert_eq!(routes.map(other), Ok(()));
        let found = routes.find(b"POST", "/x/a").map(Route::scope);
        assert_eq!(found, Some(Scope::Manage));
    }

    #[test]
    fn nothing_that_a_known_route_serves_can_be_mapped() {
        for known in ROUTES {
            let path = known.pattern().replace(['{', '}'], "");
            for method in known.methods() {
                let mut end = path.len();
                // The path itself, and every folder that it is in.
                while let Some(part) = path.get(..end).filter(|part| !part.is_empty()) {
                    let of = |below| Route::mapped(vec![method], part, below, Scope::Read);
                    let mut routes = Routes::default();
                    assert!(routes.map(of(true)).is_err(), "{method} {part}");
                    let known_too = Route::find(method.as_bytes(), part).is_some();
                    assert_eq!(routes.map(of(false)).is_err(), known_too, "{part}");
                    assert!(
                        routes.find(method.as_bytes(), &path) == Some(known),
                        "{method} {path}"
                    );
                    end = part.rfind('/').unwrap_or_default();
                }
            }
        }
    }

    #[test]
    fn what_lies_beside_a_known_route_can_be() {
        for (path, below) in [
            ("/metrics", false),
            ("/api/tag", true),
            ("/api/tags/more", true),
            ("/v1/models/a/b", true),
            ("/v1/model", true),
            ("/api/new", true),
        ] {
            assert_eq!(Routes::default().map(route(path, below)), Ok(()), "{path}");
        }
        // A known path with a method that Ollama has not for it.
        assert_eq!(Routes::default().map(route("/api/delete", false)), Ok(()));
    }
}
