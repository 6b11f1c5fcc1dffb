//! What every request passes before its handler: is it meant for us, who makes it, may they?

use super::Guard;
use super::rules::{self, Need, Rule, Trail};
use super::who::Who;
use crate::server::app::App;
use crate::server::fault::{Code, Fault};
use crate::server::listen::Standing;
use crate::web::origin::{self, Origin};
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The name of the cookie of those who signed in.
pub const COOKIE: &str = "lpr_session";

/// Where a request comes from: put there by the listener.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub address: SocketAddr,
    /// Shared with the connection, which takes little from those whom nobody knows.
    pub standing: Arc<Standing>,
}

/// Of a request's extensions; a request that no listener marked comes from nowhere that is trusted.
pub fn address_of(extensions: &Extensions) -> IpAddr {
    let address = extensions.get::<Visitor>().map(|visitor| visitor.address.ip().to_canonical());
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

impl Visitor {
    /// The connection is of someone who was let in.
    pub fn vouch(&self) {
        self.standing.vouch();
    }
}

/// The middleware.
pub async fn door(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let guard = &app.guard;
    let origin = match guard.meant_for_us(&request) {
        Ok(origin) => origin,
        Err(fault) => return fault.into_response(),
    };
    // Only a listed page is told anything about it.
    let listed = (origin == Origin::Listed).then(|| request.headers().get(header::ORIGIN).cloned()).flatten();
    if listed.is_some() && request.method() == Method::OPTIONS {
        return allow(StatusCode::NO_CONTENT.into_response(), listed);
    }
    let rule = rule_of(&request);
    let who = match guard.let_in(&request, rule, origin) {
        Ok(who) => who,
        Err(fault) => return allow(refusal(&fault), listed),
    };
    if let Some(who) = &who {
        if let Some(visitor) = request.extensions().get::<Visitor>() {
            visitor.vouch();
        }
        request.extensions_mut().insert(who.clone());
    }
    let is_safe = request.method().is_safe();
    let passing = pass(app, request, next, rule, who);
    let response = if is_safe { passing.await } else { to_its_end(passing).await };
    allow(response, listed)
}

/// A sender that hangs up takes its request with it. What changes something is gone through with all the same: after the
/// commit the rooms, the webhook and the audit trail must still hear of it.
async fn to_its_end(passing: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(passing).await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Fault::new(Code::Unavailable, "the server is stopping; send it again later").into_response(),
    }
}

/// The way of a request that may pass, from the handler to the answer.
async fn pass(app: Arc<App>, request: Request, next: Next, rule: Rule, who: Option<Who>) -> Response {
    let note = app.guard.line_for(&request, rule, who.as_ref());
    let visitor = request.extensions().get::<Visitor>().cloned();
    let mut response = next.run(request).await;
    if let Some(visitor) = visitor {
        visitor.standing.answered();
    }
    // What needs a right to be seen is kept in no cache that does not know the right.
    if rule.need != Need::Nothing && !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some((name, action, what, address)) = note
        && response.status().is_success()
    {
        app.guard.note(&name, action, &what, address);
    }
    match who {
        Some(who) if response.body().size_hint().exact().is_none() => response.map(|body| while_known(app, who, body)),
        _ => response,
    }
}

/// A long answer is cut off where its reader loses the right to it.
fn while_known(app: Arc<App>, who: Who, body: Body) -> Body {
    let chunks = body.into_data_stream().map(move |chunk| match app.guard.still_knows(&who) {
        true => chunk,
        false => Err(axum::Error::new(std::io::Error::other("the reader's token is revoked"))),
    });
    Body::from_stream(chunks)
}

/// The line of the route; an address that the router does not have needs no one's leave to be missing.
fn rule_of(request: &Request) -> Rule {
    match request.extensions().get::<MatchedPath>() {
        Some(path) => rules::of(request.method().as_str(), path.as_str()),
        None => Rule { method: "", path: "", need: Need::Nothing, trail: Trail::Silent },
    }
}

