//! Redirects: each is checked as the first address was.

use npoc::outbound::{DnsFault, FetchFault, Fetched, Forbidden, Request};
use url::Url;

use super::super::{World, request};
use crate::support::web_server::{Answer, SITE, TRAP};

use FetchFault::{Name, Redirects};

const fn forbidden(why: Forbidden) -> FetchFault {
    FetchFault::Forbidden(why)
}

const NOT_A_NAME: FetchFault = forbidden(Forbidden::NotAName);
const NOT_PUBLIC: FetchFault = forbidden(Forbidden::NotPublic);
const SCHEME: FetchFault = forbidden(Forbidden::Scheme);
const CREDENTIALS: FetchFault = forbidden(Forbidden::Credentials);

/// Redirects that are refused, from `https://afya.example/start`.
const REFUSED: [(&str, FetchFault); 31] = [
    ("https://127.0.0.66/", NOT_A_NAME),
    ("http://127.0.0.66/", SCHEME),
    ("//127.0.0.66/", NOT_A_NAME),
    ("///127.0.0.66/", Redirects),
    ("/\\127.0.0.66/", NOT_A_NAME),
    ("\\\\127.0.0.66\\", NOT_A_NAME),
    ("/\t/127.0.0.66/", NOT_A_NAME),
    ("https://2130706498/", NOT_A_NAME),
    ("https://0x7f000042/", NOT_A_NAME),
    ("https://0177.0.0.0102/", NOT_A_NAME),
    ("https://127.66/", NOT_A_NAME),
    ("https://127%2e0%2e0%2e66/", NOT_A_NAME),
    ("https://[::1]/", NOT_A_NAME),
    ("https://[::ffff:7f00:42]/", NOT_A_NAME),
    ("//[::ffff:127.0.0.66]/", NOT_A_NAME),
    ("https://localhost/", NOT_A_NAME),
    ("//inside/", NOT_A_NAME),
    ("https://inside.example/", NOT_PUBLIC),
    ("//inside.example/", NOT_PUBLIC),
    ("/\\inside.example/", NOT_PUBLIC),
    ("http://afya.example/", SCHEME),
    ("http://inside.example/", SCHEME),
    ("ftp://afya.example/", SCHEME),
    ("file:///etc/passwd", SCHEME),
    ("javascript:alert(1)", SCHEME),
    ("data:text/plain,afya", SCHEME),
    ("https://afya.example:22/", forbidden(Forbidden::Port)),
    ("https://afya@127.0.0.66/", CREDENTIALS),
    ("//afya.example@inside.example/", CREDENTIALS),
    ("https://nowhere.example/", Name(DnsFault::NoSuchName)),
    ("https://256.0.0.1/", Redirects),
];

/// Redirects that are followed, and where they lead.
const FOLLOWED: [(&str, &str); 12] = [
    ("/end", "https://afya.example/end"),
    ("end", "https://afya.example/end"),
    ("./end", "https://afya.example/end"),
    ("../../end", "https://afya.example/end"),
    ("?end", "https://afya.example/start?end"),
    ("https:end", "https://afya.example/end"),
    ("https:127.0.0.66", "https://afya.example/127.0.0.66"),
    ("//www.afya.example/end", "https://www.afya.example/end"),
    ("https://www.afya.example", "https://www.afya.example/"),
    ("https://WWW.afya.example:443/", "https://www.afya.example/"),
    ("https://www.afya.example/#part", "https://www.afya.example/#part"),
    ("@127.0.0.66/end", "https://afya.example/@127.0.0.66/end"),
];

