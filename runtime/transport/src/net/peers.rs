//! From where connections are taken.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio::sync::watch;

/// One line of the log at most in this time tells of connections that were turned away: whoever scans a network opens
/// thousands of them.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A range of addresses: `10.1.2.0/24`, or `127.0.0.1` for that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither an address nor one with the length of a prefix. Names are no addresses: what they mean may change.
    #[error("it is no IP address, and no network such as `10.1.2.0/24`")]
    Unreadable,
    /// The address goes beyond the prefix, so that it is not clear which of the two is meant.
    #[error("its address is longer than its prefix; the network is `{0}`")]
    Beyond(Network),
}

/// The networks that a listener takes connections from, shared with whoever changes them. A clone is the same list.
#[derive(Clone, Debug)]
pub struct Peers {
    networks: watch::Sender<Arc<[Network]>>,
    turned_away: Arc<Mutex<Log>>,
}

/// Connections that were closed because of where they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnedAway {
    /// How many.
    pub count: u64,
    /// Where the last one came from.
    pub last: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Log {
    all: TurnedAway,
    untold: u64,
    told_at: Option<Instant>,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address that an IPv6 socket sees is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        let network: IpNet = text.parse().map_err(|_| NetworkError::Unreadable)?;
        if network.trunc() == network {
            Ok(Self(network))
        } else {
            Err(NetworkError::Beyond(Self(network.trunc())))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl Default for Peers {
    /// Everybody.
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Peers {
    /// These networks; none of them means everybody.
    #[must_use]
    pub fn new(networks: &[Network]) -> Self {
        Self {
            networks: watch::Sender::new(networks.into()),
            turned_away: Arc::default(),
        }
    }

    /// Other networks from now on. Connections from them stay open; those from elsewhere answer what they have taken, and are
    /// closed.
    pub fn set(&self, networks: &[Network]) {
        self.networks.send_if_modified(|current| {
            let differs = **current != *networks;
            if differs {
                *current = networks.into();
            }
            differs
        });
    }

    /// What was turned away until now.
    #[must_use]
    pub fn turned_away(&self) -> TurnedAway {
        self.log().all
    }

    /// Whether connections from an address are taken.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let networks = self.networks.borrow();
        networks.is_empty() || networks.iter().any(|network| network.contains(address))
    }

    /// Hears of every change from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<[Network]>> {
        self.networks.subscribe()
    }

    /// Counts a connection that was turned away, and tells of it now and then.
    pub(crate) fn turn_away(&self, peer: SocketAddr, listener: SocketAddr, why: &'static str) {
        let mut log = self.log();
        log.all.count += 1;
        log.all.last = Some(peer.ip().to_canonical());
        log.untold += 1;
        if log.told_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            let others = log.untold - 1;
            tracing::warn!(
                source = %peer, address = %listener, others,
                "turned away: {why}"
            );
            log.untold = 0;
            log.told_at = Some(Instant::now());
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        // Only assignments are made under the lock.
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_network_is_an_address_or_a_prefix_and_nothing_else() {
        let shown = |text: &str| text.parse::<Network>().map(|network| network.to_string());
        assert_eq!(shown("10.1.2.0/24").unwrap(), "10.1.2.0/24");
        assert_eq!(shown("127.0.0.1").unwrap(), "127.0.0.1");
        assert_eq!(shown("127.0.0.1/32").unwrap(), "127.0.0.1");
        assert_eq!(shown("fd00::/8").unwrap(), "fd00::/8");
        assert_eq!(shown("0.0.0.0/0").unwrap(), "0.0.0.0/0");
        let beyond = "10.1.2.3/24".parse::<Network>().unwrap_err();
        assert_eq!(beyond, NetworkError::Beyond("10.1.2.0/24".parse().unwrap()));
        for text in [
            "",
            "lab.example.org",
            "10.1.2.0/33",
            "10.1.2",
            "10.1.2.0/",
            "127.0.0.1:2575",
        ] {
            assert_eq!(shown(text), Err(NetworkError::Unreadable), "{text}");
        }
    }

    #[test]
    fn an_address_is_allowed_by_a_network_that_holds_it_or_where_there_is_none() {
        let peers = Peers::new(&["10.1.2.0/24".parse().unwrap(), "::1".parse().unwrap()]);
        let allows = |peers: &Peers, address: &str| peers.allow(address.parse().unwrap());
        for address in ["10.1.2.0", "10.1.2.255", "::1", "::ffff:10.1.2.7"] {
            assert!(allows(&peers, address), "{address}");
        }
        for address in ["10.1.3.0", "127.0.0.1", "::2", "::ffff:10.1.3.7"] {
            assert!(!allows(&peers, address), "{address}");
        }
        peers.set(&[]);
        assert!(allows(&peers, "10.1.3.0"));
    }
}
