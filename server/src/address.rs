//! Where a request comes from, for the limits per address. An address is never stored and never logged.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::request::Parts;

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client's address, one for a whole IPv6 network of 64 bits, since a client can pick any address in its own.
pub fn of(parts: &Parts, trust_forwarded_for: bool) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    let forwarded = || {
        let header = parts.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        // The last entry is the one the proxy in front wrote; the client can make up all others.
        header.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let address = if trust_forwarded_for { forwarded().unwrap_or(peer) } else { peer };
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn seen(peer: &str, forwarded: &str, trust: bool) -> String {
        let request = Request::builder().header("x-forwarded-for", forwarded).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        of(&parts, trust).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(seen("192.0.2.1:5", "198.51.100.7", false), "192.0.2.1");
        assert_eq!(seen("192.0.2.1:5", "203.0.113.9, 198.51.100.7", true), "198.51.100.7");
        assert_eq!(seen("192.0.2.1:5", "nonsense", true), "192.0.2.1");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        assert_eq!(seen("[2001:db8:1:2:3:4:5:6]:5", "", false), "2001:db8:1:2::");
        assert_eq!(seen("[::ffff:192.0.2.1]:5", "", false), "192.0.2.1");
    }
}
