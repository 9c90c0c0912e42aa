//! Is there a host in this address that the Internet could know? What the original asks the package `tldts`.

use std::sync::LazyLock;

/// Top-level domains, one a line, sorted: what `tldts@6.1.86` takes for one.
const TLDS: &str = include_str!("tlds.txt");

/// Second-level names below `za`, which is no suffix by itself.
const BELOW_ZA: &[&str] = &[
    "ac", "agric", "alt", "co", "edu", "gov", "grondar", "law", "mil", "net", "ngo", "nic", "nis",
    "nom", "org", "school", "tm", "web",
];

/// Top-level domains that are no suffix by themselves, but every name below them is.
const NO_SUFFIX_ALONE: &[&str] = &["bd", "ck", "er", "fk", "jm", "kh", "mm", "np", "pg"];

/// The longest host name, in units.
const HOST_LENGTH: usize = 255;

/// The longest label of one, in units.
const LABEL_LENGTH: usize = 63;

/// Does the address of the web lead to a known top-level domain, an IPv4 address or `localhost`?
pub(super) fn is_known(address: &str) -> bool {
    let Some(host) = host(address) else {
        return false;
    };
    host == "localhost"
        || is_ipv4(&host)
        || is_ipv6(&host)
        || (is_valid(&host) && (host.ends_with(".localhost") || has_known_suffix(&host)))
}

/// The same before 8.x: an IP address was none, nor a name that begins with an underscore or a dot.
pub(super) fn was_known(address: &str) -> bool {
    host(address).is_some_and(|host| {
        host == "localhost"
            || !is_ipv4(&host)
                && is_valid(&host)
                && !host.starts_with(['.', '_'])
                && (host.ends_with(".localhost") || has_known_suffix(&host))
    })
}

/// Is what stands for the port of an address with a scheme one? Before 8.x that decided whether `//` was put in front.
pub(super) fn has_good_port(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else {
        return true;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    port.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// Does the address of mail lead to a known top-level domain? Before 8.x not in one whose name begins with an underscore.
pub(super) fn is_mail_domain(address: &str, is_old: bool) -> bool {
    host(address).is_some_and(|host| {
        is_valid(&host) && has_known_suffix(&host) && !(is_old && host.starts_with('_'))
    })
}

/// The host name in an address with or without a scheme.
fn host(address: &str) -> Option<String> {
    let address = address.trim_matches(|c: char| c <= ' ');
    let rest = match address.find(":/") {
        _ if address.starts_with("//") => address.get(2..)?,
        Some(colon) => {
            let scheme = address.get(..colon)?;
            if !scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            {
                return None;
            }
            address.get(colon + 2..)?.trim_start_matches('/')
        }
        None => address,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.rsplit_once(']')?.0,
        None => host
            .rsplit_once(':')
            .map_or(host, |(name, _)| if name.is_empty() { host } else { name }),
    };
    let host = host.trim_end_matches('.');
    if host.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(host.to_lowercase());
    }
    Some(host.to_owned())
}

/// Four groups of digits.
fn is_ipv4(host: &str) -> bool {
    let mut groups = 0;
    for group in host.split('.') {
        if group.is_empty() || !group.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        groups += 1;
    }
    groups == 4 && host.len() <= 15
}

/// Colons and hexadecimal digits.
fn is_ipv6(host: &str) -> bool {
    host.len() > 2
        && host.contains(':')
        && host
            .bytes()
            .all(|byte| byte == b':' || byte.is_ascii_hexdigit())
}

/// Labels of letters, digits, hyphens and underscores, none too long, none but the last ending in an underscore and none
/// at all in a hyphen. The first may be empty, and may not begin with a hyphen.
fn is_valid(host: &str) -> bool {
    if host.is_empty()
        || host.starts_with('-')
        || host.ends_with('-')
        || host.encode_utf16().count() > HOST_LENGTH
    {
        return false;
    }
    let last = host.split('.').count() - 1;
    host.split('.').enumerate().all(|(index, label)| {
        (index == 0 || !label.is_empty())
            && label.encode_utf16().count() <= LABEL_LENGTH
            && (index == last || !label.ends_with(['-', '_']))
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c > '\u{7f}')
    })
}

/// Is the last part of the name a suffix of the public list?
fn has_known_suffix(host: &str) -> bool {
    static KNOWN: LazyLock<std::collections::HashSet<&'static str>> =
        LazyLock::new(|| TLDS.lines().collect());
    let mut labels = host.rsplit('.');
    let last = labels.next().unwrap_or_default();
    if !host.contains('.') && NO_SUFFIX_ALONE.contains(&last) {
        return false;
    }
    if last == "za" {
        return labels
            .next()
            .is_some_and(|second| BELOW_ZA.contains(&second));
    }
    KNOWN.contains(last)
}
