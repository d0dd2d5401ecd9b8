//! Where the provider of `login` is asked what.

use super::login::{LoginSection, fetch_rules};
use super::reader::Reader;
use super::server::{self, NamedServer};
use super::table::Member;
use crate::authn::jwt::{Location as KeysAt, metadata_of};
use crate::http::Url;
use crate::login::{Endpoints, Location, Metadata, UserInfo};
use crate::source::{Endpoint, Source, Sources, Upstreams};
use std::rc::Rc;
use std::time::Duration;

const FIELD: &str = "login.upstreams";
const ADDRESS: &str = "an address that begins with https:// or http://";

/// Where the provider called `issuer` is asked what, and where its keys are. What has to be fetched to know is added to
/// `sources`.
pub(super) fn locate(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    section: &LoginSection<'_>,
    (issuer, timeout): (Option<&str>, Duration),
) -> Option<(Location, KeysAt)> {
    let upstream = section.upstream.read(reader, |reader, node| {
        reader.text(node, "the name of an upstream")
    });
    let named = server::upstreams(reader, &section.upstreams);
    let end_session = page(reader, &section.end_session_endpoint);
    let endpoints = [
        &section.authorization_endpoint,
        &section.token_endpoint,
        &section.jwks_uri,
    ];
    if endpoints.iter().any(|member| member.is_given()) {
        for member in endpoints.iter().filter(|member| !member.is_given()) {
            let message = "is required where one of `authorization_endpoint`, `token_endpoint` and `jwks_uri` is given";
            reader.refuse(&member.place(), message);
        }
        let (endpoints, keys) = given(reader, section, (upstream, &named), end_session)?;
        return Some((Location::At(Rc::new(endpoints)), KeysAt::At(keys)));
    }
    let issuer = issuer?;
    let Some(url) = metadata_of(issuer) else {
        let message = "has a query, so that nothing can be discovered from it: give the endpoints";
        reader.refuse(&section.issuer.place(), message);
        return None;
    };
    let upstream = upstream.unwrap_or_default();
    let home = (Endpoint { upstream, url }, "issuer");
    let upstreams = Rc::new(server::servers(reader, home, &named, FIELD));
    let document = Metadata {
        issuer: issuer.to_owned(),
        upstreams: Rc::clone(&upstreams),
        timeout,
        end_session,
        user_info: read_user_info(reader, section, (&upstreams, "issuer"))?,
    };
    let name = "login: metadata".to_owned();
    let source = Source::new(name, document, fetch_rules(3600), reader.seed);
    let issuer = issuer.to_owned();
    let keys = KeysAt::Discovered { issuer, upstreams };
    Some((Location::Discovered(sources.add(source)), keys))
}

/// The endpoints that are configured, and that of the keys.
fn given(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    (upstream, named): (Option<String>, &[NamedServer<'_>]),
    end_session: Option<String>,
) -> Option<(Endpoints, Endpoint)> {
    let authorization = page(reader, &section.authorization_endpoint);
    let (token, keys) = (
        address(reader, &section.token_endpoint),
        address(reader, &section.jwks_uri),
    );
    let token = Endpoint {
        upstream: upstream.unwrap_or_default(),
        url: token?,
    };
    let home = (token.clone(), "token_endpoint");
    let upstreams = server::servers(reader, home, named, FIELD);
    let near = (&upstreams, "token_endpoint");
    let keys = keys.map(|url| on_named(reader, &section.jwks_uri, url, near));
    let user_info = match read_user_info(reader, section, near)? {
        UserInfo::NotAsked => None,
        UserInfo::At(endpoint) => Some(endpoint),
        UserInfo::Discovered => {
            let message = "is required with `userinfo` where the other endpoints are given";
            reader.refuse(&section.userinfo_endpoint.place(), message);
            None
        }
    };
    let keys = keys??;
    let asked = [Some(&token), Some(&keys), user_info.as_ref()];
    let asked = asked.map(|endpoint| endpoint.map(|endpoint| &endpoint.url));
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    for server in named {
        server.check_used(reader, &asked);
    }
    let endpoints = Endpoints {
        authorization: authorization?,
        token,
        end_session,
        user_info,
        names_issuer: false,
    };
    Some((endpoints, keys))
}

/// Whether and where the provider is asked about a person. A place that is given is on one of the servers that are
/// named, the first of which is that of the field `of`.
fn read_user_info(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    near: (&Upstreams, &str),
) -> Option<UserInfo> {
    let asks = reader.is_true(&section.userinfo);
    let member = &section.userinfo_endpoint;
    let Some(node) = member.node() else {
        return Some(if asks {
            UserInfo::Discovered
        } else {
            UserInfo::NotAsked
        });
    };
    if !asks {
        reader.refuse(&node, "has no effect without `userinfo`");
    }
    let url = address(reader, member)?;
    let endpoint = on_named(reader, member, url, near)?;
    Some(if asks {
        UserInfo::At(endpoint)
    } else {
        UserInfo::NotAsked
    })
}

/// What `url` is, the value of `member`, on a server that is named; the first of them is that of the field `of`.
fn on_named(
    reader: &mut Reader<'_>,
    member: &Member<'_>,
    url: Url,
    (upstreams, of): (&Upstreams, &str),
) -> Option<Endpoint> {
    let host = url.authority().to_owned();
    let found = upstreams.endpoint(url);
    if found.is_none() {
        let message = format!(
            "is on another server than `{of}`: name an upstream for it, `{{ \"{host}\": \"NAME\" }}` in `upstreams`"
        );
        reader.refuse(&member.place(), message);
    }
    found
}

fn address(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Url> {
    member.read(reader, |reader, node| {
        reader.parsed(node, ADDRESS, Url::parse)
    })
}

/// The address of a page that browsers are sent to.
fn page(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<String> {
    member.read(reader, |reader, node| {
        let page = |text: &str| Url::parse(text).map(|_| text.to_owned());
        reader.parsed(node, ADDRESS, page)
    })
}
