//! Who someone is, and what that lets them do. Pure.

use super::pace::block_of;
use super::rules::Need;
use crate::domain::CameraKey;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// There are no tokens: everyone on this machine is an admin.
    Open,
    /// Brings events of its own cameras.
    Device,
    /// An agent without a token, from an admitted network: brings events of the cameras listed.
    Legacy,
    /// Reads.
    Viewer,
    /// Everything.
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Open => "open",
            Role::Device => "device",
            Role::Legacy => "legacy",
            Role::Viewer => "viewer",
            Role::Admin => "admin",
        }
    }

    /// Of a token, as it is kept.
    pub fn of_token(text: &str) -> Option<Self> {
        [Role::Device, Role::Viewer, Role::Admin].into_iter().find(|role| role.as_str() == text)
    }

    pub fn may(self, need: Need) -> bool {
        match need {
            Need::Nothing | Need::Known => true,
            Need::Ingest => !matches!(self, Role::Viewer),
            Need::View | Need::Metrics => matches!(self, Role::Open | Role::Viewer | Role::Admin),
            Need::Admin => matches!(self, Role::Open | Role::Admin),
        }
    }
}

/// Someone, as handlers see them: a request extension.
#[derive(Debug, Clone)]
pub struct Who {
    /// The token's name; `-` while everything is open.
    pub name: String,
    pub role: Role,
    /// What the name rests on.
    pub(super) by: By,
    /// What a device may write; `None`: every camera.
    pub(super) cameras: Option<Arc<BTreeSet<CameraKey>>>,
}

/// What lets someone in; when it goes, they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Openness,
    Network(IpAddr),
    Token { token_id: String },
    Session { session_id: String, token_id: String },
}

impl Who {
    pub fn open() -> Self {
        Self { name: "-".into(), role: Role::Open, by: By::Openness, cameras: None }
    }

    /// A cookie is sent by the browser without being asked: such calls must prove that our page made them.
    pub fn is_by_cookie(&self) -> bool {
        matches!(self.by, By::Session { .. })
    }

    /// Do both rest on the same token?
    pub fn is_same_sender(&self, other: &Who) -> bool {
        matches!((&self.by, &other.by), (By::Token { token_id: one }, By::Token { token_id: other }) if one == other)
    }

    /// For what is counted of each sender.
    pub fn sender(&self) -> String {
        match &self.by {
            By::Openness => "-".to_owned(),
            By::Network(address) => block_of(*address).to_string(),
            By::Token { token_id } | By::Session { token_id, .. } => token_id.clone(),
        }
    }

    pub fn may_write(&self, camera: &CameraKey) -> bool {
        self.role.may(Need::Ingest) && self.cameras.as_ref().is_none_or(|cameras| cameras.contains(camera))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_is_for_and_no_more() {
        let needs = [Need::Nothing, Need::Known, Need::Ingest, Need::View, Need::Metrics, Need::Admin];
        let may = |role: Role| needs.map(|need| role.may(need));
        assert_eq!(may(Role::Open), [true; 6]);
        assert_eq!(may(Role::Admin), [true; 6]);
        assert_eq!(may(Role::Viewer), [true, true, false, true, true, false]);
        assert_eq!(may(Role::Device), [true, true, true, false, false, false]);
        assert_eq!(may(Role::Legacy), [true, true, true, false, false, false]);
        assert_eq!(Role::of_token("open"), None, "nothing that is kept opens everything");
    }
}
