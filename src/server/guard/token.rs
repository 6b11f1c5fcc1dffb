//! What tokens and session cookies are made of: a part that names them, and a part that proves them. Only the SHA-256
//! of the second is kept: with 256 bits of chance in it nothing slower is needed.

use crate::config::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every token begins with, so that one in a wrong place is recognised.
const PREFIX: &str = "lpr_";

/// Longest text that is looked at.
const MOST_BYTES: usize = 200;

/// A token that was just made.
#[derive(Debug)]
pub struct Fresh {
    /// Names it; no secret.
    pub id: String,
    /// The whole: to be shown once.
    pub text: Secret,
    pub hash: [u8; 32],
}

/// Makes one; fails only where the system gives no random numbers.
pub fn make() -> Result<Fresh, getrandom::Error> {
    let mut id = [0u8; 6];
    let mut secret = [0u8; 32];
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut secret)?;
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let hash = hash(&secret);
    Ok(Fresh { text: Secret::new(format!("{PREFIX}{id}_{secret}")), id, hash })
}

/// The two parts of a token; `None` where the text cannot be one.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = Some(text).filter(|text| text.len() <= MOST_BYTES)?.strip_prefix(PREFIX)?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

/// Is `secret` what was hashed? Takes equally long whatever differs; `None`, an id that nobody has, too.
pub fn proves(secret: &str, kept: Option<&[u8]>) -> bool {
    let nobody = [0u8; 32];
    let given = hash(secret);
    let equal: bool = given[..].ct_eq(kept.unwrap_or(&nobody)).into();
    equal && kept.is_some()
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_proves_itself_and_no_other_does() {
        let (one, other) = (make().unwrap(), make().unwrap());
        let (id, secret) = split(one.text.reveal()).unwrap();
        assert_eq!(id, one.id);
        assert!(proves(secret, Some(&one.hash)));
        assert!(!proves(secret, Some(&other.hash)) && !proves(secret, None) && !proves(secret, Some(&[])));
        let last_cut = &secret[..secret.len() - 1];
        assert!(!proves(last_cut, Some(&one.hash)));
        assert_eq!(format!("{one:?}").matches(secret).count(), 0, "the secret is never printed");
        assert!(one.text.reveal().bytes().all(|byte| byte.is_ascii_graphic()), "as the agent's token file wants it");
    }

    proptest! {
        #[test]
        fn any_text_is_split_or_not_without_panic(text in "(lpr_)?\\PC{0,40}") {
            if let Some((id, secret)) = split(&text) {
                prop_assert!(!proves(secret, Some(&[7; 32])) && !id.is_empty());
            }
        }
    }
}
