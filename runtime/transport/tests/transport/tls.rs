//! Both ends of a connection with TLS: who may connect, who is connected to, and what a renewed certificate changes.

use transfuse_harness::{Authority, Certified, Valid};
use transfuse_message::Payload;
use transfuse_transport::mllp::{Listener, ListenerSettings, NotSent, SendError, Sender, SenderSettings};
use transfuse_transport::net::BindError;
use transfuse_transport::tls::{ClientSettings, Clients, HandshakeError, Identity, ServerSettings, TlsError};

use crate::support::{Peer, Running, Wire, echo, listen};

/// By which the listener is known: it listens on the loopback address.
const HOST: &str = "127.0.0.1";

fn identity(certified: &Certified) -> Identity {
    Identity {
        certificate: certified.certificate.clone(),
        key: certified.key.clone(),
    }
}

/// A listener that shows this certificate, and takes those whom `clients` names.
async fn listening(certified: &Certified, clients: Option<Clients>) -> Running {
    let identity = identity(certified);
    listen(echo(), |settings| {
        settings.tls = Some(ServerSettings { identity, clients });
    })
    .await
}

fn clients(authority: &Authority, names: &[&str]) -> Clients {
    Clients {
        authorities: authority.file(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn trusting(authority: &Authority, shown: Option<&Certified>) -> ClientSettings {
    ClientSettings {
        authorities: Some(authority.file()),
        server_name: None,
        identity: shown.map(identity),
    }
}

fn sender(running: &Running, tls: ClientSettings) -> Sender {
    let mut settings = SenderSettings::new(&running.address);
    settings.tls = Some(tls);
    Sender::new(settings)
}

fn message(text: &str) -> Payload {
    Payload::from(text.to_owned())
}

/// What the sender hears; a listener that refuses its certificate says so at the first message, in TLS 1.3.
async fn refusal(sender: &mut Sender) -> SendError {
    sender.send(&message("MSH|1")).await.unwrap_err()
}

/// The reason stands once, in the error that is the cause.
fn told(error: &SendError, reason: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some(reason), "{error}");
    assert!(!error.to_string().contains(reason), "{error}");
}

#[tokio::test]
async fn messages_cross_and_the_connection_is_kept() {
    let authority = Authority::new().unwrap();
    let running = listening(&authority.certify(HOST, Valid::Now).unwrap(), None).await;
    let mut sender = sender(&running, trusting(&authority, None));
    for round in 0..3 {
        let content = message(&format!("MSH|{round}|{}", "x".repeat(70_000)));
        assert_eq!(sender.send(&content).await.unwrap(), content);
    }
    sender.close().await;
    running.shutdown.cancel();
    running.ended.await.unwrap();
}

#[tokio::test]
async fn a_sender_does_not_speak_to_whom_its_authority_does_not_know() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let running = listening(&other.certify(HOST, Valid::Now).unwrap(), None).await;
    let error = refusal(&mut sender(&running, trusting(&authority, None))).await;
    assert!(
        matches!(
            &error,
            SendError::NotSent(NotSent::Tls {
                source: HandshakeError::Certificate(_),
                ..
            })
        ),
        "{error}"
    );
    told(&error, "its certificate is from none of the authorities");
}

#[tokio::test]
async fn a_sender_does_not_speak_to_an_expired_certificate_or_to_another_host() {
    let authority = Authority::new().unwrap();
    let running = listening(&authority.certify(HOST, Valid::Once).unwrap(), None).await;
    let error = refusal(&mut sender(&running, trusting(&authority, None))).await;
    told(&error, "its certificate has expired");

    let running = listening(&authority.certify("ris.hospital.example", Valid::Now).unwrap(), None).await;
    let error = refusal(&mut sender(&running, trusting(&authority, None))).await;
    told(&error, "its certificate is for another name");
    let mut named = trusting(&authority, None);
    named.server_name = Some("ris.hospital.example".to_owned());
    sender(&running, named).send(&message("MSH|1")).await.unwrap();
}

#[tokio::test]
async fn a_listener_takes_only_clients_that_its_authority_knows_by_a_name_that_it_lists() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let host = authority.certify(HOST, Valid::Now).unwrap();
    let running = listening(&host, Some(clients(&authority, &["lab.hospital.example"]))).await;
    let lab = authority.certify("lab.hospital.example", Valid::Now).unwrap();
    sender(&running, trusting(&authority, Some(&lab)))
        .send(&message("MSH|1"))
        .await
        .unwrap();
    let refused = [
        None,
        Some(authority.certify("ris.hospital.example", Valid::Now).unwrap()),
        Some(other.certify("lab.hospital.example", Valid::Now).unwrap()),
        Some(authority.certify("lab.hospital.example", Valid::Once).unwrap()),
    ];
    for shown in &refused {
        refusal(&mut sender(&running, trusting(&authority, shown.as_ref()))).await;
    }
}

