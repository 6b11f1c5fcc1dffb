//! A camera's name and password, put into its address for the camera alone.

use crate::config::Secret;

/// `rtsp://host/…` with `user:password` percent-encoded in front of the host. An address that carries its own keeps
/// them. The result is shown to nobody.
pub fn with_credentials(url: &str, credentials: Option<&Secret>) -> Secret {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Secret::new(url);
    };
    let (own, place) = split_userinfo(rest);
    let given = credentials.map(|secret| secret.reveal().trim()).filter(|text| !text.is_empty());
    let userinfo = match (own, given) {
        (Some(own), _) => encoded(own, |c| is_unreserved(c) || matches!(c, ':' | '%')),
        (None, Some(given)) => match given.split_once(':') {
            Some((user, password)) => {
                format!("{}:{}", encoded(user, is_unreserved), encoded(password, is_unreserved))
            }
            None => encoded(given, is_unreserved),
        },
        (None, None) => return Secret::new(url),
    };
    Secret::new(format!("{scheme}://{userinfo}@{place}"))
}

/// The address without its credentials, as an RTSP request names it.
pub fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", split_userinfo(rest).1),
        None => url.to_owned(),
    }
}

/// User and password, if there are any, and the rest from the host on. They end at the last `@` of the authority, since
/// people write passwords as they are. One with a `/` in it must be percent-encoded or come from `credentials_file`.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    }
}

/// RFC 3986 section 2.1, leaving the characters that `keep` names.
fn encoded(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if keep(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out += &format!("%{byte:02X}");
            }
        }
    }
    out
}

/// RFC 3986 section 2.3.
fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(url: &str, credentials: &str) -> String {
        with_credentials(url, Some(&Secret::new(credentials))).reveal().to_owned()
    }

    #[test]
    fn credentials_stand_encoded_before_the_host() {
        assert_eq!(full("rtsp://cam:554/live", "joe:a@b/c:d?\n"), "rtsp://joe:a%40b%2Fc%3Ad%3F@cam:554/live");
        assert_eq!(full("rtsp://cam/", "joe:ü"), "rtsp://joe:%C3%BC@cam/");
        assert_eq!(full("rtsp://cam/live", ""), "rtsp://cam/live");
    }

    #[test]
    fn an_address_with_credentials_keeps_its_own() {
        assert_eq!(full("rtsp://u:p@cam/", "joe:x"), "rtsp://u:p@cam/");
        assert_eq!(full("rtsp://u:p%40q@cam/", ""), "rtsp://u:p%40q@cam/");
        assert_eq!(full("rtsp://u:p@q@cam/a@b", ""), "rtsp://u:p%40q@cam/a@b");
    }

    proptest! {
        #[test]
        fn host_and_path_survive_any_password(user in "[a-z]{1,5}", password in "\\PC{1,20}") {
            let url = full("rtsp://cam:554/live?x=1", &format!("{user}:{password}"));
            prop_assert_eq!(without_userinfo(&url), "rtsp://cam:554/live?x=1");
            prop_assert!(url.is_ascii());
        }
    }
}
