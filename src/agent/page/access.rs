//! Who may see the page: whether a request was meant for it, the token, and who has signed in. Pure; `now` is time since
//! boot.

use crate::config::Secret;
use crate::web::origin::{self, Origin};
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The cookie of those who signed in. Not the server's name: a browser gives a cookie to every port of a host.
pub const COOKIE: &str = "lpr_agent_session";

/// How long a sign-in lasts.
pub const SESSION: Duration = Duration::from_secs(12 * 3600);

/// People who are signed in at once; the next one takes the place of the first.
const MOST_SESSIONS: usize = 16;

/// Wrong tokens within [`WINDOW`], of whomever.
const TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// What is anybody's: the form to sign in with, and whether the program runs.
const OPEN: [&str; 3] = ["/", "/healthz", "/api/signin"];

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this name is not the page's; [page] hosts lists the names under which it is visited")]
    WrongHost,
    #[error("pages of another site may not call this one")]
    Foreign,
    #[error("sign in with the page's token")]
    SignIn,
    #[error("this is not the page's token")]
    WrongToken,
    #[error("too many wrong tokens; try again later")]
    Slow { retry_after_s: u64 },
}

/// The head of a request, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    pub path: &'a str,
    /// `None` where there is none, or more than one.
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`: the browser's own word on who asks.
    pub site: Option<&'a str>,
    pub cookies: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Decides about requests.
pub struct Access {
    /// SHA-256 of it: equal length, and worth nothing to who sees it.
    token: Option<[u8; 32]>,
    hosts: Vec<String>,
    sessions: Vec<([u8; 32], Duration)>,
    wrong: (u32, Duration),
}

impl Access {
    /// `token`: `None` where nobody is asked for one.
    pub fn new(token: Option<&Secret>, hosts: Vec<String>) -> Self {
        let token = token.map(|token| digest(token.reveal()));
        Self { token, hosts, sessions: Vec::new(), wrong: (0, Duration::ZERO) }
    }

    pub fn is_open(&self) -> bool {
        self.token.is_none()
    }

    /// May this request be answered?
    pub fn judge(&self, head: &Head<'_>, now: Duration) -> Result<(), Refusal> {
        let host = head.host.filter(|host| origin::host_is_ours(host, &self.hosts)).ok_or(Refusal::WrongHost)?;
        if origin::judge(head.origin, Some(host), &self.hosts, &[]) == Origin::Foreign {
            return Err(Refusal::Foreign);
        }
        // A link from elsewhere may lead here, but no other page may show our pictures or read our numbers.
        let is_ours = head.site.is_none_or(|site| site == "same-origin" || site == "none");
        if !is_ours && head.path != "/" {
            return Err(Refusal::Foreign);
        }
        let is_open = OPEN.contains(&head.path) || head.path.starts_with("/assets/");
        if is_open || self.knows(head, now) { Ok(()) } else { Err(Refusal::SignIn) }
    }

    fn knows(&self, head: &Head<'_>, now: Duration) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer = head.authorization.and_then(|value| value.strip_prefix("Bearer "));
        bearer.is_some_and(|given| is_same(&digest(given.trim()), token))
            || cookie(head.cookies).is_some_and(|value| self.session(value, now).is_some())
    }

    fn session(&self, value: &str, now: Duration) -> Option<usize> {
        let value = digest(value);
        self.sessions.iter().position(|(session, until)| is_same(session, &value) && now < *until)
    }

    /// Someone typed `token`; where it is right, who has the cookie `fresh` is signed in from now on.
    pub fn sign_in(&mut self, token: &str, fresh: &str, now: Duration) -> Result<(), Refusal> {
        let Some(right) = self.token else { return Ok(()) };
        if now.saturating_sub(self.wrong.1) >= WINDOW {
            self.wrong = (0, now);
        }
        if self.wrong.0 >= TRIES {
            let wait = (self.wrong.1 + WINDOW).saturating_sub(now);
            return Err(Refusal::Slow { retry_after_s: wait.as_secs().max(1) });
        }
        if !is_same(&digest(token), &right) {
            self.wrong.0 += 1;
            return Err(Refusal::WrongToken);
        }
        self.sessions.retain(|(_, until)| now < *until);
        if self.sessions.len() >= MOST_SESSIONS {
            self.sessions.remove(0);
        }
        self.sessions.push((digest(fresh), now + SESSION));
        Ok(())
    }

    /// Whoever has this cookie is signed in no more.
    pub fn sign_out(&mut self, cookies: Option<&str>, now: Duration) {
        if let Some(found) = cookie(cookies).and_then(|value| self.session(value, now)) {
            self.sessions.remove(found);
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// The value of our cookie among those of a `Cookie` header.
fn cookie(header: Option<&str>) -> Option<&str> {
    let pairs = header?.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const TOKEN: &str = "a-token-of-some-length";

    fn closed() -> Access {
        Access::new(Some(&Secret::new(TOKEN)), vec!["gate-3.local".into()])
    }

    fn to(path: &str) -> Head<'_> {
        Head { path, host: Some("127.0.0.1:8088"), ..Head::default() }
    }

    #[test]
    fn a_name_that_someone_else_made_point_here_is_refused_also_on_loopback() {
        let open = Access::new(None, vec!["gate-3.local".into()]);
        for host in ["127.0.0.1:8088", "localhost:8088", "[::1]:8088", "192.168.1.7", "gate-3.local:8088"] {
            assert_eq!(open.judge(&Head { host: Some(host), ..to("/api/state") }, NOW), Ok(()), "{host}");
        }
        for host in [Some("rebound.example:8088"), Some("gate-3.local.evil.example"), Some(""), None] {
            for path in ["/", "/healthz", "/api/state", "/api/signin"] {
                assert_eq!(open.judge(&Head { host, ..to(path) }, NOW), Err(Refusal::WrongHost), "{host:?} {path}");
            }
        }
    }

    #[test]
    fn another_sites_page_may_link_here_and_no_more() {
        let open = Access::new(None, Vec::new());
        let from = |site, path| open.judge(&Head { site: Some(site), ..to(path) }, NOW);
        assert_eq!(from("cross-site", "/"), Ok(()));
        assert_eq!(from("cross-site", "/live/1"), Err(Refusal::Foreign));
        assert_eq!(from("same-site", "/api/state"), Err(Refusal::Foreign), "another port of this host");
        assert_eq!(from("same-origin", "/api/state"), Ok(()));
        let posted = Head { origin: Some("https://evil.example"), ..to("/api/signin") };
        assert_eq!(open.judge(&posted, NOW), Err(Refusal::Foreign));
        assert_eq!(open.judge(&Head { origin: Some("null"), ..to("/") }, NOW), Err(Refusal::Foreign));
        assert_eq!(open.judge(&Head { origin: Some("http://127.0.0.1:8088"), ..to("/api/signin") }, NOW), Ok(()));
    }

    #[test]
    fn a_token_opens_by_itself_or_as_a_session_that_ends() {
        let mut access = closed();
        assert_eq!(access.judge(&to("/api/state"), NOW), Err(Refusal::SignIn));
        for path in ["/", "/healthz", "/assets/app.js", "/api/signin"] {
            assert_eq!(access.judge(&to(path), NOW), Ok(()), "{path}");
        }
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(access.judge(&Head { authorization: Some(&bearer), ..to("/metrics") }, NOW), Ok(()));
        assert_eq!(
            access.judge(&Head { authorization: Some("Bearer x"), ..to("/metrics") }, NOW),
            Err(Refusal::SignIn)
        );

        let cookies = format!("theme=dark; {COOKIE}=s1");
        let with = Head { cookies: Some(&cookies), ..to("/api/state") };
        assert_eq!(access.judge(&with, NOW), Err(Refusal::SignIn));
        access.sign_in(TOKEN, "s1", NOW).unwrap();
        assert_eq!(access.judge(&with, NOW), Ok(()));
        assert_eq!(access.judge(&with, NOW + SESSION), Err(Refusal::SignIn));
        access.sign_out(Some(&cookies), NOW);
        assert_eq!(access.judge(&with, NOW), Err(Refusal::SignIn));
    }

    #[test]
    fn guessing_is_slow_and_sessions_are_few() {
        let mut access = closed();
        for _ in 0..TRIES {
            assert_eq!(access.sign_in("wrong", "s", NOW), Err(Refusal::WrongToken));
        }
        assert_eq!(access.sign_in(TOKEN, "s", NOW), Err(Refusal::Slow { retry_after_s: 60 }));
        let later = NOW + WINDOW;
        for number in 0..100 {
            access.sign_in(TOKEN, &format!("s{number}"), later).unwrap();
        }
        assert_eq!(access.sessions.len(), MOST_SESSIONS);
    }
}
