//! The proof of a domain name in a browser: by the keyboard, for assistive technology, at every width.

use hickory_resolver::proto::rr::RecordType;
use serde_json::json;
use uuid::Uuid;

use super::State;
use super::assistive::{axe_violations, load_axe};
use super::looks::assert_nothing_is_outside;
use crate::support::browser::{Browser, in_a_browser_on};
use crate::support::name_server::{Answer, NameServer};
use crate::support::web_server::{Answer as Page, SITE, WebServer};
use crate::support::{TestSite, send_body};

/// A site with a name server and a web server.
async fn world() -> (TestSite, NameServer, WebServer) {
    let (names, web) = (NameServer::start().await, WebServer::start().await);
    let resolver = names.address.to_string();
    let site = TestSite::with_reach(web.reach(), &[("NPOC_DNS", &resolver)]).await;
    names.has("afyabora.or.ke", RecordType::A, &[&SITE.to_string()]);
    (site, names, web)
}

async fn check(browser: &Browser) {
    while browser.site.checks.as_ref().unwrap().check_next().await.unwrap() {}
}

async fn press(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    browser.enter().await;
}

async fn heading(browser: &Browser) -> String {
    let heading = browser.see("document.querySelector('h1').textContent").await;
    heading.as_str().unwrap().to_owned()
}

/// Sends an application in a language and opens the page of its domain by the keyboard. Returns the path of its page.
async fn open(browser: &Browser, form: &str) -> String {
    let status = browser
        .site
        .post_raw(form, send_body(Uuid::now_v7()))
        .await
        .location()
        .to_owned();
    browser.open_page(&status).await;
    press(browser, "main a[href$='/domain']").await;
    status
}

async fn tokens(browser: &Browser) -> Vec<String> {
    let shown = browser
        .see("[...document.querySelectorAll('dd bdo')].map(bdo => bdo.textContent)")
        .await;
    serde_json::from_value(shown).unwrap()
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn applicant_proves_the_domain_in_a_browser() {
    let (site, names, web) = world().await;
    in_a_browser_on(site, async |browser| {
        open(browser, "/membership").await;
        let shown = tokens(browser).await;
        press(browser, "form[action$='/check'] button").await;
        check(browser).await;
        browser.driver.refresh().await.unwrap();
        let said = browser.see("document.querySelector('main').textContent").await;
        assert!(
            said.as_str().unwrap().contains("We found no TXT record at this name."),
            "{said}"
        );
        names.answer(&shown[0], RecordType::TXT, Answer::texts(&[&[&shown[1]]]));
        look_again(browser).await;
        assert_eq!(heading(browser).await, "Your domain name is proved");

        open(browser, "/ar/membership").await;
        assert_eq!(browser.see("document.documentElement.dir").await, json!("rtl"));
        web.answer(
            "afyabora.or.ke",
            "/.well-known/npoc-challenge.txt",
            Page::page(&tokens(browser).await[3]),
        );
        look_again(browser).await;
        assert_eq!(
            browser.see("document.querySelector('form[action$=\"/check\"]')").await,
            json!(null)
        );

        types_the_mailed_code(browser).await;
    })
    .await;
}

/// Gets the code by email, types a wrong one and then the right one.
async fn types_the_mailed_code(browser: &Browser) {
    let status = open(browser, "/membership").await;
    press(browser, "form[action$='/email'] button").await;
    let reference = browser.site.get(&status).await.text_of(".reference");
    browser.site.deliver_all().await;
    let email = browser.site.newest_email(&reference, "code-");
    let code = email
        .text
        .lines()
        .map(str::trim)
        .find(|line| line.len() == 9 && line.contains('-'))
        .unwrap();
    browser.tab_to("#code").await;
    browser.keys("BBBB-BBBB").await;
    press(browser, "form[action$='/code'] button").await;
    browser.until_focused("#code").await;
    browser.keys(code).await;
    press(browser, "form[action$='/code'] button").await;
    let said = browser.see("document.querySelector('main').textContent").await;
    assert!(
        said.as_str().unwrap().contains("you showed that you have a mailbox"),
        "{said}"
    );
}

/// Presses the button once the minute is over, and loads the page after the look.
async fn look_again(browser: &Browser) {
    sqlx::query("UPDATE domain_requests SET asked_at = asked_at - interval '2 minutes'")
        .execute(&browser.site.pool)
        .await
        .unwrap();
    press(browser, "form[action$='/check'] button").await;
    check(browser).await;
    browser.driver.refresh().await.unwrap();
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn page_of_the_domain_fits_and_has_no_violation() {
    let (site, names, _web) = world().await;
    in_a_browser_on(site, async |browser| {
        let mut found = Vec::new();
        for form in ["/membership", "/ar/membership", "/ru/membership"] {
            let page = open(browser, form).await + "/domain";
            let name = tokens(browser).await[0].clone();
            names.answer(
                &name,
                RecordType::TXT,
                Answer::texts(&[&["v=spf1 include:averylongnameofaprovider.example -all"]]),
            );
            look_again(browser).await;
            press(browser, "form[action$='/email'] button").await;
            let states = [
                State::page(&page),
                State::posted("asked too soon", &format!("{page}/check"), vec![]),
                State::posted("wrong code", &format!("{page}/code"), vec![("code", "x")]),
            ];
            for state in &states {
                state.show(browser).await;
                load_axe(browser).await;
                for (scheme, width) in [("light", 1280), ("dark", 320)] {
                    browser
                        .media(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")])
                        .await;
                    browser.size(width, 900).await;
                    let violations = axe_violations(browser).await;
                    found.extend(
                        violations
                            .into_iter()
                            .map(|violation| format!("{form} {}: {violation}", state.name)),
                    );
                }
            }
            assert_nothing_is_outside(browser, states).await;
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}
