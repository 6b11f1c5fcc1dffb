//! Codes that a person reads to another by telephone: letters and digits that cannot be taken for one another.

use crate::config::Secret;
use sha2::{Digest, Sha256};

/// Crockford's: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 60 bits of chance.
const LENGTH: usize = 12;

/// A code that was just made, as it is shown: `ABCD-EFGH-JKMN`.
pub fn make() -> Result<Secret, getrandom::Error> {
    let mut chance = [0u8; LENGTH];
    getrandom::fill(&mut chance)?;
    let letters: Vec<char> = chance.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(Secret::new(groups.join("-")))
}

/// What is kept of a code; `None` where the text can be none. Case, spaces and dashes do not matter, nor O for 0 and I or L
/// for 1.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    if text.len() > 100 {
        return None;
    }
    let read = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(read).collect();
    let fits = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
    fits.then(|| Sha256::digest(code.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = make().unwrap();
        let code = code.reveal();
        assert_eq!((code.len(), code.matches('-').count()), (14, 2));
        let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert!(hash(code).is_some() && hash(code) == hash(&typed));
        assert_ne!(hash(code), hash("0000-0000-0000"));
        for wrong in ["", "ABCD", "ABCD-EFGH-JKMU", "ABCD-EFGH-JKMN-P"] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none_without_panic(text in "\\PC{0,40}") {
            let _ = hash(&text);
        }
    }
}
