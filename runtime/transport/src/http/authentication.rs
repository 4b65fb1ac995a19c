//! Who may ask.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};

use crate::secret::Secret;

/// What a client has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// A token (RFC 6750).
    Bearer(Secret),
    /// A name and a password (RFC 7617).
    Basic {
        /// The name, without a colon.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl Authentication {
    /// Whether the headers of a request show it.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let shown = shown.and_then(|value| {
            let blank = value.iter().position(|byte| *byte == b' ')?;
            let (scheme, rest) = value.split_at(blank);
            Some((scheme, rest.trim_ascii()))
        });
        match (self, shown) {
            (Self::Bearer(token), Some((scheme, shown))) => scheme.eq_ignore_ascii_case(b"bearer") && token.is(shown),
            (Self::Basic { user, password }, Some((scheme, shown))) => {
                scheme.eq_ignore_ascii_case(b"basic") && is_pair(user, password, shown)
            }
            (_, None) => false,
        }
    }

    /// What a client shows.
    pub(super) fn header(&self) -> HeaderValue {
        match self {
            Self::Bearer(token) => sensitive(&format!("Bearer {}", token.reveal())),
            Self::Basic { user, password } => basic(user, password.reveal()),
        }
    }

    /// What a client is told that shows nothing, or something else (RFC 9110, 11.6.1).
    pub(super) fn challenge(&self) -> &'static str {
        match self {
            Self::Bearer(_) => "Bearer",
            Self::Basic { .. } => "Basic realm=\"transfuse\", charset=\"UTF-8\"",
        }
    }
}

/// A name and a password (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> HeaderValue {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// A value that no log shows. What cannot stand in a header, which the edge has refused before, is shown as nothing.
pub(super) fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn is_pair(user: &str, password: &Secret, shown: &[u8]) -> bool {
    let Ok(shown) = STANDARD.decode(shown) else {
        return false;
    };
    let Some(colon) = shown.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let (name, rest) = shown.split_at(colon);
    // Both are looked at, whichever is wrong.
    let is_password = password.is(rest.get(1..).unwrap_or_default());
    name == user.as_bytes() && is_password
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shows(authentication: &Authentication, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        authentication.is_shown(&headers)
    }

    #[test]
    fn a_token_or_a_password_has_to_be_all_of_it() {
        let bearer = Authentication::Bearer("abc".to_owned().into());
        assert!(shows(&bearer, "Bearer abc") && shows(&bearer, "bearer  abc"));
        for wrong in ["Bearer ab", "Bearer abcd", "Bearer", "abc", "Basic abc", "Bearer ABC"] {
            assert!(!shows(&bearer, wrong), "{wrong}");
        }
        assert!(!bearer.is_shown(&HeaderMap::new()));
        let basic = Authentication::Basic {
            user: "lab".to_owned(),
            password: "a:b".to_owned().into(),
        };
        let pair = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(shows(&basic, &pair("lab:a:b")));
        for wrong in ["lab:a", "lab", "la:a:b", "lab:a:b ", ":a:b", ""] {
            assert!(!shows(&basic, &pair(wrong)), "{wrong}");
        }
        assert!(!shows(&basic, "Basic lab:a:b"));
    }
}
