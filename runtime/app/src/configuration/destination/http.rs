//! `[[destinations]]` with `type = "http"`.

use std::collections::BTreeMap;

use hyper::header::{self, HeaderName, HeaderValue};
use transfuse_transport::http::{Limits, MEDIA_TYPE, Url};

use super::super::answers;
use super::super::document::Located;
use super::super::http_authentication;
use super::super::quantity::milliseconds;
use super::super::resolved::{ClientTls, DestinationWire, HttpDestination, HttpHeader, Order};
use super::super::section::Section;
use super::super::step::Surroundings;
use super::super::tls;
use super::{ONE_MILLISECOND, TEN_MINUTES, connections};

/// Headers that a request has by itself, or that would change what it is.
const OWN: [HeaderName; 13] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub(super) fn read(
    section: &mut Section<'_>,
    order: &Order,
    surroundings: &Surroundings<'_>,
) -> Option<DestinationWire> {
    let url = http_authentication::url(section, "url");
    let content_type = content_type(section);
    let timeouts = ONE_MILLISECOND..=TEN_MINUTES;
    let connect_timeout = section.duration("connect_timeout", &timeouts);
    let reply_timeout = section.duration("reply_timeout", &timeouts);
    let reply_bytes_max = section.size("reply_bytes_max", &(1024..=(256 << 20)));
    let answers = answers::read(section, answers::Of::Http);
    let connections = connections(section, order);
    let authentication = section
        .section("authentication", "`authentication`")
        .map(|section| http_authentication::credentials(section, surroundings));
    let has_authentication = authentication.is_some();
    let headers = headers(section, has_authentication, surroundings);
    let tls = tls(section, url.as_ref(), surroundings);
    let defaults = Limits::default();
    Some(DestinationWire::Http(Box::new(HttpDestination {
        url: url?.value.to_string(),
        content_type,
        headers,
        authentication: match authentication {
            Some(authentication) => Some(authentication?),
            None => None,
        },
        answers,
        connect_timeout_ms: milliseconds(connect_timeout.unwrap_or(defaults.connect_timeout)),
        reply_timeout_ms: milliseconds(reply_timeout.unwrap_or(defaults.reply_timeout)),
        reply_bytes_max: reply_bytes_max.unwrap_or(defaults.reply_bytes_max as u64),
        connections,
        tls: tls.ok()?,
    })))
}

/// The section `tls`, which is needed only where something is to be said; the URL says whether TLS is spoken. An error where it is
/// wrong, which has been told.
fn tls(
    section: &mut Section<'_>,
    url: Option<&Located<Url>>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<ClientTls>, ()> {
    let host = url.map_or("", |url| url.value.address());
    match (section.section("tls", "`tls`"), url) {
        (Some(tls), Some(url)) if !url.value.is_secure() => {
            let hint = "write `https://` in `url`, or leave `tls` out";
            surroundings
                .faults
                .at_with_hint(tls.place(), "the URL asks for no TLS", hint);
            Err(())
        }
        (Some(tls), _) => tls::client(tls, host, surroundings.site).map(Some).ok_or(()),
        (None, Some(url)) => {
            tls::refuse_without_authorities(&url.place, &url.value, surroundings.faults);
            Ok(None)
        }
        (None, None) => Ok(None),
    }
}

fn content_type(section: &mut Section<'_>) -> String {
    let Some(text) = section.text("content_type") else {
        return MEDIA_TYPE.to_owned();
    };
    let is_sound = HeaderValue::from_str(&text.value).is_ok() && text.value.trim().contains('/');
    if !is_sound {
        let message = format!("`{}` is no media type", text.value);
        let hint = "write what the receiver expects in Content-Type: `x-application/hl7-v2+er7; charset=utf-8`";
        section.faults().at_with_hint(&text.place, message, hint);
    }
    text.value
}

fn headers(
    section: &mut Section<'_>,
    has_authentication: bool,
    surroundings: &Surroundings<'_>,
) -> BTreeMap<String, HttpHeader> {
    let mut headers = BTreeMap::new();
    for (name, value) in section.named_texts("headers", "`headers`") {
        let faults = surroundings.faults;
        let in_row = |message: String, hint: &str| {
            let place = &name.place;
            faults.in_row(place.file(), place.position().line, message, hint);
        };
        let Ok(header) = HeaderName::from_bytes(name.value.as_bytes()) else {
            in_row(
                format!("`{}` cannot name a header", name.value),
                "write letters, digits and hyphens",
            );
            continue;
        };
        if OWN.contains(&header) {
            let hint = "leave it out; `content_type` is a key of its own";
            in_row(format!("a request has the header `{}` by itself", name.value), hint);
        } else if header == header::AUTHORIZATION && has_authentication {
            in_row(
                "`authentication` says what stands in the header `Authorization`".to_owned(),
                "leave one of them out",
            );
        } else if let Some(value) = header_value(&value, surroundings)
            && headers.insert(header.as_str().to_owned(), value).is_some()
        {
            in_row(format!("there are two headers `{header}`"), "leave one of them out");
        }
    }
    headers
}

fn header_value(text: &Located<String>, surroundings: &Surroundings<'_>) -> Option<HttpHeader> {
    if text.value.starts_with(super::super::secrets::PREFIX) {
        let sources = &surroundings.environment.secrets;
        return http_authentication::named(text, sources, surroundings.faults).map(HttpHeader::Secret);
    }
    if HeaderValue::from_str(&text.value).is_err() {
        let place = &text.place;
        let message = "this value cannot stand in a header";
        let hint = "write one line of printable characters, or `secret:NAME`";
        surroundings
            .faults
            .in_row(place.file(), place.position().line, message, hint);
        return None;
    }
    Some(HttpHeader::Text(text.value.clone()))
}