async fn world() -> World {
    let world = World::new().await;
    world.host("www.afya.example", SITE);
    world.host("inside.example", TRAP);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_leads_inside() {
    let world = world().await;
    for (location, expected) in REFUSED {
        for status in [301, 302, 303, 307, 308] {
            let head = format!("{status} Moved\r\nLocation: {location}");
            world.web.answer("afya.example", "/start", Answer::head(&head));
            let found = world.fetch("https://afya.example/start").await;
            assert_eq!(found.unwrap_err(), expected, "{status} {location}");
            assert_eq!(world.web.trapped(), 0, "{location} reached the trap");
        }
    }
    let requests = world.web.received();
    assert_eq!(
        (requests.len(), world.web.connections()),
        (REFUSED.len() * 5, REFUSED.len() * 5)
    );
    assert!(requests.iter().all(|one| one.target == "/start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_within_the_rules_is_followed() {
    let world = world().await;
    for (location, end) in FOLLOWED {
        // The query leads to the same path, so the second answer is the end.
        let answer = if location.starts_with('?') { "/start" } else { location };
        world.web.answer("afya.example", "/start", Answer::redirect(location));
        if answer == "/start" {
            let fault = world.fetch("https://afya.example/start").await.unwrap_err();
            assert_eq!(fault, Redirects, "a circle");
            assert_eq!(world.web.received().last().unwrap().target, "/start?end");
            continue;
        }
        let fetched = world.fetch("https://afya.example/start").await.unwrap();
        assert_eq!((fetched.status, fetched.url.as_str()), (404, end), "{location}");
    }
    assert_eq!(world.web.trapped(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_from_http_may_lead_to_https() {
    let world = world().await;
    world
        .web
        .answer("afya.example", "/start", Answer::redirect("https://afya.example/end"));
    world
        .web
        .answer("afya.example", "/end", Answer::redirect("http://afya.example/back"));
    let fault = world.fetch("http://afya.example/start").await.unwrap_err();
    assert_eq!(fault, SCHEME, "never back to http");
    let received = world.web.received();
    let seen: Vec<_> = received
        .iter()
        .map(|one| (one.target.as_str(), one.is_encrypted))
        .collect();
    assert_eq!(seen, [("/start", false), ("/end", true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_redirects_are_followed_and_four_are_not() {
    let world = world().await;
    for number in 0..4 {
        let next = Answer::redirect(&format!("/{}", number + 1));
        world.web.answer("afya.example", &format!("/{number}"), next);
    }
    world.web.answer("afya.example", "/4", Answer::page("end"));
    assert_eq!(
        world.body_of("https://afya.example/1").await,
        Ok((200, "end".to_owned()))
    );
    assert_eq!(world.body_of("https://afya.example/0").await, Err(Redirects));
    let targets: Vec<_> = world.web.received().into_iter().map(|one| one.target).collect();
    assert_eq!(targets, ["/1", "/2", "/3", "/4", "/0", "/1", "/2", "/3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_and_redirects_to_nowhere_end() {
    let world = world().await;
    let circles = [("/self", "/self"), ("/there", "/back"), ("/back", "/there")];
    for (from, to) in circles {
        world.web.answer("afya.example", from, Answer::redirect(to));
    }
    for (number, head) in [
        "302 Found",
        "302 Found\r\nLocation: \u{7f}",
        "302 Found\r\nLocation: https://é\u{80}",
    ]
    .iter()
    .enumerate()
    {
        world
            .web
            .answer("afya.example", &format!("/nowhere{number}"), Answer::head(head));
    }
    for path in ["/self", "/there", "/nowhere0", "/nowhere1", "/nowhere2"] {
        let fault = world.fetch(&format!("https://afya.example{path}")).await.unwrap_err();
        assert!([Redirects, FetchFault::Broken].contains(&fault), "{path}: {fault:?}");
    }
    assert_eq!(world.web.connections(), 4 + 4 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_statuses_are_no_redirects() {
    let world = world().await;
    for status in [200, 201, 300, 304, 305, 306, 404, 500] {
        let head = format!("{status} Status\r\nLocation: https://127.0.0.66/");
        world.web.answer("afya.example", "/", Answer::head(&head));
        assert_eq!(world.fetch("https://afya.example/").await.unwrap().status, status);
    }
    assert_eq!(world.web.trapped(), 0);
}

/// Fetches as the file of a challenge is fetched.
async fn fetch_challenge(world: &World) -> Result<Fetched, FetchFault> {
    let url = Url::parse("https://afya.example/start").unwrap();
    let request = Request {
        allows_http: false,
        hosts: Some(&["afya.example", "www.afya.example"]),
        ..request(&url)
    };
    world.outbound.fetch(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_may_redirect_only_between_its_hosts() {
    let world = world().await;
    let others = [
        "evilafya.example",
        "wwwafya.example",
        "sub.afya.example",
        "www.www.afya.example",
        "afya.example.evil.example",
        "other.example",
        "afya.example.",
        "example",
    ];
    for host in others {
        world.host(host, SITE);
        world
            .web
            .answer("afya.example", "/start", Answer::redirect(&format!("//{host}/")));
        let fault = fetch_challenge(&world).await.unwrap_err();
        let expected = if host == "example" {
            Forbidden::NotAName
        } else {
            Forbidden::Host
        };
        assert_eq!(fault, forbidden(expected), "{host}");
    }
    assert_eq!(world.web.connections(), others.len());
    for location in ["https://www.afya.example/", "//WWW.AFYA.example/", "/end"] {
        world.web.answer("afya.example", "/start", Answer::redirect(location));
        assert_eq!(fetch_challenge(&world).await.unwrap().status, 404, "{location}");
    }
    world
        .web
        .answer("afya.example", "/start", Answer::redirect("//www.afya.example/"));
    world
        .web
        .answer("www.afya.example", "/", Answer::redirect("//other.example/"));
    assert_eq!(fetch_challenge(&world).await.unwrap_err(), forbidden(Forbidden::Host));
}
