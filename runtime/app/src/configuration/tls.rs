//! `[source.tls]` and `tls` of a destination: certificates, keys and who is trusted. The files are tried where they are named, so
//! that what is wrong with them is told before a port is bound. A revision keeps their names and not what is in them: a
//! certificate is renewed without a change of the interface.

use std::path::{Path, PathBuf};

use transfuse_transport::http::Url;
use transfuse_transport::tls::{self, TlsError};

use super::document::{Located, Place};
use super::fault::Faults;
use super::resolved::{ClientTls, Identity, ServerTls};
use super::section::Section;

/// A listener's section. None where something in it is missing or wrong.
pub(super) fn server(mut section: Section<'_>, site: &Path) -> Option<ServerTls> {
    let identity = identity(&mut section, true);
    let client_authorities = section.path("client_authorities");
    let client_names = section.texts("client_names").unwrap_or_default();
    if let (None, Some(first)) = (&client_authorities, client_names.first()) {
        let hint = "`client_authorities` names the file of the authority that vouches for them";
        let message = "nobody is asked for a certificate, so nobody has a name";
        section.faults().at_with_hint(&first.place, message, hint);
        return None;
    }
    let place = section.place().clone();
    let faults = section.faults();
    section.finish();
    let found = ServerTls {
        identity: identity?,
        client_authorities: client_authorities.map(|file| file.value),
        client_names: client_names.into_iter().map(|name| name.value).collect(),
    };
    let tried = Located {
        value: tls::Server::load(&found.settings(site)),
        place,
    };
    usable(tried, faults).map(|_| found)
}

/// A destination's section.
pub(super) fn client(mut section: Section<'_>, address: &str, site: &Path) -> Option<ClientTls> {
    let authorities = section.path("authorities");
    let server_name = section.text("server_name");
    let is_known = section.has_any(&["certificate", "key"]);
    let identity = identity(&mut section, is_known);
    let place = section.place().clone();
    let faults = section.faults();
    section.finish();
    let found = ClientTls {
        authorities: authorities.map(|file| file.value),
        server_name: server_name.map(|name| name.value),
        identity: if is_known { Some(identity?) } else { None },
    };
    let tried = Located {
        value: tls::Client::load(&found.settings(site), address),
        place,
    };
    usable(tried, faults).map(|_| found)
}

/// Tells that a URL with TLS and without a section of its own finds nobody on this machine who vouches for its host.
pub(super) fn refuse_without_authorities(place: &Place, url: &Url, faults: &Faults) {
    if url.is_secure() {
        let tried = Located {
            value: tls::Client::load(&tls::ClientSettings::default(), url.address()),
            place: place.clone(),
        };
        usable(tried, faults);
    }
}

/// A certificate and its key, which come together.
fn identity(section: &mut Section<'_>, is_required: bool) -> Option<Identity> {
    if is_required {
        section.require("certificate");
        section.require("key");
    }
    let (certificate, key) = (section.path("certificate"), section.path("key"));
    Some(Identity {
        certificate: certificate?.value,
        key: key?.value,
    })
}

fn usable<T>(tried: Located<Result<T, TlsError>>, faults: &Faults) -> Option<T> {
    let Located { value, place } = tried;
    value
        .map_err(|error| {
            let hints = error.hint().map(str::to_owned).into_iter().collect();
            faults.at_with_hints(&place, error.to_string(), hints);
        })
        .ok()
}

impl ServerTls {
    /// As the transport takes it.
    pub(crate) fn settings(&self, site: &Path) -> tls::ServerSettings {
        tls::ServerSettings {
            identity: self.identity.settings(site),
            clients: self.client_authorities.as_ref().map(|authorities| tls::Clients {
                authorities: site.join(authorities),
                names: self.client_names.clone(),
            }),
        }
    }
}

impl ClientTls {
    /// As the transport takes it.
    pub(crate) fn settings(&self, site: &Path) -> tls::ClientSettings {
        let joined = |file: &PathBuf| site.join(file);
        tls::ClientSettings {
            authorities: self.authorities.as_ref().map(joined),
            server_name: self.server_name.clone(),
            identity: self.identity.as_ref().map(|identity| identity.settings(site)),
        }
    }
}

impl Identity {
    fn settings(&self, site: &Path) -> tls::Identity {
        tls::Identity {
            certificate: site.join(&self.certificate),
            key: site.join(&self.key),
        }
    }
}