#[tokio::test]
async fn plain_bytes_are_no_tls_and_tls_is_no_plain_mllp() {
    let authority = Authority::new().unwrap();
    let running = listening(&authority.certify(HOST, Valid::Now).unwrap(), None).await;
    let mut plain = Wire::connect(&running.address).await;
    plain.send(b"\x0BMSH|1\x1C\r").await;
    let heard = plain.reads_to_the_end().await;
    assert!(!heard.contains(&0x0B), "an alert at most: {heard:?}");

    let (peer, address) = Peer::bind().await;
    let mut settings = SenderSettings::new(address);
    settings.tls = Some(trusting(&authority, None));
    let mut sender = Sender::new(settings);
    let content = message("MSH|1");
    let (error, ()) = tokio::join!(sender.send(&content), async {
        peer.accept().await.send(b"\x0BMSH|2\x1C\r").await;
    });
    let error = error.unwrap_err();
    assert!(
        matches!(
            &error,
            SendError::NotSent(NotSent::Tls {
                source: HandshakeError::NotTls,
                ..
            })
        ),
        "{error}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("plain MLLP")));
}

#[tokio::test]
async fn a_renewed_certificate_counts_from_the_next_connection() {
    let authority = Authority::new().unwrap();
    let running = listening(&authority.certify(HOST, Valid::Once).unwrap(), None).await;
    let mut sender = sender(&running, trusting(&authority, None));
    refusal(&mut sender).await;
    authority.certify(HOST, Valid::Now).unwrap();
    sender.send(&message("MSH|1")).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced_and_no_message_is_lost_with_it() {
    let authority = Authority::new().unwrap();
    let certified = authority.certify(HOST, Valid::Now).unwrap();
    let running = listening(&certified, None).await;
    let mut sender = sender(&running, trusting(&authority, None));
    sender.send(&message("MSH|1")).await.unwrap();
    running.shutdown.cancel();
    running.ended.await.unwrap();
    let identity = identity(&certified);
    let address = running.address;
    let again = listen(echo(), |settings| {
        settings.address = address;
        settings.tls = Some(ServerSettings {
            identity,
            clients: None,
        });
    })
    .await;
    sender.send(&message("MSH|2")).await.unwrap();
    again.shutdown.cancel();
}

#[tokio::test]
async fn a_listener_does_not_begin_with_files_that_it_cannot_use() {
    use std::os::unix::fs::PermissionsExt as _;

    let authority = Authority::new().unwrap();
    let one = authority.certify("one.example", Valid::Now).unwrap();
    let two = authority.certify("two.example", Valid::Now).unwrap();
    let bind = async |identity: Identity| {
        let mut settings = ListenerSettings::new("127.0.0.1:0");
        settings.tls = Some(ServerSettings {
            identity,
            clients: None,
        });
        match Listener::bind(settings).await {
            Err(BindError::Tls { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    };
    let mut mixed = identity(&one);
    mixed.key = two.key.clone();
    assert!(matches!(bind(mixed).await, TlsError::Mismatch { .. }));
    let mut swapped = identity(&one);
    swapped.certificate = one.key.clone();
    assert!(matches!(bind(swapped).await, TlsError::NoCertificate { .. }));
    let mut absent = identity(&one);
    absent.key = "/nowhere/at/all".into();
    assert!(matches!(bind(absent).await, TlsError::Read { .. }));
    std::fs::set_permissions(&one.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(bind(identity(&one)).await, TlsError::OpenKey { .. }));
}
