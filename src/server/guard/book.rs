//! The tokens and sessions of the store, held in memory so that no call waits for the disk.

use super::token;
use super::who::{By, Role, Who};
use crate::domain::CameraKey;
use crate::server::store::{SessionRow, TokenRow};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Sessions of one token at a time; signing in once more ends the oldest.
pub const MOST_SESSIONS: usize = 32;

#[derive(Debug)]
struct Token {
    hash: Vec<u8>,
    role: Role,
    name: String,
    cameras: Option<Arc<BTreeSet<CameraKey>>>,
}

#[derive(Debug)]
struct Session {
    hash: Vec<u8>,
    token_id: String,
    expires_us: i64,
}

/// Who has been let in.
#[derive(Debug, Default)]
pub struct Book {
    /// Those that count: not revoked.
    tokens: HashMap<String, Token>,
    /// Was there ever a token?
    any: bool,
    sessions: HashMap<String, Session>,
}

impl Book {
    /// Takes the store's tokens in place of those before.
    pub fn take_tokens(&mut self, rows: Vec<TokenRow>) {
        self.any = !rows.is_empty();
        let valid = rows.into_iter().filter(|row| row.revoked_us.is_none());
        self.tokens = valid
            .filter_map(|row| {
                let role = Role::of_token(&row.role)?;
                let cameras = (role == Role::Device).then(|| Arc::new(row.cameras.into_iter().collect()));
                Some((row.token_id, Token { hash: row.hash, role, name: row.name, cameras }))
            })
            .collect();
        let tokens = &self.tokens;
        self.sessions.retain(|_, session| tokens.contains_key(&session.token_id));
    }

    pub fn has_had_tokens(&self) -> bool {
        self.any
    }

    pub fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub fn add_session(&mut self, row: SessionRow) {
        let session = Session { hash: row.hash, token_id: row.token_id, expires_us: row.expires_us };
        self.sessions.insert(row.session_id, session);
    }

    pub fn end_session(&mut self, session_id: &str) {
        self.sessions.remove(session_id);
    }

    pub fn forget_ended(&mut self, now_us: i64) {
        self.sessions.retain(|_, session| session.expires_us > now_us);
    }

    /// Whose token the text is.
    pub fn by_token(&self, text: &str) -> Option<Who> {
        let (id, secret) = token::split(text)?;
        let found = self.tokens.get(id);
        if !token::proves(secret, found.map(|token| token.hash.as_slice())) {
            return None;
        }
        found.map(|token| token.who(By::Token { token_id: id.to_owned() }))
    }

    /// Whose session the cookie's value is.
    pub fn by_cookie(&self, value: &str, now_us: i64) -> Option<Who> {
        let (id, secret) = token::split(value)?;
        let found = self.sessions.get(id).filter(|session| session.expires_us > now_us);
        if !token::proves(secret, found.map(|session| session.hash.as_slice())) {
            return None;
        }
        let token_id = found?.token_id.clone();
        let by = By::Session { session_id: id.to_owned(), token_id: token_id.clone() };
        self.tokens.get(&token_id).map(|token| token.who(by))
    }

    /// Does what they came in by still hold?
    pub fn still_knows(&self, by: &By, now_us: i64) -> bool {
        match by {
            By::Openness => !self.any,
            By::Network(_) => true,
            By::Token { token_id } => self.tokens.contains_key(token_id),
            By::Session { session_id, token_id } => {
                self.tokens.contains_key(token_id)
                    && self.sessions.get(session_id).is_some_and(|session| session.expires_us > now_us)
            }
        }
    }
}

impl Token {
    fn who(&self, by: By) -> Who {
        Who { name: self.name.clone(), role: self.role, by, cameras: self.cameras.clone() }
    }
}
