//! The cookies of the desk. Visitors and applicants get none.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use url::Url;

/// A cookie of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieKind {
    /// The session.
    Session,
    /// The browser that asked to sign in, for ten minutes.
    Asking,
    /// The second step of a sign-in, for twenty minutes.
    Second,
    /// A browser that signed in before, for 180 days.
    Known,
}

impl CookieKind {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "npoc-desk",
            Self::Asking => "npoc-asking",
            Self::Second => "npoc-second",
            Self::Known => "npoc-known",
        }
    }

    /// Returns how long the browser keeps it; `None` until it is closed.
    fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Session => None,
            Self::Asking => Some(Duration::minutes(10)),
            Self::Second => Some(Duration::minutes(20)),
            Self::Known => Some(Duration::days(180)),
        }
    }
}

/// How cookies are written on this site.
#[derive(Clone, Copy, Debug)]
pub struct CookieJar {
    /// Whether cookies are `Secure` and have the prefix `__Host-`. Browsers allow both over https, and on this machine.
    is_secure: bool,
}

impl CookieJar {
    /// Returns how cookies are written with this public address.
    #[must_use]
    pub fn of(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let is_https = url.as_ref().is_some_and(|url| url.scheme() == "https");
        let host = url.as_ref().and_then(Url::host_str);
        let is_local = host.is_some_and(|host| ["localhost", "127.0.0.1"].contains(&host));
        Self {
            is_secure: is_https || is_local,
        }
    }

    /// Returns the value of a cookie in a request. Of two with one name, the last one counts.
    pub fn value(self, headers: &HeaderMap, kind: CookieKind) -> Option<String> {
        let name = self.name(kind);
        // Another cookie may have any octets.
        let lines = headers.get_all(header::COOKIE).iter();
        let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
        let cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
        let found = cookies.filter(|cookie| cookie.name() == name).last();
        found.map(|cookie| cookie.value().to_owned())
    }

    /// Returns the header that sets a cookie.
    pub fn set(self, kind: CookieKind, value: &str) -> Option<HeaderValue> {
        let mut cookie = self.cookie(kind, value.to_owned());
        cookie.set_max_age(kind.lifetime());
        cookie.to_string().parse().ok()
    }

    /// Returns the header that removes a cookie. It has the attributes of the cookie: browsers ignore it otherwise.
    pub fn remove(self, kind: CookieKind) -> Option<HeaderValue> {
        let mut cookie = self.cookie(kind, String::new());
        cookie.set_max_age(Duration::ZERO);
        cookie.to_string().parse().ok()
    }

    fn cookie(self, kind: CookieKind, value: String) -> Cookie<'static> {
        Cookie::build((self.name(kind), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .build()
    }

    fn name(self, kind: CookieKind) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        format!("{prefix}{}", kind.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_secure_over_https_and_on_this_machine() {
        let session = |public_url| CookieJar::of(public_url).set(CookieKind::Session, "x").unwrap();
        for secure in ["https://npoc.org", "http://localhost:8080", "http://127.0.0.1:8080"] {
            assert_eq!(
                session(secure),
                "__Host-npoc-desk=x; HttpOnly; SameSite=Lax; Secure; Path=/",
                "{secure}"
            );
        }
        for plain in ["http://npoc.example", "http://192.0.2.1"] {
            assert_eq!(session(plain), "npoc-desk=x; HttpOnly; SameSite=Lax; Path=/", "{plain}");
        }
        let jar = CookieJar::of("https://npoc.org");
        let removed = "__Host-npoc-asking=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0";
        assert_eq!(jar.remove(CookieKind::Asking).unwrap(), removed);
    }

    #[test]
    fn the_last_of_two_cookies_with_one_name_counts() {
        let jar = CookieJar::of("https://npoc.org");
        let line = "__Host-npoc-desk=a; other=b; npoc-desk=c; __Host-npoc-desk=d";
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
        assert_eq!(jar.value(&headers, CookieKind::Session).as_deref(), Some("d"));
        assert_eq!(jar.value(&headers, CookieKind::Known), None);
    }
}
