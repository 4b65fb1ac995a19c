//! Where requests go.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::PathAndQuery;

/// An `http` or `https` URL: where to connect, and what to ask for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    is_secure: bool,
    /// As the header `Host` has it.
    authority: String,
    /// Host and port.
    address: String,
    path: PathAndQuery,
}

/// Why a text is no URL that requests could go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is none at all.
    #[error("it is no URL such as `https://ehr.example.org/hl7`")]
    Unreadable,
    /// Another scheme, or none.
    #[error("it begins neither with `https://` nor with `http://`")]
    Scheme,
    /// It holds a name or a password, which logs would show.
    #[error("it holds a name or a password, which do not belong into a URL")]
    UserInfo,
    /// It has a part that is never sent.
    #[error("what follows `#` is never sent")]
    Fragment,
}

impl Url {
    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Host and port, `ehr.example.org:443`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Unreadable)?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Unreadable)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        if authority.host().is_empty() || port == 0 || (has_port && authority.port_u16().is_none()) {
            return Err(UrlError::Unreadable);
        }
        Ok(Self {
            is_secure,
            authority: authority.as_str().to_owned(),
            address: format!("{}:{port}", authority.host()),
            path: uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        for (text, address, path, is_secure) in [
            (
                "https://ehr.example.org/hl7?site=1",
                "ehr.example.org:443",
                "/hl7?site=1",
                true,
            ),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "/", false),
            ("https://[::1]:8443/a/b", "[::1]:8443", "/a/b", true),
            ("http://[::1]/", "[::1]:80", "/", false),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(
                (url.address(), url.path().as_str(), url.is_secure()),
                (address, path, is_secure)
            );
        }
        let url: Url = "http://ehr.example.org".parse().unwrap();
        assert_eq!(url.to_string(), "http://ehr.example.org/");
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, error) in [
            ("ehr.example.org:443", UrlError::Scheme),
            ("ftp://ehr.example.org/", UrlError::Scheme),
            ("/hl7", UrlError::Scheme),
            ("https://lab:CANARY@ehr.example.org/", UrlError::UserInfo),
            ("https://ehr.example.org/#top", UrlError::Fragment),
            ("https://ehr.example.org:99999/", UrlError::Unreadable),
            ("https://ehr.example.org:0/", UrlError::Unreadable),
            ("https:///hl7", UrlError::Unreadable),
            ("https://ehr example.org/", UrlError::Unreadable),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }
}
