//! How the receiver of a webhook knows that it is from us and fresh (docs/server.md). Pure.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header's value: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY` with the secret.
pub fn sign(secret: &[u8], at_s: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(at_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf '1734602400.{}' | openssl dgst -sha256 -hmac key` has it.
    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        let expected = "t=1734602400,v1=11a39d7e1463045297e919f6067a4dd15dda55c7391d61c8de916654d01a66ae";
        assert_eq!(sign(b"key", 1_734_602_400, b"{}"), expected);
        assert_ne!(sign(b"key", 1_734_602_401, b"{}"), expected, "the time is signed too");
        assert_ne!(sign(b"kez", 1_734_602_400, b"{}"), expected);
    }
}
