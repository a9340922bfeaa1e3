//! Which addresses are public: the IANA special-purpose address registries as a table, and this machine's own interfaces.
//!
//! Sources: <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>, read in November 2026.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 networks that are not public.
const NOT_PUBLIC_IPV4: [Ipv4Net; 16] = [
    ipv4([0, 0, 0, 0], 8),        // this network
    ipv4([10, 0, 0, 0], 8),       // private use
    ipv4([100, 64, 0, 0], 10),    // shared by a provider's customers
    ipv4([127, 0, 0, 0], 8),      // loopback
    ipv4([169, 254, 0, 0], 16),   // link-local, and the metadata of cloud machines
    ipv4([172, 16, 0, 0], 12),    // private use
    ipv4([168, 63, 129, 16], 32), // the host of machines in Azure; in no registry
    ipv4([192, 0, 0, 0], 24),     // protocol assignments
    ipv4([192, 0, 2, 0], 24),     // documentation
    ipv4([192, 88, 99, 0], 24),   // former 6to4 relays
    ipv4([192, 168, 0, 0], 16),   // private use
    ipv4([198, 18, 0, 0], 15),    // benchmarks
    ipv4([198, 51, 100, 0], 24),  // documentation
    ipv4([203, 0, 113, 0], 24),   // documentation
    ipv4([224, 0, 0, 0], 4),      // multicast
    ipv4([240, 0, 0, 0], 4),      // reserved, and broadcast
];

/// The only IPv6 network that is assigned to the public.
const GLOBAL_UNICAST: Ipv6Net = ipv6([0x2000, 0], 3);

/// Networks in it that are not public.
const NOT_PUBLIC_IPV6: [Ipv6Net; 4] = [
    ipv6([0x2001, 0], 23),     // protocol assignments, with Teredo
    ipv6([0x2001, 0xdb8], 32), // documentation
    ipv6([0x2002, 0], 16),     // 6to4, which holds an IPv4 address
    ipv6([0x3fff, 0], 20),     // documentation
];

/// Translates to the IPv4 address in its last 32 bits (NAT64, RFC 6052).
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

const fn ipv4(octets: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), length)
}

const fn ipv6(start: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(start[0], start[1], 0, 0, 0, 0, 0, 0), length)
}

/// Returns whether an address is public and on another machine. `also` are networks that count as public in tests.
#[must_use]
pub fn is_public(address: IpAddr, also: &[IpNet]) -> bool {
    also.iter().any(|network| network.contains(&address)) || (is_global(address) && !is_own(address))
}

/// Returns whether the registries call an address public.
#[must_use]
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_IPV4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => match embedded_ipv4(address) {
            Some(inner) => is_global(IpAddr::V4(inner)),
            None => {
                GLOBAL_UNICAST.contains(&address) && !NOT_PUBLIC_IPV6.iter().any(|network| network.contains(&address))
            }
        },
    }
}

/// Returns the IPv4 address that a connection to this IPv6 address may reach.
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let translated = NAT64.contains(&address).then(|| Ipv4Addr::new(a, b, c, d));
    address.to_ipv4_mapped().or(translated)
}

/// Returns whether the interfaces of this machine can be read. Otherwise the guard refuses every address.
#[must_use]
pub fn can_read_own_addresses() -> bool {
    if_addrs::get_if_addrs().is_ok()
}

/// Returns whether an address is one of this machine's interfaces, which may change while the site runs. If they cannot be
/// read, every address counts as this machine's.
fn is_own(address: IpAddr) -> bool {
    let plain = match address {
        IpAddr::V6(address) => embedded_ipv4(address).map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    if_addrs::get_if_addrs().map_or(true, |interfaces| {
        interfaces.iter().any(|interface| interface.ip() == plain)
    })
}