fn refusal(fault: &Fault) -> Response {
    let mut response = fault.clone().into_response();
    if fault.code == Code::Unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Lets a listed page read the answer. Never with cookies: it brings a token.
fn allow(mut response: Response, listed: Option<HeaderValue>) -> Response {
    if let Some(origin) = listed {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let fixed = [
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

impl Guard {
    /// Refuses what was meant for another name, and what another site's page sends.
    fn meant_for_us(&self, request: &Request) -> Result<Origin, Fault> {
        let hosts = &self.config.auth.hosts;
        let named = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let named: Vec<&str> = named.chain(request.uri().authority().map(|authority| authority.as_str())).collect();
        let said = request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
        // An agent calls by whatever name it was given and shows a token. Only a browser can be led here by a name that
        // someone made point to us, and only an open door or its cookie would let it in.
        let is_page = said.is_some() || request.headers().contains_key(header::COOKIE);
        let is_strict = is_page || self.is_open();
        let is_foreign = |host: &str| !origin::host_is_ours(host, hosts) && (is_strict || host.is_empty());
        if let Some(foreign) = named.iter().find(|host| is_foreign(host)) {
            let name = super::audit::plain(foreign);
            let message = format!(
                "this server is not known by the name \"{name}\"; call it by its address, or list the name in [auth] hosts"
            );
            return Err(Fault::new(Code::Forbidden, message));
        }
        match origin::judge(said, named.first().copied(), hosts, &self.config.auth.cors_origins) {
            Origin::Foreign => Err(Fault::new(
                Code::Forbidden,
                "pages of another site may not call this server; [auth] cors_origins lists those that may",
            )),
            origin => Ok(origin),
        }
    }

    /// Who makes the request, where it matters and is allowed.
    fn let_in(&self, request: &Request, rule: Rule, origin: Origin) -> Result<Option<Who>, Fault> {
        let address = address_of(request.extensions());
        // Pages elsewhere bring a token, if anything: a cookie is only our own page's.
        let is_elsewhere = origin == Origin::Listed || is_from_elsewhere(request.headers());
        let cookie = cookie(request.headers()).filter(|_| !is_elsewhere);
        let known = match bearer(request.headers()) {
            Some(token) => self.know(Some(token), address),
            None => match cookie.and_then(|value| self.know_by_cookie(value)) {
                Some(who) => Ok(Some(who)),
                None => self.know(None, address),
            },
        };
        let who = match known {
            // A door that is open to all is open to those with a wrong token too.
            Err(_) if rule.need == Need::Nothing => None,
            known => known?,
        };
        if let Some(who) = &who
            && who.is_by_cookie()
            && !request.method().is_safe()
            && origin != Origin::Ours
        {
            return Err(Fault::new(Code::Forbidden, "a call by cookie must come from this server's own page"));
        }
        let may = match (&who, rule.need) {
            (_, Need::Nothing) => true,
            (_, Need::Metrics) if address.is_loopback() && !is_forwarded(request.headers()) => true,
            (Some(who), need) => who.role.may(need),
            (None, _) => false,
        };
        match &who {
            _ if may => Ok(who),
            Some(who) if who.role != super::Role::Legacy => {
                Err(Fault::new(Code::Forbidden, format!("a token of the role {} may not do this", who.role.as_str())))
            }
            _ => Err(Fault::new(Code::Unauthorized, "this needs a token: send Authorization: Bearer, or sign in")),
        }
    }

    /// What the audit trail is to say if the call succeeds.
    fn line_for(
        &self,
        request: &Request,
        rule: Rule,
        who: Option<&Who>,
    ) -> Option<(String, &'static str, String, IpAddr)> {
        let query = request.uri().query().unwrap_or_default();
        let action = match rule.trail {
            Trail::Silent => return None,
            Trail::Search if !rules::looks_for_something(query) => return None,
            Trail::Search => "search",
            Trail::Says(action) => action,
        };
        let name = who.map_or("-", |who| who.name.as_str()).to_owned();
        let what = match query {
            "" => request.uri().path().to_owned(),
            query => format!("{}?{query}", request.uri().path()),
        };
        Some((name, action, what, address_of(request.extensions())))
    }
}

/// The browser itself says that a page of another origin makes the call: one on another port of this host is as foreign as
/// one on another host, but has our cookie. Where its origin is word for word what we are called there is nothing to ask.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()?.split_once("://"));
    let is_host = origin.is_some_and(|(_, authority)| authority.as_bytes().eq_ignore_ascii_case(host));
    !is_host && headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// A proxy on this machine says that it speaks for someone else.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    // Another scheme is a proxy's, not ours.
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session cookie's value.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_no_other_is_taken_for_it() {
        let with = |value: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(value))]);
        assert_eq!(cookie(&with("a=1; lpr_session=lpr_x_y; b=2")), Some("lpr_x_y"));
        assert_eq!(cookie(&with("xlpr_session=1; lpr_session2=3")), None);
    }

    #[test]
    fn another_scheme_is_not_ours() {
        let with =
            |value: &'static str| HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&with("bearer  abc ")), Some("abc"));
        assert_eq!(bearer(&with("Basic abc")), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
