//! Where the provider of `login` is asked what.

use super::login::{LoginSection, fetch_rules};
use super::reader::Reader;
use super::table::Member;
use crate::authn::jwt::{Location as KeysAt, Server};
use crate::http::Url;
use crate::login::{Endpoints, Location, Metadata, UserInfo};
use crate::source::{Source, Sources};
use std::rc::Rc;

/// What the configuration says of the provider's endpoints.
pub(super) enum Given {
    /// all, and where the keys are
    Endpoints(Endpoints, Url),
    /// they have to be discovered, but perhaps for where to sign out, and where to ask about a person
    Discovery(Option<String>, UserInfo),
}

pub(super) fn read_endpoints(reader: &mut Reader<'_>, section: &LoginSection<'_>) -> Option<Given> {
    let expected = "an address that begins with https:// or http://";
    let mut address = |member: &Member<'_>| {
        member.read(reader, |reader, node| {
            reader.parsed(node, expected, Url::parse)
        })
    };
    let (token, keys) = (address(&section.token_endpoint), address(&section.jwks_uri));
    let mut page = |member: &Member<'_>| {
        member.read(reader, |reader, node| {
            let page = |text: &str| Url::parse(text).map(|_| text.to_owned());
            reader.parsed(node, expected, page)
        })
    };
    let authorization = page(&section.authorization_endpoint);
    let end_session = page(&section.end_session_endpoint);
    let all = [
        &section.authorization_endpoint,
        &section.token_endpoint,
        &section.jwks_uri,
    ];
    let given = all.iter().filter(|member| member.is_given()).count();
    if given == 0 {
        let near = section.issuer.node().and_then(|node| node.json.text());
        let near = near.and_then(Url::parse);
        let user_info = read_user_info(reader, section, (near.as_ref(), "issuer"))?;
        return Some(Given::Discovery(end_session, user_info));
    }
    for member in all.iter().filter(|member| !member.is_given()) {
        let message = "is required where one of `authorization_endpoint`, `token_endpoint` and `jwks_uri` is given";
        reader.refuse(&member.place(), message);
    }
    let (token, keys) = (token?, keys?);
    if !keys.is_on_server_of(&token) {
        let message = "is on another server than `token_endpoint`, and `upstream` is one server";
        reader.refuse(&section.jwks_uri.place(), message);
    }
    let user_info = match read_user_info(reader, section, (Some(&token), "token_endpoint"))? {
        UserInfo::NotAsked => None,
        UserInfo::At(url) => Some(url),
        UserInfo::Discovered => {
            let message = "is required with `userinfo` where the other endpoints are given";
            reader.refuse(&section.userinfo_endpoint.place(), message);
            None
        }
    };
    let endpoints = Endpoints {
        authorization: authorization?,
        token,
        end_session,
        user_info,
        names_issuer: false,
    };
    Some(Given::Endpoints(endpoints, keys))
}

/// Where the provider is asked what, and where its keys are. What has to be fetched to know is added to `sources`.
pub(super) fn locate(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    section: &LoginSection<'_>,
    (given, issuer, server): (Given, &str, &Server),
) -> Option<(Location, KeysAt)> {
    let (end_session, user_info) = match given {
        Given::Endpoints(endpoints, keys) => {
            return Some((Location::At(Rc::new(endpoints)), KeysAt::At(keys)));
        }
        Given::Discovery(end_session, user_info) => (end_session, user_info),
    };
    let Some(KeysAt::Discovered { issuer, metadata }) = KeysAt::discovered(issuer) else {
        let message = "has a query, so that nothing can be discovered from it: give the endpoints";
        reader.refuse(&section.issuer.place(), message);
        return None;
    };
    let document = Metadata {
        issuer: issuer.clone(),
        address: metadata.clone(),
        upstream: server.upstream.clone(),
        timeout: server.timeout,
        end_session,
        user_info,
    };
    let name = "login: metadata".to_owned();
    let source = Source::new(name, document, fetch_rules(3600), reader.seed);
    let keys = KeysAt::Discovered { issuer, metadata };
    Some((Location::Discovered(sources.add(source)), keys))
}

/// Whether and where the provider is asked about a person. A place that is given is on the server of `near`, which
/// is what the field of this name says.
fn read_user_info(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    (near, of): (Option<&Url>, &str),
) -> Option<UserInfo> {
    let asks = reader.is_true(&section.userinfo);
    let Some(node) = section.userinfo_endpoint.node() else {
        return Some(if asks {
            UserInfo::Discovered
        } else {
            UserInfo::NotAsked
        });
    };
    if !asks {
        reader.refuse(&node, "has no effect without `userinfo`");
    }
    let expected = "an address that begins with https:// or http://";
    let url = reader.parsed(&node, expected, Url::parse)?;
    if near.is_some_and(|near| !url.is_on_server_of(near)) {
        let message = format!("is on another server than `{of}`, and `upstream` is one server");
        reader.refuse(&node, message);
    }
    Some(if asks {
        UserInfo::At(url)
    } else {
        UserInfo::NotAsked
    })
}
